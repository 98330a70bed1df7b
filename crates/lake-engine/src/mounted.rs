//! A mounted snapshot, and queries over it.
//!
//! Every table is a view from the start, so that the catalog tells the truth; but
//! only the tables that a query's text names get lists of files, and of their files
//! only those that may hold rows that this query wants.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use duckdb::arrow::record_batch::RecordBatch;
use duckdb::{ArrowStream, Connection, Statement};
use lake_core::id::Version;
use lake_core::state::State;
use lake_core::types::quoted;
use lake_log::Snapshot;
use serde_json::Value as Json;

use crate::catalog::{self, BaseTable};
use crate::error::{EngineError, Result};
use crate::facts::{self, Facts};
use crate::gate;
use crate::plan::{self, Want};
use crate::reading::{Reading, reading};
use crate::session::Interrupt;
use crate::sheet::{self, Past, Sheet};
use crate::types::{Shape, SqlType};
use crate::views;

mod describe;
mod export;
mod variable;

pub use describe::Described;

/// One version of a lake as SQL tables.
pub struct Mounted {
    connection: Connection,
    /// Another session, in which the tables' names mean their stubs.
    planner: Connection,
    state: Arc<State>,
    sheets: Vec<Sheet>,
    past: Option<Past>,
    facts: Option<Facts>,
    /// The tables of facts that are made.
    told: BTreeSet<String>,
    root: String,
    /// Whether queries are pruned; tests compare with those that are not.
    pub(crate) prunes: bool,
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
    /// What of each table is read, and why no more.
    pub readings: Vec<Reading>,
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
        let planner = connection.try_clone().map_err(|e| EngineError::of(&e, &root))?;
        let sheets = Sheet::all(&state);
        let mounted = Mounted {
            connection,
            planner,
            state,
            sheets,
            past: None,
            facts: None,
            told: BTreeSet::new(),
            root,
            prunes: true,
            _snapshot: snapshot,
        };
        mounted.run(&format!("CREATE SCHEMA {}", facts::SCHEMA))?;
        mounted.put_all()?;
        Ok(mounted)
    }

    /// Lets SQL name tables of other versions: `"bars@42"`.
    pub fn with_past(mut self, past: Past) -> Mounted {
        self.past = Some(past);
        self
    }

    /// Lets SQL ask what is known of the lake: `lake.files`.
    pub fn with_facts(mut self, facts: Facts) -> Mounted {
        self.facts = Some(facts);
        self
    }

    /// Goes on at another version; the lease of the present one ends.
    pub fn remount(&mut self, snapshot: Snapshot) -> Result<()> {
        let state = snapshot.state().clone();
        for sheet in std::mem::take(&mut self.sheets) {
            let name = quoted(&sheet.name);
            self.run(&format!("DROP VIEW IF EXISTS {name}"))?;
            let stub = self.planner.execute_batch(&format!("DROP VIEW IF EXISTS {name}"));
            stub.map_err(|error| self.sort(&error))?;
        }
        for name in std::mem::take(&mut self.told) {
            self.run(&format!("DROP TABLE IF EXISTS {}.{}", facts::SCHEMA, quoted(&name)))?;
        }
        self.sheets = Sheet::all(&state);
        (self.state, self._snapshot) = (state, Some(snapshot));
        self.put_all()
    }

    fn put_all(&self) -> Result<()> {
        self.sheets.iter().enumerate().try_for_each(|(number, sheet)| self.put(sheet, number))
    }

    pub fn version(&self) -> Version {
        self.state.version
    }

    /// The tables of the file that [`crate::Engine::attach`] called so.
    pub fn attached(&self, name: &str) -> Result<Vec<BaseTable>> {
        catalog::tables(&self.connection, name).map_err(|error| self.sort(&error))
    }

    pub fn interrupt(&self) -> Interrupt {
        Interrupt::of(&self.connection)
    }

    /// Prepares one SELECT-like statement. All else is refused.
    pub fn query(&mut self, sql: &str) -> Result<Query<'_>> {
        let tree = gate::check(&self.connection, sql).map_err(|error| self.naming(error))?;
        let tree = tree.unwrap_or_default();
        self.mount_past(&tree)?;
        self.tell(&tree)?;
        let named: Vec<(u32, &Sheet)> =
            (0..).zip(&self.sheets).filter(|(_, sheet)| sheet.is_named_in(sql)).collect();
        let wants = if named.is_empty() { BTreeMap::new() } else { self.wants(sql) };
        let mut readings = Vec::new();
        for (number, sheet) in named {
            let wants = wants.get(&number).map_or(&[][..], Vec::as_slice);
            let (table, name) = (sheet.table()?, &sheet.name);
            let (reading, view) = reading(table, name, wants, &self.planner, &self.root)?;
            view.setup.iter().try_for_each(|statement| self.run(statement))?;
            self.run(&view.create)?;
            readings.push(reading);
        }
        let this = &*self;
        let (statement, types) =
            this.prepare(sql).map_err(|error| this.naming(this.sort(&error)))?;
        Ok(Query {
            statement,
            types,
            root: &this.root,
            tables: this.state.tables().map(|t| t.def.name.as_str()).collect(),
            segments_total: readings.iter().map(|r| r.segments_total).sum(),
            segments_read: readings.iter().map(|r| r.files.len()).sum(),
            readings,
        })
    }

    /// What the query wants, by stub.
    fn wants(&self, sql: &str) -> BTreeMap<u32, Vec<Want>> {
        let mut by_stub: BTreeMap<u32, Vec<Want>> = BTreeMap::new();
        // With its schema a name means the view itself and no stub.
        let qualified = sheet::words(sql).any(|w| w.eq_ignore_ascii_case("main"));
        if self.prunes && !qualified {
            for want in plan::wants(&self.planner, sql).into_iter().flatten() {
                by_stub.entry(want.stub).or_default().push(want);
            }
        }
        by_stub
    }

    /// Mounts the tables that the tree names with a version.
    fn mount_past(&mut self, tree: &Json) -> Result<()> {
        for name in sheet::past_names(tree) {
            if self.sheets.iter().any(|sheet| sheet.name.eq_ignore_ascii_case(&name)) {
                continue;
            }
            let Some(past) = &mut self.past else { continue };
            let sheet = Sheet::of_past(&name, past)?;
            self.add_sheet(sheet)?;
        }
        Ok(())
    }

    fn add_sheet(&mut self, sheet: Sheet) -> Result<()> {
        self.put(&sheet, self.sheets.len())?;
        self.sheets.push(sheet);
        Ok(())
    }

    /// Makes the tables of facts that the tree names.
    fn tell(&mut self, tree: &Json) -> Result<()> {
        for name in facts::names(tree) {
            if self.told.contains(&name) {
                continue;
            }
            if let Some(fact) = self.facts.as_mut().and_then(|facts| facts(&name)) {
                self.run(&fact.create(&name))?;
                self.told.insert(name);
            }
        }
        Ok(())
    }

    /// Makes a table's view, empty yet, and its stub.
    fn put(&self, sheet: &Sheet, number: usize) -> Result<()> {
        let table = sheet.table()?;
        self.run(&views::empty(table, &sheet.name))?;
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let stub = self.planner.execute_batch(&plan::stub(table, &sheet.name, number));
        stub.map_err(|error| self.sort(&error))
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

impl<'m> Query<'m> {
    /// One that reads no table of a lake.
    pub(crate) fn plain(statement: Statement<'m>, root: &'m str) -> Query<'m> {
        let types = (0..statement.column_count())
            .map(|i| SqlType::of(&statement.column_logical_type(i)))
            .collect();
        let (tables, readings) = (Vec::new(), Vec::new());
        Query { statement, types, root, tables, segments_total: 0, segments_read: 0, readings }
    }
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
mod pruned;
#[cfg(test)]
mod tests;
