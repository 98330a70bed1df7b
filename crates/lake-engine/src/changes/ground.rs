//! Where segments lie, to be asked whether another may share a key with one of them.

use std::collections::BTreeMap;

use lake_core::segment::{Part, Segment, SymbolSpan};
use lake_core::symbol::Symbol;

use crate::split::{Live, may_meet};

#[derive(Default)]
pub(super) struct Ground<'a> {
    own: BTreeMap<&'a [Symbol], Vec<&'a Segment>>,
    packs: Vec<&'a Segment>,
}

impl<'a> Ground<'a> {
    pub(super) fn of<'l>(live: impl Iterator<Item = &'l Live<'a>>) -> Ground<'a>
    where
        'a: 'l,
    {
        let mut ground = Ground::default();
        for one in live {
            match one.part {
                Part::Of(symbols) => ground.own.entry(symbols).or_default().push(one.segment),
                Part::Packed => ground.packs.push(one.segment),
            }
        }
        ground
    }

    pub(super) fn meets(&self, one: &Live<'_>) -> bool {
        let meets = |other: &&Segment| may_meet(one.segment.range.as_ref(), other.range.as_ref());
        let span = one.segment.symbols.as_deref();
        match (one.part, span) {
            (Part::Of(own), _) => {
                let beside = self.own.get(&own[..]).is_some_and(|all| all.iter().any(meets));
                beside || self.packs.iter().any(|pack| reaches(pack, own, own) && meets(pack))
            }
            (Part::Packed, Some(SymbolSpan { first, last, .. })) => {
                let mut within = self.own.range(&first[..]..=&last[..]);
                within.any(|(_, all)| all.iter().any(meets))
                    || self.packs.iter().any(|pack| reaches(pack, first, last) && meets(pack))
            }
            (Part::Packed, None) => self.own.values().flatten().chain(&self.packs).any(meets),
        }
    }
}

/// Whether a pack may hold a symbol from here to there; one that does not say its
/// symbols may hold any.
fn reaches(pack: &Segment, first: &[Symbol], last: &[Symbol]) -> bool {
    let span = pack.symbols.as_deref();
    span.is_none_or(|span| span.first[..] <= *last && *first <= span.last[..])
}
