//! What a query wants of each table, as DuckDB's own optimizer sees it.
//!
//! The query is planned, not run, over stubs: temporary views with the tables' columns
//! and no files, which a session of its own sees in place of the tables, so that a filter that the optimizer takes through joins, subqueries and
//! views arrives at a scan whose parameters say which table it is. `walk` finds the
//! scans and the filters on them in the plan, which DuckDB writes as JSON; `expr`
//! makes a [`Cond`] of a filter. What is not understood wants everything.

use duckdb::Connection;
use lake_core::state::Table;
use lake_core::types::quoted;
use serde_json::Value as Json;

mod aggregate;
mod cond;
mod expr;
mod plain;
mod walk;

pub(crate) use cond::{Cond, Op, SUBJECT, Test, alike};

/// A table function that is built in, takes any row as its parameters, and neither
/// takes filters nor knows statistics: the optimizer leaves what it found just above.
const STUB: &str = "repeat_row";

/// The statement that makes a table's stub in the planner's session. `columns`: their
/// names and types.
pub(crate) fn stub(columns: &[(String, String)], name: &str, number: u32) -> String {
    let names: Vec<String> = (1..)
        .zip(columns)
        .map(|(i, (column, _))| format!("column{i} AS {}", quoted(column)))
        .collect();
    let nulls: Vec<String> = columns.iter().map(|(_, ty)| format!("CAST(NULL AS {ty})")).collect();
    format!(
        "CREATE OR REPLACE TEMP VIEW {} AS SELECT {} FROM {STUB}({number}, {}, num_rows = 1000000)",
        quoted(name),
        names.join(", "),
        nulls.join(", ")
    )
}

/// What a query wants of one scan of a table. Columns are places in the newest schema.
#[derive(Debug)]
pub(crate) struct Want {
    pub(crate) stub: u32,
    /// Rows for which this does not hold change nothing.
    pub(crate) cond: Cond,
    /// The condition is all there is: rows for which it holds are wanted.
    pub(crate) exact: bool,
    /// Of these rows no more than this.
    pub(crate) only: Only,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Only {
    #[default]
    All,
    /// So many, whichever they are.
    Some(u64),
    /// The first of an order.
    First(Top),
    /// The first of an order, of all rows or of the rows of each value of these columns.
    FirstOfEach(Top, Vec<usize>),
    /// Counts and the ends of columns, by other columns.
    Outline(Outline),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Top {
    pub(crate) column: usize,
    pub(crate) descending: bool,
    pub(crate) nulls_last: bool,
    pub(crate) rows: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    pub(crate) by: Vec<usize>,
    /// Columns of which the smallest or the greatest value is asked.
    pub(crate) ends: Vec<usize>,
    /// Columns whose values are counted.
    pub(crate) counted: Vec<usize>,
    /// Rows are counted.
    pub(crate) counts: bool,
    /// What is asked is one end of one column, so that the row that has it is enough.
    pub(crate) first: Option<Top>,
}

/// What a query wants of its one table, which has this number, where its text says that.
pub(crate) fn plain(tree: &Json, stub: u32, name: &str, table: &Table) -> Option<Want> {
    let cond = plain::cond(tree, name, table)?;
    Some(Want { stub, cond, exact: false, only: Only::All })
}

/// The scans of a query; None: it could not be planned.
pub(crate) fn wants(planner: &Connection, sql: &str) -> Option<Vec<Want>> {
    let ask = "SELECT json_serialize_plan($1::VARCHAR, optimize := true)";
    let mut ask = planner.prepare_cached(ask).ok()?;
    let text: String = ask.query_row([sql], |row| row.get(0)).ok()?;
    let tree: Json = serde_json::from_str(&text).ok()?;
    if tree["error"] != Json::Bool(false) {
        return None;
    }
    Some(walk::scans(tree["plans"].as_array()?))
}

#[cfg(test)]
mod tests;
