//! Variables that a statement reads as `getvariable('name')`, or as `$name` where
//! [`crate::spell_parameters`] goes before.

use lake_core::types::quoted;

use super::Mounted;
use crate::error::{EngineError, Result};
use crate::literal::literal;

impl Mounted {
    /// Sets a variable to a text. What it says is never read as SQL.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            || !name.chars().all(word)
        {
            return Err(EngineError::refused(
                format!("{name:?} cannot be the name of a parameter"),
                "use letters, digits and _, not first a digit",
            ));
        }
        // The lists of files are variables, too.
        if name.to_ascii_lowercase().starts_with("_lake_") {
            return Err(EngineError::refused(
                format!("{name:?} cannot be the name of a parameter: _lake_ is ours"),
                "take another name",
            ));
        }
        let set = format!("SET VARIABLE {} = {}", quoted(name), literal(value));
        self.planner.execute_batch(&set).map_err(|error| self.sort(&error))?;
        self.run(&set)
    }
}

#[cfg(test)]
mod tests {
    use lake_core::kind::Kind;

    use crate::fixture::{Lake, rows};

    #[test]
    fn what_is_read_is_what_the_value_asks_for() {
        let mut lake = Lake::new("lake").keyed("bars", "symbol VARCHAR, d INTEGER");
        for name in ["A", "B", "C"] {
            let select = format!("SELECT '{name}' symbol, 1::INT d");
            lake.add("bars", crate::fixture::of(name), None, None, &select);
        }
        let mut mounted = lake.mount();
        mounted.set("s", "B").unwrap();
        let sql = "FROM bars WHERE symbol = 'A' OR symbol = getvariable('s') ORDER BY ALL";
        assert_eq!(rows(&mut mounted, sql).unwrap(), [["A", "1"], ["B", "1"]]);
        assert_eq!(mounted.query(sql).unwrap().segments_read, 2);
    }

    #[test]
    fn a_value_is_text_and_no_sql() {
        let mut mounted = Lake::new("lake").keyed("bars", "symbol VARCHAR, d INTEGER").mount();
        mounted.set("s", "x'); DROP TABLE bars; --").unwrap();
        mounted.set("n", "7").unwrap();
        let sql = "SELECT $S, getvariable('s'), $n::INTEGER + 1, typeof($n) FROM (SELECT count(*) FROM bars)";
        let text = "x'); DROP TABLE bars; --";
        let sql = &crate::spell_parameters(sql, &["s", "n"]);
        assert_eq!(rows(&mut mounted, sql).unwrap(), [[text, text, "8", "VARCHAR"]]);
        let error = rows(&mut mounted, "SELECT $other").unwrap_err();
        assert_eq!(error.kind(), Kind::BadInput);
        assert!(error.hint().unwrap().contains("--param"), "{error:?}");
    }

    #[test]
    fn names_of_ours_are_refused() {
        let mut mounted = Lake::new("lake").mount();
        for name in ["", "1a", "a b", "a'", "_lake_1_0", "_LAKE_1_0", "a\"b"] {
            assert_eq!(mounted.set(name, "x").unwrap_err().kind(), Kind::BadInput, "{name}");
        }
    }
}
