//! What is read and not yet committed, by the numbers that the rows have in the input.

use std::collections::VecDeque;

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use lake_core::schema::TableDef;
use lake_segment::Upgrade;

use crate::error::{IngestError, Place, Result};
use crate::ingest::Feed;
use crate::source::{Chunk, NULL_WHY, Reject, Rejects, Source, of_row, row_text};

/// More rejects than this are not left to wait; a commit that keeps them takes twice as
/// many at most.
const MOST_REJECTS: usize = 50_000;

/// Good and bad rows after the last one committed, in the order of their numbers.
#[derive(Default)]
pub(super) struct Pending {
    /// Each with the memory that it holds, also when most of its rows are gone.
    chunks: VecDeque<(Chunk, usize)>,
    rejects: VecDeque<Reject>,
    bytes: usize,
    /// The last row read.
    read: u64,
    /// The last row committed.
    done: u64,
}

impl Pending {
    /// Rows up to `done` are skipped.
    pub(super) fn after(done: u64) -> Pending {
        Pending { done, ..Pending::default() }
    }

    /// The last row committed.
    pub(super) fn done(&self) -> u64 {
        self.done
    }

    /// The last row that a commit of everything makes durable.
    pub(super) fn through(&self) -> u64 {
        self.read.max(self.done)
    }

    /// Rows that wait, the bad ones among them.
    pub(super) fn rows(&self) -> u64 {
        self.through() - self.done
    }

    pub(super) fn has_rejects(&self) -> bool {
        !self.rejects.is_empty()
    }

    /// However few rows it is, they are not to wait for more.
    pub(super) fn is_full(&self, most_bytes: usize) -> bool {
        self.bytes >= most_bytes.max(1) || self.rejects.len() >= MOST_REJECTS
    }

    pub(super) fn push(&mut self, chunk: Option<Chunk>, rejects: Vec<Reject>) -> Result<()> {
        let before = self.read;
        for reject in rejects {
            let row = reject.place.row;
            if row <= self.read {
                return Err(out_of_order(reject.place));
            }
            self.read = row;
            if row > self.done {
                self.bytes += reject.size();
                self.rejects.push_back(reject);
            }
        }
        let Some(chunk) = chunk else { return Ok(()) };
        let rows = chunk.batch.num_rows();
        if rows == 0 {
            return Ok(());
        }
        if chunk.places.row(0) <= before {
            return Err(out_of_order(chunk.places.place(0)));
        }
        self.read = self.read.max(chunk.places.row(rows - 1));
        let known = chunk.rows_through(self.done);
        if known < rows {
            let bytes = chunk.batch.get_array_memory_size();
            self.bytes += bytes;
            self.chunks.push_back((chunk.part(known..rows), bytes));
        }
        Ok(())
    }

    /// They are committed.
    pub(super) fn forget(&mut self, through: u64) {
        self.done = self.done.max(through);
        while let Some(reject) = self.rejects.pop_front_if(|r| r.place.row <= through) {
            self.bytes -= reject.size();
        }
        while let Some((chunk, bytes)) = self.chunks.front_mut() {
            let rows = chunk.batch.num_rows();
            let known = chunk.rows_through(through);
            if known < rows {
                if known > 0 {
                    *chunk = chunk.part(known..rows);
                }
                return;
            }
            self.bytes -= *bytes;
            self.chunks.pop_front();
        }
    }
}

/// Files that are read one after the other, for instance, each begin with row 1.
fn out_of_order(place: Place) -> IngestError {
    let why = "its number is not above that of the row before, so a stream cannot go on after it";
    IngestError::Row { place, why: why.into() }
}

/// The rows of one checkpoint. They can be asked for again, also as the table is then.
pub(super) struct Batch<'a> {
    pub(super) pending: &'a Pending,
    pub(super) through: u64,
    /// The schema that they were read for.
    pub(super) schema_version: u32,
}

impl Feed for Batch<'_> {
    fn open(&self, def: &TableDef, schema: &SchemaRef) -> Result<Box<dyn Source>> {
        let rejects = self.pending.rejects.iter().take_while(|r| r.place.row <= self.through);
        let first = |(chunk, _): &(Chunk, usize)| match chunk.rows_through(self.through) {
            0 => None,
            rows => Some(chunk.part(0..rows)),
        };
        let renewal = match def.schema().version == self.schema_version {
            true => None,
            false => Some(Renewal::new(def, schema, self.schema_version)?),
        };
        Ok(Box::new(Replay {
            rejects: rejects.cloned().collect(),
            chunks: self.pending.chunks.iter().map_while(first).collect(),
            renewal,
        }))
    }
}

struct Replay {
    rejects: VecDeque<Reject>,
    chunks: VecDeque<Chunk>,
    renewal: Option<Renewal>,
}

impl Source for Replay {
    fn next(&mut self, rejects: &mut dyn Rejects) -> Result<Option<Chunk>> {
        self.rejects.drain(..).try_for_each(|r| rejects.reject(r))?;
        let Some(chunk) = self.chunks.pop_front() else { return Ok(None) };
        match &self.renewal {
            None => Ok(Some(chunk)),
            Some(renewal) => renewal.apply(chunk, rejects).map(Some),
        }
    }
}

/// Rows that were read for an older schema, as rows of the newest: as stored rows would
/// be, except that what the table no longer takes is rejected.
struct Renewal {
    upgrade: Upgrade,
    schema: SchemaRef,
    /// Columns that must not be NULL.
    required: Vec<(usize, String)>,
}

impl Renewal {
    fn new(def: &TableDef, schema: &SchemaRef, version: u32) -> Result<Renewal> {
        let fields = def.schema().fields.iter().enumerate().filter(|(_, f)| f.not_null);
        Ok(Renewal {
            upgrade: Upgrade::new("input", def, version, None)?,
            schema: schema.clone(),
            required: fields.map(|(at, f)| (at, f.name.clone())).collect(),
        })
    }

    fn apply(&self, mut chunk: Chunk, rejects: &mut dyn Rejects) -> Result<Chunk> {
        let mut batch = self.upgrade.apply(&chunk.batch)?;
        let mut keep = vec![true; batch.num_rows()];
        for (at, name) in &self.required {
            let column = batch.column(*at);
            if column.null_count() == 0 {
                continue;
            }
            for row in (0..column.len()).filter(|row| column.is_null(*row)) {
                // One reject a row.
                if std::mem::replace(&mut keep[row], false) {
                    rejects.reject(Reject {
                        place: chunk.places.place(row),
                        column: Some(name.clone()),
                        value: None,
                        why: NULL_WHY.into(),
                        raw: row_text(&batch, row),
                        fields: of_row(&batch, row),
                    })?;
                }
            }
        }
        if keep.contains(&false) {
            chunk.places.retain(&keep);
            batch = filter_record_batch(&batch, &BooleanArray::from(keep))?;
        }
        chunk.batch = RecordBatch::try_new(self.schema.clone(), batch.columns().to_vec())?;
        Ok(chunk)
    }
}
