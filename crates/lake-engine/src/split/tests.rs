use std::collections::BTreeSet;
use std::sync::Arc;

use lake_core::id::{SegmentId, TxnId};
use lake_core::schema::TableDef;
use lake_core::segment::{SegmentKind, SymbolSpan};
use lake_core::sqltype::parse_columns;
use lake_core::state::PartState;
use lake_core::value::{Range, Value};
use proptest::prelude::*;

use super::*;
use crate::fixture::{ints, of, span};

/// A segment to be; its rank is its number, counted from 1.
#[derive(Clone, Debug)]
struct Put {
    part: Part,
    range: Option<Range>,
    symbols: Option<SymbolSpan>,
    rank: Rank,
}

fn one(symbol: &str, min: i64, max: i64) -> Put {
    Put { part: of(symbol), range: ints(min, max), symbols: None, rank: Rank::default() }
}

fn pack(first: &str, last: &str, min: i64, max: i64) -> Put {
    let symbols = Some(span(first, last));
    Put { part: Part::Packed, range: ints(min, max), symbols, rank: Rank::default() }
}

fn dates(min: i32, max: i32) -> Option<Range> {
    Some(Range::new(vec![Value::Date(min)], vec![Value::Date(max)]))
}

/// A table with these live segments, number n the n-th in `added`.
fn table(puts: &[Put]) -> Table {
    let columns = parse_columns("symbol VARCHAR, d INTEGER").unwrap();
    let own = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
    let key = own(&["symbol", "d"]);
    let def = TableDef::new("bars", &columns, &key[..1], &key, &key[1..]).unwrap();
    let mut parts = std::collections::BTreeMap::<Part, PartState>::new();
    for (n, put) in (1..).zip(puts) {
        let txn = TxnId { start: 0, session: 1, counter: n };
        parts.entry(put.part.clone()).or_default().segments.push(Segment {
            id: SegmentId { txn, n: 0 },
            kind: SegmentKind::Increment,
            schema_version: 1,
            rows: 1,
            bytes: 1,
            hash: 0,
            sum: None,
            range: put.range.clone(),
            symbols: put.symbols.clone().map(Into::into),
            rank: match put.rank == Rank::default() {
                true => Rank { version: n.into(), order: 0 },
                false => put.rank,
            },
            masks: Vec::new(),
            at_us: 0,
            census: None,
            added: n.into(),
        });
    }
    parts.values_mut().for_each(|p| p.segments.sort_by_key(|s| s.rank));
    Table { def, parts: parts.into_iter().map(|(part, p)| (part, Arc::new(p))).collect() }
}

/// Numbers by role.
fn roles(puts: &[Put]) -> [Vec<u64>; 4] {
    let table = table(puts);
    let split = Split::of(&table, all(&table));
    [&split.plain, &split.older, &split.contested, &split.newer].map(|side| {
        let mut numbers: Vec<u64> = side.iter().map(|l| l.segment.added).collect();
        numbers.sort_unstable();
        numbers
    })
}

const NONE: Vec<u64> = Vec::new();

#[test]
fn apart_is_plain() {
    let puts = [one("A", 1, 5), one("A", 6, 9), one("B", 1, 9), pack("C", "F", 0, 99)];
    assert_eq!(roles(&puts), [vec![1, 2, 3, 4], NONE, NONE, NONE]);
}

#[test]
fn what_only_later_ones_overlap_is_the_older_side() {
    // Two bases, an increment over their border, and one that touches nothing.
    let puts = [one("A", 1, 5), one("A", 6, 9), one("A", 5, 6), one("A", 10, 11)];
    assert_eq!(roles(&puts), [vec![3, 4], vec![1, 2], NONE, vec![3]]);
}

#[test]
fn newer_ones_that_overlap_each_other_are_contested() {
    let puts = [one("A", 1, 9), one("A", 8, 10), one("A", 9, 11), one("A", 2, 2)];
    assert_eq!(roles(&puts), [vec![4], vec![1], vec![2, 3], vec![2, 3, 4]]);
}

#[test]
fn an_unknown_range_may_be_anywhere() {
    let unknown = Put { range: None, ..one("A", 0, 0) };
    let puts = [one("A", 1, 2), unknown.clone(), one("A", 7, 8), one("B", 1, 1), unknown];
    assert_eq!(roles(&puts), [vec![4], vec![1], vec![2, 3, 5], vec![2, 3, 5]]);
}

#[test]
fn a_pack_and_a_partition_lie_over_each_other_alike() {
    let puts = [pack("A", "C", 1, 9), pack("D", "F", 1, 9), one("B", 9, 10), one("G", 9, 10)];
    assert_eq!(roles(&puts), [vec![2, 3, 4], vec![1], NONE, vec![3]]);
    let puts = [one("B", 1, 2), pack("A", "C", 2, 3), one("D", 2, 3)];
    assert_eq!(roles(&puts), [vec![2, 3], vec![1], NONE, vec![2]]);
    let puts = [pack("A", "C", 1, 9), pack("B", "D", 9, 10)];
    assert_eq!(roles(&puts), [vec![2], vec![1], NONE, vec![2]]);
}

