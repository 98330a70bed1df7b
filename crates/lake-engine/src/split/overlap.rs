//! Who lies over whom: pairs of segments that may share a key, and which of the two
//! is the later. Two may when their symbols meet and their ranges do; a range that
//! is not known, or of other types than the other's, meets every range.
//!
//! A walk over the symbols, which a table's partitions come in the order of. Within a
//! partition, where all may overlap all, the work is that of sorting. Beside it stand
//! the packs that may hold its symbol, in the order of their ranges, so that it meets
//! those that it overlaps and, as a rule, no other. What is apart costs a bisection:
//! 100,000 partitions and 300 packs of a day each take 30 ms. (Each partition under
//! each of these packs is 30 million pairs: 300 ms.)

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::mem::discriminant;
use std::ops;

use lake_core::segment::{Part, Rank};
use lake_core::symbol::Symbol;
use lake_core::value::{Range, Value};

use super::Live;

/// How a segment lies to those that it overlaps; a greater place overrules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// It overlaps none.
    Alone,
    /// All of them are later.
    Under,
    /// One of them is earlier.
    Over,
}

/// Ranges of one class are of the same types, so that they have an order.
type Class = u32;
const UNKNOWN: Class = 0;

#[derive(Clone, Copy)]
struct Tile<'a> {
    class: Class,
    min: &'a [Value],
    max: &'a [Value],
    rank: Rank,
}

struct Places<'a> {
    tiles: Vec<Tile<'a>>,
    all: Vec<Place>,
}

/// The place of each. They come as a table has them: partition by partition in
/// order, the packed ones last, each partition's by rank.
pub(super) fn places(live: &[Live<'_>]) -> Vec<Place> {
    let mut places = Places { tiles: tiles(live), all: vec![Place::Alone; live.len()] };
    let own = live.partition_point(|one| *one.part != Part::Packed);
    let mut packs = packs(live, own).into_iter().peekable();
    let mut shelves = Shelves::default();
    let mut from = 0;
    for group in live[..own].chunk_by(|a, b| a.part == b.part) {
        let members = from..from + group.len();
        from = members.end;
        places.partition(members.clone());
        let Part::Of(symbols) = group[0].part else { continue };
        while let Some(pack) = packs.next_if(|pack| pack.first <= &symbols[..]) {
            places.pack(&mut shelves, pack);
        }
        shelves.close_before(symbols);
        if !shelves.is_empty() {
            members.for_each(|i| places.beside(&shelves, i));
        }
    }
    for pack in packs {
        places.pack(&mut shelves, pack);
    }
    places.all
}

fn tiles<'a>(live: &[Live<'a>]) -> Vec<Tile<'a>> {
    let mut samples: Vec<&[Value]> = Vec::new();
    let tile = |one: &Live<'a>| {
        let rank = one.rank();
        let Some(range) = &one.segment.range else {
            return Tile { class: UNKNOWN, min: &[], max: &[], rank };
        };
        let (min, max) = (range.min(), range.max());
        let at = samples.iter().position(|s| alike(s, min)).unwrap_or(samples.len());
        if at == samples.len() {
            samples.push(min);
        }
        let class = if alike(min, max) { at as Class + 1 } else { UNKNOWN };
        Tile { class, min, max, rank }
    };
    live.iter().map(tile).collect()
}

fn alike(a: &[Value], b: &[Value]) -> bool {
    let same = |(a, b): (&Value, &Value)| match (a, b) {
        (Value::Decimal { scale: a, .. }, Value::Decimal { scale: b, .. }) => a == b,
        _ => discriminant(a) == discriminant(b),
    };
    a.len() == b.len() && a.iter().zip(b).all(same)
}

/// Whether two ranges may have a key in common, whatever their types.
pub(crate) fn may_meet(a: Option<&Range>, b: Option<&Range>) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return true };
    let ordered = alike(a.min(), a.max()) && alike(b.min(), b.max()) && alike(a.min(), b.min());
    !ordered || a.overlaps(b)
}

impl<'a> Places<'a> {
    fn mark(&mut self, i: usize, place: Place) {
        self.all[i] = self.all[i].max(place);
    }

    /// Two that may share a key, as far as symbols and ranges tell. Of equal rank are
    /// only what one compaction wrote, and no two of that share a key: a pack that
    /// ends within a symbol and the next one only look as if.
    fn meet(&mut self, a: usize, b: usize) {
        let (under, over) = match self.tiles[a].rank.cmp(&self.tiles[b].rank) {
            Ordering::Less => (a, b),
            Ordering::Greater => (b, a),
            Ordering::Equal => return,
        };
        self.mark(under, Place::Under);
        self.mark(over, Place::Over);
    }

    /// Segments of one partition, which lie by rank: whose number is greater is
    /// later. (Of two of equal rank either may be called so: they share no key.)
    fn partition(&mut self, members: ops::Range<usize>) {
        if members.len() < 2 {
            return;
        }
        let mut classes: Vec<(Class, Vec<usize>)> = Vec::new();
        for i in members {
            let class = self.tiles[i].class;
            match classes.iter_mut().find(|(c, _)| *c == class) {
                Some((_, own)) => own.push(i),
                None => classes.push((class, vec![i])),
            }
        }
        for at in 0..classes.len() {
            self.across(&classes, at);
        }
        for (class, own) in classes {
            if class != UNKNOWN {
                self.line(own);
            }
        }
    }

    /// One class of a partition against all the others, and what is unknown also
    /// against itself.
    fn across(&mut self, classes: &[(Class, Vec<usize>)], at: usize) {
        let (class, own) = &classes[at];
        let others = || classes.iter().enumerate().filter(|(i, _)| *i != at || *class == UNKNOWN);
        let first = others().filter_map(|(_, (_, all))| all.first()).min();
        let last = others().filter_map(|(_, (_, all))| all.last()).max();
        for i in own {
            if first.is_some_and(|first| first < i) {
                self.mark(*i, Place::Over);
            } else if last.is_some_and(|last| last > i) {
                self.mark(*i, Place::Under);
            }
        }
    }

