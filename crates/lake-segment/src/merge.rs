//! The rows of some segments that count, as one sorted stream.
//!
//! Batches have the table's newest schema (see [`Upgrade`]) and are sorted by the
//! partition columns and then the range columns, NULL first. In a table with a key,
//! of rows with one key that of the highest rank is given out; two inputs have
//! equal ranks only when they share no key, and if they do all the same the later of
//! them in the list wins. In a table without a key all rows are given out, equal ones
//! by rank, within one rank by their place in the list, within a file as they stand.
//!
//! Memory: one decoded batch for each open input, a few more, and the pages behind
//! them. Descriptors: an input is opened when, by what the log says of its range and
//! symbols, its first row may be due, and closed after its last; so there are as
//! many open files as inputs that overlap at one point. To keep these within the
//! limits of the process (some 512) is up to the caller, who can merge in turns.
//!
//! Speed: where inputs do not overlap, whole batches go through as they were decoded.
//! Rows are compared with their neighbours in the file alone, which shows a file that
//! is not sorted.

mod cursor;
mod groups;
mod heads;
mod order;
mod pending;
#[cfg(test)]
mod tests;
mod upgrade;
pub(crate) mod value;
mod visible;
mod whole;

use std::ops::{Bound, RangeBounds};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use lake_core::mask::{Effect, Stretch};
use lake_core::schema::TableDef;
use lake_core::segment::{Part, Segment};
use lake_core::symbol::Symbol;
use lake_store::Root;
use parquet::errors::ParquetError;

use crate::error::{Result, SegmentError};
use crate::format::Format;
use crate::group::{Copies, Piece};
use crate::reader::{BATCH, Verify};
use crate::types::arrow_schema;

use cursor::{Cursor, Shared};
use heads::Heads;
pub(crate) use order::Order;
use pending::Pending;

use whole::{Whole, Wholes};

pub use upgrade::Upgrade;
pub(crate) use upgrade::field_id;

/// Decoded batches beyond one for each open input that may wait for their rows to
/// be given out.
const SPARE_BATCHES: usize = 16;

/// A live segment, and where it is.
#[derive(Clone, Debug)]
pub struct MergeInput<'a> {
    pub path: String,
    pub part: &'a Part,
    pub segment: &'a Segment,
}

/// A run of partitions, in the order of their symbols.
pub type Within = (Bound<Vec<Symbol>>, Bound<Vec<Symbol>>);

#[derive(Clone, Debug)]
pub struct MergeOptions {
    /// No batch has more rows, given out or decoded; 0 counts as 1.
    pub batch_rows: usize,
    /// Rows of these partitions alone, from their own files and from packs.
    pub within: Within,
    /// Rows whose first range column lies in it; NULL lies in the whole one alone.
    pub stretch: Stretch,
    /// How closely a file is looked at when it is opened.
    pub verify: Verify,
    /// Whether the sums of the counts are made.
    pub sums: bool,
}

impl Default for MergeOptions {
    fn default() -> MergeOptions {
        let (within, stretch) = ((Bound::Unbounded, Bound::Unbounded), Stretch::whole());
        MergeOptions { batch_rows: BATCH, within, stretch, verify: Verify::Size, sums: false }
    }
}

/// What became of the rows so far. Rows that were not asked for do not count. At
/// the end `read == hidden + superseded + out`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MergeCounts {
    pub read: u64,
    /// By masks.
    pub hidden: u64,
    /// By rows of the same key and a higher rank.
    pub superseded: u64,
    pub out: u64,
    /// Pieces of inputs that the rows came in: near `out` where inputs interleave,
    /// near its number of batches where they do not overlap.
    pub pieces: u64,
    /// The sums of the numbers ([`crate::row_sum`]) of rows read, of those that no mask
    /// hides, and of those superseded. What the last two differ by must come out.
    pub read_sum: u64,
    pub visible_sum: u64,
    pub superseded_sum: u64,
}

/// See the module. After an error it is at its end.
pub struct Merge {
    shared: Shared,
    schema: SchemaRef,
    keyed: bool,
    heads: Heads,
    open: usize,
    pending: Pending,
    /// The key of the row given out last; empty before.
    last: Vec<u8>,
    counts: MergeCounts,
    ended: bool,
}

