//! That no row was lost, doubled or changed, by counts and by sums of rows, before anything
//! is committed:
//!
//! 1. what was read is what the inputs had when they were written, by the log;
//! 2. what is in the staged files, which are read again, is what was read without what
//!    newer rows superseded and masks hide.
//!
//! Where the log has no sum of an input, or has one of an older schema, the first is known
//! of the count alone.
//!
//! Rows that were encoded anew are decoded for it. Of row groups that were copied the bytes
//! and statistics are compared with those of the original by their digests, and the sum
//! is the one that was written when their rows were encoded; `verify --deep` decodes them.

use lake_core::segment::Segment;
use lake_segment::{Copied, SegmentError, SegmentReader, Verify, copied_sum, row_sum};
use lake_store::Root;
use rayon::prelude::*;

use super::merging::{Input, Merged, Merging};
use crate::error::{MaintainError, Result};

/// Why it is not so; None: it is.
type Doubt = Option<String>;

/// Gives the outputs their sums.
pub(super) fn check<'i>(
    merging: &Merging<'_>,
    inputs: impl Iterator<Item = &'i [Input]>,
    merged: &mut [Merged],
) -> Result<Doubt> {
    for (inputs, merged) in inputs.zip(merged) {
        let due: u64 = inputs.iter().map(|input| input.segment.rows).sum();
        let written: u64 = merged.outputs.iter().map(|(_, segment)| segment.rows).sum();
        let accounted = written + merged.superseded + merged.hidden;
        if merged.read != due || merged.read != accounted {
            let (read, superseded, hidden) = (merged.read, merged.superseded, merged.hidden);
            return Ok(Some(format!(
                "of {due} rows {read} were read, {superseded} superseded, {hidden} hidden and \
                 {written} written"
            )));
        }
        if known(merging, inputs).is_some_and(|sum| sum != merged.sums.read) {
            return suspect(merging, inputs).map(Some);
        }
        let copied = &merged.copied;
        let sums = merged.outputs.par_iter_mut().map(|(_, segment)| {
            let own = copied.iter().filter(|copied| copied.segment == segment.id).copied();
            let path = merging.files.staged_path(segment);
            let sum = sum(merging.root, &path, segment, &own.collect::<Vec<_>>())?;
            segment.sum = sum;
            Ok::<_, MaintainError>(sum)
        });
        let add = |a: Option<u64>, b: Option<u64>| Ok(a.zip(b).map(|(a, b)| a.wrapping_add(b)));
        match sums.try_reduce(|| Some(0), add)? {
            Some(sum) if sum == merged.sums.written => {}
            Some(_) => {
                let why = format!("the {written} rows written are not those that were read");
                return Ok(Some(why));
            }
            None => return Ok(Some("a row group is not what it was copied from".into())),
        }
    }
    Ok(None)
}

/// The sum of the inputs' rows when they were written, as far as it can be compared.
fn known(merging: &Merging<'_>, inputs: &[Input]) -> Option<u64> {
    let newest = merging.table.schema().version;
    inputs.iter().map(|input| &input.segment).try_fold(0u64, |sum, segment| {
        let own = segment.sum.filter(|_| segment.schema_version == newest)?;
        Some(sum.wrapping_add(own))
    })
}

/// One of them was changed on the disk in a way that can be read: which.
fn suspect(merging: &Merging<'_>, inputs: &[Input]) -> Result<String> {
    for Input { path, segment, .. } in inputs {
        if segment.sum != sum(merging.root, path, segment, &[])? {
            let why = "its rows are not those that were written".to_owned();
            return Err(SegmentError::Damaged { path: path.clone(), why }.into());
        }
    }
    Ok("the rows read are not those of the inputs, which are whole when read again".to_owned())
}

/// None: a row group is not what it was copied from.
fn sum(root: &Root, path: &str, segment: &Segment, copied: &[Copied]) -> Result<Option<u64>> {
    let Some(mut sum) = copied_sum(root, path, copied)? else { return Ok(None) };
    let mut numbers = Vec::new();
    for batch in SegmentReader::encoded_here(root, path, segment, Verify::Hash, copied)? {
        sum = sum.wrapping_add(row_sum(&batch?, &mut numbers)?);
    }
    Ok(Some(sum))
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
        let noticed = |merged: Merged| {
            let inputs = std::iter::once(inputs.as_slice());
            check(&merging, inputs, &mut [merged]).unwrap().is_some()
        };
        assert!(!noticed(merge()));
        assert!(noticed(Merged { read: 3, hidden: 0, ..merge() }), "an input was not read");
        let lost = || Merged { outputs: Vec::new(), ..merge() };
        assert!(noticed(lost()), "all outputs are lost");
        assert!(noticed(Merged { superseded: 4, ..lost() }), "counted as superseded");
        let twice = |mut merged: Merged| {
            let again = merged.outputs.clone();
            merged.outputs.extend(again);
            merged
        };
        assert!(noticed(Merged { read: 7, ..twice(merge()) }), "rows are there twice");
        assert!(noticed(Merged { superseded: 0, ..twice(merge()) }), "in the place of others");
        let mut other = merge();
        other.sums.written ^= 1;
        assert!(noticed(other), "a value is another");
        let mut other = merge();
        other.sums.read ^= 1;
        assert!(noticed(other), "a value of the inputs was another");
        let mut other = merge();
        let segment = other.outputs[0].1.id;
        other.copied = vec![Copied { segment, group: 0, rows: 3, digest: 7 }];
        assert!(noticed(other), "a copy is another");
    }
}
