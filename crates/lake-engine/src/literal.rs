//! The one place where a text becomes an SQL literal. (An identifier is quoted by
//! `lake_core::types::quoted`.)

/// A string constant, whatever is in the text.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_cannot_end_it() {
        assert_eq!(literal("x'); DROP"), "'x''); DROP'");
        assert_eq!(literal(""), "''");
        assert_eq!(literal("a\\'b\n"), "'a\\''b\n'");
    }
}
