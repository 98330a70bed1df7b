//! Merge on read: which segments of a keyed table hide rows of which others.
//!
//! The later segment wins an equal key. Most segments overlap no other and are read
//! as they are. Where some do, the oldest that do not overlap each other are the
//! older side (usually the big base); a row of it counts unless the newer side has
//! its key. The newer side is read as it is, too, but for those of it that overlap
//! each other: these are contested, and the latest row of each key is taken.

use std::collections::BTreeMap;
use std::mem::discriminant;

use lake_core::segment::{Part, Rank, Segment};
use lake_core::state::Table;
use lake_core::symbol::Symbol;
use lake_core::value::{Range, Value};

/// A live segment and where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live<'a> {
    pub(crate) part: &'a Part,
    pub(crate) segment: &'a Segment,
}

/// Every live segment is in exactly one of `plain`, `older`, `contested`; `newer`
/// are those of `plain` and `contested` whose keys hide rows of `older`.
#[derive(Debug, Default)]
pub(crate) struct Split<'a> {
    pub(crate) plain: Vec<Live<'a>>,
    pub(crate) older: Vec<Live<'a>>,
    pub(crate) contested: Vec<Live<'a>>,
    pub(crate) newer: Vec<Live<'a>>,
}

impl<'a> Live<'a> {
    /// The later wins a key.
    pub(crate) fn rank(&self) -> Rank {
        self.segment.rank
    }

    fn range(&self) -> Option<&'a Range> {
        self.segment.range.as_ref()
    }
}

impl<'a> Split<'a> {
    pub(crate) fn of(table: &'a Table) -> Split<'a> {
        let mut split = Split::default();
        let live = table.segments().map(|(part, segment)| Live { part, segment });
        if table.def.key.is_empty() {
            split.plain = live.collect();
            return split;
        }
        let packs = Packs::of(table);
        if packs.is_none() {
            // Packs that hide rows of each other, or lie above a symbol's segment.
            split.contested = live.collect();
            split.contested.sort_by_key(Live::rank);
            return split;
        }
        let mut packs = packs.unwrap_or_default();
        for (part, state) in &table.parts {
            if let Part::Of(symbols) = part {
                let live: Vec<_> =
                    state.segments.iter().map(|segment| Live { part, segment }).collect();
                for group in groups(live) {
                    let under = packs.touch(symbols, &group);
                    split.settle(group, under);
                }
            }
        }
        for (pack, touched) in packs.all {
            let side = if touched { &mut split.older } else { &mut split.plain };
            side.push(pack);
        }
        split.contested.sort_by_key(Live::rank);
        split
    }

    /// One group of segments that overlap, directly or by way of others; `under`
    /// says that they lie above a pack, which is the older side then.
    fn settle(&mut self, mut group: Vec<Live<'a>>, under: bool) {
        if group.len() == 1 && !under {
            return self.plain.extend(group);
        }
        group.sort_by_key(Live::rank);
        let older = if under { 0 } else { apart(&group) };
        let newer = group.split_off(older);
        self.older.extend(group);
        self.newer.extend(newer.iter().copied());
        for group in groups(newer) {
            if group.len() == 1 { &mut self.plain } else { &mut self.contested }.extend(group);
        }
    }
}

/// Groups no two of which can share a key.
fn groups(mut live: Vec<Live<'_>>) -> Vec<Vec<Live<'_>>> {
    if live.len() < 2 || !comparable(&live) {
        return if live.is_empty() { Vec::new() } else { vec![live] };
    }
    live.sort_by(|a, b| a.range().map(|r| r.min()).cmp(&b.range().map(|r| r.min())));
    let mut groups: Vec<Vec<Live<'_>>> = Vec::new();
    let mut end: Option<&[Value]> = None;
    for one in live {
        let Some(range) = one.range() else { continue };
        match groups.last_mut() {
            Some(group) if end.is_some_and(|end| range.min() <= end) => group.push(one),
            _ => groups.push(vec![one]),
        }
        end = end.max(Some(range.max()));
    }
    groups
}

/// How many of the group, taken from the oldest, overlap none of those before.
fn apart(group: &[Live<'_>]) -> usize {
    if !comparable(group) {
        return 1;
    }
    let mut ends: BTreeMap<&[Value], &[Value]> = BTreeMap::new();
    for (count, one) in group.iter().enumerate() {
        let Some(range) = one.range() else { return count.max(1) };
        let before = ends.range(..=range.max()).next_back();
        if before.is_some_and(|(_, max)| *max >= range.min()) {
            return count;
        }
        ends.insert(range.min(), range.max());
    }
    group.len()
}

/// Whether all ranges are known and of the same types: a key column that was
/// widened between two segments gives values that have no order.
fn comparable(live: &[Live<'_>]) -> bool {
    let Some(first) = live.first().and_then(Live::range) else { return false };
    let alike = |a: &[Value], b: &[Value]| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_type(a, b))
    };
    live.iter().all(|l| l.range().is_some_and(|r| alike(r.min(), first.min())))
}

fn same_type(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Decimal { scale: a, .. }, Value::Decimal { scale: b, .. }) => a == b,
        _ => discriminant(a) == discriminant(b),
    }
}

