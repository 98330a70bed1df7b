//! Rows on their way out: pieces of inputs' batches that become one batch.

use arrow::array::RecordBatch;
use arrow::compute::{concat_batches, interleave_record_batch};
use arrow::datatypes::SchemaRef;

use crate::error::{Result, SegmentError};

/// Pieces shorter than this on average are put together row by row.
const SHORT: usize = 16;

pub(super) struct Pending {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    pieces: Vec<Piece>,
    rows: usize,
    epoch: u64,
    #[cfg(test)]
    most_held: usize,
}

struct Piece {
    batch: usize,
    start: usize,
    len: usize,
}

/// Where a batch stands among those pending; a default one stands nowhere.
#[derive(Clone, Copy, Default)]
pub(super) struct Slot {
    epoch: u64,
    batch: usize,
}

impl Pending {
    pub(super) fn new(schema: SchemaRef) -> Pending {
        Pending {
            schema,
            batches: Vec::new(),
            pieces: Vec::new(),
            rows: 0,
            epoch: 1,
            #[cfg(test)]
            most_held: 0,
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    #[cfg(test)]
    pub(super) fn most_held(&self) -> usize {
        self.most_held
    }

    /// Adds rows of a batch. `most`: so many batches may be held on to for the sake
    /// of a few rows of each; then these are copied.
    pub(super) fn push(
        &mut self,
        batch: &RecordBatch,
        slot: &mut Slot,
        (start, len): (usize, usize),
        most: usize,
    ) -> Result<()> {
        if slot.epoch != self.epoch {
            if self.batches.len() >= most {
                let so_far = self.take()?;
                self.pieces.push(Piece { batch: 0, start: 0, len: so_far.num_rows() });
                self.rows = so_far.num_rows();
                self.batches.push(so_far);
            }
            *slot = Slot { epoch: self.epoch, batch: self.batches.len() };
            self.batches.push(batch.clone());
            #[cfg(test)]
            {
                self.most_held = self.most_held.max(self.batches.len());
            }
        }
        self.rows += len;
        match self.pieces.last_mut() {
            Some(last) if last.batch == slot.batch && last.start + last.len == start => {
                last.len += len;
            }
            _ => self.pieces.push(Piece { batch: slot.batch, start, len }),
        }
        Ok(())
    }

    /// All of them as one batch.
    pub(super) fn take(&mut self) -> Result<RecordBatch> {
        let made = if let [only] = self.pieces.as_slice() {
            Ok(self.batches[only.batch].slice(only.start, only.len))
        } else if self.rows >= self.pieces.len() * SHORT {
            let slice = |p: &Piece| self.batches[p.batch].slice(p.start, p.len);
            let slices: Vec<RecordBatch> = self.pieces.iter().map(slice).collect();
            concat_batches(&self.schema, &slices)
        } else {
            let batches: Vec<&RecordBatch> = self.batches.iter().collect();
            let places = |p: &Piece| {
                let batch = p.batch;
                (p.start..p.start + p.len).map(move |row| (batch, row))
            };
            let rows: Vec<(usize, usize)> = self.pieces.iter().flat_map(places).collect();
            interleave_record_batch(&batches, &rows)
        };
        self.batches.clear();
        self.pieces.clear();
        self.rows = 0;
        self.epoch += 1;
        made.map_err(SegmentError::arrow)
    }
}