impl Merge {
    /// Opens no file yet.
    pub fn open(
        root: &Root,
        def: &TableDef,
        inputs: &[MergeInput<'_>],
        options: &MergeOptions,
    ) -> Result<Merge> {
        let order = Order::new(def)?;
        let mut options = options.clone();
        options.batch_rows = options.batch_rows.max(1);
        let asked = groups::asked(&order, &options.within, &options.stretch).ok_or_else(|| {
            let why = "the stretch has an end that is no value of the first range column";
            SegmentError::Encode(ParquetError::General(why.into()))
        })?;
        let keyed = !def.key.is_empty();
        let mut ranked: Vec<&MergeInput<'_>> =
            inputs.iter().filter(|input| may_hold(input, &options)).collect();
        ranked.sort_by_key(|input| input.segment.rank);
        if keyed {
            ranked.reverse();
        }
        let cursor = |(place, input): (usize, &&MergeInput<'_>)| {
            Cursor::new(place, &order, (input.path.clone(), input.part, input.segment))
        };
        let cursors = ranked.iter().enumerate().map(cursor).collect::<Result<Vec<_>>>()?;
        let schema = arrow_schema(def.schema());
        Ok(Merge {
            shared: Shared {
                root: root.clone(),
                def: def.clone(),
                order,
                options,
                asked,
                wholes: None,
            },
            pending: Pending::new(schema.clone()),
            schema,
            keyed,
            heads: Heads::new(cursors.into_iter()),
            open: 0,
            last: Vec::new(),
            counts: MergeCounts::default(),
            ended: false,
        })
    }

    /// Of all batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub fn counts(&self) -> MergeCounts {
        self.counts
    }

    /// All rows, with the row groups whole that stand apart, whenever they are welcome; they
    /// are for bases that `format` makes.
    pub fn pieces<'m>(
        &'m mut self,
        format: &Format,
        copies: Option<&'m Copies>,
    ) -> Result<Pieces<'m>> {
        if copies.is_some() {
            self.shared.wholes = Wholes::new(&self.shared.def, format)?;
        }
        Ok(Pieces { merge: self, copies })
    }

    /// The next rows. None: there are no more.
    fn step(&mut self, copies: Option<&Copies>) -> Result<Option<Piece>> {
        let most = self.shared.options.batch_rows;
        while let Some(first) = self.heads.first() {
            if !first.is_open() {
                if copies.is_some_and(Copies::are_welcome)
                    && let Some(piece) = self.give_whole()?
                {
                    return Ok(Some(piece));
                }
                self.start_first()?;
                continue;
            }
            if self.keyed && first.key() == self.last {
                self.counts.superseded += 1;
                let number = first.number();
                self.counts.superseded_sum = self.counts.superseded_sum.wrapping_add(number);
                self.advance_first(1)?;
                continue;
            }
            let run = first.run_before(self.heads.second(), most);
            let long = run * 2 >= most;
            if long && self.pending.rows() > 0 {
                return self.take_pending();
            }
            let rows = run.min(most - self.pending.rows());
            let whole = self.give_first(rows, long)?;
            self.advance_first(rows)?;
            if let Some(batch) = whole {
                return Ok(Some(Piece::Rows(batch)));
            }
            if self.pending.rows() == most {
                return self.take_pending();
            }
        }
        if self.pending.rows() > 0 { self.take_pending() } else { Ok(None) }
    }

    fn take_pending(&mut self) -> Result<Option<Piece>> {
        Ok(Some(Piece::Rows(self.pending.take()?)))
    }

    /// Gives out the row group that the first input stands before, if it stands apart, or
    /// what comes before it.
    fn give_whole(&mut self) -> Result<Option<Piece>> {
        let other = self.heads.second().map(|other| other.key().to_vec());
        let Some(first) = self.heads.first_mut() else { return Ok(None) };
        if !first.may_give_whole(other.as_deref()) {
            return Ok(None);
        }
        if self.pending.rows() > 0 {
            return self.take_pending();
        }
        let Some(Whole { group, last }) = first.take_whole(&self.last, &self.shared)? else {
            return Ok(None);
        };
        self.last = last;
        self.counts.read += group.rows;
        self.counts.out += group.rows;
        self.counts.pieces += 1;
        self.counts.read_sum = self.counts.read_sum.wrapping_add(group.sum);
        self.counts.visible_sum = self.counts.visible_sum.wrapping_add(group.sum);
        let more = first.load(&self.shared, &mut self.counts)?;
        self.settle_first(more);
        Ok(Some(Piece::Group(Box::new(group))))
    }

    /// Gives out rows of the first input: at once if they are many.
    fn give_first(&mut self, rows: usize, long: bool) -> Result<Option<RecordBatch>> {
        let Some(first) = self.heads.first_mut() else { return Ok(None) };
        self.last.clear();
        self.last.extend_from_slice(first.key_at(rows - 1));
        self.counts.out += rows as u64;
        self.counts.pieces += 1;
        let Some((batch, slot, start)) = first.here() else { return Ok(None) };
        if long {
            return Ok(Some(batch.slice(start, rows)));
        }
        self.pending.push(batch, slot, (start, rows), self.open + SPARE_BATCHES)?;
        Ok(None)
    }

    fn start_first(&mut self) -> Result<()> {
        let Some(first) = self.heads.first_mut() else { return Ok(()) };
        self.open += usize::from(!first.has_file());
        let more = first.start(&self.shared, &mut self.counts)?;
        self.settle_first(more);
        Ok(())
    }

    fn advance_first(&mut self, rows: usize) -> Result<()> {
        let Some(first) = self.heads.first_mut() else { return Ok(()) };
        let more = first.advance(rows, &self.shared, &mut self.counts)?;
        self.settle_first(more);
        Ok(())
    }

    fn settle_first(&mut self, more: bool) {
        if more {
            self.heads.settle();
        } else {
            self.open -= 1;
            self.heads.remove_first();
        }
    }
}

