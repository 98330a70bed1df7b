//! Which rows of a segment count: those that were asked for and that no mask hides.

use std::collections::HashMap;
use std::ops::{Bound, Range};

use arrow::array::{Array, ArrayRef, AsArray, DynComparator, RecordBatch, make_comparator};
use arrow::compute::{SortOptions, partition};
use lake_core::mask::Stretch;
use lake_core::segment::{Part, Segment};
use lake_core::symbol::Symbol;
use lake_core::value::Value;

use super::Within;
use super::order::Order;
use super::value;
use crate::error::{Result, SegmentError};

/// See the module. Rows are sorted, so that within a symbol each stretch is one run
/// of rows, which bisection finds.
pub(super) struct Visible {
    /// Rows of several symbols may stand in the file.
    packed: bool,
    within: Option<Within>,
    asked: Ends,
    everybody: Vec<Ends>,
    own: HashMap<Vec<Symbol>, Vec<Ends>>,
    /// What the ends stand for. None: all stretches are whole.
    values: Option<ArrayRef>,
}

/// A stretch; its ends are places in [`Visible::values`].
#[derive(Clone, Copy)]
struct Ends {
    from: Option<usize>,
    to: Option<usize>,
}

/// A batch's rows that count.
pub(super) struct Shown {
    pub(super) runs: Vec<Range<usize>>,
    /// Rows that were asked for, hidden ones too.
    pub(super) asked: Vec<Range<usize>>,
}

impl Visible {
    /// None: a stretch has an end that is no value of its column.
    pub(super) fn new(
        order: &Order,
        part: &Part,
        segment: &Segment,
        within: &Within,
        asked: &Stretch,
    ) -> Option<Visible> {
        let mut values: Vec<&Value> = Vec::new();
        let asked = Ends::of(asked, &mut values);
        let (mut everybody, mut own) = (Vec::new(), HashMap::<Vec<Symbol>, Vec<Ends>>::new());
        let span = segment.symbols.as_deref();
        for mask in &segment.masks {
            match (&mask.owners, part) {
                (None, _) => everybody.push(Ends::of(&mask.stretch, &mut values)),
                (Some(owners), Part::Of(symbols)) => {
                    if owners.contains(symbols) {
                        everybody.push(Ends::of(&mask.stretch, &mut values));
                    }
                }
                (Some(owners), Part::Packed) => {
                    let ends = Ends::of(&mask.stretch, &mut values);
                    let here = |owner: &&[Symbol]| {
                        contains(within, owner)
                            && span.is_none_or(|s| s.first.as_slice() <= *owner)
                            && span.is_none_or(|s| *owner <= s.last.as_slice())
                    };
                    for owner in owners.iter().filter(here) {
                        own.entry(owner.to_vec()).or_default().push(ends);
                    }
                }
            }
        }
        let values = if values.is_empty() {
            None
        } else {
            let values: Vec<Option<&Value>> = values.into_iter().map(Some).collect();
            Some(value::array(&order.range.first()?.ty, &values)?)
        };
        let packed = *part == Part::Packed;
        let all = matches!(within, (Bound::Unbounded, Bound::Unbounded));
        let within = (packed && !all).then(|| within.clone());
        Some(Visible { packed, within, asked, everybody, own, values })
    }

    /// Whether all rows of a batch are of partitions that were asked for. They are
    /// sorted: if the first and the last are.
    fn is_within(&self, order: &Order, batch: &RecordBatch) -> bool {
        let Some(within) = &self.within else { return true };
        let names: Vec<ArrayRef> =
            order.partition.iter().map(|c| batch.column(c.at).clone()).collect();
        let rows = batch.num_rows();
        rows > 0 && [0, rows - 1].iter().all(|row| contains(within, &symbols(&names, *row)))
    }

