//! Upserts that leave values as they are: a NULL takes the value of an earlier row of
//! the batch with its key, or else the stored one.

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::interleave;
use lake_core::schema::TableDef;

use crate::block::Block;
use crate::error::Result;
use crate::split::{Group, Keys};
use crate::stored::Stored;

/// Where a value is taken from: the block or the stored rows, and the row there.
type Source = (usize, usize);
const BLOCK: usize = 0;
const STORED: usize = 1;

/// Makes one row of all with the same key. The block then holds these rows only, group
/// after group. Returns how many rows went into others.
pub(crate) fn fill(
    def: &TableDef,
    keys: &Keys,
    block: &mut Block,
    groups: &mut [Group],
    stored: &Stored,
) -> Result<u64> {
    let mut runs: Vec<Vec<u32>> = Vec::new();
    let mut before = 0;
    for group in groups.iter_mut() {
        let start = runs.len();
        before += group.rows.len();
        for run in group.rows.chunk_by(|a, b| keys.compare(*a, *b).is_eq()) {
            runs.push(run.to_vec());
        }
        group.rows = (start as u32..runs.len() as u32).collect();
    }
    let fields = def.schema().fields.len();
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(fields);
    for (i, ours) in block.batch.columns().iter().enumerate() {
        let theirs = stored.rows().map(|rows| rows.column(i));
        let from: Vec<Source> = runs.iter().map(|run| source(run, ours, theirs, stored)).collect();
        let arrays: Vec<&dyn Array> =
            [Some(ours), theirs].into_iter().flatten().map(|a| a.as_ref()).collect();
        columns.push(interleave(&arrays, &from)?);
    }
    block.batch = RecordBatch::try_new(block.batch.schema(), columns)?;
    block.made_of = Some(runs.iter().filter_map(|run| run.last().copied()).collect());
    Ok((before - runs.len()) as u64)
}

/// The last value of a run that is one, or the stored one, or NULL.
fn source(run: &[u32], ours: &ArrayRef, theirs: Option<&ArrayRef>, stored: &Stored) -> Source {
    let last = run.last().copied().unwrap_or_default();
    if let Some(row) = run.iter().rev().find(|row| ours.is_valid(**row as usize)) {
        return (BLOCK, *row as usize);
    }
    match stored.of_row(last).filter(|row| theirs.is_some_and(|a| a.is_valid(*row))) {
        Some(row) => (STORED, row),
        None => (BLOCK, last as usize),
    }
}
