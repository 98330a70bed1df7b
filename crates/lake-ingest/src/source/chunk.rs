//! What a source gives: rows with their places, and the rows it could not take.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::fields::Fields;
use super::text::shown;
use crate::error::{IngestError, Place, Result};

/// The most rows of a chunk.
pub(crate) const CHUNK_ROWS: usize = 64 * 1024;
/// A chunk ends with the row that takes it past so many bytes.
pub(crate) const CHUNK_BYTES: usize = 64 << 20;
/// Rejects are handed over when they take so many bytes.
pub(crate) const CHUNK_REJECTS: usize = 8 << 20;
/// How much of a rejected record is kept.
const MAX_RAW: usize = 64 << 10;
pub(crate) const NULL_WHY: &str = "it is NULL, but the column is NOT NULL";

/// Rows in the table's columns and types, and where each came from.
#[derive(Clone, Debug)]
pub struct Chunk {
    pub batch: RecordBatch,
    pub places: Places,
}

/// The places of a chunk's rows. They mostly follow each other, so that only the
/// first of each run is noted.
#[derive(Clone, Debug)]
pub struct Places {
    file: Arc<str>,
    runs: Vec<Run>,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    at: u64,
    row: u64,
    line: Option<u64>,
}

impl Run {
    fn step(&self, i: u64) -> (u64, Option<u64>) {
        let by = i.saturating_sub(self.at);
        (self.row + by, self.line.map(|line| line + by))
    }
}

impl Places {
    pub(crate) fn new(file: Arc<str>) -> Places {
        Places { file, runs: Vec::new() }
    }

    /// Notes where row `i` of the chunk stands; `i` grows.
    pub(crate) fn note(&mut self, i: usize, row: u64, line: Option<u64>) {
        let at = i as u64;
        if self.runs.last().is_none_or(|run| run.step(at) != (row, line)) {
            self.runs.push(Run { at, row, line });
        }
    }

    /// Counted from the beginning of the input, before which so many rows and lines came.
    pub(crate) fn shift(&mut self, rows: u64, lines: u64) {
        for run in &mut self.runs {
            run.row += rows;
            run.line = run.line.map(|line| line + lines);
        }
    }

    /// Leaves the places of the rows that stay.
    pub(crate) fn retain(&mut self, stays: &[bool]) {
        let mut left = Places::new(self.file.clone());
        let rows = stays.iter().enumerate().filter(|(_, stays)| **stays);
        for (to, (from, _)) in rows.enumerate() {
            let Place { row, line, .. } = self.place(from);
            left.note(to, row, line);
        }
        *self = left;
    }

    /// The place of row `i` of the chunk.
    pub fn place(&self, i: usize) -> Place {
        let (row, line) = self.step(i);
        Place { file: self.file.clone(), row, line }
    }

    /// The number of row `i` alone.
    pub(crate) fn row(&self, i: usize) -> u64 {
        self.step(i).0
    }

    fn step(&self, i: usize) -> (u64, Option<u64>) {
        let i = i as u64;
        let after = self.runs.partition_point(|run| run.at <= i);
        match after.checked_sub(1).and_then(|n| self.runs.get(n)) {
            Some(run) => run.step(i),
            None => (i + 1, None),
        }
    }

    /// Those of some of the rows, which follow each other.
    fn part(&self, rows: &Range<usize>) -> Places {
        let mut part = Places::new(self.file.clone());
        let (row, line) = self.step(rows.start);
        part.note(0, row, line);
        let (from, to) = (rows.start as u64, rows.end as u64);
        let first = self.runs.partition_point(|run| run.at <= from);
        let within = self.runs[first..].iter().take_while(|run| run.at < to);
        part.runs.extend(within.map(|run| Run { at: run.at - from, ..*run }));
        part
    }

    pub fn file(&self) -> &Arc<str> {
        &self.file
    }
}

impl Chunk {
    pub(crate) fn empty(file: &Arc<str>, schema: &SchemaRef) -> Chunk {
        let batch = RecordBatch::new_empty(schema.clone());
        Chunk { batch, places: Places::new(file.clone()) }
    }

    /// How many of its rows, the first of them, have numbers up to `last`.
    pub(crate) fn rows_through(&self, last: u64) -> usize {
        let (mut low, mut high) = (0, self.batch.num_rows());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.places.row(middle) <= last { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Some of its rows; nothing is copied.
    pub(crate) fn part(&self, rows: Range<usize>) -> Chunk {
        let batch = self.batch.slice(rows.start, rows.len());
        Chunk { batch, places: self.places.part(&rows) }
    }
}

/// A row that cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    pub place: Place,
    /// The column at fault, where it is one.
    pub column: Option<String>,
    pub value: Option<String>,
    pub why: String,
    /// The text of the record, or the row as JSON where the input is not text; cut
    /// at 64 KiB.
    pub raw: String,
    /// What it takes to try the row again. None: it could not be cut into fields.
    pub(crate) fields: Option<Fields>,
}

impl Reject {
    /// The memory it takes, about.
    pub(crate) fn size(&self) -> usize {
        let len = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let fields = self.fields.as_ref().map_or(0, |fields| fields.json.len());
        let texts = len(&self.column) + len(&self.value) + self.why.len() + self.raw.len();
        size_of::<Reject>() + texts + fields
    }

    /// The error that ends an ingest which takes no rejects.
    pub fn into_error(self) -> IngestError {
        let Reject { place, column, value, why, .. } = self;
        match (column, value) {
            (Some(column), Some(value)) => {
                IngestError::Cell { place, column, text: shown(&value), why }
            }
            (Some(column), None) if why == NULL_WHY => IngestError::Null { place, column },
            (Some(column), None) => {
                IngestError::Row { place, why: format!("column {column}: {why}") }
            }
            (None, _) => IngestError::Row { place, why },
        }
    }
}

/// The text of a record as a reject keeps it.
pub(crate) fn raw(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(MAX_RAW)];
    String::from_utf8_lossy(cut).into_owned()
}

/// What becomes of rejects: the first ends the reading, or they are collected.
pub trait Rejects {
    /// An error stops the reading, with that error.
    fn reject(&mut self, reject: Reject) -> Result<()>;

    /// Bytes of rejects that wait to be handed over with the next chunk. A source does
    /// not let more than `CHUNK_REJECTS` wait, nor any while its input pauses: where
    /// there are no rows to go with them, the chunk is empty.
    fn waiting(&self) -> usize {
        0
    }
}

/// Rows as they come. After an error there are none.
pub trait Source: Send {
    fn next(&mut self, rejects: &mut dyn Rejects) -> Result<Option<Chunk>>;
}
