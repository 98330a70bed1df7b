//! From a type of DuckDB's to the type of the lake's that holds its values.

use crate::types::{is_word, quoted_len};

/// The name of the type in the lake: of those that it lacks, some have one that holds
/// every value (a text for an ENUM), and a column is to be cast to it. What it cannot hold
/// stays in the name, for `lake_core::sqltype::parse_type` to refuse.
pub fn held_type(ty: &str) -> String {
    const ZONE: &str = " WITH TIME ZONE";
    let mut out = String::new();
    let mut rest = ty;
    while let Some(c) = rest.chars().next() {
        let end = match c {
            '"' | '\'' => quoted_len(rest),
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(end);
        rest = after;
        if let ("TIMESTAMP", Some(after)) = (token, after.strip_prefix(ZONE)) {
            out.push_str("TIMESTAMP");
            rest = after;
            continue;
        }
        // Where a type follows it is the name of a field.
        let names = after.trim_start().starts_with(|c: char| is_word(c) || c == '"');
        match token {
            "ENUM" if after.starts_with('(') => {
                out.push_str("VARCHAR");
                rest = behind(after);
            }
            "UUID" | "JSON" if !names => out.push_str("VARCHAR"),
            "TIMESTAMP_S" | "TIMESTAMP_MS" if !names => out.push_str("TIMESTAMP"),
            "[" => {
                out.push('[');
                rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
            }
            other => out.push_str(other),
        }
    }
    out
}

/// What stands behind the parenthesis that a text begins with.
fn behind(text: &str) -> &str {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let end = if c == '\'' { quoted_len(rest) } else { c.len_utf8() };
        rest = &rest[end..];
        if c == ')' {
            break;
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use lake_core::sqltype::parse_type;

    use super::*;

    #[test]
    fn what_the_lake_lacks_has_a_type_that_holds_it() {
        for (ty, held) in [
            ("DECIMAL(18,4)", "DECIMAL(18,4)"),
            ("ENUM('a', 'it''s ) x')[]", "VARCHAR[]"),
            ("INTEGER[3][]", "INTEGER[][]"),
            ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP"),
            ("TIMESTAMP_MS[]", "TIMESTAMP[]"),
            ("STRUCT(x UUID, y ENUM('q', 'r')[])", "STRUCT(x VARCHAR, y VARCHAR[])"),
            ("STRUCT(\"UUID\" UUID, JSON JSON)", "STRUCT(\"UUID\" VARCHAR, JSON VARCHAR)"),
            ("MAP(VARCHAR, TIMESTAMP_S)", "MAP(VARCHAR, TIMESTAMP)"),
        ] {
            assert_eq!(held_type(ty), held);
            assert!(parse_type(held).is_ok(), "{held}");
        }
        for ty in [
            "HUGEINT",
            "UHUGEINT[]",
            "INTERVAL",
            "TIME WITH TIME ZONE",
            "TIMESTAMP_NS",
            "UNION(a INTEGER, b VARCHAR)",
            "BIT",
            "ENUM('a",
        ] {
            let known = parse_type(&held_type(ty));
            assert_eq!(known.is_ok(), ty == "ENUM('a", "{ty}: {known:?}");
        }
    }
}
