//! Session variables: what a view reads that differs from query to query, as lists of
//! files do.

use duckdb::{Connection, params_from_iter};

/// A variable and an expression for its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) variable: String,
    pub(crate) value: String,
    /// What `$1` and so on stand for in the expression, so that it can be kept prepared:
    /// to parse and plan one takes longer than to run it.
    pub(crate) texts: Vec<String>,
}

impl Setting {
    pub(crate) fn set(&self, connection: &Connection) -> duckdb::Result<()> {
        let Setting { variable, value, texts } = self;
        let sql = format!("SET VARIABLE {variable} = {value}");
        match texts.is_empty() {
            true => connection.execute_batch(&sql),
            false => connection.prepare_cached(&sql)?.execute(params_from_iter(texts)).map(|_| ()),
        }
    }
}
