//! A text taken apart into statements, by the rules of DuckDB's tokenizer.
//!
//! What does not end is no statement yet: more lines may follow. A line that begins with
//! a dot where a statement could begin is a command.

/// Something to do, and the line of the text on which it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A statement without its semicolon and without what stands before it.
    Sql { text: String, line: usize },
    /// A command with its dot.
    Command { text: String, line: usize },
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Plain,
    /// A comment to the end of the line.
    Comment,
    /// A comment, and those around it.
    Block(usize),
    Text {
        escapes: bool,
    },
    /// A name in these quotes.
    Name(char),
    /// A text to the next `$tag$`.
    Dollar(String),
}

#[derive(Debug)]
pub(crate) struct Splitter {
    text: String,
    /// Up to where it is read.
    at: usize,
    state: State,
    /// Where the statement begins, once it has.
    first: Option<usize>,
    /// The line of the start of `text`.
    line: usize,
}

impl Default for Splitter {
    fn default() -> Splitter {
        let (text, state) = (String::new(), State::Plain);
        Splitter { text, at: 0, state, first: None, line: 1 }
    }
}

impl Splitter {
    /// Adds whole lines, or the last one.
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Bytes of what has begun.
    pub(crate) fn waiting(&self) -> usize {
        self.text.len()
    }

    /// The next thing that has its end.
    pub(crate) fn next(&mut self) -> Option<Item> {
        loop {
            let rest = &self.text[self.at..];
            let c = rest.chars().next()?;
            if self.state != State::Plain {
                let (len, ended) = inside(&mut self.state, rest);
                self.at += len;
                self.state = if ended { State::Plain } else { std::mem::take(&mut self.state) };
            } else if c == ';' {
                let first = self.first;
                let taken = self.take(self.at, 1);
                if let Some(first) = first {
                    return Some(Item::Sql { text: taken.0[first..].to_owned(), line: taken.1 });
                }
            } else if c == '.' && self.first.is_none() {
                self.first = Some(self.at);
                let end = self.at + rest.find('\n')?;
                return Some(self.command(end));
            } else if self.is_command() {
                let end = self.at + rest.find('\n')?;
                return Some(self.command(end));
            } else {
                let (len, state) = plain(rest, c);
                let blank = c.is_ascii_whitespace() || is_comment(&state);
                if !blank && self.first.is_none() {
                    self.first = Some(self.at);
                }
                self.at += len;
                self.state = state;
            }
        }
    }

    /// What is left when nothing follows.
    pub(crate) fn rest(mut self) -> Option<Item> {
        let (first, end) = (self.first?, self.text.len());
        if self.is_command() {
            return Some(self.command(end));
        }
        let (text, line) = self.take(end, 0);
        Some(Item::Sql { text: text[first..].trim_end().to_owned(), line })
    }

    /// What has begun and has no end.
    pub(crate) fn open(&self) -> Option<&str> {
        self.first.map(|first| &self.text[first..])
    }

    /// Whether the text ends where words have no meaning: in a text, a comment.
    pub(crate) fn is_mute(&self) -> bool {
        !matches!(self.state, State::Plain | State::Name(_))
    }

    pub(crate) fn is_in_name(&self) -> bool {
        matches!(self.state, State::Name(_))
    }

    fn is_command(&self) -> bool {
        self.first.is_some_and(|first| self.text[first..].starts_with('.'))
    }

    fn command(&mut self, end: usize) -> Item {
        let first = self.first.unwrap_or(0);
        let newline = usize::from(end < self.text.len());
        let (text, line) = self.take(end, newline);
        Item::Command { text: text[first..].trim_end().to_owned(), line }
    }

    /// Cuts the text off, also the bytes after it that are dropped; and says on which line
    /// the statement in it begins.
    fn take(&mut self, end: usize, dropped: usize) -> (String, usize) {
        let mut text = std::mem::take(&mut self.text);
        self.text = text.split_off(end + dropped);
        let first = self.first.take().unwrap_or(0);
        let line = self.line + text[..first].matches('\n').count();
        self.line += text.matches('\n').count();
        text.truncate(end);
        (self.at, self.state) = (0, State::Plain);
        (text, line)
    }
}

fn is_comment(state: &State) -> bool {
    matches!(state, State::Comment | State::Block(_))
}

/// The token that begins a text: its length, and what it leads into.
fn plain(rest: &str, c: char) -> (usize, State) {
    let quoted = |letter: &[char]| letter.contains(&c) && rest[1..].starts_with('\'');
    match c {
        '-' if rest.starts_with("--") => (2, State::Comment),
        '/' if rest.starts_with("/*") => (2, State::Block(1)),
        '\'' => (1, State::Text { escapes: false }),
        '"' | '`' => (1, State::Name(c)),
        '$' => dollar(rest).map_or((1, State::Plain), |tag| (tag.len(), State::Dollar(tag))),
        _ if quoted(&['e', 'E']) => (2, State::Text { escapes: true }),
        _ if quoted(&['n', 'N', 'x', 'X', 'b', 'B']) => (2, State::Text { escapes: false }),
        '0'..='9' => (number(rest), State::Plain),
        c if is_word(c) => (rest.find(|c| !is_word(c)).unwrap_or(rest.len()), State::Plain),
        c => (c.len_utf8(), State::Plain),
    }
}

/// DuckDB's words also have dollars in them, so that `a$$b` is one.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii()
}

/// `1_000.5e-3`: the word after a number is another token, also without a blank.
fn number(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += match byte {
            b'0'..=b'9' | b'.' => 1,
            b'_' if digit(at + 1) => 1,
            b'e' | b'E' if digit(at + 1) => 2,
            b'e' | b'E' if matches!(bytes.get(at + 1), Some(b'+' | b'-')) && digit(at + 2) => 3,
            _ => break,
        };
    }
    at
}

/// `$$` or `$tag$`. What begins with a digit is a parameter.
fn dollar(rest: &str) -> Option<String> {
    let tag = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
    let inner = &rest[1..];
    let end = inner.find(|c| !tag(c)).filter(|end| inner[*end..].starts_with('$'))?;
    let parameter = inner.starts_with(|c: char| c.is_ascii_digit());
    (!parameter).then(|| rest[..end + 2].to_owned())
}

/// How much of the text is inside, and whether that is all.
fn inside(state: &mut State, rest: &str) -> (usize, bool) {
    let all = (rest.len(), false);
    match state {
        State::Plain => (0, true),
        State::Comment => rest.find(['\n', '\r']).map_or(all, |at| (at + 1, true)),
        State::Block(depth) => {
            let Some(at) = rest.find("/*").into_iter().chain(rest.find("*/")).min() else {
                return all;
            };
            *depth = if rest[at..].starts_with('/') { *depth + 1 } else { *depth - 1 };
            (at + 2, *depth == 0)
        }
        State::Dollar(tag) => rest.find(tag.as_str()).map_or(all, |at| (at + tag.len(), true)),
        State::Name(quote) => quoted(rest, *quote, false),
        State::Text { escapes } => quoted(rest, '\'', *escapes),
    }
}

/// A doubled quote stands for itself.
fn quoted(rest: &str, quote: char, escapes: bool) -> (usize, bool) {
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && escapes {
            chars.next();
        } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return (at + 1, true);
        }
    }
    (rest.len(), false)
}

#[cfg(test)]
mod tests;
