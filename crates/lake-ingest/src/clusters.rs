//! Which segments must be read together: those that may share keys, directly or by
//! way of others.

use std::collections::BTreeMap;

use lake_core::segment::{Part, Segment};
use lake_core::state::Table;
use lake_core::value::Range;

/// A segment and its partition.
pub(crate) type Live<'t> = (&'t Part, &'t Segment);

/// Segments of one partition that overlap, and the range they span together.
struct Knot<'t> {
    members: Vec<Live<'t>>,
    range: Option<Range>,
}

/// Clusters of a table's live segments no two of which can share a key. In a table
/// without a key every segment is one, as no row hides another.
pub(crate) fn clusters(table: &Table) -> Vec<Vec<Live<'_>>> {
    match table.def.key.is_empty() {
        true => table.segments().map(|live| vec![live]).collect(),
        false => clusters_of(table.segments()),
    }
}

/// The same of any segments of one table with a key.
pub(crate) fn clusters_of<'t>(all: impl Iterator<Item = Live<'t>>) -> Vec<Vec<Live<'t>>> {
    let mut parts: BTreeMap<&Part, Vec<&Segment>> = BTreeMap::new();
    for (part, segment) in all {
        parts.entry(part).or_default().push(segment);
    }
    let packed = parts.remove(&Part::Packed).unwrap_or_default();
    let mut knots: Vec<Option<Knot<'_>>> = Vec::new();
    let mut of_part: BTreeMap<&Part, Vec<usize>> = BTreeMap::new();
    for (part, segments) in parts {
        for knot in knots_of(part, segments) {
            of_part.entry(part).or_default().push(knots.len());
            knots.push(Some(knot));
        }
    }
    let mut packs: Vec<Knot<'_>> = Vec::new();
    for pack in packed {
        let mut own = Knot { members: vec![(&Part::Packed, pack)], range: pack.range.clone() };
        let below: Vec<usize> = match pack.symbols.as_deref() {
            Some(span) => {
                let ends = Part::Of(span.first.clone())..=Part::Of(span.last.clone());
                of_part.range::<Part, _>(ends).flat_map(|(_, at)| at.iter().copied()).collect()
            }
            None => (0..knots.len()).collect(),
        };
        for at in below {
            let meets = knots[at].as_ref().is_some_and(|k| pack_meets(pack, k));
            if meets && let Some(knot) = knots[at].take() {
                own.join(knot);
            }
        }
        // What went into an earlier pack's knot is met there.
        let (met, apart): (Vec<_>, Vec<_>) =
            packs.into_iter().partition(|other| knots_meet(&own, other));
        packs = apart;
        met.into_iter().for_each(|other| own.join(other));
        packs.push(own);
    }
    knots.into_iter().flatten().chain(packs).map(|knot| knot.members).collect()
}

fn knots_of<'t>(part: &'t Part, mut all: Vec<&'t Segment>) -> Vec<Knot<'t>> {
    if all.iter().any(|s| s.range.is_none()) {
        let members = all.into_iter().map(|s| (part, s)).collect();
        return vec![Knot { members, range: None }];
    }
    all.sort_by(|a, b| a.range.as_ref().map(Range::min).cmp(&b.range.as_ref().map(Range::min)));
    let mut knots: Vec<Knot<'t>> = Vec::new();
    for segment in all {
        match knots.last_mut() {
            Some(knot) if overlap(knot.range.as_ref(), segment.range.as_ref()) => {
                knot.join(Knot { members: vec![(part, segment)], range: segment.range.clone() });
            }
            _ => knots.push(Knot { members: vec![(part, segment)], range: segment.range.clone() }),
        }
    }
    knots
}

fn overlap(a: Option<&Range>, b: Option<&Range>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.overlaps(b),
        _ => true,
    }
}

fn pack_meets(pack: &Segment, knot: &Knot<'_>) -> bool {
    overlap(pack.range.as_ref(), knot.range.as_ref())
}

/// Whether any member of the one may share keys with any of the other.
fn knots_meet(a: &Knot<'_>, b: &Knot<'_>) -> bool {
    overlap(a.range.as_ref(), b.range.as_ref())
        && a.members.iter().any(|x| b.members.iter().any(|y| live_meet(*x, *y)))
}

fn live_meet((a_part, a): Live<'_>, (b_part, b): Live<'_>) -> bool {
    let holds = |pack: &Segment, part: &Part| match (part, pack.symbols.as_deref()) {
        (Part::Of(own), Some(span)) => span.first <= *own && *own <= span.last,
        _ => true,
    };
    let symbols = match (a_part, b_part) {
        (Part::Packed, Part::Packed) => match (a.symbols.as_deref(), b.symbols.as_deref()) {
            (Some(x), Some(y)) => x.first <= y.last && y.first <= x.last,
            _ => true,
        },
        (Part::Packed, part) => holds(a, part),
        (part, Part::Packed) => holds(b, part),
        (a, b) => a == b,
    };
    symbols && overlap(a.range.as_ref(), b.range.as_ref())
}

impl<'t> Knot<'t> {
    fn join(&mut self, other: Knot<'t>) {
        self.members.extend(other.members);
        self.range = match (self.range.take(), other.range) {
            (Some(a), Some(b)) => Some(a.join(&b)),
            _ => None,
        };
    }
}
