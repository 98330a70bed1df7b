//! That no row was lost, doubled or changed: the staged files are read again and
//! compared with what went into them, before anything is committed.

use lake_core::segment::Segment;
use lake_segment::{SegmentReader, Verify, row_sum};
use lake_store::fault;
use rayon::prelude::*;

use super::merging::{Merged, Merging};
use crate::error::{MaintainError, Result};

/// `due`: the rows that the inputs of each have by the log.
pub(super) fn check(merging: &Merging<'_>, due: &[u64], merged: &[Merged]) -> Result<()> {
    for (due, merged) in due.iter().zip(merged) {
        let written: u64 = merged.outputs.iter().map(|(_, segment)| segment.rows).sum();
        let accounted = written + merged.superseded + merged.hidden;
        if merged.read != *due || merged.read != accounted {
            let (read, superseded, hidden) = (merged.read, merged.superseded, merged.hidden);
            return Err(MaintainError::NotConserved(format!(
                "of {due} rows {read} were read, {superseded} superseded, {hidden} hidden and \
                 {written} written"
            )));
        }
        let sums = merged.outputs.par_iter().map(|(_, segment)| sum(merging, segment));
        let sum = sums.try_reduce(|| 0, |a, b| Ok(a.wrapping_add(b)))?;
        if sum != merged.sum && !fault::mutant("conservation") {
            return Err(MaintainError::NotConserved(format!(
                "the {written} rows written are not those that were read"
            )));
        }
    }
    Ok(())
}

fn sum(merging: &Merging<'_>, segment: &Segment) -> Result<u64> {
    let path = merging.files.staged_path(segment);
    let (mut sum, mut numbers) = (0u64, Vec::new());
    for batch in SegmentReader::open(merging.root, &path, segment, Verify::Hash, None)? {
        sum = sum.wrapping_add(row_sum(&batch?, &mut numbers)?);
    }
    Ok(sum)
}
