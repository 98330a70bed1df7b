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

use crate::called;
use crate::catalog::{self, BaseTable};
use crate::error::{EngineError, Result};
use crate::facts::{self, Facts};
use crate::gate;
use crate::macros;
use crate::plan::{self, Want};
use crate::reading::Reading;
use crate::session::{Gauge, Interrupt};
use crate::sheet::{self, Past, Sheet};
use crate::types::{Shape, SqlType};
use crate::views;

mod describe;
mod export;
mod foreseen;
mod made;
mod variable;

pub use describe::Described;
use made::Made;

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
    made: Made,
    /// The macros are made, and know so many sheets.
    macros: Option<usize>,
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
            made: Made::default(),
            macros: None,
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
        self.turn_to(snapshot.state().clone())?;
        self._snapshot = Some(snapshot);
        Ok(())
    }

    /// Its tables are those of another state.
    pub(crate) fn turn_to(&mut self, state: Arc<State>) -> Result<()> {
        for sheet in std::mem::take(&mut self.sheets) {
            let name = quoted(&sheet.name);
            self.run(&format!("DROP VIEW IF EXISTS {name}"))?;
            let stub = self.planner.execute_batch(&format!("DROP VIEW IF EXISTS {name}"));
            stub.map_err(|error| self.sort(&error))?;
        }
        for name in std::mem::take(&mut self.told) {
            self.run(&format!("DROP TABLE IF EXISTS {}.{}", facts::SCHEMA, quoted(&name)))?;
        }
        self.macros = self.macros.map(|_| usize::MAX);
        self.sheets = Sheet::all(&state);
        self.made.forget_views();
        self.state = state;
        self.put_all()
    }

    fn put_all(&self) -> Result<()> {
        self.sheets.iter().enumerate().try_for_each(|(number, sheet)| self.put(sheet, number))
    }

    pub fn version(&self) -> Version {
        self.state.version
    }

    /// What is mounted.
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    pub fn gauge(&self) -> Gauge {
        Gauge::of(&self.connection)
    }

    /// The tables of the file that [`crate::Engine::attach`] called so.
    pub fn attached(&self, name: &str) -> Result<Vec<BaseTable>> {
        catalog::tables(&self.connection, name).map_err(|error| self.sort(&error))
    }

    pub fn interrupt(&self) -> Interrupt {
        Interrupt::of(&self.connection)
    }

    /// Prepares one SELECT-like statement. All else is refused. Subqueries that decide
    /// what is read may have been run when this returns.
    pub fn query(&mut self, sql: &str) -> Result<Query<'_>> {
        let tree = gate::check(&self.connection, sql).map_err(|error| self.naming(error))?;
        let Some(foreseen) = self.foreseen(&tree, sql)? else { return self.ask(sql, &tree) };
        // Where it cannot be asked with answers in it, it is asked as it was written.
        let tree = match gate::check(&self.connection, &foreseen.text) {
            Ok(other) if self.ask(&foreseen.text, &other).is_ok() => other,
            _ => return self.ask(sql, &tree),
        };
        let mut query = self.ask(&foreseen.text, &tree)?;
        query.add_readings(foreseen.readings);
        Ok(query)
    }

    /// As it is written.
    fn ask(&mut self, sql: &str, tree: &Json) -> Result<Query<'_>> {
        self.make_macros(sql)?;
        let past = self.mount_past(tree)?;
        self.make_macros(sql)?;
        self.tell(tree)?;
        let spoken = sheet::spoken(tree, &past);
        let any = sheet::computes_a_query(sql) || macros::computes_a_table(sql);
        let is_named =
            |sheet: &Sheet| any || past.contains(&sheet.name) || sheet.is_named_in(&spoken);
        let mut made = std::mem::take(&mut self.made);
        let named: Vec<(u32, &Sheet)> =
            (0..).zip(&self.sheets).filter(|(_, sheet)| is_named(sheet)).collect();
        let wants = self.wants(sql, tree, &named);
        let mut readings = Vec::new();
        for (number, sheet) in named {
            let wants = wants.get(&number).map_or(&[][..], Vec::as_slice);
            let (reading, view) = sheet.reading(wants, &self.planner, &self.root)?;
            made.make(number, view, &self.connection).map_err(|error| self.sort(&error))?;
            readings.push(reading);
        }
        self.made = made;
        let this = &*self;
        let (statement, types) =
            this.prepare(sql).map_err(|error| this.naming(this.sort(&error)))?;
        let mut query = Query {
            statement,
            types,
            root: &this.root,
            tables: this.state.tables().map(|t| t.def.name.as_str()).collect(),
            segments_total: 0,
            segments_read: 0,
            readings: Vec::new(),
        };
        query.add_readings(readings);
        Ok(query)
    }

    /// What the query wants of the tables that it names, by stub.
    fn wants(&self, sql: &str, tree: &Json, named: &[(u32, &Sheet)]) -> BTreeMap<u32, Vec<Want>> {
        let mut by_stub: BTreeMap<u32, Vec<Want>> = BTreeMap::new();
        // With its schema or catalog a name means the view itself and no stub.
        let qualifies = |w: &str| ["main", "memory"].iter().any(|q| w.eq_ignore_ascii_case(q));
        if !self.prunes || named.is_empty() || sheet::words(sql).any(qualifies) {
            return by_stub;
        }
        if let [(number, sheet)] = named
            && let Some(want) = sheet.plain(tree, *number)
        {
            return BTreeMap::from([(*number, vec![want])]);
        }
        for want in plan::wants(&self.planner, sql).into_iter().flatten() {
            by_stub.entry(want.stub).or_default().push(want);
        }
        by_stub
    }

    /// Mounts the tables that the tree names with a version, and returns their names.
    fn mount_past(&mut self, tree: &Json) -> Result<BTreeSet<String>> {
        let mut names = sheet::past_names(tree);
        if self.macros.is_some() {
            names.append(&mut called::names(&self.connection, tree));
        }
        let mut mounted = BTreeSet::new();
        for name in &names {
            // SQL takes names that differ by case for one; tags are two.
            let is_same = |other: &str| other.eq_ignore_ascii_case(name);
            let is_other = |other: &str| is_same(other) && !sheet::is_one_version(other, name);
            if let Some(other) = names.iter().find(|other| is_other(other)) {
                return Err(sheet::confused(name, other));
            }
            let known = self.sheets.iter().position(|sheet| is_same(&sheet.name));
            if let Some(at) = known.filter(|at| !is_other(&self.sheets[*at].name)) {
                mounted.insert(self.sheets[at].name.clone());
                continue;
            }
            let Some(past) = &mut self.past else { continue };
            let sheet = Sheet::of_past(name, past, &self.state)?;
            match known {
                Some(at) => {
                    self.made.forget_views();
                    self.put(&sheet, at)?;
                    self.sheets[at] = sheet;
                }
                None => self.add_sheet(sheet)?,
            }
            mounted.insert(name.clone());
        }
        Ok(mounted)
    }

    pub(crate) fn add_sheet(&mut self, sheet: Sheet) -> Result<()> {
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
            let Some(facts) = &mut self.facts else { continue };
            if let Some(fact) = facts(&name, &self.state)? {
                self.run(&fact.create(&name))?;
                self.told.insert(name);
            }
        }
        Ok(())
    }

    /// Makes the macros when a text first may call one; what they are of each table is
    /// told to both sessions.
    fn make_macros(&mut self, sql: &str) -> Result<()> {
        let sheets = self.sheets.len();
        if self.macros == Some(sheets) || !macros::are_named_in(sql) {
            return Ok(());
        }
        if self.macros.is_none() {
            self.run(macros::CREATE)?;
        }
        let tables: Result<Vec<_>> = self.sheets.iter().map(Sheet::subject).collect();
        let told = macros::tell(&tables?);
        self.planner.execute_batch(&told).map_err(|error| self.sort(&error))?;
        self.run(&told)?;
        self.macros = Some(sheets);
        Ok(())
    }

    /// Makes a table's view, empty yet, and its stub.
    fn put(&self, sheet: &Sheet, number: usize) -> Result<()> {
        let columns = sheet.columns()?;
        self.run(&views::empty(&columns, &sheet.name))?;
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let stub = self.planner.execute_batch(&plan::stub(&columns, &sheet.name, number));
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
    fn add_readings(&mut self, readings: Vec<Reading>) {
        self.readings.extend(readings);
        // A table that a subquery asked before is one table, and its files are the same.
        let tables: BTreeMap<&str, usize> =
            self.readings.iter().map(|r| (r.table.as_str(), r.segments_total)).collect();
        let read: BTreeSet<(&str, &str)> = self
            .readings
            .iter()
            .flat_map(|r| r.files.iter().map(|file| (r.table.as_str(), file.as_str())))
            .collect();
        (self.segments_total, self.segments_read) = (tables.values().sum(), read.len());
    }

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
