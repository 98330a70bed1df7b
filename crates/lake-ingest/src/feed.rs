//! Files as a feed: opened one after the other, each time the rows are asked for.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Mutex;

use arrow::datatypes::SchemaRef;
use lake_core::schema::{FieldId, TableDef};

use crate::error::{IngestError, Result};
use crate::ingest::Feed;
use crate::source::{Chunk, Input, Rejects, Source, SourceOptions, file_size, open_source};

/// Files that are read as one input, in this order.
pub struct FileFeed {
    pub files: Vec<PathBuf>,
    pub options: SourceOptions,
}

impl FileFeed {
    pub fn new(files: Vec<PathBuf>, options: SourceOptions) -> FileFeed {
        FileFeed { files, options }
    }
}

/// Columns that were not in the table's first schema: who made the input may not
/// know them.
pub(crate) fn newer_columns(def: &TableDef) -> Vec<FieldId> {
    let first = def.schemas.first();
    let is_new = |id: &FieldId| first.is_none_or(|schema| schema.by_id(*id).is_none());
    def.schema().fields.iter().map(|f| f.id).filter(is_new).collect()
}

impl Feed for FileFeed {
    fn size(&self) -> Option<u64> {
        self.files.iter().map(|path| file_size(path)).sum()
    }

    fn open(&self, def: &TableDef, schema: &SchemaRef) -> Result<Box<dyn Source>> {
        Ok(Box::new(Files {
            waiting: self.files.iter().cloned().collect(),
            current: None,
            options: self.options.clone(),
            def: def.clone(),
            schema: schema.clone(),
        }))
    }
}

struct Files {
    waiting: VecDeque<PathBuf>,
    current: Option<Box<dyn Source>>,
    options: SourceOptions,
    def: TableDef,
    schema: SchemaRef,
}

impl Source for Files {
    fn next(&mut self, rejects: &mut dyn Rejects) -> Result<Option<Chunk>> {
        loop {
            if let Some(source) = &mut self.current {
                if let Some(chunk) = source.next(rejects)? {
                    return Ok(Some(chunk));
                }
                self.current = None;
            }
            let Some(path) = self.waiting.pop_front() else { return Ok(None) };
            let (schema, optional) = (self.def.schema(), newer_columns(&self.def));
            self.current = Some(open_source(
                Input::File(path),
                &self.options,
                schema,
                &self.schema,
                &optional,
                &self.def.partition_by,
            )?);
        }
    }
}

/// A stream that can be read once, such as stdin.
pub struct OnceFeed {
    input: Mutex<Option<Input>>,
    options: SourceOptions,
}

impl OnceFeed {
    pub fn new(input: Input, options: SourceOptions) -> OnceFeed {
        OnceFeed { input: Mutex::new(Some(input)), options }
    }
}

impl Feed for OnceFeed {
    fn open(&self, def: &TableDef, schema: &SchemaRef) -> Result<Box<dyn Source>> {
        let input = self.input.lock().ok().and_then(|mut input| input.take());
        let input = input.ok_or(IngestError::Once)?;
        open_source(
            input,
            &self.options,
            def.schema(),
            schema,
            &newer_columns(def),
            &def.partition_by,
        )
    }
}