    pub(super) fn show(&self, order: &Order, batch: &RecordBatch) -> Result<Shown> {
        let rows = batch.num_rows();
        let all = self.values.is_none() && self.everybody.is_empty() && self.own.is_empty();
        if all && self.is_within(order, batch) {
            let whole = || std::iter::once(0..rows).collect();
            return Ok(Shown { runs: whole(), asked: whole() });
        }
        let column = order.range.first().map(|c| batch.column(c.at));
        let search = match (&self.values, column) {
            (Some(values), Some(column)) => {
                let compare = make_comparator(column, values, SortOptions::default());
                Some(Search { column, compare: compare.map_err(SegmentError::arrow)? })
            }
            _ => None,
        };
        let names: Vec<ArrayRef> =
            order.partition.iter().map(|c| batch.column(c.at).clone()).collect();
        let groups = if self.packed && !names.is_empty() {
            partition(&names).map_err(SegmentError::arrow)?.ranges()
        } else {
            std::iter::once(0..rows).collect()
        };
        let mut shown = Shown { runs: Vec::new(), asked: Vec::new() };
        for group in groups {
            let own = if self.within.is_none() && self.own.is_empty() {
                &[]
            } else {
                let symbols = symbols(&names, group.start);
                if self.within.as_ref().is_some_and(|within| !contains(within, &symbols)) {
                    continue;
                }
                self.own.get(&symbols).map_or(&[][..], Vec::as_slice)
            };
            let find = |ends: &Ends| ends.find(&group, search.as_ref());
            let asked = find(&self.asked);
            shown.asked.push(asked.clone());
            subtract(asked, self.everybody.iter().chain(own).map(find), &mut shown.runs);
        }
        Ok(shown)
    }
}

fn contains(within: &Within, symbols: &[Symbol]) -> bool {
    let after = match &within.0 {
        Bound::Included(from) => symbols >= from.as_slice(),
        Bound::Excluded(from) => symbols > from.as_slice(),
        Bound::Unbounded => true,
    };
    let before = match &within.1 {
        Bound::Included(to) => symbols <= to.as_slice(),
        Bound::Excluded(to) => symbols < to.as_slice(),
        Bound::Unbounded => true,
    };
    after && before
}

/// The symbols of a row. A text that is no symbol has no mask and is not asked for.
pub(super) fn symbols(names: &[ArrayRef], row: usize) -> Vec<Symbol> {
    let symbol = |name: &ArrayRef| Symbol::new(name.as_string_opt::<i32>()?.value(row)).ok();
    names.iter().filter_map(symbol).collect()
}

/// What is left of `run` without the others.
fn subtract(
    run: Range<usize>,
    others: impl Iterator<Item = Range<usize>>,
    left: &mut Vec<Range<usize>>,
) {
    let mut others: Vec<Range<usize>> = others.filter(|o| !o.is_empty()).collect();
    others.sort_unstable_by_key(|o| o.start);
    let mut at = run.start;
    for other in others {
        if at < other.start.min(run.end) {
            left.push(at..other.start.min(run.end));
        }
        at = at.max(other.end);
    }
    if at < run.end {
        left.push(at..run.end);
    }
}

/// The first range column of a batch against the values of the ends.
struct Search<'b> {
    column: &'b ArrayRef,
    compare: DynComparator,
}

impl Ends {
    fn of<'v>(stretch: &'v Stretch, values: &mut Vec<&'v Value>) -> Ends {
        let mut end = |value: Option<&'v Value>| {
            values.extend(value);
            value.map(|_| values.len() - 1)
        };
        Ends { from: end(stretch.from.as_ref()), to: end(stretch.to.as_ref()) }
    }

    /// The rows of one symbol that lie between the ends.
    fn find(&self, group: &Range<usize>, search: Option<&Search<'_>>) -> Range<usize> {
        let Some(search) = search else { return group.clone() };
        let first = |before: &dyn Fn(usize) -> bool, start: usize| {
            let (mut low, mut high) = (start, group.end);
            while low < high {
                let middle = low + (high - low) / 2;
                if before(middle) { low = middle + 1 } else { high = middle }
            }
            low
        };
        let start = match (self.from, self.to) {
            (Some(from), _) => first(&|row| (search.compare)(row, from).is_lt(), group.start),
            // NULL comes first, and lies in no stretch that has an end.
            (None, Some(_)) => first(&|row| search.column.is_null(row), group.start),
            (None, None) => group.start,
        };
        let end = match self.to {
            Some(to) => first(&|row| (search.compare)(row, to).is_le(), start),
            None => group.end,
        };
        start..end
    }
}
