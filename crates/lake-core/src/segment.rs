//! What the log knows of one immutable Parquet file, and of where it lies.

use std::fmt;

use crate::census::Extent;
use crate::codec::{Decoded, Decoder, Encoder, Malformed};
use crate::id::{SegmentId, TxnId, Version};
use crate::mask::Mask;
use crate::symbol::Symbol;
use crate::value::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SegmentKind {
    /// As ingested.
    Increment,
    /// Made by compaction.
    Base,
}

/// Added to the code of a kind: a sum follows.
const WITH_SUM: u8 = 2;

/// The partition a segment belongs to: one symbol's directory, or the shared one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The values of the partition columns, in order; none in a table without.
    Of(Vec<Symbol>),
    /// Many symbols in one file, sorted by (symbol, key).
    Packed,
}

/// First and last symbol of a packed segment, and how many it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolSpan {
    pub first: Vec<Symbol>,
    pub last: Vec<Symbol>,
    pub count: u32,
}

/// A segment's place among those that may hold the same key: the later wins. It is
/// the commit that brought the rows, and their place in it; a file that compaction
/// or a delete wrote has the place of the newest rows in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank {
    pub version: Version,
    pub order: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub id: SegmentId,
    pub kind: SegmentKind,
    pub schema_version: u32,
    pub rows: u64,
    pub bytes: u64,
    /// xxh3 of the whole file.
    pub hash: u64,
    /// The sum of its rows' numbers, masked rows too: it tells, in any order and in any
    /// file, whether these are its rows. None: of a file that was written without.
    pub sum: Option<u64>,
    /// None: unknown, so it may hold any key.
    pub range: Option<Range>,
    pub symbols: Option<Box<SymbolSpan>>,
    /// The default stands for the commit that adds it.
    pub rank: Rank,
    /// When that place was taken; goes with the rank.
    pub at_us: i64,
    /// Where the file itself says what it holds of each symbol.
    pub census: Option<Extent>,
    /// What of its rows is gone.
    pub masks: Vec<Mask>,
    /// The version that added it; set by the fold.
    pub added: Version,
}

impl SegmentKind {
    pub fn word(self) -> &'static str {
        match self {
            SegmentKind::Increment => "increment",
            SegmentKind::Base => "base",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Packed => f.write_str("(packed)"),
            Part::Of(values) => {
                for (i, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if i > 0 { "/" } else { "" })?;
                }
                Ok(())
            }
        }
    }
}

pub(crate) fn put_txn(e: &mut Encoder, txn: &TxnId) {
    e.num(txn.start);
    e.fixed64(txn.session);
    e.num(txn.counter);
}

pub(crate) fn get_txn(d: &mut Decoder<'_>) -> Decoded<TxnId> {
    let (start, session) = (d.num()?, d.fixed64()?);
    if session >> 62 != 0 {
        return d.broken("session past 62 bits");
    }
    Ok(TxnId { start, session, counter: d.num32()? })
}

pub(crate) fn put_id(e: &mut Encoder, id: &SegmentId) {
    put_txn(e, &id.txn);
    e.num(id.n);
}

pub(crate) fn get_id(d: &mut Decoder<'_>) -> Decoded<SegmentId> {
    Ok(SegmentId { txn: get_txn(d)?, n: d.num32()? })
}

pub(crate) fn put_symbols(e: &mut Encoder, symbols: &[Symbol]) {
    e.list(symbols, |e, s| e.text(s.as_str()));
}

pub(crate) fn get_symbols(d: &mut Decoder<'_>) -> Decoded<Vec<Symbol>> {
    d.list(|d| match Symbol::new(d.text()?) {
        Ok(symbol) => Ok(symbol),
        Err(_) => d.broken("text that cannot be a symbol"),
    })
}

impl Part {
    pub(crate) fn encode(&self, e: &mut Encoder) {
        match self {
            Part::Of(symbols) => {
                e.u8(0);
                put_symbols(e, symbols);
            }
            Part::Packed => e.u8(1),
        }
    }

    pub(crate) fn decode(d: &mut Decoder<'_>) -> Decoded<Part> {
        match d.u8()? {
            0 => Ok(Part::Of(get_symbols(d)?)),
            1 => Ok(Part::Packed),
            code => Err(Malformed::Newer { what: "partition kind", code: code.into() }),
        }
    }
}

