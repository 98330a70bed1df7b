//! Just enough of Rust's lexer to tell code from comments and literals, and test
//! code from the rest.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// A word, `::`, one punctuation character, or a whole literal with its quotes.
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Lexed<'a> {
    pub(crate) tokens: Vec<Token<'a>>,
    /// Whole comments with the line they start on.
    pub(crate) comments: Vec<Token<'a>>,
}

pub(crate) fn lex(text: &str) -> Lexed<'_> {
    let mut lexed = Lexed::default();
    let (mut at, mut line) = (0, 1);
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let len = if first.is_whitespace() { first.len_utf8() } else { token_len(rest, first) };
        let token = Token { text: &rest[..len], line };
        if rest.starts_with("//") || rest.starts_with("/*") {
            lexed.comments.push(token);
        } else if !first.is_whitespace() {
            lexed.tokens.push(token);
        }
        line += token.text.matches('\n').count();
        at += len;
    }
    lexed
}

fn token_len(rest: &str, first: char) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment_len(rest);
    }
    if let Some(len) = raw_string_len(rest) {
        return len;
    }
    if first == '\'' {
        return quote_len(rest);
    }
    let prefix = usize::from(rest.starts_with(['b', 'c']));
    if rest[prefix..].starts_with('"') {
        return prefix + escaped_len(&rest[prefix..], '"');
    }
    if rest.starts_with("b'") {
        return 1 + escaped_len(&rest[1..], '\'');
    }
    if first.is_alphanumeric() || first == '_' {
        let raw = if rest.starts_with("r#") { 2 } else { 0 };
        return raw + word_len(&rest[raw..]);
    }
    if rest.starts_with("::") { 2 } else { first.len_utf8() }
}

fn word_len(rest: &str) -> usize {
    rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
}

/// Block comments nest.
fn block_comment_len(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let here = &rest[at..];
        let step = if here.starts_with("/*") {
            depth += 1;
            2
        } else if here.starts_with("*/") {
            depth -= 1;
            2
        } else {
            here.chars().next().map_or(1, char::len_utf8)
        };
        at += step;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn raw_string_len(rest: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].into_iter().find(|p| {
        rest.strip_prefix(p).is_some_and(|tail| tail.trim_start_matches('#').starts_with('"'))
    })?;
    let tail = &rest[prefix.len()..];
    let hashes = tail.len() - tail.trim_start_matches('#').len();
    let start = prefix.len() + hashes + 1;
    let close = format!("\"{}", "#".repeat(hashes));
    Some(rest[start..].find(&close).map_or(rest.len(), |end| start + end + close.len()))
}

fn escaped_len(rest: &str, close: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == close => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character literal or a lifetime.
fn quote_len(rest: &str) -> usize {
    let mut chars = rest.chars().skip(1);
    match (chars.next(), chars.next()) {
        (Some('\\'), _) => escaped_len(rest, '\''),
        (Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 1 + word_len(&rest[1..]),
    }
}

/// The tokens outside `#[cfg(test)]` and `#[test]` items.
pub(crate) fn without_tests<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        match attribute_len(&tokens[at..]) {
            Some(len) if is_test(&tokens[at..at + len]) => {
                at += len + item_len(&tokens[at + len..])
            }
            Some(len) => {
                kept.extend_from_slice(&tokens[at..at + len]);
                at += len;
            }
            None => {
                kept.push(tokens[at]);
                at += 1;
            }
        }
    }
    kept
}

/// The tokens of an outer attribute, brackets included.
pub(crate) fn attribute_len(tokens: &[Token<'_>]) -> Option<usize> {
    match tokens {
        [hash, open, ..] if hash.text == "#" && open.text == "[" => {
            Some(1 + group_len(&tokens[1..]))
        }
        _ => None,
    }
}

pub(crate) fn is_test(attribute: &[Token<'_>]) -> bool {
    let words: Vec<&str> = attribute.iter().map(|token| token.text).collect();
    matches!(
        words.as_slice(),
        ["#", "[", "test", "]"]
            | ["#", "[", "cfg", "(", "test", ")", "]"]
            | ["#", "[", "cfg", "(", "all", "(", "test", ..]
    )
}

/// From an opening bracket to behind its closing one.
pub(crate) fn group_len(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// The item, field or variant that follows an attribute.
fn item_len(tokens: &[Token<'_>]) -> usize {
    let mut at = 0;
    while let Some(len) = attribute_len(&tokens[at..]) {
        at += len;
    }
    // Generic arguments have commas; only a field or a variant ends at one.
    let ends_at_comma = !tokens[at..].iter().take(6).any(|token| {
        matches!(
            token.text,
            "fn" | "mod"
                | "use"
                | "impl"
                | "struct"
                | "enum"
                | "const"
                | "static"
                | "type"
                | "trait"
                | "extern"
                | "macro_rules"
                | "let"
        )
    });
    while at < tokens.len() {
        match tokens[at].text {
            ";" => return at + 1,
            "," if ends_at_comma => return at + 1,
            "{" => return at + group_len(&tokens[at..]),
            "(" | "[" => at += group_len(&tokens[at..]),
            ")" | "]" | "}" => return at,
            _ => at += 1,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        lex(text).tokens.iter().map(|token| token.text).collect()
    }

    #[test]
    fn code_is_told_from_literals_and_comments() {
        let text = r####"a /* x /* y */ z */ b // c
            "d\"e" r#"f"g"# br"h" b'i' 'j' '\'' '\u{6b}' 'l: m::n r#type 1_000.o()"####;
        assert_eq!(
            words(text),
            [
                "a",
                "b",
                "\"d\\\"e\"",
                "r#\"f\"g\"#",
                "br\"h\"",
                "b'i'",
                "'j'",
                "'\\''",
                "'\\u{6b}'",
                "'l",
                ":",
                "m",
                "::",
                "n",
                "r#type",
                "1_000",
                ".",
                "o",
                "(",
                ")"
            ]
        );
        let comments = lex(text).comments;
        assert_eq!(comments[0].text, "/* x /* y */ z */");
        assert_eq!((comments[1].text, comments[1].line), ("// c", 1));
    }

    #[test]
    fn lines_are_counted_inside_literals() {
        let lexed = lex("\"a\nb\"\n/*\n*/\nr#\"\n\"#\nend");
        assert_eq!(lexed.tokens.last(), Some(&Token { text: "end", line: 7 }));
    }

    #[test]
    fn unfinished_text_ends() {
        for text in
            ["\"a", "r#\"a", "/* a", "'", "b'", "'\\", "#[cfg(test)]", "#[", "\u{e9}\u{300}"]
        {
            without_tests(&lex(text).tokens);
        }
    }

    #[test]
    fn test_items_are_left_out_and_nothing_else() {
        let text = "
            fn a() {}
            #[cfg(test)] mod tests { fn no() { no } }
            #[test] #[should_panic] fn no<A, B>(x: [u8; 3]) { no }
            #[cfg(test)] use no::no;
            #[cfg(all(test, unix))] pub(crate) fn no() -> u8 { 3 }
            struct S { b: u8, #[cfg(test)] no: Vec<u8>, c: u8, #[cfg(test)] no: u8 }
            #[cfg(test)] mod no;
            #[cfg(any(test, feature = \"fault\"))] fn d() {}
            #[cfg(not(test))] fn e() {}";
        let tokens = lex(text).tokens;
        let kept = without_tests(&tokens);
        assert!(!kept.iter().any(|token| token.text == "no"), "{kept:?}");
        for word in ["a", "b", "c", "d", "e"] {
            assert!(kept.iter().any(|token| token.text == word), "lost {word}");
        }
    }
}
