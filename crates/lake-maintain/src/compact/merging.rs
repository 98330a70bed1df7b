//! Some segments merged to staged ones, within the memory there is.

use std::borrow::Cow;

use arrow::array::RecordBatch;
use lake_core::edit::Sums;
use lake_core::segment::{Part, Segment};
use lake_core::state::Table;
use lake_segment::{
    Blank, Files, Format, Lineage, Merge, MergeInput, MergeOptions, PACK_ROWS, Touches, Within,
    write_packs,
};
use lake_store::{Root, fault};

use super::levels::{depth, groups};
use super::touches::{own_census, touches};
use super::{CompactOptions, Watch};
use crate::error::{MaintainError, Result};
use crate::policy::Form;

/// Rows of a file of one partition.
const OWN_ROWS: usize = 4 * PACK_ROWS;
/// Rows of a decoded batch, and of one where many inputs are open.
const BATCH: usize = 8 * 1024;
const SMALL_BATCH: usize = 1024;
/// What an open input holds of each column beside its batch: a page, about.
const PAGE: usize = 192 * 1024;
const VALUE: usize = 16;
/// Of the memory, the part that open inputs may take: writers have row groups.
const INPUTS_SHARE: usize = 2;
const FEWEST_OPEN: usize = 8;
const MOST_OPEN: usize = 256;

#[derive(Clone, Debug)]
pub(super) struct Input {
    pub(super) path: String,
    pub(super) part: Part,
    pub(super) segment: Segment,
}

#[derive(Clone, Copy)]
pub(super) struct Merging<'a> {
    pub(super) root: &'a Root,
    pub(super) table: &'a Table,
    pub(super) format: &'a Format,
    pub(super) files: &'a Files,
    pub(super) options: &'a CompactOptions,
    pub(super) watch: &'a dyn Watch,
}

/// What became of them: `read == hidden + superseded + rows of the outputs`, and so for the
/// sums, of which `written` is what must come out.
#[derive(Default)]
pub(super) struct Merged {
    pub(super) outputs: Vec<(Part, Segment)>,
    pub(super) read: u64,
    pub(super) hidden: u64,
    pub(super) superseded: u64,
    pub(super) sums: Sums,
}

impl Merged {
    pub(super) fn add(&mut self, other: Merged) {
        self.outputs.extend(other.outputs);
        self.read += other.read;
        self.hidden += other.hidden;
        self.superseded += other.superseded;
        self.sums.add(&other.sums);
    }
}

impl Merging<'_> {
    /// `at_once`: so many of these share the memory.
    pub(super) fn merge(
        &self,
        inputs: &[Input],
        within: &Within,
        form: Form,
        at_once: usize,
    ) -> Result<Merged> {
        let columns = self.table.schema().fields.len();
        let room = self.options.memory / INPUTS_SHARE / at_once;
        let open = |batch: usize| room / (columns * (PAGE + batch * VALUE)).max(1);
        let most = open(SMALL_BATCH).clamp(FEWEST_OPEN, MOST_OPEN);
        let touches = touches(self.root, self.table, inputs, within)?;
        let format = self.format.made_of(&Lineage::of(inputs.iter().map(|i| &i.segment)));
        let this = Merging { format: &format, ..*self };
        let mut merged = Merged::default();
        let (mut level, mut given) = (Cow::Borrowed(inputs), true);
        loop {
            let deep = depth(&level);
            let batch_rows = if deep <= open(BATCH) { BATCH } else { SMALL_BATCH };
            let (within, sums) = (within.clone(), true);
            let options = MergeOptions { batch_rows, within, sums, ..MergeOptions::default() };
            let groups: Vec<Cow<'_, [Input]>> = match deep <= most {
                true => vec![level],
                false => {
                    groups(level.into_owned(), most, deep).into_iter().map(Cow::Owned).collect()
                }
            };
            let last = groups.len() == 1;
            let mut next = Vec::new();
            for group in groups {
                next.extend(this.stage(&group, &options, form, &touches, given, &mut merged)?);
                // What was staged on the way here has been merged.
                group.iter().filter(|_| !given).for_each(|i| self.files.discard(&i.segment));
            }
            if last {
                merged.outputs = next;
                return Ok(merged);
            }
            let staged =
                |(part, segment)| Input { path: self.files.staged_path(&segment), part, segment };
            (level, given) = (next.into_iter().map(staged).collect(), false);
        }
    }

    /// `given`: they are the lake's, and count.
    fn stage(
        &self,
        inputs: &[Input],
        options: &MergeOptions,
        form: Form,
        touches: &Touches,
        given: bool,
        merged: &mut Merged,
    ) -> Result<Vec<(Part, Segment)>> {
        let segments: Vec<&Segment> = inputs.iter().map(|i| &i.segment).collect();
        let inputs: Vec<MergeInput<'_>> = inputs
            .iter()
            .map(|Input { path, part, segment }| MergeInput { path: path.clone(), part, segment })
            .collect();
        let mut merge = Merge::open(self.root, &self.table.def, &inputs, options)?;
        let mut batches = merge.by_ref().map(|batch| self.seen(batch?));
        let part = match form {
            Form::Packs => &Part::Packed,
            Form::Own => inputs.first().map_or(&Part::Packed, |input| input.part),
        };
        let written = match form {
            Form::Packs => write_packs(self.files, self.table, self.format, touches, &mut batches)?,
            Form::Own => self.write_own(part, touches, &mut batches)?,
        };
        let counts = merge.counts();
        if given {
            merged.read += counts.read;
            merged.hidden += counts.hidden;
            let (read, visible) = (counts.read_sum, counts.visible_sum);
            let deleted = read.wrapping_sub(visible);
            merged.sums.add(&Sums { read, written: visible, deleted, superseded: 0 });
        }
        merged.superseded += counts.superseded;
        let superseded = counts.superseded_sum;
        let written_less = 0u64.wrapping_sub(superseded);
        merged.sums.add(&Sums { superseded, written: written_less, ..Sums::default() });
        let placed =
            |segment: Segment| (part.clone(), segment.in_place_of(segments.iter().copied()));
        Ok(written.into_iter().map(placed).collect())
    }

    fn write_own(
        &self,
        part: &Part,
        touches: &Touches,
        batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
    ) -> Result<Vec<Segment>> {
        let (table, format) = (self.table, self.format);
        let census = || own_census(table, part, touches);
        let blank = Blank { table, format, part, rows: usize::MAX, census: Some(&census) };
        let mut segments = Vec::new();
        while let Some(first) = batches.next() {
            let (mut first, mut rows) = (Some(first), 0);
            let portion = std::iter::from_fn(|| {
                let next = first.take().or_else(|| (rows < OWN_ROWS).then(|| batches.next())?);
                rows +=
                    next.as_ref().and_then(|n| n.as_ref().ok()).map_or(0, RecordBatch::num_rows);
                next
            });
            segments.push(self.files.write(&blank, portion)?);
        }
        Ok(segments)
    }

    fn seen(&self, mut batch: RecordBatch) -> Result<RecordBatch> {
        if fault::mutant("compact_row") {
            batch = batch.slice(0, batch.num_rows().saturating_sub(1));
        }
        match self.watch.merged(batch.num_rows() as u64) {
            true => Ok(batch),
            false => Err(MaintainError::Stopped),
        }
    }
}
