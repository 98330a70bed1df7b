//! One commit of compaction, from the locks to the receipt.

use std::collections::{BTreeMap, HashMap};

use lake_core::edit::{Action, Cause, Expect, Receipt, Sums, Transaction};
use lake_core::frame::hash;
use lake_core::id::{SegmentId, Version};
use lake_core::kind::Kind;
use lake_core::layout;
use lake_core::segment::{Part, Segment, SegmentKind};
use lake_core::state::Table;
use lake_log::{At, Lake, Outcome};
use lake_segment::{Files, Format, SegmentError};
use lake_store::{Guard, LockFile, Root, Stopwatch, fault};
use rayon::prelude::*;

use super::cuts::cuts;
use super::merging::{Input, Merged, Merging};
use super::{CompactOptions, Left, Watch};
use super::{evidence, proof};
use crate::error::{MaintainError, Result};
use crate::policy::{Form, Step};

/// How one ended.
pub(super) enum End {
    Merged(Counts),
    /// What was to be merged is gone.
    Nothing,
    Left(Left),
    Damaged {
        segment: Box<Segment>,
        path: String,
        why: String,
    },
}

/// `rows_in == rows_written + rows_superseded + rows_deleted`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub segments_removed: u64,
    pub segments: u64,
    pub rows_in: u64,
    pub rows_written: u64,
    pub rows_superseded: u64,
    pub rows_deleted: u64,
    pub bytes_in: u64,
    pub bytes: u64,
    /// Of those written, rows in row groups that were copied as they were.
    pub rows_copied: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: &Counts) {
        self.segments_removed += other.segments_removed;
        self.segments += other.segments;
        self.rows_in += other.rows_in;
        self.rows_written += other.rows_written;
        self.rows_superseded += other.rows_superseded;
        self.rows_deleted += other.rows_deleted;
        self.bytes_in += other.bytes_in;
        self.bytes += other.bytes;
        self.rows_copied += other.rows_copied;
    }
}

/// A step whose lock is held and whose inputs are live.
struct Work<'t> {
    step: &'t Step,
    inputs: Vec<Input>,
}

pub(super) fn run(
    lake: &mut Lake,
    steps: &[Step],
    options: &CompactOptions,
    watch: &dyn Watch,
) -> Result<End> {
    let clock = Stopwatch::start();
    let root = lake.root().clone();
    let (steps, _guards) = lock(&root, steps)?;
    let Some(first) = steps.first() else { return Ok(End::Left(Left::Busy)) };
    // The lease: nobody removes the inputs while they are read.
    let snapshot = lake.snapshot(At::Newest)?;
    let (state, since) = (snapshot.state().clone(), snapshot.version());
    let _lease = (!fault::mutant("compact_lease")).then_some(snapshot);
    let Some(table) = state.table_by_id(first.table) else { return Ok(End::Nothing) };
    let work: Vec<Work<'_>> = steps.into_iter().filter_map(|step| live(table, step)).collect();
    if work.is_empty() {
        return Ok(End::Nothing);
    }
    let due: u64 = work.iter().map(|w| w.step.rows).sum();
    watch.due(due);

    let draft = lake.begin()?;
    let mut txn = draft.transaction(Cause::Compact);
    let mut files = Files::new(&root, &draft.staging, &txn, SegmentKind::Base);
    let format = Format::new(&table.def)?;
    let merging = Merging { root: &root, table, format: &format, files: &files, options, watch };
    let merged = match proven(&merging, &work) {
        Ok(merged) => merged,
        Err(MaintainError::Segment(SegmentError::Damaged { path, why })) => {
            let own = work.iter().flat_map(|w| &w.inputs).find(|input| input.path == path);
            return match own {
                Some(input) => {
                    Ok(End::Damaged { segment: Box::new(input.segment.clone()), path, why })
                }
                None => Err(SegmentError::Damaged { path, why }.into()),
            };
        }
        Err(error) => return Err(error),
    };

    let counts = count(&work, &merged);
    let outputs: Vec<&(Part, Segment)> = merged.iter().flat_map(|m| &m.outputs).collect();
    let placing: Vec<_> = outputs.iter().map(|(part, segment)| (table, part, segment)).collect();
    files.place(&placing)?;
    let inputs = work.iter().flat_map(|w| &w.inputs);
    replace(&mut txn, table, since, inputs, &outputs);
    let mut sums = Sums::default();
    merged.iter().for_each(|m| sums.add(&m.sums));
    txn.receipts.push(Receipt { sums: Some(sums), ..receipt(table, &counts, &clock) });
    if fault::mutant("compact_unlink") {
        unlink(&root, &work)?;
    }
    match lake.commit(txn) {
        Ok(Outcome::Committed { .. } | Outcome::Duplicate { .. }) => {
            files.keep();
            Ok(End::Merged(counts))
        }
        Ok(Outcome::Conflict(conflict)) => Ok(End::Left(Left::Conflict(conflict))),
        Err(error) => {
            if error.kind() == Kind::Unknown {
                files.keep();
            }
            Err(error.into())
        }
    }
}

