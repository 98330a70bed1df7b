//! Which rows go into which file: a symbol's own, or one that many share.

use std::ops::Range as Places;
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use lake_core::census::{Census, Tally, Touch};
use lake_core::schema::TableDef;
use lake_core::segment::{Part, SymbolSpan};
use lake_core::value::{Key, Range};
use lake_segment::value_at;

use crate::error::Result;
use crate::options::Layout;
use crate::split::{Group, column};
use lake_segment::PACK_ROWS;

/// From so many symbols on, a file each costs everybody more than a shared one.
const MANY_SYMBOLS: usize = 64;
/// A symbol with so many rows in one batch is worth its own file anyhow.
const MANY_ROWS: usize = 100_000;
/// Rows that are copied together at a time.
const WINDOW: usize = 64 * 1024;

/// One file to be written: some groups, sorted by symbol.
pub(crate) struct Piece {
    pub(crate) part: Part,
    pub(crate) span: Option<Box<SymbolSpan>>,
    groups: Places<usize>,
    pub(crate) rows: usize,
}

/// Sorts the groups by symbol and says which files they make.
pub(crate) fn pieces(def: &TableDef, groups: &mut [Group], layout: Layout) -> Vec<Piece> {
    groups.sort_unstable_by(|a, b| a.symbols.cmp(&b.symbols));
    let rows: usize = groups.iter().map(|g| g.rows.len()).sum();
    let many = groups.len() > MANY_SYMBOLS && rows / groups.len() < MANY_ROWS;
    let packed = match layout {
        Layout::Auto => many,
        Layout::PerSymbol => false,
        Layout::Packed => groups.len() > 1,
    };
    if !packed || def.partition_by.is_empty() {
        let own = |(i, group): (usize, &Group)| Piece {
            part: Part::Of(group.symbols.clone()),
            span: None,
            groups: i..i + 1,
            rows: group.rows.len(),
        };
        return groups.iter().enumerate().map(own).collect();
    }
    let mut packs = Vec::new();
    let (mut start, mut rows) = (0, 0);
    for (i, group) in groups.iter().enumerate() {
        rows += group.rows.len();
        if rows >= PACK_ROWS || i + 1 == groups.len() {
            packs.push(pack(groups, start..i + 1, rows));
            (start, rows) = (i + 1, 0);
        }
    }
    packs
}

fn pack(groups: &[Group], places: Places<usize>, rows: usize) -> Piece {
    let (first, last) = (&groups[places.start], &groups[places.end - 1]);
    let span = SymbolSpan {
        first: first.symbols.clone(),
        last: last.symbols.clone(),
        count: places.len() as u32,
    };
    Piece { part: Part::Packed, span: Some(Box::new(span)), groups: places, rows }
}

impl Piece {
    pub(crate) fn groups<'g>(&self, all: &'g [Group]) -> &'g [Group] {
        &all[self.groups.clone()]
    }

    /// Its rows in order, a window at a time.
    pub(crate) fn windows<'g>(
        &self,
        all: &'g [Group],
        batch: &'g RecordBatch,
    ) -> impl Iterator<Item = Result<RecordBatch>> + 'g {
        let mut rows = self.groups(all).iter().flat_map(|g| g.rows.iter().copied());
        let mut left = self.rows;
        std::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            let window: Vec<u32> = rows.by_ref().take(WINDOW.min(left)).collect();
            left -= window.len();
            Some(pick(batch, window))
        })
    }

    /// Of each group the smallest and the largest key.
    pub(crate) fn ends(
        &self,
        def: &TableDef,
        all: &[Group],
        batch: &RecordBatch,
    ) -> Vec<Option<Range>> {
        self.groups(all).iter().map(|group| ends_of(def, group, batch)).collect()
    }

    /// What a pack says of each symbol.
    pub(crate) fn census(
        &self,
        all: &[Group],
        ends: &[Option<Range>],
        producer: Option<Arc<str>>,
    ) -> Census {
        let mut census = Census::default();
        let touched = Touch { producer, ..Touch::default() };
        let groups = self.groups(all).iter().zip(ends);
        for (group, range) in groups.filter(|(group, _)| !group.rows.is_empty()) {
            census.push(Tally {
                symbols: group.symbols.clone(),
                rows: group.rows.len() as u64,
                range: range.clone(),
                touched: touched.clone(),
            });
        }
        census
    }
}

/// From the smallest to the largest of all. None where one is not known.
pub(crate) fn span(ends: &[Option<Range>]) -> Option<Range> {
    let (first, rest) = ends.split_first()?;
    rest.iter().try_fold(first.clone()?, |all, range| Some(all.join(range.as_ref()?)))
}

/// The smallest and the largest key of one symbol's rows, which are sorted.
pub(crate) fn ends_of(def: &TableDef, group: &Group, batch: &RecordBatch) -> Option<Range> {
    let ids = def.range_columns();
    let key = |row: u32| -> Option<Key> {
        ids.iter().map(|id| value_at(column(def, batch, *id)?, row as usize)).collect()
    };
    let (min, max) = (key(*group.rows.first()?)?, key(*group.rows.last()?)?);
    (!min.is_empty()).then(|| Range::new(min, max))
}

fn pick(batch: &RecordBatch, rows: Vec<u32>) -> Result<RecordBatch> {
    match rows.first() {
        Some(first) if rows.windows(2).all(|w| w[0] + 1 == w[1]) => {
            Ok(batch.slice(*first as usize, rows.len()))
        }
        _ => Ok(take_record_batch(batch, &UInt32Array::from(rows))?),
    }
}
