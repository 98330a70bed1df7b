//! Sorted rows of many symbols as packed segments, each cut where a symbol ends.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use lake_core::census::{Census, Tally, Touch};
use lake_core::schema::{FieldId, TableDef};
use lake_core::segment::{Part, Segment, SegmentKind, SymbolSpan};
use lake_core::state::Table;
use lake_core::symbol::Symbol;
use lake_core::value::{Key, Range};

use crate::error::SegmentError;
use crate::format::{Format, Profile};
use crate::group::{Copies, Piece, RowGroup};
use crate::staged::{Blank, Files};
use crate::stats::value_at;

/// Rows of a pack, about: a unit of parallel work now, of merging later. It ends where a
/// symbol does, but for a base of a symbol with several times as many.
pub const PACK_ROWS: usize = 1 << 20;

/// When each symbol was last changed, where that is known.
pub type Touches = HashMap<Vec<Symbol>, Touch>;

/// Writes all batches, which are sorted by symbol. A symbol without a touch was changed
/// by the commit whose rank the segments get.
pub fn write_packs<P: Into<Piece>, E: From<SegmentError>>(
    files: &Files,
    table: &Table,
    format: &Format,
    touches: &Touches,
    copies: Option<&Copies>,
    pieces: &mut dyn Iterator<Item = Result<P, E>>,
) -> Result<Vec<Segment>, E> {
    let mut done = Vec::new();
    let mut rest: Option<RecordBatch> = None;
    loop {
        let limit = match files.kind() {
            SegmentKind::Increment => usize::MAX,
            SegmentKind::Base => 4 * PACK_ROWS,
        };
        let pack = RefCell::new(Pack::new(&table.def, limit, touches, files.producer()));
        let mut own = std::iter::from_fn(|| {
            if !pack.borrow().has_room() {
                copies.inspect(|copies| copies.welcome(false));
            }
            let next = || Some(pieces.next()?.map(Into::into));
            match rest.take().map(|batch| Ok(Piece::Rows(batch))).or_else(next)? {
                Ok(Piece::Rows(batch)) => {
                    let (own, other) = pack.borrow_mut().take(batch);
                    rest = other;
                    own.map(|batch| Ok(Piece::Rows(batch)))
                }
                Ok(Piece::Group(group)) => {
                    pack.borrow_mut().take_group(&group);
                    Some(Ok(Piece::Group(group)))
                }
                error => Some(error),
            }
        });
        let Some(first) = own.next() else { return Ok(done) };
        let part = Part::Packed;
        let census = || pack.borrow_mut().census();
        let (rows, census) = (usize::MAX, Some(&census as _));
        let blank = Blank { table, format, part: &part, rows, census, copies };
        let mut segment = files.write(&blank, std::iter::once(first).chain(own))?;
        let mut pack = pack.borrow_mut();
        segment.range = pack.range();
        segment.symbols = pack.span();
        done.push(segment);
    }
}

/// One pack being filled.
struct Pack<'a> {
    def: &'a TableDef,
    rows: usize,
    /// With so many it ends within a symbol.
    limit: usize,
    full: bool,
    first: Option<Vec<Symbol>>,
    /// The symbol that rows come of.
    open: Option<Tally>,
    count: u32,
    least: Option<Key>,
    most: Option<Key>,
    /// Every key has been a value.
    known: bool,
    census: Census,
    touches: &'a Touches,
    /// Of a symbol without one.
    touched: Touch,
}