fn overlap(a: &Live<'_>, b: &Live<'_>) -> bool {
    !comparable(&[*a, *b]) || a.segment.overlaps(b.segment)
}

/// The packed segments, by first symbol, and whether something lies above them.
#[derive(Default)]
struct Packs<'a> {
    all: Vec<(Live<'a>, bool)>,
    /// The largest last symbol up to each pack; None: any symbol.
    reach: Vec<Option<&'a [Symbol]>>,
}

type Span<'a> = (&'a [Symbol], Option<&'a [Symbol]>);

/// First and last symbol; a pack that does not say may hold any.
fn span<'a>(pack: &Live<'a>) -> Span<'a> {
    pack.segment.symbols.as_ref().map_or((&[], None), |s| (&s.first[..], Some(&s.last[..])))
}

fn ends_before(last: Option<&[Symbol]>, symbols: &[Symbol]) -> bool {
    last.is_some_and(|last| last < symbols)
}

impl<'a> Packs<'a> {
    /// None unless each pack is older than all that overlaps it.
    fn of(table: &'a Table) -> Option<Packs<'a>> {
        let part = &Part::Packed;
        let mut all: Vec<_> =
            table.part(part).iter().map(|segment| (Live { part, segment }, false)).collect();
        all.sort_by(|(a, _), (b, _)| span(a).0.cmp(span(b).0));
        let mut reach: Vec<Option<&[Symbol]>> = Vec::new();
        for (pack, _) in &all {
            let last = span(pack).1;
            reach.push(match reach.last() {
                Some(Some(before)) => last.map(|last| last.max(before)),
                Some(None) => None,
                None => last,
            });
        }
        let packs = Packs { all, reach };
        let mutual = packs.all.iter().enumerate().any(|(i, (pack, _))| {
            packs.holding(i, span(pack).0).any(|below| overlap(&packs.all[below].0, pack))
        });
        let buried = || {
            table.segments().any(|(part, segment)| {
                let one = Live { part, segment };
                let Part::Of(symbols) = part else { return false };
                packs.holding(packs.starts(symbols), symbols).any(|i| {
                    let pack = &packs.all[i].0;
                    pack.rank() > one.rank() && overlap(pack, &one)
                })
            })
        };
        (!mutual && (packs.all.is_empty() || !buried())).then_some(packs)
    }

    /// How many packs begin at or before these symbols.
    fn starts(&self, symbols: &[Symbol]) -> usize {
        self.all.partition_point(|(pack, _)| span(pack).0 <= symbols)
    }

    /// Which of the first `count` packs may hold these symbols.
    fn holding(&self, count: usize, symbols: &[Symbol]) -> impl Iterator<Item = usize> {
        (0..count)
            .rev()
            .take_while(move |i| !ends_before(self.reach[*i], symbols))
            .filter(move |i| !ends_before(span(&self.all[*i].0).1, symbols))
    }

    /// Marks the packs that a group lies above; whether there are any.
    fn touch(&mut self, symbols: &[Symbol], group: &[Live<'_>]) -> bool {
        let holding: Vec<_> = self.holding(self.starts(symbols), symbols).collect();
        let mut any = false;
        for i in holding {
            let (pack, touched) = &mut self.all[i];
            if group.iter().any(|one| overlap(pack, one)) {
                *touched = true;
                any = true;
            }
        }
        any
    }
}

#[cfg(test)]
mod tests;
