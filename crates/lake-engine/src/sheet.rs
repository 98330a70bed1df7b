//! Tables as SQL names them: those of the mounted version, and `"name@version"`,
//! which are mounted when a query first names them.

use std::collections::BTreeSet;
use std::sync::Arc;

use lake_core::id::TableId;
use lake_core::state::{State, Table};
use lake_log::{At, LogError, Snapshot};
use serde_json::Value as Json;

use crate::error::{EngineError, Result};
use crate::macros;

/// Opens another version of the same lake.
pub type Past = Box<dyn FnMut(At) -> std::result::Result<Snapshot, LogError>>;

/// A table of one version under its name in SQL. Its place in the list of all is the
/// number of its stub.
pub(crate) struct Sheet {
    pub(crate) name: String,
    state: Arc<State>,
    table: TableId,
    /// The lease of another version than the mounted one.
    _past: Option<Snapshot>,
}

impl Sheet {
    pub(crate) fn all(state: &Arc<State>) -> Vec<Sheet> {
        let sheet = |table: &Table| Sheet {
            name: table.def.name.clone(),
            state: state.clone(),
            table: table.def.id,
            _past: None,
        };
        state.tables().map(sheet).collect()
    }

    /// A table by a name such as `bars@42`.
    pub(crate) fn of_past(name: &str, past: &mut Past) -> Result<Sheet> {
        let refuse = |message: String| EngineError::Sql {
            message,
            hint: Some(
                "a name such as \"bars@42\" has a version, a time or a tag at its end".into(),
            ),
        };
        let (table, at) =
            name.split_once('@').ok_or_else(|| refuse(format!("no version in {name:?}")))?;
        let at: At = at.parse().map_err(|e| refuse(format!("{name:?}: {e}")))?;
        let snapshot = past(at).map_err(EngineError::Log)?;
        let state = snapshot.state().clone();
        let found = state.table(table).map(|t| t.def.id);
        let id = found.ok_or_else(|| {
            refuse(format!("the lake has no table {table:?} at version {}", state.version))
        })?;
        Ok(Sheet { name: name.to_owned(), state, table: id, _past: Some(snapshot) })
    }

    pub(crate) fn table(&self) -> Result<&Table> {
        self.state
            .table_by_id(self.table)
            .ok_or_else(|| EngineError::Internal(format!("table {} is gone", self.name)))
    }

    /// Whether a text may speak of it, by its name or by one that it computes.
    pub(crate) fn is_named_in(&self, sql: &str) -> bool {
        let (name, version) = match self.name.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (self.name.as_str(), None),
        };
        let named = words(sql).any(|w| w.eq_ignore_ascii_case(name))
            && version.is_none_or(|v| sql.contains('@') && sql.contains(v));
        named || computes_a_query(sql) || macros::computes_a_table(sql)
    }
}

/// Whether a text may call DuckDB's functions that take a name or a query as a value. It
/// may be computed.
pub(crate) fn computes_a_query(sql: &str) -> bool {
    words(sql).any(|w| w.eq_ignore_ascii_case("query") || w.eq_ignore_ascii_case("query_table"))
}

pub(crate) fn words(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
}

/// The names of tables in a parse tree that have a version.
pub(crate) fn past_names(tree: &Json) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    base_tables(tree, &mut |_, table| {
        if table.contains('@') {
            names.insert(table.to_owned());
        }
    });
    names
}

/// Calls `found` with the schema and the name of each table in a parse tree.
pub(crate) fn base_tables(tree: &Json, found: &mut dyn FnMut(&str, &str)) {
    match tree {
        Json::Object(fields) => {
            let text = |name: &str| fields.get(name).and_then(Json::as_str);
            if text("type") == Some("BASE_TABLE")
                && let Some(table) = text("table_name")
            {
                found(text("schema_name").unwrap_or_default(), table);
            }
            fields.values().for_each(|value| base_tables(value, found));
        }
        Json::Array(items) => items.iter().for_each(|item| base_tables(item, found)),
        _ => {}
    }
}
