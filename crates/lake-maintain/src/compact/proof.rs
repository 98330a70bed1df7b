//! That no row was lost, doubled or changed: the staged files are read again and
//! compared with what went into them, before anything is committed.
//!
//! Rows that were encoded anew are decoded, and their sum compared with that of the rows
//! read. Of row groups that were copied the bytes, statistics and page indexes are
//! compared with those of the original by their digests, and the sum is the one that was
//! written when their rows were encoded; `verify --deep` decodes them.

use lake_core::segment::Segment;
use lake_segment::{Copied, SegmentReader, Verify, copied_sum, row_sum};
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
        let sums = merged.outputs.par_iter().map(|(_, segment)| {
            let own = merged.copied.iter().filter(|copied| copied.segment == segment.id);
            sum(merging, segment, &own.copied().collect::<Vec<_>>())
        });
        let sum = sums.try_reduce(|| 0, |a, b| Ok(a.wrapping_add(b)))?;
        if sum != merged.sum {
            return Err(MaintainError::NotConserved(format!(
                "the {written} rows written are not those that were read"
            )));
        }
    }
    Ok(())
}

fn sum(merging: &Merging<'_>, segment: &Segment, copied: &[Copied]) -> Result<u64> {
    let (root, path) = (merging.root, merging.files.staged_path(segment));
    let Some(mut sum) = copied_sum(root, &path, copied)? else {
        return Err(MaintainError::NotConserved(
            "a row group is not what it was copied from".into(),
        ));
    };
    let mut numbers = Vec::new();
    for batch in SegmentReader::encoded_here(root, &path, segment, Verify::Hash, copied)? {
        sum = sum.wrapping_add(row_sum(&batch?, &mut numbers)?);
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use std::ops::Bound;

    use lake_core::edit::Cause;
    use lake_core::segment::SegmentKind;
    use lake_segment::{Files, Format};
    use lake_store::Deadline;

    use super::*;
    use crate::compact::CompactOptions;
    use crate::compact::merging::Input;
    use crate::policy::{Form, Policy};
    use crate::yard::Yard;

    #[test]
    fn a_row_that_is_lost_doubled_or_changed_is_noticed() {
        let mut yard = Yard::new();
        yard.add(&[("A", 1, 1.0), ("B", 1, 1.0)], true);
        yard.add(&[("A", 1, 2.0), ("A", 2, 2.0)], true);
        let table = yard.table();
        let inputs: Vec<Input> = table
            .segments()
            .map(|(part, s)| Input {
                path: table.path(part, s),
                part: part.clone(),
                segment: s.clone(),
            })
            .collect();
        let draft = yard.lake.begin().unwrap();
        let txn = draft.transaction(Cause::Compact);
        let root = yard.lake.root().clone();
        let files = Files::new(&root, &draft.staging, &txn, SegmentKind::Base);
        let format = Format::new(&table.def).unwrap();
        let options = CompactOptions {
            policy: Policy::default(),
            memory: 1 << 20,
            deadline: Deadline::never(),
        };
        let merging = Merging {
            root: &root,
            table: &table,
            format: &format,
            files: &files,
            options: &options,
            watch: &(),
        };
        let merge = || {
            let all = (Bound::Unbounded, Bound::Unbounded);
            merging.merge(&inputs, &all, Form::Packs, 1).unwrap()
        };
        let noticed = |due: u64, merged: Merged| match check(&merging, &[due], &[merged]) {
            Err(MaintainError::NotConserved(_)) => true,
            Ok(()) => false,
            Err(other) => panic!("{other}"),
        };
        assert!(!noticed(4, merge()));
        assert!(noticed(5, merge()), "an input was not read");
        let lost = || Merged { outputs: Vec::new(), ..merge() };
        assert!(noticed(4, lost()), "all outputs are lost");
        assert!(noticed(4, Merged { superseded: 4, ..lost() }), "counted as superseded");
        let twice = |mut merged: Merged| {
            let again = merged.outputs.clone();
            merged.outputs.extend(again);
            merged
        };
        let doubled = Merged { read: 7, ..twice(merge()) };
        assert!(noticed(7, doubled), "rows are there twice");
        let other = Merged { sum: merge().sum ^ 1, ..merge() };
        assert!(noticed(4, other), "a value is another");
        let copied = |merged: Merged| {
            let segment = merged.outputs[0].1.id;
            Merged { copied: vec![Copied { segment, group: 0, rows: 3, digest: 7 }], ..merged }
        };
        assert!(noticed(4, copied(merge())), "a copy is another");
    }
}