/// The inputs go and the outputs come, if no row of these partitions was taken away since.
fn replace<'i>(
    txn: &mut Transaction,
    table: &Table,
    since: Version,
    inputs: impl Iterator<Item = &'i Input>,
    outputs: &[&(Part, Segment)],
) {
    let (mut removed, mut added) = (BTreeMap::new(), BTreeMap::new());
    for input in inputs {
        removed.entry(input.part.clone()).or_insert_with(Vec::new).push(input.segment.id);
    }
    for (part, segment) in outputs {
        added.entry(part.clone()).or_insert_with(Vec::new).push(segment.clone());
    }
    let id = table.def.id;
    for (part, segments) in removed {
        if !fault::mutant("compact_uncut") {
            txn.expects.push(Expect::Uncut { table: id, part: part.clone(), since });
        }
        txn.actions.push(Action::Remove { table: id, part, segments });
    }
    for (part, segments) in added {
        txn.actions.push(Action::Add { table: id, part, segments });
    }
}

fn receipt(table: &Table, counts: &Counts, clock: &Stopwatch) -> Receipt {
    Receipt {
        table: table.def.name.as_str().into(),
        rows_in: counts.rows_in,
        rows_written: counts.rows_written,
        rows_superseded: counts.rows_superseded,
        segments: counts.segments,
        bytes: counts.bytes,
        elapsed_ms: clock.elapsed().as_millis() as u64,
        ..Receipt::default()
    }
}

/// The steps that nobody else is at, and the locks that say so.
fn lock<'s>(root: &Root, steps: &'s [Step]) -> Result<(Vec<&'s Step>, Vec<Guard>)> {
    let file = LockFile::new(&root.dir(layout::LOCKS)?, layout::LOCK_COMPACT)?;
    let (mut ours, mut guards) = (Vec::new(), Vec::new());
    for step in steps {
        let mut name = step.table.0.to_string();
        for symbol in step.symbols.iter().flatten() {
            name.push('/');
            name.push_str(symbol.as_str());
        }
        // Two names may share a byte: then one of the two waits for the next run.
        let byte = hash(name.as_bytes()) >> 2;
        if let Some(guard) = file.try_exclusive(byte)? {
            ours.push(step);
            guards.push(guard);
        }
    }
    Ok((ours, guards))
}

/// What the commit makes superfluous goes before it: for a test that must notice.
fn unlink(root: &Root, work: &[Work<'_>]) -> Result<()> {
    for input in work.iter().flat_map(|w| &w.inputs) {
        if let Some((dir, name)) = input.path.rsplit_once('/') {
            root.dir(dir)?.unlink(name)?;
        }
    }
    Ok(())
}

/// None: one of the inputs is gone.
fn live<'s>(table: &Table, step: &'s Step) -> Option<Work<'s>> {
    let mut parts: HashMap<&Part, HashMap<SegmentId, &Segment>> = HashMap::new();
    let mut inputs = Vec::with_capacity(step.inputs.len());
    for (part, id) in &step.inputs {
        let live = parts
            .entry(part)
            .or_insert_with(|| table.part(part).iter().map(|s| (s.id, s)).collect());
        let segment = live.get(id)?;
        let path = table.path(part, segment);
        inputs.push(Input { path, part: part.clone(), segment: (*segment).clone() });
    }
    Some(Work { step, inputs })
}

/// What all are merged to; it is known to be the same rows.
fn proven(merging: &Merging<'_>, work: &[Work<'_>]) -> Result<Vec<Merged>> {
    let mut merged = merge_all(merging, work)?;
    let inputs = work.iter().map(|w| w.inputs.as_slice());
    match proof::check(merging, inputs.clone(), &mut merged)? {
        None => Ok(merged),
        Some(why) => {
            let inputs: Vec<&Input> = inputs.flatten().collect();
            let Merging { root, table, files, .. } = *merging;
            Err(evidence::kept((root, table, files), &inputs, &merged, why))
        }
    }
}

/// All steps, each cut where symbols end so that all processors have something to do.
fn merge_all(merging: &Merging<'_>, work: &[Work<'_>]) -> Result<Vec<Merged>> {
    let threads = rayon::current_num_threads();
    let jobs: Vec<_> = (0..)
        .zip(work)
        .flat_map(|(at, w): (usize, _)| {
            let parts = if w.step.form == Form::Own { 1 } else { threads };
            cuts(&w.inputs, parts).into_iter().map(move |within| (at, within))
        })
        .collect();
    let at_once = jobs.len().min(threads).max(1);
    let pieces: Vec<Merged> = jobs
        .par_iter()
        .map(|(at, within)| merging.merge(&work[*at].inputs, within, work[*at].step.form, at_once))
        .collect::<Result<_>>()?;
    let mut merged: Vec<Merged> = work.iter().map(|_| Merged::default()).collect();
    for ((at, _), piece) in jobs.into_iter().zip(pieces) {
        merged[at].add(piece);
    }
    Ok(merged)
}

fn count(work: &[Work<'_>], merged: &[Merged]) -> Counts {
    let mut counts = Counts::default();
    for (w, m) in work.iter().zip(merged) {
        counts.add(&Counts {
            segments_removed: w.inputs.len() as u64,
            segments: m.outputs.len() as u64,
            rows_in: m.read,
            rows_written: m.outputs.iter().map(|(_, s)| s.rows).sum(),
            rows_superseded: m.superseded,
            rows_deleted: m.hidden,
            bytes_in: w.step.bytes,
            bytes: m.outputs.iter().map(|(_, s)| s.bytes).sum(),
            rows_copied: m.copied.iter().map(|copied| copied.rows).sum(),
        });
    }
    counts
}
