//! Feeds for tests: several small chunks, and something that happens in between.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use arrow::datatypes::SchemaRef;

use super::*;
use crate::feed::newer_columns;
use crate::source::{Chunk, Rejects, Source, of_batch};
use crate::{Feed, IngestError};

/// Each batch is a chunk of its own.
pub(super) struct Chunked(pub(super) Vec<RecordBatch>);

struct Chain(VecDeque<Box<dyn Source>>);

impl Source for Chain {
    fn next(&mut self, rejects: &mut dyn Rejects) -> Result<Option<Chunk>> {
        while let Some(first) = self.0.front_mut() {
            if let Some(chunk) = first.next(rejects)? {
                return Ok(Some(chunk));
            }
            self.0.pop_front();
        }
        Ok(None)
    }
}

impl Feed for Chunked {
    fn open(&self, def: &TableDef, schema: &SchemaRef) -> Result<Box<dyn Source>> {
        let optional = newer_columns(def);
        let open = |b| of_batch(b, def.schema(), schema, &optional, &def.partition_by);
        Ok(Box::new(Chain(self.0.iter().map(open).collect::<Result<_>>()?)))
    }
}

/// The first time it is opened somebody else does something: the ingest has begun,
/// and what it looks at is what was there before.
pub(super) struct Meddling<F> {
    rows: Chunked,
    meddle: RefCell<Option<F>>,
    opened: Cell<u32>,
}

impl<F: FnOnce()> Meddling<F> {
    pub(super) fn new(batches: Vec<RecordBatch>, meddle: F) -> Meddling<F> {
        let meddle = RefCell::new(Some(meddle));
        Meddling { rows: Chunked(batches), meddle, opened: Cell::new(0) }
    }

    pub(super) fn opened(&self) -> u32 {
        self.opened.get()
    }
}

impl<F: FnOnce()> Feed for Meddling<F> {
    fn open(&self, def: &TableDef, schema: &SchemaRef) -> Result<Box<dyn Source>> {
        self.opened.set(self.opened.get() + 1);
        if let Some(meddle) = self.meddle.take() {
            meddle();
        }
        self.rows.open(def, schema)
    }
}

/// Good rows, and then the reading fails.
pub(super) struct Failing(pub(super) Vec<RecordBatch>);

struct Torn(Box<dyn Source>);

impl Source for Torn {
    fn next(&mut self, rejects: &mut dyn Rejects) -> Result<Option<Chunk>> {
        match self.0.next(rejects)? {
            None => Err(IngestError::Once),
            chunk => Ok(chunk),
        }
    }
}

impl Feed for Failing {
    fn open(&self, def: &TableDef, schema: &SchemaRef) -> Result<Box<dyn Source>> {
        Ok(Box::new(Torn(Chunked(self.0.clone()).open(def, schema)?)))
    }
}