impl Merge {
    /// Only what is given out must keep what the newest schema says of NULL.
    fn strict(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = batch.columns().to_vec();
        RecordBatch::try_new(self.schema.clone(), columns).map_err(|e| SegmentError::Damaged {
            path: format!("table {}", self.shared.def.name),
            why: e.to_string(),
        })
    }
}

impl Merge {
    fn next_piece(&mut self, copies: Option<&Copies>) -> Option<Result<Piece>> {
        if self.ended {
            return None;
        }
        let next = self.step(copies).and_then(|piece| match piece {
            Some(Piece::Rows(batch)) => self.strict(&batch).map(|batch| Some(Piece::Rows(batch))),
            other => Ok(other),
        });
        self.ended = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

impl Iterator for Merge {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        self.next_piece(None).map(|piece| piece.and_then(Piece::into_batch))
    }
}

/// See [`Merge::pieces`].
pub struct Pieces<'m> {
    merge: &'m mut Merge,
    copies: Option<&'m Copies>,
}

impl Iterator for Pieces<'_> {
    type Item = Result<Piece>;

    fn next(&mut self) -> Option<Result<Piece>> {
        self.merge.next_piece(self.copies)
    }
}

/// Whether, by what the log says, an input may hold rows that are asked for.
fn may_hold(input: &MergeInput<'_>, options: &MergeOptions) -> bool {
    let (from, to) = &options.within;
    let own = match (input.part, input.segment.symbols.as_deref()) {
        (Part::Of(symbols), _) => options.within.contains(symbols),
        (Part::Packed, None) => true,
        (Part::Packed, Some(span)) => {
            let begins = match to {
                Bound::Included(to) => span.first <= *to,
                Bound::Excluded(to) => span.first < *to,
                Bound::Unbounded => true,
            };
            let ends = match from {
                Bound::Included(from) => span.last >= *from,
                Bound::Excluded(from) => span.last > *from,
                Bound::Unbounded => true,
            };
            begins && ends
        }
    };
    own && options.stretch.effect_on(input.segment) != Effect::Nothing
}
