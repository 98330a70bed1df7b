//! Files that go through a SELECT before they are rows of a table.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use lake_core::schema::{BadSchema, TableDef};
use lake_core::sqltype::Column;
use lake_core::types::Type;
use lake_segment::arrow_schema;
use lake_sql::{Batches, Limits, Transformed, transform};

use crate::error::{IngestError, Result};
use crate::feed::{FileFeed, newer_columns};
use crate::ingest::Feed;
use crate::options::OnError;
use crate::rejects::Gate;
use crate::source::{Chunk, Rejects, Source, SourceOptions, file_size, infer, of_arrow, of_batch};

/// Files, and what is selected `FROM input`.
pub struct SqlFeed {
    pub files: Vec<PathBuf>,
    pub options: SourceOptions,
    pub sql: String,
    /// For sorts and joins.
    pub memory: usize,
    pub spill: PathBuf,
}

/// The columns of several files as one input's: a type that holds them all.
pub fn infer_all(files: &[PathBuf], options: &SourceOptions) -> Result<Vec<Column>> {
    let mut all: Vec<Column> = Vec::new();
    for (i, file) in files.iter().enumerate() {
        let found = infer(file, options)?;
        if i == 0 {
            all = found;
            continue;
        }
        for column in found {
            match all.iter_mut().find(|c| c.name.eq_ignore_ascii_case(&column.name)) {
                Some(there) => there.ty = common(&there.ty, &column.ty),
                None => all.push(column),
            }
        }
    }
    Ok(all)
}

fn common(a: &Type, b: &Type) -> Type {
    match (a, b) {
        (a, b) if a.widens_to(b) => b.clone(),
        (a, b) if b.widens_to(a) => a.clone(),
        (Type::Int64, Type::Double) | (Type::Double, Type::Int64) => Type::Double,
        _ => Type::Varchar,
    }
}

impl SqlFeed {
    /// What is selected, as the columns of a table.
    pub fn columns(&self) -> Result<Vec<Column>> {
        let schema = arrow_schema(self.input()?.schema());
        let none: Batches = Box::new(std::iter::empty());
        let selected = transform(&self.sql, schema, none, &self.limits())?;
        let found = of_arrow(&"SELECT".into(), selected.schema())?;
        let column = |(name, ty)| Column { name, ty, not_null: false };
        Ok(found.into_iter().map(column).collect())
    }

    fn limits(&self) -> Limits {
        Limits { memory: self.memory, spill: self.spill.clone() }
    }

    /// The input as if it were a table.
    fn input(&self) -> Result<TableDef> {
        let columns = infer_all(&self.files, &self.options)?;
        let bad = |e: BadSchema| IngestError::File { file: "input".into(), why: e.to_string() };
        TableDef::new("input", &columns, &[], &[], &[]).map_err(bad)
    }
}

impl Feed for SqlFeed {
    fn size(&self) -> Option<u64> {
        self.files.iter().map(|path| file_size(path)).sum()
    }

    fn open(&self, def: &TableDef, schema: &SchemaRef) -> Result<Box<dyn Source>> {
        let input = self.input()?;
        let own = arrow_schema(input.schema());
        // The map has named the columns that the SELECT sees.
        let feed = FileFeed::new(self.files.clone(), self.options.clone());
        let source = feed.open(&input, &own)?;
        let rows: Batches = Box::new(Rows { source, gate: Gate::new(OnError::Abort) });
        let selected = transform(&self.sql, own, rows, &self.limits())?;
        Ok(Box::new(Selected {
            selected,
            current: None,
            def: Arc::new(def.clone()),
            schema: schema.clone(),
        }))
    }
}

struct Rows {
    source: Box<dyn Source>,
    gate: Gate,
}

impl Iterator for Rows {
    type Item =
        std::result::Result<RecordBatch, Box<dyn std::error::Error + Send + Sync + 'static>>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.source.next(&mut self.gate) {
            Ok(chunk) => Some(Ok(chunk?.batch)),
            Err(error) => Some(Err(Box::new(error))),
        }
    }
}

struct Selected {
    selected: Transformed,
    current: Option<Box<dyn Source>>,
    def: Arc<TableDef>,
    schema: SchemaRef,
}

impl Source for Selected {
    fn next(&mut self, rejects: &mut dyn Rejects) -> Result<Option<Chunk>> {
        loop {
            if let Some(source) = &mut self.current
                && let Some(chunk) = source.next(rejects)?
            {
                return Ok(Some(chunk));
            }
            let Some(batch) = self.selected.next() else { return Ok(None) };
            let optional = newer_columns(&self.def);
            self.current = Some(of_batch(
                &batch?,
                self.def.schema(),
                &self.schema,
                &optional,
                &self.def.partition_by,
            )?);
        }
    }
}
