//! What is known of the lake as SQL tables, in a schema of their own: `lake.files`. They
//! are made when a query first names them.

use std::collections::BTreeSet;

use lake_core::state::State;
use lake_core::types::quoted;
use serde_json::Value as Json;

use crate::error::Result;
use crate::literal::literal;
use crate::sheet::base_tables;

/// The schema of these tables.
pub(crate) const SCHEMA: &str = "lake";

/// Tells the table of that name at the version that is mounted; None: there is none.
pub type Facts = Box<dyn FnMut(&str, &State) -> Result<Option<Fact>>>;

/// A small table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fact {
    /// Names and types as SQL spells them.
    pub columns: Vec<(String, &'static str)>,
    /// A JSON array with an object a row.
    pub rows: String,
}

impl Fact {
    /// The statement that makes it.
    pub(crate) fn create(&self, name: &str) -> String {
        let columns: serde_json::Map<String, Json> =
            self.columns.iter().map(|(name, ty)| (name.clone(), Json::from(*ty))).collect();
        let shape = Json::Array(vec![Json::Object(columns)]).to_string();
        let names: Vec<String> =
            self.columns.iter().map(|(name, _)| format!("r.{}", quoted(name))).collect();
        format!(
            "CREATE OR REPLACE TABLE {SCHEMA}.{} AS SELECT {} \
             FROM (SELECT unnest(from_json({}, {})) AS r)",
            quoted(name),
            names.join(", "),
            literal(&self.rows),
            literal(&shape)
        )
    }
}

/// The names of such tables in a parse tree, in lower case.
pub(crate) fn names(tree: &Json) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    base_tables(tree, &mut |schema, table| {
        if schema.eq_ignore_ascii_case(SCHEMA) {
            names.insert(table.to_ascii_lowercase());
        }
    });
    names
}
