//! `$name` in a statement, spelled as the variable that [`crate::Mounted::set`] made.
//!
//! DuckDB reads a variable as `$name` only where nothing is prepared. As a call of
//! getvariable it is a constant from the start, so that it prunes files, too.

use crate::literal::literal;

/// The statement with each of these parameters spelled out. What stands in texts, quoted
/// names and comments stays.
pub fn spell_parameters(sql: &str, names: &[&str]) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let end = match c {
            '\'' => text_len(rest, matches!(before, 'e' | 'E')),
            '"' => text_len(rest, false),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |at| at + 2),
            '$' if !is_word(before) => dollar_len(rest),
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(end);
        let name = token.strip_prefix('$').filter(|name| !name.is_empty());
        match name.and_then(|name| names.iter().find(|own| own.eq_ignore_ascii_case(name))) {
            Some(own) => out.push_str(&format!("getvariable({})", literal(own))),
            None => out.push_str(token),
        }
        before = token.chars().next_back().unwrap_or(' ');
        rest = after;
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The bytes of the quoted text that stands first; a doubled quote begins another that
/// belongs to it, which comes to the same.
fn text_len(text: &str, escapes: bool) -> usize {
    let quote = text.chars().next();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == '\\' && escapes {
            chars.next();
        } else if Some(c) == quote {
            return at + 1;
        }
    }
    text.len()
}

/// The bytes of `$name`, or of a text between `$$` or `$tag$`.
fn dollar_len(text: &str) -> usize {
    let word = text[1..].find(|c| !is_word(c)).map_or(text.len(), |at| at + 1);
    if !text[word..].starts_with('$') {
        return word;
    }
    let tag = &text[..=word];
    text[tag.len()..].find(tag).map_or(text.len(), |at| at + 2 * tag.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parameters_are_spelled() {
        let spelled = |sql: &str| spell_parameters(sql, &["k", "day"]).replace("getvariable", "#");
        for (sql, expected) in [
            ("SELECT $k, $K::INT+$day", "SELECT #('k'), #('k')::INT+#('day')"),
            ("$other $kk $1 $ a$k", "$other $kk $1 $ a$k"),
            ("'$k' \"$k\" 'it''s $k' $k", "'$k' \"$k\" 'it''s $k' #('k')"),
            ("E'\\'$k' '\\' $k", "E'\\'$k' '\\' #('k')"),
            ("-- $k\n$k /* $k */ $k", "-- $k\n#('k') /* $k */ #('k')"),
            ("$$ $k $$ $k $t$ $k $$ $t$ $k", "$$ $k $$ #('k') $t$ $k $$ $t$ #('k')"),
            ("$k$ $k", "$k$ $k"),
            ("'$k", "'$k"),
            ("\u{8305}$k $k\u{8305}", "\u{8305}$k $k\u{8305}"),
        ] {
            assert_eq!(spelled(sql), expected, "{sql}");
        }
    }
}
