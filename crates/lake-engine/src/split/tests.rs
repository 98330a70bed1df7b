use lake_core::segment::{Part, Segment, SymbolSpan};
use lake_core::state::State;
use lake_core::value::{Range, Value};
use proptest::prelude::*;

use super::*;
use crate::fixture::{Lake, ints, of, span};

/// The state of a table with these segments, without their files.
fn state(segments: &[(Part, Option<Range>, Option<SymbolSpan>)]) -> State {
    let mut lake = Lake::new("lake").keyed("bars", "symbol VARCHAR, d INTEGER");
    for (part, range, symbols) in segments {
        lake.name("bars", part.clone(), range.clone(), symbols.clone(), 1);
    }
    lake.state
}

/// Added versions by role; the first segment is of version 2.
fn roles(segments: &[(Part, Option<Range>, Option<SymbolSpan>)]) -> [Vec<u64>; 4] {
    let state = state(segments);
    let split = Split::of(state.table("bars").unwrap());
    [&split.plain, &split.older, &split.contested, &split.newer].map(|side| {
        let mut versions: Vec<u64> = side.iter().map(|l| l.segment.added).collect();
        versions.sort_unstable();
        versions
    })
}

fn one(symbol: &str, min: i64, max: i64) -> (Part, Option<Range>, Option<SymbolSpan>) {
    (of(symbol), ints(min, max), None)
}

fn pack(first: &str, last: &str, min: i64, max: i64) -> (Part, Option<Range>, Option<SymbolSpan>) {
    (Part::Packed, ints(min, max), Some(span(first, last)))
}

const NONE: Vec<u64> = Vec::new();

#[test]
fn apart_is_plain() {
    let segments = [one("A", 1, 5), one("A", 6, 9), one("B", 1, 9), pack("C", "F", 0, 99)];
    assert_eq!(roles(&segments), [vec![2, 3, 4, 5], NONE, NONE, NONE]);
}

#[test]
fn the_oldest_apart_are_the_older_side() {
    // Two bases, an increment over their border, and one that touches nothing.
    let segments = [one("A", 1, 5), one("A", 6, 9), one("A", 5, 6), one("A", 10, 11)];
    assert_eq!(roles(&segments), [vec![4, 5], vec![2, 3], NONE, vec![4]]);
}

#[test]
fn newer_ones_that_overlap_each_other_are_contested() {
    let segments = [one("A", 1, 9), one("A", 8, 10), one("A", 9, 11), one("A", 2, 2)];
    assert_eq!(roles(&segments), [vec![5], vec![2], vec![3, 4], vec![3, 4, 5]]);
}

#[test]
fn an_unknown_range_may_be_anywhere() {
    let segments = [one("A", 1, 2), (of("A"), None, None), one("A", 7, 8), one("B", 1, 1)];
    assert_eq!(roles(&segments), [vec![5], vec![2], vec![3, 4], vec![3, 4]]);
}

#[test]
fn a_pack_is_under_the_symbols_it_may_hold() {
    let segments = [pack("A", "C", 1, 9), pack("D", "F", 1, 9), one("B", 9, 10), one("G", 9, 10)];
    assert_eq!(roles(&segments), [vec![3, 4, 5], vec![2], NONE, vec![4]]);
}

#[test]
fn a_pack_above_something_makes_all_contested() {
    let segments = [one("B", 1, 2), pack("A", "C", 2, 3)];
    assert_eq!(roles(&segments), [NONE, NONE, vec![2, 3], NONE]);
    let segments = [pack("A", "C", 1, 9), pack("B", "D", 9, 10)];
    assert_eq!(roles(&segments), [NONE, NONE, vec![2, 3], NONE]);
}

#[test]
fn values_of_two_types_have_no_order() {
    let date = Some(Range::new(vec![Value::Date(5)], vec![Value::Date(6)]));
    let live = |range: Option<Range>| {
        let state = state(&[one("A", 1, 2)]);
        let table = state.table("bars").unwrap();
        Segment { range, ..table.segments().next().unwrap().1.clone() }
    };
    let (a, b) = (live(ints(1, 2)), live(date));
    let part = of("A");
    let live = |segment| Live { part: &part, segment };
    assert_eq!(groups(vec![live(&a), live(&b)]).len(), 1);
    assert!(overlap(&live(&a), &live(&b)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Each segment is read once, and whatever can share a key is resolved: in the
    /// contested, or an older one by a newer one.
    #[test]
    fn what_overlaps_is_resolved(
        raw in prop::collection::vec((0..4usize, 0..4usize, 0..12i64, 0..5i64, prop::bool::weighted(0.1)), 1..14)
    ) {
        let names = ["A", "B", "C", "D"];
        let segments: Vec<_> = raw
            .iter()
            .map(|(a, b, min, len, packed)| match packed {
                true => pack(names[*a.min(b)], names[*a.max(b)], *min, min + len),
                false => one(names[*a], *min, min + len),
            })
            .collect();
        let [plain, older, contested, newer] = roles(&segments);
        let mut all: Vec<u64> = [&plain[..], &older, &contested].concat();
        all.sort_unstable();
        prop_assert_eq!(all, (2..2 + segments.len() as u64).collect::<Vec<_>>());
        let reach = |i: usize| {
            let (a, b, min, len, packed) = &raw[i];
            let symbols = if *packed { (*a.min(b), *a.max(b)) } else { (*a, *a) };
            (symbols, (*min, min + len))
        };
        for i in 0..raw.len() {
            for j in i + 1..raw.len() {
                let ((s, d), (t, e)) = (reach(i), reach(j));
                if s.0 <= t.1 && t.0 <= s.1 && d.0 <= e.1 && e.0 <= d.1 {
                    let (i, j) = (i as u64 + 2, j as u64 + 2);
                    let by_window = contested.contains(&i) && contested.contains(&j);
                    let by_join = older.contains(&i) && newer.contains(&j);
                    prop_assert!(by_window || by_join, "{} under {}", i, j);
                }
            }
        }
    }
}
