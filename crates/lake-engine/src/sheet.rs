//! Tables as SQL names them: those of the mounted version, and `"name@version"` and
//! `"name@version..version"`, which are mounted when a query first names them.

use std::collections::BTreeSet;
use std::sync::Arc;

use duckdb::Connection;
use lake_core::id::TableId;
use lake_core::state::{State, Table};
use lake_log::{At, LogError, Snapshot};
use serde_json::Value as Json;

use crate::changes::{self, Between};
use crate::error::{EngineError, Result};
use crate::macros;
use crate::plan::{self, Want};
use crate::reading::{Reading, reading};
use crate::views::{self, View};

/// Opens another version of the same lake.
pub type Past = Box<dyn FnMut(At) -> std::result::Result<Snapshot, LogError>>;

/// A table of one version under its name in SQL, or what changed in it. Its place in the
/// list of all is the number of its stub.
pub(crate) struct Sheet {
    pub(crate) name: String,
    state: Arc<State>,
    table: TableId,
    /// Of the table's.
    segments: usize,
    /// It is of what changed since this state.
    since: Option<Arc<State>>,
    /// The leases of other versions than the mounted one.
    _past: Vec<Snapshot>,
}

impl Sheet {
    pub(crate) fn all(state: &Arc<State>) -> Vec<Sheet> {
        let sheet = |table: &Table| Sheet {
            name: table.def.name.clone(),
            state: state.clone(),
            table: table.def.id,
            segments: table.segment_count(),
            since: None,
            _past: Vec::new(),
        };
        state.tables().map(sheet).collect()
    }

    /// A table by a name such as `bars@42`, or `bars@41..45` for what changed from the first
    /// version to the second; to the mounted one (`now`) where that is left out.
    pub(crate) fn of_past(name: &str, past: &mut Past, now: &Arc<State>) -> Result<Sheet> {
        let (table, at) =
            name.split_once('@').ok_or_else(|| refused(format!("no version in {name:?}")))?;
        let open = |at: &str, past: &mut Past| {
            let at: At = at.parse().map_err(|e| refused(format!("{name:?}: {e}")))?;
            past(at).map_err(EngineError::Log)
        };
        // Two points may be in a tag's name.
        let Some((from, to)) = at.split_once("..").filter(|_| !now.tags.contains_key(at)) else {
            let snapshot = open(at, past)?;
            let state = snapshot.state().clone();
            let mut sheet = Sheet::named(name, table, &state)?;
            sheet._past.push(snapshot);
            return Ok(sheet);
        };
        let since = open(from, past)?;
        let until = if to.is_empty() { None } else { Some(open(to, past)?) };
        let state = until.as_ref().map_or(now, Snapshot::state);
        let mut sheet = Sheet::named(name, table, state)?.since(since.state())?;
        sheet._past = [Some(since), until].into_iter().flatten().collect();
        Ok(sheet)
    }

    fn named(name: &str, table: &str, state: &Arc<State>) -> Result<Sheet> {
        let table = state.table(table).ok_or_else(|| {
            refused(format!("the lake has no table {table:?} at version {}", state.version))
        })?;
        let (name, state, segments) = (name.to_owned(), state.clone(), table.segment_count());
        let table = table.def.id;
        Ok(Sheet { name, state, table, segments, since: None, _past: Vec::new() })
    }

    /// What changed in it since a state.
    pub(crate) fn since(self, state: &Arc<State>) -> Result<Sheet> {
        let (from, to) = (state.version, self.state.version);
        if from > to {
            return Err(refused(format!(
                "{:?}: version {from} is later than version {to}",
                self.name
            )));
        }
        Ok(Sheet { since: Some(state.clone()), ..self })
    }

    /// The names and types of its columns.
    pub(crate) fn columns(&self) -> Result<Vec<(String, String)>> {
        let table = self.table()?;
        Ok(match &self.since {
            Some(_) => changes::columns(table),
            None => views::columns(table),
        })
    }

    /// What of it is read, and the view.
    pub(crate) fn reading(
        &self,
        wants: &[Want],
        planner: &Connection,
        root: &str,
    ) -> Result<(Reading, View)> {
        let (table, name) = (self.table()?, &self.name);
        let Some(since) = &self.since else {
            return reading(table, name, self.segments, wants, planner, root);
        };
        let between = Between {
            since: since.table_by_id(self.table),
            until: table,
            versions: (since.version, self.state.version),
        };
        changes::reading(&between, name, wants, planner, root)
    }

    /// What a query whose tree this is wants of it, where its text says that.
    pub(crate) fn plain(&self, tree: &Json, number: u32) -> Option<Want> {
        let table = self.table().ok().filter(|_| self.since.is_none())?;
        plan::plain(tree, number, &self.name, table)
    }

    /// What the macros can be of it.
    pub(crate) fn subject(&self) -> Result<(&str, Option<&Table>)> {
        Ok((&self.name, Some(self.table()?).filter(|_| self.since.is_none())))
    }

    fn table(&self) -> Result<&Table> {
        self.state
            .table_by_id(self.table)
            .ok_or_else(|| EngineError::Internal(format!("table {} is gone", self.name)))
    }

    /// Whether a text may speak of it.
    pub(crate) fn is_named_in(&self, text: &str) -> bool {
        match self.name.split_once('@') {
            Some(_) => text.to_ascii_lowercase().contains(&self.name.to_ascii_lowercase()),
            None => words(text).any(|word| word.eq_ignore_ascii_case(&self.name)),
        }
    }
}

/// Whether two names that are one to SQL mean one version.
pub(crate) fn is_one_version(a: &str, b: &str) -> bool {
    let version = |name: &str| name.split_once('@').map(|(_, version)| version.to_owned());
    version(a) == version(b)
}

pub(crate) fn confused(a: &str, b: &str) -> EngineError {
    EngineError::Sql {
        message: format!("{a:?} and {b:?} are one name to SQL"),
        hint: Some("ask for one of them by its version: lake-query history".into()),
    }
}

fn refused(message: String) -> EngineError {
    let hint = "a name such as \"bars@42\" has a version, a time or a tag at its end, \
                \"bars@41..45\" the two between which is asked what changed";
    EngineError::Sql { message, hint: Some(hint.into()) }
}

/// Whether a text may call DuckDB's functions that take a name or a query as a value. It
/// may be computed.
pub(crate) fn computes_a_query(sql: &str) -> bool {
    words(sql).any(|w| w.eq_ignore_ascii_case("query") || w.eq_ignore_ascii_case("query_table"))
}

pub(crate) fn words(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
}

/// The texts in a parse tree that may speak of a table, but those that are of the tables
/// `past`: "bars@42" does not name bars.
pub(crate) fn spoken(tree: &Json, past: &BTreeSet<String>) -> String {
    let mut texts = String::new();
    speak(tree, past, &mut texts);
    texts
}

fn speak(tree: &Json, past: &BTreeSet<String>, texts: &mut String) {
    match tree {
        Json::Object(fields) => {
            let name = fields.get("function_name").and_then(Json::as_str);
            let of_past = name.is_some_and(|name| name.eq_ignore_ascii_case(macros::CHANGES));
            let rest = fields.iter().filter(|(field, _)| !(of_past && *field == "arguments"));
            rest.for_each(|(_, value)| speak(value, past, texts));
        }
        Json::Array(items) => items.iter().for_each(|item| speak(item, past, texts)),
        Json::String(text) if !past.iter().any(|name| name.eq_ignore_ascii_case(text)) => {
            texts.push_str(text);
            texts.push('\n');
        }
        _ => {}
    }
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
