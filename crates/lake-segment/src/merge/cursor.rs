//! One input of a merge, from its first visible row to its last.

use std::ops::Range;

use arrow::array::{AsArray, RecordBatch};
use arrow::row::Rows;
use lake_core::schema::TableDef;
use lake_core::segment::{Part, Segment};
use lake_store::Root;

use super::groups::{Between, pick};
use super::order::Order;
use super::pending::Slot;
use super::upgrade::Upgrade;
use super::visible::Visible;
use super::whole::{Groups, Stop, Wholes};
use super::{MergeCounts, MergeOptions};
use crate::digest::row_numbers;
use crate::error::{Result, SegmentError};
use crate::reader::{SegmentReader, Selection};

/// What cursors of one merge share.
pub(super) struct Shared {
    pub(super) root: Root,
    pub(super) def: TableDef,
    pub(super) order: Order,
    pub(super) options: MergeOptions,
    /// None: no row group is given out whole.
    pub(super) wholes: Option<Wholes>,
    /// The row groups that are read; empty: all.
    pub(super) asked: Vec<Between>,
}

/// An input: not opened, or at one of its rows.
pub(super) struct Cursor {
    /// Its precedence among inputs at the same key: the smaller goes first.
    pub(super) place: usize,
    pub(super) path: String,
    part: Part,
    pub(super) segment: Segment,
    /// No row comes before it.
    bound: Vec<u8>,
    open: Option<Box<Open>>,
}

struct Open {
    /// None: it stands before a row group that may be given out whole.
    reader: Option<SegmentReader>,
    /// None: none of its row groups may.
    groups: Option<Groups>,
    upgrade: Upgrade,
    visible: Visible,
    batch: RecordBatch,
    keys: Rows,
    /// Of the batch's rows; none if no sums are made.
    numbers: Vec<u64>,
    slot: Slot,
    /// The run of visible rows that is being given out, and those after it.
    run: Range<usize>,
    runs: std::vec::IntoIter<Range<usize>>,
    /// The key of the last row that was read; none before the first.
    last: Option<Vec<u8>>,
}

impl Open {
    /// Of the numbers of some of the batch's rows.
    fn sum(&self, runs: &[Range<usize>]) -> u64 {
        let numbers = runs.iter().flat_map(|run| &self.numbers[run.clone()]);
        numbers.fold(0, |sum: u64, number| sum.wrapping_add(*number))
    }
}

impl Cursor {
    pub(super) fn new(
        place: usize,
        order: &Order,
        (path, part, segment): (String, &Part, &Segment),
    ) -> Result<Cursor> {
        let symbols = match (part, &segment.symbols) {
            (Part::Of(symbols), _) => symbols.as_slice(),
            (Part::Packed, Some(span)) => span.first.as_slice(),
            (Part::Packed, None) => &[],
        };
        let least = segment.range.as_ref().map_or(&[][..], |range| range.min());
        let bound = order.bound(symbols, least)?;
        let (part, segment) = (part.clone(), segment.clone());
        Ok(Cursor { place, path, part, segment, bound, open: None })
    }

    /// Whether it is at a row.
    pub(super) fn is_open(&self) -> bool {
        self.open.as_deref().is_some_and(|open| !open.run.is_empty())
    }

    pub(super) fn has_file(&self) -> bool {
        self.open.is_some()
    }

    /// Of the file that it stands in, before a row group.
    pub(super) fn groups(&self) -> Option<&Groups> {
        self.open.as_deref().filter(|open| open.reader.is_none())?.groups.as_ref()
    }

    /// The key of the row before those to come, if there was one.
    pub(super) fn last(&self) -> Option<&[u8]> {
        self.open.as_deref()?.last.as_deref()
    }

    /// The row group that it stands before was given out, up to this key.
    pub(super) fn passed(&mut self, last: Vec<u8>) {
        if let Some(open) = &mut self.open {
            open.last = Some(last);
            open.groups.as_mut().and_then(Groups::take);
        }
    }

    /// Of the row it is at, or what its rows do not come before.
    pub(super) fn key(&self) -> &[u8] {
        match &self.open {
            Some(open) if !open.run.is_empty() => open.keys.row(open.run.start).data(),
            _ => &self.bound,
        }
    }

