//! Some segments merged to staged ones, within the memory there is.

use std::borrow::Cow;

use lake_core::edit::Sums;
use lake_core::segment::{Part, Segment};
use lake_core::state::Table;
use lake_segment::{
    Blank, Copied, Copies, Files, Format, Lineage, Merge, MergeInput, MergeOptions, PACK_ROWS,
    Piece, Touches, Within, write_packs,
};
use lake_store::{Root, fault};

use super::levels::{depth, groups};
use super::touches::{own_census, touches};
use super::{CompactOptions, Watch};
use crate::error::{MaintainError, Result};
use crate::policy::Form;

/// Rows of a file of one partition.
const OWN_ROWS: u64 = 4 * PACK_ROWS as u64;
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
    /// Row groups of the outputs that were copied from inputs.
    pub(super) copied: Vec<Copied>,
}

impl Merged {
    pub(super) fn add(&mut self, other: Merged) {
        self.outputs.extend(other.outputs);
        self.read += other.read;
        self.hidden += other.hidden;
        self.superseded += other.superseded;
        self.sums.add(&other.sums);
        self.copied.extend(other.copied);
    }
}

/// How the inputs of one merge become files.
struct Stage<'t> {
    form: Form,
    touches: &'t Touches,
    /// They are the lake's, and count.
    given: bool,
    /// Row groups may be copied.
    copies: bool,
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
                // What is merged again proves nothing: copies are made in one go or not.
                let stage = Stage { form, touches: &touches, given, copies: given && last };
                next.extend(this.stage(&group, &options, &stage, &mut merged)?);
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

    fn stage(
        &self,
        inputs: &[Input],
        options: &MergeOptions,
        stage: &Stage<'_>,
        merged: &mut Merged,
    ) -> Result<Vec<(Part, Segment)>> {
        let Stage { form, touches, given, .. } = *stage;
        let segments: Vec<&Segment> = inputs.iter().map(|i| &i.segment).collect();
        let inputs: Vec<MergeInput<'_>> = inputs
            .iter()
            .map(|Input { path, part, segment }| MergeInput { path: path.clone(), part, segment })
            .collect();
        let mut merge = Merge::open(self.root, &self.table.def, &inputs, options)?;
        let copies = Copies::default();
        copies.welcome(true);
        let copying = stage.copies.then_some(&copies);
        let mut pieces = merge.pieces(self.format, copying)?.map(|piece| self.seen(piece?));
        let part = match form {
            Form::Packs => &Part::Packed,
            Form::Own => inputs.first().map_or(&Part::Packed, |input| input.part),
        };
        let written = match form {
            Form::Packs => {
                write_packs(self.files, self.table, self.format, touches, copying, &mut pieces)?
            }
            Form::Own => self.write_own(part, touches, copying, &mut pieces)?,
        };
        drop(pieces);
        let counts = merge.counts();
        if given {
            merged.read += counts.read;
            merged.hidden += counts.hidden;
            let (read, visible) = (counts.read_sum, counts.visible_sum);
            let deleted = read.wrapping_sub(visible);
            merged.sums.add(&Sums { read, written: visible, deleted, superseded: 0 });
        }
        merged.copied.extend(copies.done());
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
        copies: Option<&Copies>,
        pieces: &mut dyn Iterator<Item = Result<Piece>>,
    ) -> Result<Vec<Segment>> {
        let (table, format) = (self.table, self.format);
        let census = || own_census(table, part, touches);
        let census = Some(&census as _);
        let blank = Blank { table, format, part, rows: usize::MAX, census, copies };
        let mut segments = Vec::new();
        loop {
            // A new file has no rows before a row group yet.
            copies.inspect(|copies| copies.welcome(true));
            let Some(first) = pieces.next() else { return Ok(segments) };
            let (mut first, mut rows) = (Some(first), 0);
            let portion = std::iter::from_fn(|| {
                let next = first.take().or_else(|| (rows < OWN_ROWS).then(|| pieces.next())?);
                rows += next.as_ref().and_then(|n| n.as_ref().ok()).map_or(0, Piece::rows);
                next
            });
            segments.push(self.files.write(&blank, portion)?);
        }
    }

    fn seen(&self, mut piece: Piece) -> Result<Piece> {
        if let Piece::Rows(batch) = &mut piece
            && fault::mutant("compact_row")
        {
            *batch = batch.slice(0, batch.num_rows().saturating_sub(1));
        }
        match self.watch.merged(piece.rows()) {
            true => Ok(piece),
            false => Err(MaintainError::Stopped),
        }
    }
}
