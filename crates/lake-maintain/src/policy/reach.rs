//! Which symbols and keys some segments may hold.

use std::collections::BTreeMap;
use std::ops::Bound;

use lake_core::segment::{Part, Segment};
use lake_core::symbol::Symbol;

use super::Live;

pub(super) struct Reach<'t> {
    own: BTreeMap<&'t [Symbol], Vec<&'t Segment>>,
    packs: Vec<&'t Segment>,
}

impl<'t> Reach<'t> {
    pub(super) fn of(all: &[Live<'t>]) -> Reach<'t> {
        let mut reach = Reach { own: BTreeMap::new(), packs: Vec::new() };
        for (part, segment) in all {
            match part {
                Part::Of(symbols) => reach.own.entry(symbols).or_default().push(segment),
                Part::Packed => reach.packs.push(segment),
            }
        }
        reach
    }

    /// Whether one of them lies under a segment and may share a key with it.
    pub(super) fn under(&self, part: &Part, segment: &Segment) -> bool {
        let lies = |other: &&Segment| other.rank < segment.rank && other.overlaps(segment);
        match part {
            Part::Of(symbols) => {
                let own = self.own.get(symbols.as_slice()).into_iter().flatten();
                let packs = self.packs.iter().filter(|pack| spans(pack, symbols));
                own.copied().any(|s| lies(&s)) || packs.copied().any(|s| lies(&s))
            }
            Part::Packed => {
                let Some(span) = segment.symbols.as_deref() else { return true };
                let (first, last) = (span.first.as_slice(), span.last.as_slice());
                let ends = (Bound::Included(first), Bound::Included(last));
                let mut own = self.own.range::<[Symbol], _>(ends).flat_map(|(_, all)| all);
                let meets = |pack: &&Segment| {
                    let other = pack.symbols.as_deref();
                    other.is_none_or(|o| o.first.as_slice() <= last && first <= o.last.as_slice())
                };
                own.any(&lies) || self.packs.iter().any(|pack| meets(pack) && lies(pack))
            }
        }
    }
}

fn spans(pack: &Segment, symbols: &[Symbol]) -> bool {
    let span = pack.symbols.as_deref();
    span.is_none_or(|s| s.first.as_slice() <= symbols && symbols <= s.last.as_slice())
}
