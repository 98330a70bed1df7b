//! Rejected rows once more, against the table as it is now.
//!
//! 1. What fits and the quarantine of what does not are one commit, whose producer is
//!    the file: it is made once, however often it is tried.
//! 2. Only then the file goes. Whoever dies in between has it still, and the next retry
//!    finds the commit and removes it.
//! 3. A file whose own batch is not committed is left alone: its writer may yet fail, and
//!    send the rows again.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use lake_core::edit::{ProducerSeq, Receipt};
use lake_core::schema::TableDef;

use crate::error::{IngestError, Result};
use crate::ingest::{Feed, Ingested, Job, Writer};
use crate::options::{Mode, OnError, Options};
use crate::quarantine::{self, Held};
use crate::rejects::Gate;
use crate::source::{Again, Reject, Source, SourceOptions};

/// What became of a file.
#[derive(Debug)]
pub struct Retried {
    pub done: Ingested,
    /// A row was stored, or found to be older than what is: without one nothing is
    /// committed, and the file stays.
    pub fits: bool,
    /// The first row that does not fit, and why.
    pub first: Option<String>,
    /// Rows of which too little is known to try them.
    pub blank: u64,
    /// It is committed, but the file is still there.
    pub left: Option<IngestError>,
}

struct Rows<'a> {
    name: &'a str,
    held: &'a Held,
    options: &'a SourceOptions,
}

impl Feed for Rows<'_> {
    fn open(&self, def: &TableDef, schema: &SchemaRef) -> Result<Box<dyn Source>> {
        let was = self.held.schema_version;
        let was = def.schemas.iter().find(|schema| Some(schema.version) == was).cloned();
        let (name, rows) = (self.name.into(), in_order(self.held.rows.clone()));
        Ok(Box::new(Again::new(name, rows, was, self.options, def, schema)?))
    }
}

/// As they stood in the input: those that broke a CHECK were rejected after the others
/// of their chunk.
fn in_order(mut rows: Vec<Reject>) -> Vec<Reject> {
    let mut files: HashMap<Arc<str>, usize> = HashMap::new();
    for row in &rows {
        let next = files.len();
        files.entry(row.place.file.clone()).or_insert(next);
    }
    rows.sort_by_key(|row| (files.get(&row.place.file).copied(), row.place.row));
    rows
}

impl Writer {
    /// Ingests the rows of a quarantine file. Of `options`, mode, layout, memory and
    /// dry run count; without a mode, stored rows stay as they are, since they are newer.
    /// Of `source`, the formats and the NULLs count: how the input had spelled them after
    /// all.
    pub fn retry(
        &mut self,
        name: &str,
        options: &Options,
        source: &SourceOptions,
    ) -> Result<Retried> {
        let root = self.lake().root().clone();
        let held = quarantine::read(&root, name)?;
        if let Some(id) = quarantine::transaction(name)
            && self.lake().is_committed(&id)? == Some(false)
        {
            return Err(IngestError::Uncommitted(name.into()));
        }
        let (def, _) = self.table_schema(&held.table)?;
        let keyed = !def.key.is_empty();
        let producer: Arc<str> = format!("quarantine/{name}").into();
        let options = Options {
            mode: options.mode.or(keyed.then_some(Mode::Ignore)),
            last_wins: true,
            producer: Some(ProducerSeq { producer, seq: 1 }),
            on_error: OnError::Quarantine,
            ..options.clone()
        };
        let feed = Rows { name, held: &held, options: source };
        let first: RefCell<Option<Reject>> = RefCell::default();
        let worth = |receipt: &Receipt, gate: &Gate| {
            first.replace(gate.kept().first().cloned());
            fits(receipt)
        };
        let job = Job { table: &held.table, feed: &feed, layout: None };
        let done = self.ingest_if(&[job], &options, &worth)?;
        let receipt = done.receipts.into_iter().next().unwrap_or_default();
        let fits = done.duplicate || fits(&receipt);
        let removed = match fits && !options.dry_run {
            true => quarantine::remove(&root, name),
            false => Ok(()),
        };
        Ok(Retried {
            done: Ingested { version: done.version, receipt, duplicate: done.duplicate },
            fits,
            first: first.into_inner().map(|reject| reject.into_error().to_string()),
            blank: held.rows.iter().filter(|row| row.fields.is_none()).count() as u64,
            // Somebody else retried it, and was quicker.
            left: removed.err().filter(|e| !matches!(e, IngestError::NoQuarantine(_))),
        })
    }
}

fn fits(receipt: &Receipt) -> bool {
    receipt.rows_in > receipt.rows_rejected
}