#[test]
fn the_rank_says_who_is_later() {
    // A compaction's output is added last but has its rows' rank.
    let base = Put { rank: Rank { version: 1, order: 0 }, ..one("A", 1, 9) };
    let puts = [one("B", 1, 1), one("A", 9, 10), base];
    assert_eq!(roles(&puts), [vec![1, 2], vec![3], NONE, vec![2]]);
}

#[test]
fn outputs_of_one_compaction_share_no_key() {
    // A pack that ends within C, the next one, and a base of a symbol between.
    let rank = Rank { version: 7, order: 3 };
    let puts = [pack("A", "C", 1, 9), pack("C", "F", 1, 9), one("D", 1, 9)];
    let puts = puts.map(|put| Put { rank, ..put });
    assert_eq!(roles(&puts), [vec![1, 2, 3], NONE, NONE, NONE]);
}

#[test]
fn a_day_written_twice_costs_its_two_packs() {
    let mut puts: Vec<Put> = ["A", "C", "F"].map(|s| one(s, 1, 99)).to_vec();
    puts.extend((100..400).map(|day| pack("A", "F", day, day)));
    assert_eq!(roles(&puts)[1..], [NONE, NONE, NONE]);
    // Day 150 again.
    puts.push(pack("A", "F", 150, 150));
    let (old, new) = (54, puts.len() as u64);
    assert_eq!(roles(&puts)[1..], [vec![old], NONE, vec![new]]);
    // And all days of one symbol: of the packs only that day's newer one is contested.
    puts.push(one("C", 100, 399));
    let [_, older, contested, newer] = roles(&puts);
    assert_eq!(older, (4..304).collect::<Vec<_>>());
    assert_eq!((contested, newer), (vec![new, new + 1], vec![new, new + 1]));
}

#[test]
fn values_of_two_types_have_no_order() {
    let widened = Put { range: dates(500, 600), ..one("A", 0, 0) };
    let puts = [one("A", 1, 2), one("A", 3, 4), widened, one("B", 1, 1)];
    assert_eq!(roles(&puts), [vec![3, 4], vec![1, 2], NONE, vec![3]]);
    let widened = Put { range: dates(500, 600), ..pack("A", "B", 0, 0) };
    let puts = [pack("A", "C", 1, 2), pack("B", "D", 3, 4), widened, one("C", 9, 9)];
    assert_eq!(roles(&puts), [vec![3, 4], vec![1, 2], NONE, vec![3]]);
}

const NAMES: [&str; 4] = ["A", "B", "C", "D"];

fn put() -> impl Strategy<Value = Put> {
    let range = prop_oneof![
        8 => (0..12i64, 0..5i64).prop_map(|(min, len)| ints(min, min + len)),
        1 => (0..12i32, 0..5i32).prop_map(|(min, len)| dates(min, min + len)),
        1 => Just(None),
    ];
    let part = (0..4usize, 0..4usize, prop::bool::weighted(0.4));
    (part, range, 1..6u64).prop_map(|((a, b, packed), range, version)| {
        let put = match packed {
            true => pack(NAMES[a.min(b)], NAMES[a.max(b)], 0, 0),
            false => one(NAMES[a], 0, 0),
        };
        Put { range, rank: Rank { version, order: 0 }, ..put }
    })
}

/// Whether two may share a key, said once more and simply.
fn meet(a: &Put, b: &Put) -> bool {
    let reach = |put: &Put| match (&put.part, &put.symbols) {
        (Part::Of(own), _) => (own.clone(), own.clone()),
        (Part::Packed, span) => span.as_ref().map(|s| (s.first.clone(), s.last.clone())).unwrap(),
    };
    let ((from, to), (first, last)) = (reach(a), reach(b));
    let ranges = match (&a.range, &b.range) {
        (Some(a), Some(b)) => {
            std::mem::discriminant(&a.min()[0]) != std::mem::discriminant(&b.min()[0])
                || a.overlaps(b)
        }
        _ => true,
    };
    from <= last && first <= to && ranges && a.rank != b.rank
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Against all pairs: each segment is where it belongs.
    #[test]
    fn every_pair_is_seen(raw in prop::collection::vec(put(), 1..16)) {
        let mut puts = raw;
        // Within a partition no two are of equal rank.
        let mut taken = BTreeSet::new();
        for (n, put) in (1..).zip(&mut puts) {
            if put.part != Part::Packed && !taken.insert((put.part.clone(), put.rank)) {
                put.rank.order = n;
            }
        }
        let numbers = |wanted: &dyn Fn(usize) -> bool| -> Vec<u64> {
            (0..puts.len()).filter(|i| wanted(*i)).map(|i| i as u64 + 1).collect()
        };
        let pair = |i: usize, j: usize| i != j && meet(&puts[i], &puts[j]);
        let over = |i: usize| (0..puts.len()).any(|j| pair(i, j) && puts[j].rank < puts[i].rank);
        let under = |i: usize| !over(i) && (0..puts.len()).any(|j| pair(i, j));
        let contested = |i: usize| over(i) && (0..puts.len()).any(|j| pair(i, j) && over(j));
        let expected = [
            numbers(&|i| !under(i) && !contested(i)),
            numbers(&under),
            numbers(&contested),
            numbers(&over),
        ];
        prop_assert_eq!(roles(&puts), expected);
    }
}
