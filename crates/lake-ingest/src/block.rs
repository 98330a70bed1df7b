//! As many rows as are held at a time, and where each of them came from.

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;

use crate::error::{IngestError, Place, Result};
use crate::source::{Chunk, Places};

/// Rows are numbered by 32 bits within a block, and the texts of a column take 2 GiB
/// at most.
const MOST_ROWS: usize = u32::MAX as usize;
const MOST_BYTES: usize = 1 << 30;

/// Chunks on their way to one piece.
pub(crate) struct Pile {
    chunks: Vec<Chunk>,
    rows: usize,
    bytes: usize,
    most: usize,
}

pub(crate) struct Block {
    pub(crate) batch: RecordBatch,
    /// The first row of each chunk, and its places.
    places: Vec<(usize, Places)>,
    /// Where rows were put together of several: the last of these.
    pub(crate) made_of: Option<Vec<u32>>,
}

impl Pile {
    /// `most` bytes, about.
    pub(crate) fn new(most: usize) -> Pile {
        Pile { chunks: Vec::new(), rows: 0, bytes: 0, most: most.min(MOST_BYTES) }
    }

    pub(crate) fn push(&mut self, chunk: Chunk) {
        let rows = chunk.batch.num_rows();
        if rows > 0 {
            self.rows += rows;
            self.bytes += chunk.batch.get_array_memory_size();
            self.chunks.push(chunk);
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// However little it may hold, it takes a chunk.
    pub(crate) fn is_full(&self) -> bool {
        self.rows > 0 && (self.bytes >= self.most || self.rows >= MOST_ROWS / 2)
    }

    /// Takes the last rows that are of one partition, if they are the smaller part, to go
    /// before what comes next: then blocks of an input in the order of its partitions
    /// share none, and need no merge. The new pile may take `most` bytes.
    pub(crate) fn split_off(&mut self, partition_by: &[usize], most: usize) -> Pile {
        let mut rest = Pile::new(most);
        let Some(newest) = self.chunks.last() else { return rest };
        let (newest, end) = (newest.batch.clone(), newest.batch.num_rows());
        let same = |batch: &RecordBatch, row: usize| {
            partition_by.iter().all(|at| {
                let (these, last) = (batch.column(*at), newest.column(*at));
                these.as_string::<i32>().value(row) == last.as_string::<i32>().value(end - 1)
            })
        };
        let mut count = 0;
        for chunk in self.chunks.iter().rev() {
            let rows = chunk.batch.num_rows();
            let run = (0..rows).rev().take_while(|row| same(&chunk.batch, *row)).count();
            count += run;
            if count > self.rows / 2 {
                return rest;
            }
            if run < rows {
                break;
            }
        }
        self.rows -= count;
        let mut tail = Vec::new();
        while count > 0
            && let Some(chunk) = self.chunks.pop()
        {
            let rows = chunk.batch.num_rows();
            let own = rows.saturating_sub(count);
            if own > 0 {
                self.chunks.push(chunk.part(0..own));
            }
            tail.push(chunk.part(own..rows));
            count -= rows - own;
        }
        tail.into_iter().rev().for_each(|chunk| rest.push(chunk));
        rest
    }

    /// What has piled up, in one piece.
    pub(crate) fn into_block(self, schema: &SchemaRef) -> Result<Block> {
        let chunks = self.chunks;
        let mut places = Vec::with_capacity(chunks.len());
        let mut batches = Vec::with_capacity(chunks.len());
        let mut row = 0;
        for chunk in chunks {
            places.push((row, chunk.places));
            row += chunk.batch.num_rows();
            batches.push(chunk.batch);
        }
        let batch = match batches.as_slice() {
            [only] => only.clone(),
            _ => concat_batches(schema, &batches)
                .map_err(|_| IngestError::TooMuch("more than 2 GiB of text in one column"))?,
        };
        Ok(Block { batch, places, made_of: None })
    }
}

impl Block {
    pub(crate) fn place(&self, row: usize) -> Place {
        let last = self.made_of.as_ref().and_then(|rows| rows.get(row));
        let row = last.map_or(row, |last| *last as usize);
        let after = self.places.partition_point(|(first, _)| *first <= row);
        match after.checked_sub(1).and_then(|i| self.places.get(i)) {
            Some((first, places)) => places.place(row - first),
            None => Place { file: "input".into(), row: row as u64 + 1, line: None },
        }
    }
}
