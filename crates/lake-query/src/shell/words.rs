//! The words of SQL, as this DuckDB knows them.

use std::collections::BTreeSet;

use lake_engine::{EngineError, Mounted};

use crate::texts::texts;

#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    /// In lower case.
    pub(super) keywords: Vec<String>,
    /// Of them, those that name a column only in quotes.
    pub(super) reserved: BTreeSet<String>,
    pub(super) functions: Vec<String>,
}

impl Words {
    pub(super) fn ask(mounted: &mut Mounted) -> Result<Words, EngineError> {
        let mut words = Words::default();
        let sql = "SELECT keyword_name, keyword_category FROM duckdb_keywords() ORDER BY ALL";
        each(mounted, sql, |row| {
            let [word, category] = row else { return };
            if category == "reserved" {
                words.reserved.insert(word.clone());
            }
            words.keywords.push(word.clone());
        })?;
        words.keywords.dedup();
        let sql = "SELECT DISTINCT function_name FROM duckdb_functions() \
                   WHERE regexp_full_match(function_name, '[a-z][a-z0-9_]*') \
                   AND function_type <> 'pragma' ORDER BY ALL";
        each(mounted, sql, |row| words.functions.extend(row.iter().cloned()))?;
        Ok(words)
    }
}

/// Calls `take` with the texts of each row.
fn each(
    mounted: &mut Mounted,
    sql: &str,
    mut take: impl FnMut(&[String]),
) -> Result<(), EngineError> {
    let mut query = mounted.query(sql)?;
    for row in texts(&mut query)? {
        take(&row.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>());
    }
    Ok(())
}
