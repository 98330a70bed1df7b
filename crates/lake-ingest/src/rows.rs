//! The rows of one call, from one source or several, and where each came from.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;

use crate::error::{IngestError, Place, Result};

/// Rows are numbered by 32 bits on their way through.
const MAX_ROWS: u64 = u32::MAX as u64;

pub(crate) struct Rows {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    count: u64,
    files: Vec<File>,
}

struct File {
    name: Arc<str>,
    /// The number of its first row among all.
    first: u64,
    lines: Option<Lines>,
}

/// On which line each row begins. Rows and lines go together but for records of
/// several lines and blank ones, so that only these are noted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(Vec<(u64, u64)>);

impl Lines {
    /// Notes the line of a row; both only grow.
    pub(crate) fn note(&mut self, row: u64, line: u64) {
        let lead = line - row;
        if self.0.last().is_none_or(|(_, before)| *before != lead) {
            self.0.push((row, lead));
        }
    }

    fn of(&self, row: u64) -> u64 {
        let after = self.0.partition_point(|(first, _)| *first <= row);
        row + after.checked_sub(1).map_or(0, |i| self.0[i].1)
    }
}

impl Rows {
    pub(crate) fn new(schema: SchemaRef) -> Rows {
        Rows { schema, batches: Vec::new(), count: 0, files: Vec::new() }
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// From here on, rows are of this file.
    pub(crate) fn add_file(&mut self, name: &str) -> Arc<str> {
        let name: Arc<str> = name.into();
        self.files.push(File { name: name.clone(), first: self.count, lines: None });
        name
    }

    /// Says where the rows of the newest file stand.
    pub(crate) fn set_lines(&mut self, lines: Lines) {
        if let Some(file) = self.files.last_mut() {
            file.lines = Some(lines);
        }
    }

    pub(crate) fn push(&mut self, batch: RecordBatch) -> Result<()> {
        self.count += batch.num_rows() as u64;
        if self.count > MAX_ROWS {
            return Err(IngestError::TooMuch("more than 4,294,967,295"));
        }
        if batch.num_rows() > 0 {
            self.batches.push(batch);
        }
        Ok(())
    }

    /// Where a row came from; rows count from 0 over all files.
    pub(crate) fn place(&self, row: usize) -> Place {
        let row = row as u64;
        let after = self.files.partition_point(|f| f.first <= row);
        match after.checked_sub(1).and_then(|i| self.files.get(i)) {
            Some(file) => {
                let row = row - file.first + 1;
                let line = file.lines.as_ref().map(|lines| lines.of(row));
                Place { file: file.name.clone(), row, line }
            }
            None => Place { file: "input".into(), row: row + 1, line: None },
        }
    }

    /// All rows in one piece; texts of one column may take 2 GiB together.
    pub(crate) fn whole(&self) -> Result<RecordBatch> {
        if let [only] = self.batches.as_slice() {
            return Ok(only.clone());
        }
        concat_batches(&self.schema, &self.batches)
            .map_err(|_| IngestError::TooMuch("more than 2 GiB of text in one column"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_follow_rows_over_gaps() {
        let mut lines = Lines::default();
        for (row, line) in [(1, 2), (2, 3), (3, 6), (4, 7), (5, 9)] {
            lines.note(row, line);
        }
        assert_eq!(lines.0.len(), 3);
        for (row, line) in [(1, 2), (2, 3), (3, 6), (4, 7), (5, 9), (6, 10)] {
            assert_eq!(lines.of(row), line, "row {row}");
        }
    }
}
