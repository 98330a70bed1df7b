//! Which files count, and in which order their rows win.

use std::collections::{HashMap, HashSet};

use lake_core::id::SegmentId;
use lake_core::segment::{Part, Rank, SegmentKind};

use super::{Doubt, Relic, grouped};

/// See the fields of `Rebuilt`. The live ones in the order of their ranks.
pub(super) struct Choice {
    pub(super) live: Vec<Relic>,
    pub(super) replaced: u64,
    pub(super) redundant: u64,
    pub(super) doubts: Vec<Doubt>,
}

pub(super) fn choose(relics: Vec<Relic>) -> Choice {
    let there: HashSet<SegmentId> = relics.iter().map(|r| r.id).collect();
    let lineages = || relics.iter().filter_map(|r| Some((r, r.lineage.as_ref()?)));
    let named: HashSet<SegmentId> =
        lineages().flat_map(|(_, lineage)| lineage.replaces.iter().copied()).collect();
    let (mut replaced, mut redundant) = (HashSet::new(), HashSet::new());
    for (relic, lineage) in lineages() {
        let has_lost = lineage.replaces.iter().any(|id| !there.contains(id));
        match has_lost || lineage.cuts || named.contains(&relic.id) {
            true => replaced.extend(lineage.replaces.iter().copied()),
            false => drop(redundant.insert(relic.id)),
        }
    }
    let gone = |id: &SegmentId| replaced.contains(id);
    let counts = |set: &dyn Fn(&Relic) -> bool| relics.iter().filter(|r| set(r)).count() as u64;
    let n_replaced = counts(&|r| gone(&r.id));
    let n_redundant = counts(&|r| redundant.contains(&r.id) && !gone(&r.id));
    let mut live: Vec<Relic> =
        relics.iter().filter(|r| !gone(&r.id) && !redundant.contains(&r.id)).cloned().collect();
    let places = places(&live);
    live.sort_by_key(|r| places[&r.id]);
    let doubts = doubts(&live);
    Choice { live, replaced: n_replaced, redundant: n_redundant, doubts }
}

/// Where a file stands among those of its table: by rank, or what is nearest to it, then
/// by when it was written, as far as it says.
type Place = (Rank, u64, i64, SegmentId);

fn places(live: &[Relic]) -> HashMap<SegmentId, Place> {
    let merged: Vec<(&Relic, Rank, Rank)> = live
        .iter()
        .filter_map(|r| r.lineage.as_ref().map(|lineage| (r, lineage.from, lineage.rank)))
        .collect();
    let place = |relic: &Relic| {
        let rank = match &relic.lineage {
            Some(lineage) => lineage.rank,
            // It was committed after the version it names. What a merge left out though it
            // began when the first of its inputs was there lies over all of them.
            None => {
                let own = Rank { version: relic.after.saturating_add(1), order: 0 };
                let over = merged.iter().filter(|(base, from, to)| {
                    base.table == relic.table && relic.after >= from.version && own <= *to
                });
                let over = over.map(|(_, _, to)| Rank { order: to.order.saturating_add(1), ..*to });
                over.chain([own]).max().unwrap_or(own)
            }
        };
        (rank, relic.after, relic.at_us, relic.id)
    };
    live.iter().map(|relic| (relic.id, place(relic))).collect()
}

fn doubts(live: &[Relic]) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    let told = |r: &Relic| r.lineage.is_some();
    for base in live.iter().filter(|r| r.kind == SegmentKind::Base && !told(r)) {
        let why = match base.key.is_empty() {
            true => "it does not say what it was merged of: rows may be there twice",
            false => "it does not say what it was merged of: deleted rows may show again",
        };
        doubts.push(Doubt { path: base.path.clone(), why: why.to_owned() });
    }
    let is_undated = |r: &&Relic| !r.dated && !told(r) && !r.key.is_empty();
    for old in live.iter().filter(is_undated).filter(|r| r.kind == SegmentKind::Increment) {
        let why = "it does not say when it was committed: whether its rows win is guessed";
        doubts.push(Doubt { path: old.path.clone(), why: why.to_owned() });
    }
    // Written at one time by several, and with keys in common, one of them unknown to win.
    let increments = live.iter().filter(|r| r.dated && !told(r) && !r.key.is_empty());
    for same in grouped(increments.map(|r| ((&r.table, r.after), r))).into_values() {
        let one = |r: &&Relic| r.id.txn.session == same[0].id.txn.session;
        if same.iter().all(one) {
            continue;
        }
        for (i, relic) in same.iter().enumerate() {
            let other = same[..i].iter().find(|o| may_meet(relic, o));
            if let Some(other) = other {
                let why =
                    format!("it was written when {} was: which one wins is guessed", other.path);
                doubts.push(Doubt { path: relic.path.clone(), why });
            }
        }
    }
    doubts
}

/// Whether two files of different sessions may have a key in common.
fn may_meet(a: &Relic, b: &Relic) -> bool {
    if a.id.txn.session == b.id.txn.session {
        return false;
    }
    let whose = match (&a.part, &b.part) {
        (Part::Of(a), Part::Of(b)) => a == b,
        _ => true,
    };
    let range = |r: &Relic| r.facts.as_ref().and_then(|f| f.contents.range.clone());
    whose && range(a).zip(range(b)).is_none_or(|(a, b)| a.overlaps(&b))
}
