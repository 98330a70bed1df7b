//! A mounted snapshot, and queries over it.
//!
//! Every table is a view from the start, so that the catalog tells the truth; but
//! only the tables that a query's text names get their lists of files, and with them
//! their rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use duckdb::arrow::record_batch::RecordBatch;
use duckdb::{ArrowStream, Connection, Statement};
use lake_core::id::{TableId, Version};
use lake_core::state::{State, Table};
use lake_core::types::quoted;
use lake_log::Snapshot;

use crate::error::{EngineError, Result};
use crate::gate;
use crate::macros;
use crate::session::Interrupt;
use crate::split;
use crate::types::{Shape, SqlType};
use crate::views;

/// One version of a lake as SQL tables.
pub struct Mounted {
    connection: Connection,
    state: Arc<State>,
    root: String,
    filled: BTreeSet<TableId>,
    /// The lease; the files stay as long as it lives.
    _snapshot: Option<Snapshot>,
}

/// A prepared question.
pub struct Query<'m> {
    statement: Statement<'m>,
    types: Vec<SqlType>,
    root: &'m str,
    tables: Vec<&'m str>,
    /// Live segments of the tables the query names, and those it may read.
    pub segments_total: usize,
    pub segments_read: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub ty: SqlType,
}

/// A result, batch by batch, as it is computed.
pub struct Rows<'q> {
    pub columns: Vec<Column>,
    stream: ArrowStream<'q>,
    root: &'q str,
}

impl Mounted {
    pub(crate) fn new(
        connection: Connection,
        state: Arc<State>,
        snapshot: Option<Snapshot>,
        root: String,
    ) -> Result<Mounted> {
        let filled = BTreeSet::new();
        let mounted = Mounted { connection, state, root, filled, _snapshot: snapshot };
        let stubs: Vec<String> = mounted.state.tables().map(views::stub).collect();
        mounted.run(&stubs.join(";\n"))?;
        Ok(mounted)
    }

    pub fn version(&self) -> Version {
        self.state.version
    }

    pub fn interrupt(&self) -> Interrupt {
        Interrupt::of(&self.connection)
    }

    /// Prepares one SELECT-like statement. All else is refused.
    pub fn query(&mut self, sql: &str) -> Result<Query<'_>> {
        gate::check(&self.connection, sql).map_err(|error| self.naming(error))?;
        let state = self.state.clone();
        let named: Vec<&Table> = state.tables().filter(|t| names(sql, &t.def.name)).collect();
        for table in &named {
            self.fill(table)?;
        }
        let segments_total = named.iter().map(|t| t.segment_count()).sum();
        let this = &*self;
        let (statement, types) =
            this.prepare(sql).map_err(|error| this.naming(this.sort(&error)))?;
        Ok(Query {
            statement,
            types,
            root: &this.root,
            tables: this.state.tables().map(|t| t.def.name.as_str()).collect(),
            segments_total,
            segments_read: segments_total,
        })
    }

    fn fill(&mut self, table: &Table) -> Result<()> {
        if self.filled.contains(&table.def.id) {
            return Ok(());
        }
        let view = views::view(table, &table.def.name, &split::all(table), &self.root)?;
        for statement in &view.setup {
            self.run(statement)?;
        }
        self.run(&view.create)?;
        self.filled.insert(table.def.id);
        Ok(())
    }

    fn prepare(&self, sql: &str) -> duckdb::Result<(Statement<'_>, Vec<SqlType>)> {
        let statement = self.connection.prepare(sql)?;
        let types: Vec<SqlType> = (0..statement.column_count())
            .map(|i| SqlType::of(&statement.column_logical_type(i)))
            .collect();
        if types.iter().all(|ty| ty.shape != Shape::Foreign) {
            return Ok((statement, types));
        }
        let statement = self.connection.prepare(&self.as_text(sql, &types)?)?;
        let plain = |ty: SqlType| match ty.shape {
            Shape::Foreign => SqlType { shape: Shape::Plain, ..ty },
            _ => ty,
        };
        Ok((statement, types.into_iter().map(plain).collect()))
    }

    /// The same question with the columns that Arrow cannot carry cast to text.
    fn as_text(&self, sql: &str, types: &[SqlType]) -> duckdb::Result<String> {
        let sql = sql.trim().trim_end_matches(';');
        let mut names = self.connection.prepare(&format!("DESCRIBE (\n{sql}\n)"))?;
        let names: Vec<String> =
            names.query_map([], |row| row.get(0))?.collect::<duckdb::Result<_>>()?;
        let (mut inner, mut outer) = (Vec::new(), Vec::new());
        for (i, (name, ty)) in names.iter().zip(types).enumerate() {
            inner.push(format!("c{i}"));
            outer.push(match ty.shape {
                Shape::Foreign => format!("CAST(c{i} AS VARCHAR) AS {}", quoted(name)),
                _ => format!("c{i} AS {}", quoted(name)),
            });
        }
        Ok(format!("SELECT {} FROM (\n{sql}\n) AS _lake_q({})", outer.join(", "), inner.join(", ")))
    }

    fn run(&self, sql: &str) -> Result<()> {
        self.connection.execute_batch(sql).map_err(|error| self.sort(&error))
    }

    fn sort(&self, error: &duckdb::Error) -> EngineError {
        EngineError::of(error, &self.root)
    }

    fn naming(&self, error: EngineError) -> EngineError {
        naming(error, self.state.tables().map(|t| t.def.name.as_str()))
    }
}

/// Who misspelled a table is told which there are.
fn naming<'a>(error: EngineError, tables: impl Iterator<Item = &'a str>) -> EngineError {
    match error {
        EngineError::Sql { message, hint: None } if message.starts_with("Table with name") => {
            let tables: Vec<&str> = tables.collect();
            let hint = match tables.is_empty() {
                true => "the lake has no table yet".into(),
                false => format!("the lake's tables are: {}", tables.join(", ")),
            };
            EngineError::Sql { message, hint: Some(hint) }
        }
        other => other,
    }
}

/// Whether a text may speak of a table. DuckDB's functions that take a name or a
/// query as a value may compute it, so that they speak of every table.
fn names(sql: &str, table: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    sql.split(|c: char| !word(c)).any(|w| {
        w.eq_ignore_ascii_case(table)
            || w.eq_ignore_ascii_case("query")
            || w.eq_ignore_ascii_case("query_table")
    }) || macros::computes_a_table(sql)
}

impl Query<'_> {
    /// Starts it.
    pub fn rows(&mut self) -> Result<Rows<'_>> {
        let started = self.statement.stream_arrow([]);
        let stream = started.map_err(|error| {
            naming(EngineError::of(&error, self.root), self.tables.iter().copied())
        })?;
        let schema = stream.get_schema();
        let columns = schema.fields().iter().enumerate().map(|(i, field)| {
            let plain = || SqlType { name: String::new(), shape: Shape::Plain };
            let ty = self.types.get(i).cloned().unwrap_or_else(plain);
            Column { name: field.name().clone(), ty }
        });
        Ok(Rows { columns: columns.collect(), stream, root: self.root })
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.stream.next()?;
        Some(batch.map_err(|error| EngineError::of(&error, self.root)))
    }
}

#[cfg(test)]
mod hidden;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