impl<'a> Pack<'a> {
    fn new(
        def: &'a TableDef,
        limit: usize,
        touches: &'a Touches,
        producer: Option<Arc<str>>,
    ) -> Pack<'a> {
        Pack {
            def,
            rows: 0,
            limit,
            full: false,
            first: None,
            open: None,
            count: 0,
            least: None,
            most: None,
            known: true,
            census: Census::default(),
            touches,
            touched: Touch { producer, ..Touch::default() },
        }
    }

    /// Whether a whole row group cannot make it end.
    fn has_room(&self) -> bool {
        self.rows + Profile::Base.most_rows() <= PACK_ROWS
    }

    /// A row group, for which there is room.
    fn take_group(&mut self, group: &RowGroup) {
        for Tally { symbols, rows, range, .. } in &group.tallies {
            self.begin(symbols);
            let ends = range.as_ref().map(|range| (range.min().to_vec(), range.max().to_vec()));
            let (min, max) = ends.unzip();
            self.note(*rows as usize, min, max);
        }
    }

    /// Rows of a symbol follow.
    fn begin(&mut self, symbols: &[Symbol]) {
        if self.open.as_ref().is_none_or(|open| open.symbols != symbols) {
            self.count += 1;
            self.first.get_or_insert_with(|| symbols.to_vec());
            self.close();
            let touched = self.touches.get(symbols).unwrap_or(&self.touched).clone();
            self.open = Some(Tally { symbols: symbols.to_vec(), touched, ..Tally::default() });
        }
    }

    /// What of a batch belongs to this pack, and the rest.
    fn take(&mut self, batch: RecordBatch) -> (Option<RecordBatch>, Option<RecordBatch>) {
        if self.full || self.rows >= self.limit {
            self.full = true;
            return (None, Some(batch));
        }
        let mut start = 0;
        while start < batch.num_rows() {
            let symbols = symbols_at(self.def, &batch, start);
            let is_new = self.open.as_ref().is_none_or(|open| open.symbols != symbols);
            if is_new && self.rows >= PACK_ROWS {
                self.full = true;
                let rest = batch.slice(start, batch.num_rows() - start);
                return ((start > 0).then(|| batch.slice(0, start)), Some(rest));
            }
            let end = end_of(self.def, &batch, start);
            self.begin(&symbols);
            let ids = self.def.range_columns();
            let key = |row: usize| -> Option<Key> {
                ids.iter().map(|id| value_at(column(self.def, &batch, *id)?, row)).collect()
            };
            let (min, max) = (key(start), key(end - 1));
            self.note(end - start, min, max);
            start = end;
        }
        (Some(batch), None)
    }

    /// So many rows of the open symbol, from that key to that.
    fn note(&mut self, rows: usize, min: Option<Key>, max: Option<Key>) {
        self.rows += rows;
        if let Some(open) = &mut self.open {
            let range = min.clone().zip(max.clone()).filter(|(min, _)| !min.is_empty());
            let range = range.map(|(min, max)| Range::new(min, max));
            // Of a symbol with an unknown key no range is known.
            open.range = match (open.rows, &open.range, range) {
                (0, _, range) => range,
                (_, Some(so_far), Some(range)) => Some(so_far.join(&range)),
                _ => None,
            };
            open.rows += rows as u64;
        }
        match (min, max) {
            (Some(min), Some(max)) if !min.is_empty() => {
                self.least = Some(self.least.take().map_or(min.clone(), |l| l.min(min)));
                self.most = Some(self.most.take().map_or(max.clone(), |m| m.max(max)));
            }
            _ => self.known = false,
        }
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.census.push(open);
        }
    }

    /// Of all symbols; the last one stays open.
    fn census(&mut self) -> Census {
        if let Some(open) = &self.open {
            self.census.push(open.clone());
        }
        std::mem::take(&mut self.census)
    }

    fn range(&mut self) -> Option<Range> {
        let (least, most) = (self.least.take()?, self.most.take()?);
        self.known.then(|| Range::new(least, most))
    }

    fn span(&mut self) -> Option<Box<SymbolSpan>> {
        let (first, last) = (self.first.take()?, self.open.take()?.symbols);
        Some(Box::new(SymbolSpan { first, last, count: self.count }))
    }
}

/// The column of a batch with the table's newest schema.
pub fn column<'a>(def: &TableDef, batch: &'a RecordBatch, id: FieldId) -> Option<&'a ArrayRef> {
    let at = def.schema().fields.iter().position(|f| f.id == id)?;
    batch.columns().get(at)
}

/// Whose row it is, in a batch with the table's newest schema.
pub fn symbols_at(def: &TableDef, batch: &RecordBatch, row: usize) -> Vec<Symbol> {
    let text = |id| column(def, batch, id).map(|c| c.as_string::<i32>().value(row));
    def.partition_by.iter().filter_map(|id| Symbol::new(text(*id)?).ok()).collect()
}

/// Where the symbol that stands at `start` ends, in sorted rows.
pub fn end_of(def: &TableDef, batch: &RecordBatch, start: usize) -> usize {
    let columns: Vec<_> =
        def.partition_by.iter().filter_map(|id| column(def, batch, *id)).collect();
    let same = |row: usize| {
        columns.iter().all(|c| {
            let texts = c.as_string::<i32>();
            texts.value(row) == texts.value(start)
        })
    };
    // Sorted: a symbol's rows are one run, found by halving.
    let (mut low, mut high) = (start + 1, batch.num_rows());
    while low < high {
        let middle = low + (high - low) / 2;
        if same(middle) { low = middle + 1 } else { high = middle }
    }
    low
}