impl Segment {
    /// In the place of the newest of those that it is made of.
    pub fn in_place_of<'s>(self, inputs: impl IntoIterator<Item = &'s Segment>) -> Segment {
        match inputs.into_iter().max_by_key(|input| input.rank) {
            Some(newest) => Segment { rank: newest.rank, at_us: newest.at_us, ..self },
            None => self,
        }
    }

    /// Whether a key of `other` may also be one of ours.
    pub fn overlaps(&self, other: &Segment) -> bool {
        self.may_hold(other.range.as_ref())
    }

    /// Whether a key of a range, None: any key, may be one of ours.
    pub(crate) fn may_hold(&self, range: Option<&Range>) -> bool {
        match (&self.range, range) {
            (Some(a), Some(b)) => a.overlaps(b),
            _ => true,
        }
    }

    /// Without `added`, which the entry around it says.
    pub(crate) fn encode(&self, e: &mut Encoder) {
        put_id(e, &self.id);
        let kind = match self.kind {
            SegmentKind::Increment => 0,
            SegmentKind::Base => 1,
        };
        e.u8(if self.sum.is_some() { kind | WITH_SUM } else { kind });
        e.num(self.schema_version);
        e.num(self.rows);
        e.num(self.bytes);
        e.fixed64(self.hash);
        if let Some(sum) = self.sum {
            e.fixed64(sum);
        }
        e.option(self.range.as_ref(), |e, range| range.encode(e));
        e.option(self.symbols.as_ref(), |e, span| {
            put_symbols(e, &span.first);
            put_symbols(e, &span.last);
            e.num(span.count);
        });
        e.option((self.rank != Rank::default()).then_some(self.rank), |e, rank| {
            e.num(rank.version);
            e.num(rank.order);
            e.int(self.at_us);
        });
        e.option(self.census, |e, census| {
            e.num(census.at);
            e.num(census.len);
        });
        e.list(&self.masks, |e, mask| mask.encode(e));
    }

    pub(crate) fn decode(d: &mut Decoder<'_>) -> Decoded<Segment> {
        let id = get_id(d)?;
        let code = d.u8()?;
        let kind = match code & !WITH_SUM {
            0 => SegmentKind::Increment,
            1 => SegmentKind::Base,
            _ => return Err(Malformed::Newer { what: "segment kind", code: code.into() }),
        };
        let schema_version = d.num32()?;
        let (rows, bytes, hash) = (d.num()?, d.num()?, d.fixed64()?);
        let sum = (code & WITH_SUM != 0).then(|| d.fixed64()).transpose()?;
        let range = d.option(Range::decode)?;
        let symbols = d.option(|d| {
            let (first, last) = (get_symbols(d)?, get_symbols(d)?);
            Ok(Box::new(SymbolSpan { first, last, count: d.num32()? }))
        })?;
        let rank = d.option(|d| Ok((Rank { version: d.num()?, order: d.num32()? }, d.int()?)))?;
        let (rank, at_us) = rank.unwrap_or_default();
        let census = d.option(|d| Ok(Extent { at: d.num()?, len: d.num()? }))?;
        Ok(Segment {
            id,
            kind,
            schema_version,
            rows,
            bytes,
            hash,
            sum,
            range,
            symbols,
            rank,
            at_us,
            census,
            masks: d.list(Mask::decode)?,
            added: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_an_older_program_has_no_sum() {
        // Kind 1, schema 1, 300 rows, 5 bytes, hash, and nothing that there is a choice of.
        let id = [7, 9, 0, 0, 0, 0, 0, 0, 0, 1, 2];
        let rest = [1, 0xac, 0x02, 5, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0, 0, 0];
        let old = [&id[..], &[1], &rest].concat();
        let segment = Segment::decode(&mut Decoder::new(&old)).unwrap();
        assert_eq!((segment.kind, segment.rows, segment.sum), (SegmentKind::Base, 300, None));
        let write = |segment: &Segment| {
            let mut e = Encoder::default();
            segment.encode(&mut e);
            e.0
        };
        assert_eq!(write(&segment), old);
        let new = Segment { sum: Some(0x1122), ..segment };
        let bytes = write(&new);
        assert_eq!((bytes[id.len()], bytes.len()), (3, old.len() + 8));
        assert_eq!(Segment::decode(&mut Decoder::new(&bytes)), Ok(new));
        let newer = [&id[..], &[4], &rest].concat();
        let refused = Segment::decode(&mut Decoder::new(&newer));
        assert_eq!(refused, Err(Malformed::Newer { what: "segment kind", code: 4 }));
    }
}
