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

    /// Moves the rows behind the first so many to a new pile, which may take `most` bytes.
    pub(crate) fn split_off(&mut self, keep: usize, most: usize) -> Pile {
        let mut tail = Vec::new();
        while self.rows > keep
            && let Some(chunk) = self.chunks.pop()
        {
            let rows = chunk.batch.num_rows();
            self.rows -= rows;
            let own = keep.saturating_sub(self.rows);
            if own > 0 {
                self.chunks.push(chunk.part(0..own));
                self.rows += own;
            }
            tail.push(chunk.part(own..rows));
        }
        let mut rest = Pile::new(most);
        tail.into_iter().rev().for_each(|chunk| rest.push(chunk));
        rest
    }

    /// How many rows the first half of the chunks has: what came together, and may be
    /// wrong together, stays so.
    pub(crate) fn half(&self) -> usize {
        let mut rows = 0;
        let whole = self.chunks.iter().map(|chunk| chunk.batch.num_rows());
        whole
            .take_while(|own| {
                let before = rows;
                rows += own;
                before < self.rows.div_ceil(2)
            })
            .sum()
    }

    /// How many rows there are before the last partition's, if those are the smaller part.
    pub(crate) fn whole_partitions(&self, columns: &[usize]) -> usize {
        let Some(newest) = self.chunks.last() else { return 0 };
        let last = newest.batch.num_rows() - 1;
        let same = |batch: &RecordBatch, row: usize| {
            columns.iter().all(|at| {
                let (these, newest) = (batch.column(*at), newest.batch.column(*at));
                these.as_string::<i32>().value(row) == newest.as_string::<i32>().value(last)
            })
        };
        let mut before = self.rows;
        for chunk in self.chunks.iter().rev() {
            let rows = chunk.batch.num_rows();
            let run = (0..rows).rev().take_while(|row| same(&chunk.batch, *row)).count();
            before -= run;
            if run < rows || before < self.rows / 2 {
                break;
            }
        }
        if before < self.rows.div_ceil(2) { self.rows } else { before }
    }

    pub(crate) fn append(&mut self, other: Pile) {
        other.chunks.into_iter().for_each(|chunk| self.push(chunk));
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