    /// How many rows from here on, `most` at most, go before the other input's.
    pub(super) fn run_before(&self, other: Option<&Cursor>, most: usize) -> usize {
        let Some(open) = &self.open else { return 0 };
        let most = most.min(open.run.len());
        let Some(other) = other else { return most };
        let (limit, at_ties) = (other.key(), other.is_open() && self.place < other.place);
        let before = |n: usize| {
            let key = open.keys.row(open.run.start + n).data();
            key < limit || (at_ties && key == limit)
        };
        // Long strides first, then bisection: a run is one row or thousands.
        let (mut low, mut stride) = (0, 1);
        while low + stride <= most && before(low + stride - 1) {
            low += stride;
            stride *= 2;
        }
        let mut high = most.min(low + stride);
        while low < high {
            let middle = low + (high - low) / 2;
            if before(middle) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The batch it is in, its slot and the row.
    pub(super) fn here(&mut self) -> Option<(&RecordBatch, &mut Slot, usize)> {
        let open = self.open.as_mut()?;
        Some((&open.batch, &mut open.slot, open.run.start))
    }

    /// Of the row it is at; 0 if no sums are made.
    pub(super) fn number(&self) -> u64 {
        let number = |open: &Open| open.numbers.get(open.run.start).copied();
        self.open.as_deref().and_then(number).unwrap_or_default()
    }

    /// The key of the n-th row from here.
    pub(super) fn key_at(&self, n: usize) -> &[u8] {
        self.open.as_ref().map_or(&[], |open| open.keys.row(open.run.start + n).data())
    }

    /// Goes to the first visible row, or before the first row group that may be given out
    /// whole; from there to the first visible row in it. False: there is none.
    pub(super) fn start(&mut self, shared: &Shared, counts: &mut MergeCounts) -> Result<bool> {
        if let Some(open) = &mut self.open {
            if let Some(group) = open.groups.as_mut().and_then(Groups::take) {
                self.read(vec![group], shared)?;
            }
            return self.load(shared, counts);
        }
        let groups = Groups::open(&self.path, &self.segment, shared)?;
        let version = self.segment.schema_version;
        let upgrade = Upgrade::new(&self.path, &shared.def, version, None)?;
        let visible = self.visible(&shared.order, shared)?;
        let reader = if groups.is_some() { None } else { Some(self.reader(&upgrade, shared)?) };
        self.open = Some(Box::new(Open {
            reader,
            groups,
            batch: RecordBatch::new_empty(upgrade.schema().clone()),
            upgrade,
            visible,
            keys: shared.order.no_keys(),
            numbers: Vec::new(),
            slot: Slot::default(),
            run: 0..0,
            runs: Vec::new().into_iter(),
            last: None,
        }));
        self.load(shared, counts)
    }

    pub(super) fn visible(&self, order: &Order, shared: &Shared) -> Result<Visible> {
        let (within, stretch) = (&shared.options.within, &shared.options.stretch);
        Visible::new(order, &self.part, &self.segment, within, stretch)
            .ok_or_else(|| self.damaged("a mask's end is no value of its column"))
    }

    /// Of all the row groups that are asked for.
    fn reader(&self, upgrade: &Upgrade, shared: &Shared) -> Result<SegmentReader> {
        let (options, segment) = (&shared.options, &self.segment);
        let groups = |builder: &_| pick(builder, &shared.asked);
        let selection = Selection {
            columns: Some(upgrade.stored()),
            groups: if shared.asked.is_empty() { None } else { Some(&groups) },
            batch_rows: options.batch_rows,
        };
        let (root, path) = (&shared.root, &self.path);
        SegmentReader::open_selection(root, path, segment, options.verify, &selection)
    }

    /// Opens these row groups.
    fn read(&mut self, groups: Vec<usize>, shared: &Shared) -> Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let Some(all) = &open.groups else { return Ok(()) };
        let columns = Some(open.upgrade.stored());
        let selection = Selection { columns, groups: None, batch_rows: shared.options.batch_rows };
        let file = shared.root.open_read(&self.path)?;
        let (path, metadata) = (&self.path, &all.metadata);
        open.reader = Some(SegmentReader::of_groups(path, file, metadata, groups, &selection)?);
        Ok(())
    }

    /// Goes on to what follows the row groups that were read. False: nothing does.
    fn next_groups(&mut self, shared: &Shared) -> Result<bool> {
        let groups = self.open.as_mut().and_then(|open| open.groups.as_mut());
        match groups.map_or(Stop::End, Groups::stop) {
            Stop::End => return Ok(false),
            Stop::Whole(bound) => self.bound = bound,
            Stop::Read(groups) => self.read(groups, shared)?,
        }
        Ok(true)
    }

    /// Goes `rows` further, within the run. False: it is at its end.
    pub(super) fn advance(
        &mut self,
        rows: usize,
        shared: &Shared,
        counts: &mut MergeCounts,
    ) -> Result<bool> {
        if let Some(open) = &mut self.open {
            open.run.start += rows;
            if !open.run.is_empty() {
                return Ok(true);
            }
        }
        self.load(shared, counts)
    }

    pub(super) fn load(&mut self, shared: &Shared, counts: &mut MergeCounts) -> Result<bool> {
        loop {
            let Some(open) = &mut self.open else { return Ok(false) };
            if let Some(run) = open.runs.next() {
                open.run = run;
                return Ok(true);
            }
            if let Some(batch) = open.reader.as_mut().and_then(Iterator::next) {
                self.show(&batch?, shared, counts)?;
                continue;
            }
            (open.reader, open.run) = (None, 0..0);
            if !self.next_groups(shared)? {
                self.open = None;
                return Ok(false);
            }
            if self.groups().is_some() {
                return Ok(true);
            }
        }
    }

    /// Finds the rows of a batch that count.
    fn show(
        &mut self,
        batch: &RecordBatch,
        shared: &Shared,
        counts: &mut MergeCounts,
    ) -> Result<()> {
        let Some(mut open) = self.open.take().filter(|_| batch.num_rows() > 0) else {
            return Ok(());
        };
        open.slot = Slot::default();
        open.batch = open.upgrade.apply(batch)?;
        shared.order.keys(&open.batch, &mut open.keys)?;
        self.check(&shared.order, &open.batch, &open.keys, open.last.as_deref(), shared)?;
        open.last = Some(open.keys.row(open.keys.num_rows() - 1).data().to_vec());
        let shown = open.visible.show(&shared.order, &open.batch)?;
        let visible: u64 = shown.runs.iter().map(|run| run.len() as u64).sum();
        let asked: u64 = shown.asked.iter().map(|run| run.len() as u64).sum();
        counts.read += asked;
        counts.hidden += asked - visible;
        if shared.options.sums {
            row_numbers(&open.batch, &mut open.numbers)?;
            let (read, visible) = (open.sum(&shown.asked), open.sum(&shown.runs));
            counts.read_sum = counts.read_sum.wrapping_add(read);
            counts.visible_sum = counts.visible_sum.wrapping_add(visible);
        }
        open.runs = shown.runs.into_iter();
        self.open = Some(open);
        Ok(())
    }

    /// That a batch is sorted and follows the one before, and that its rows are of the
    /// partition that the file lies in.
    pub(super) fn check(
        &self,
        order: &Order,
        batch: &RecordBatch,
        keys: &Rows,
        last: Option<&[u8]>,
        shared: &Shared,
    ) -> Result<()> {
        let keyed = !shared.def.key.is_empty();
        let follows = |a: &[u8], b: &[u8]| if keyed { a < b } else { a <= b };
        let first = keys.row(0).data();
        match last {
            None if first < self.bound.as_slice() => {
                return Err(self.damaged("it begins before the range that the log has of it"));
            }
            Some(last) if !follows(last, first) => return Err(self.unsorted(keyed)),
            _ => {}
        }
        let rows = (0..keys.num_rows()).map(|row| keys.row(row).data());
        if !rows.is_sorted_by(|a, b| follows(a, b)) {
            return Err(self.unsorted(keyed));
        }
        let Part::Of(symbols) = &self.part else { return Ok(()) };
        // Sorted rows are all of one partition if the first and the last are.
        for row in [0, batch.num_rows() - 1] {
            for (column, symbol) in order.partition.iter().zip(symbols) {
                let names = batch.column(column.at).as_string_opt::<i32>();
                if names.is_none_or(|names| names.value(row) != symbol.as_str()) {
                    return Err(self.damaged("it has rows of another partition"));
                }
            }
        }
        Ok(())
    }

    fn unsorted(&self, keyed: bool) -> SegmentError {
        let twice = if keyed { ", or a key is there twice" } else { "" };
        self.damaged(&format!("its rows are not sorted{twice}"))
    }

    pub(super) fn damaged(&self, why: &str) -> SegmentError {
        SegmentError::Damaged { path: self.path.clone(), why: why.to_owned() }
    }
}
