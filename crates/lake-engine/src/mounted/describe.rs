//! What a statement's result will be, without running it.

use super::Mounted;
use crate::error::{EngineError, Result};
use crate::value::{Datum, Reader};

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    pub name: String,
    /// As a CAST can say it.
    pub ty: String,
}

impl Mounted {
    pub fn describe(&mut self, sql: &str) -> Result<Vec<Described>> {
        // Alone it must be a question; only then is it put in parentheses.
        drop(self.query(sql)?);
        let mut query = self.query(&format!("DESCRIBE {}", nested(sql)))?;
        let rows = query.rows()?;
        let columns = rows.columns.clone();
        let mut all = Vec::new();
        for batch in rows {
            let batch = batch?;
            let readers: Vec<Reader<'_>> = batch
                .columns()
                .iter()
                .zip(&columns)
                .map(|(array, column)| Reader::new(array.as_ref(), &column.ty.shape))
                .collect();
            for row in 0..batch.num_rows() {
                let text = |i: usize| match readers.get(i).map(|reader| reader.get(row)) {
                    Some(Datum::Text(text)) => Ok(text.into_owned()),
                    other => Err(EngineError::Internal(format!("DESCRIBE answers {other:?}"))),
                };
                all.push(Described { name: text(0)?, ty: text(1)? });
            }
        }
        Ok(all)
    }
}

/// A statement as part of another.
pub(crate) fn nested(sql: &str) -> String {
    // A comment at its end must not swallow the parenthesis.
    format!("(\n{}\n)", sql.trim().trim_end_matches(';'))
}

#[cfg(test)]
mod tests {
    use crate::fixture::Lake;

    #[test]
    fn types_are_such_that_a_cast_takes_them() {
        let mut mounted = Lake::new("lake").keyed("bars", "symbol VARCHAR, d INTEGER").mount();
        let columns = mounted.describe("SELECT *, 1 AS symbol, sum(d) OVER () FROM bars -- all");
        let columns: Vec<_> = columns.unwrap().into_iter().map(|c| (c.name, c.ty)).collect();
        let own = |(a, b): (&str, &str)| (a.to_owned(), b.to_owned());
        assert_eq!(
            columns[..3],
            [("symbol", "VARCHAR"), ("d", "INTEGER"), ("symbol", "INTEGER")].map(own)
        );
        assert_eq!(columns[3].1, "HUGEINT");
        for sql in ["DROP TABLE bars", "SELECT 1) UNION (SELECT 2", "SELECT 1; SELECT 2"] {
            assert!(mounted.describe(sql).is_err(), "{sql}");
        }
        let sql = "SELECT 'b'::ENUM('b', 'it''s') AS e, {'a b': 1::DECIMAL(9,2)} AS s";
        for column in mounted.describe(sql).unwrap() {
            let cast = format!("SELECT CAST({} AS {}) FROM ({sql})", column.name, column.ty);
            assert_eq!(mounted.describe(&cast).unwrap()[0].ty, column.ty);
        }
    }
}