    /// Segments of one partition and class. Of those that have begun and reach the
    /// next it is enough to know the earliest, and the one that nothing lies under:
    /// of any two that overlap, one lies under the other.
    fn line(&mut self, mut members: Vec<usize>) {
        members.sort_unstable_by_key(|i| (self.tiles[*i].min, *i));
        let mut begun: BinaryHeap<Reverse<usize>> = BinaryHeap::new();
        let mut bottom: Option<usize> = None;
        for i in members {
            let reaches = |other: usize, tiles: &[Tile<'_>]| tiles[other].max >= tiles[i].min;
            while begun.peek().is_some_and(|first| !reaches(first.0, &self.tiles)) {
                begun.pop();
            }
            if let Some(Reverse(first)) = begun.peek() {
                self.mark(i, if *first < i { Place::Over } else { Place::Under });
            }
            if let Some(bottom) = bottom.filter(|b| reaches(*b, &self.tiles)) {
                self.mark(bottom, if i < bottom { Place::Over } else { Place::Under });
            }
            begun.push(Reverse(i));
            if self.all[i] != Place::Over {
                bottom = Some(i);
            }
        }
    }

    fn pack(&mut self, shelves: &mut Shelves<'a>, pack: Pack<'a>) {
        shelves.close_before(pack.first);
        self.beside(shelves, pack.tile);
        shelves.open(pack, self.tiles[pack.tile]);
    }

    /// A segment against the packs that are open at its (first) symbol.
    fn beside(&mut self, shelves: &Shelves<'a>, i: usize) {
        let tile = self.tiles[i];
        for (class, shelf) in shelves.by_class.iter().enumerate() {
            let ordered = class as Class == tile.class && tile.class != UNKNOWN;
            match ordered {
                true => shelf.meeting(tile).for_each(|slot| self.meet(i, slot.pack.tile)),
                false => shelf.0.iter().for_each(|slot| self.meet(i, slot.pack.tile)),
            }
        }
    }
}

/// A packed segment. One that does not say its symbols may hold any.
#[derive(Clone, Copy)]
struct Pack<'a> {
    tile: usize,
    first: &'a [Symbol],
    last: Option<&'a [Symbol]>,
}

/// The packs, which are the live ones from `own` on, by first symbol.
fn packs<'a>(live: &[Live<'a>], own: usize) -> Vec<Pack<'a>> {
    let pack = |(i, one): (usize, &Live<'a>)| match one.segment.symbols.as_deref() {
        Some(span) => Pack { tile: own + i, first: &span.first, last: Some(&span.last) },
        None => Pack { tile: own + i, first: &[], last: None },
    };
    let mut all: Vec<_> = live[own..].iter().enumerate().map(pack).collect();
    all.sort_by(|a, b| a.first.cmp(b.first));
    all
}

/// Packs that may hold the symbol that the walk has reached, each class in the order
/// of its ranges.
#[derive(Default)]
struct Shelves<'a> {
    by_class: Vec<Shelf<'a>>,
    /// The least of their last symbols.
    until: Option<&'a [Symbol]>,
}

#[derive(Default)]
struct Shelf<'a>(Vec<Slot<'a>>);

struct Slot<'a> {
    pack: Pack<'a>,
    min: &'a [Value],
    max: &'a [Value],
    /// The greatest `max` up to here.
    reach: &'a [Value],
}

impl<'a> Shelves<'a> {
    fn is_empty(&self) -> bool {
        self.by_class.iter().all(|shelf| shelf.0.is_empty())
    }

    fn open(&mut self, pack: Pack<'a>, tile: Tile<'a>) {
        let class = tile.class as usize;
        while self.by_class.len() <= class {
            self.by_class.push(Shelf::default());
        }
        self.by_class[class].put(pack, tile);
        self.until = match (self.until, pack.last) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// The walk has come to these symbols.
    fn close_before(&mut self, symbols: &[Symbol]) {
        if self.until.is_none_or(|until| until >= symbols) {
            return;
        }
        for shelf in &mut self.by_class {
            shelf.0.retain(|slot| slot.pack.last.is_none_or(|last| last >= symbols));
            shelf.reach_anew();
        }
        let slots = self.by_class.iter().flat_map(|shelf| &shelf.0);
        self.until = slots.filter_map(|slot| slot.pack.last).min();
    }
}

impl<'a> Shelf<'a> {
    fn put(&mut self, pack: Pack<'a>, Tile { min, max, .. }: Tile<'a>) {
        let at = self.0.partition_point(|slot| slot.min <= min);
        let reach = match at.checked_sub(1).map(|before| self.0[before].reach) {
            Some(before) => before.max(max),
            None => max,
        };
        self.0.insert(at, Slot { pack, min, max, reach });
        for slot in self.0[at + 1..].iter_mut().take_while(|slot| slot.reach < max) {
            slot.reach = max;
        }
    }

    fn reach_anew(&mut self) {
        let mut reach: &[Value] = &[];
        for slot in &mut self.0 {
            reach = reach.max(slot.max);
            slot.reach = reach;
        }
    }

    /// The packs whose range meets that of the tile, of the same class.
    fn meeting(&self, tile: Tile<'a>) -> impl Iterator<Item = &Slot<'a>> {
        let begun = self.0.partition_point(|slot| slot.min <= tile.max);
        let reaching = self.0[..begun].iter().rev().take_while(move |slot| slot.reach >= tile.min);
        reaching.filter(move |slot| slot.max >= tile.min)
    }
}
