//! Archived rows once more in their table. Rows that are there now stay as they are, as
//! they are newer. It is one commit, whose producer and seq are the archive's: it is made
//! once, however often it is tried, and the archive no longer counts from then on.

use std::ops::Bound;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use lake_core::archive::{Archive, unarchive_key};
use lake_core::kind::Kind;
use lake_core::mask::Stretch;
use lake_core::schema::TableDef;
use lake_segment::{Merge, MergeInput, MergeOptions, Verify};
use lake_store::Root;

use crate::error::{IngestError, Result};
use crate::feed::newer_columns;
use crate::ingest::{Feed, Ingested, Writer};
use crate::options::{Mode, OnError, Options};
use crate::source::{Chunk, Rejects, Source, of_named};

struct Archived<'a> {
    root: &'a Root,
    archive: &'a Archive,
}

impl Feed for Archived<'_> {
    fn size(&self) -> Option<u64> {
        Some(self.archive.bytes())
    }

    fn open(&self, def: &TableDef, schema: &SchemaRef) -> Result<Box<dyn Source>> {
        let files = self.archive.files.iter();
        let inputs: Vec<MergeInput<'_>> = files
            .map(|(part, segment)| MergeInput {
                path: Archive::path(def, part, segment),
                part,
                segment,
            })
            .collect();
        let options = MergeOptions {
            within: (Bound::Unbounded, Bound::Unbounded),
            stretch: Stretch::whole(),
            verify: Verify::Hash,
            ..MergeOptions::default()
        };
        // A column that has become NOT NULL since is for the ingest to refuse.
        let mut lax = def.clone();
        if let Some(newest) = lax.schemas.last_mut() {
            newest.fields.iter_mut().for_each(|field| field.not_null = false);
        }
        let merge = Merge::open(self.root, &lax, &inputs, &options)?;
        let name = format!("archive {} of {}", self.archive.seq, def.name).into();
        let (def, schema) = (def.clone(), schema.clone());
        Ok(Box::new(Rows { merge, name, def, schema, current: None }))
    }
}

struct Rows {
    merge: Merge,
    name: Arc<str>,
    def: TableDef,
    schema: SchemaRef,
    current: Option<Box<dyn Source>>,
}

impl Source for Rows {
    fn next(&mut self, rejects: &mut dyn Rejects) -> Result<Option<Chunk>> {
        loop {
            if let Some(source) = &mut self.current {
                if let Some(chunk) = source.next(rejects)? {
                    return Ok(Some(chunk));
                }
                self.current = None;
            }
            let Some(batch) = self.merge.next().transpose()? else { return Ok(None) };
            let (def, optional) = (&self.def, newer_columns(&self.def));
            let (name, schema) = (self.name.clone(), def.schema());
            let source = of_named(name, &batch, schema, &self.schema, &optional, &def.partition_by);
            self.current = Some(source?);
        }
    }
}

impl Writer {
    /// Brings the rows of an archive back. Of `options`, layout, memory, meter and dry run
    /// count.
    pub fn unarchive(&mut self, archive: &Archive, options: &Options) -> Result<Ingested> {
        let root = self.lake().root().clone();
        let state = self.lake().refresh()?.clone();
        let found = state.table_by_id(archive.table);
        let table = found.ok_or_else(|| IngestError::NoTable(archive.table.0.to_string()))?;
        let name = &table.def.name;
        let mode = match table.def.key.is_empty() {
            true => Mode::Append,
            false => Mode::Ignore,
        };
        let options = Options {
            mode: Some(mode),
            producer: Some(unarchive_key(name, archive.seq)),
            on_error: OnError::Abort,
            ..options.clone()
        };
        match self.ingest(name, &Archived { root: &root, archive }, &options) {
            // Somebody else has brought them back, and the files were moved away meanwhile.
            Err(error) if error.kind() == Kind::Damaged => {
                self.lake().refresh()?;
                self.committed_once(&options)?.ok_or(error)
            }
            done => done,
        }
    }
}
