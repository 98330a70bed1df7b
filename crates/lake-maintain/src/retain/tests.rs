//! What goes is what lies before the cut, whatever files it lies in.

use std::collections::BTreeMap;

use lake_core::edit::Cause;
use lake_core::sqltype::parse_columns;
use lake_core::value::Value;
use proptest::prelude::*;

use super::*;
use crate::verify::tests::merge;
use crate::yard::{Row, Yard};

fn day(day: i32) -> Cut {
    Cut::Order(Value::Int(day.into()))
}

fn drop_before(yard: &mut Yard, cut: i32) -> Retained {
    let done = drop_rows(&mut yard.lake, "bars", &day(cut)).unwrap();
    yard.forget(None, i32::MIN, cut - 1);
    done
}

/// Rows that a cut would take, by symbol, as the plan counts them.
fn planned(yard: &mut Yard, cut: &Cut) -> BTreeMap<String, u64> {
    let plan = plan(&mut yard.lake, "bars", cut).unwrap();
    plan.shares.iter().map(|s| (s.symbols[0].to_string(), s.rows)).collect()
}

fn due(yard: &Yard, cut: i32) -> BTreeMap<String, u64> {
    let mut due = BTreeMap::new();
    for (symbol, _) in yard.rows.keys().filter(|(_, day)| *day < cut) {
        *due.entry(symbol.clone()).or_default() += 1;
    }
    due
}

/// The time at which a version was committed.
fn time_of(yard: &mut Yard, version: Version) -> i64 {
    yard.lake.refresh().unwrap();
    yard.lake.entry(version).unwrap().unwrap().at_us
}

#[test]
fn whole_files_go_straddling_ones_are_filtered_and_rewritten() {
    let mut yard = Yard::new();
    yard.add(&[("A", 1, 1.0), ("A", 2, 1.0)], false);
    yard.add(&[("A", 3, 1.0), ("A", 9, 1.0)], false);
    yard.add(&[("B", 1, 1.0), ("C", 2, 1.0)], true);
    yard.add(&[("B", 4, 1.0), ("C", 8, 1.0)], true);
    assert_eq!(planned(&mut yard, &day(5)), due(&yard, 5));
    let done = drop_before(&mut yard, 5);
    assert_eq!((done.segments_removed, done.segments_masked), (2, 2));
    assert_eq!(done.rows_dropped, None, "two files hold rows that stay");
    yard.check();
    let again = drop_before(&mut yard, 4);
    assert_eq!((again.version, again.segments_masked), (done.version, 0), "it is done already");
    // What is upserted afterwards stays, however old it is.
    yard.add(&[("A", 1, 7.0), ("B", 9, 7.0)], false);
    yard.check();
    merge(&mut yard.lake, true);
    yard.check();
    assert_eq!(yard.rows.len(), 4);
    let live: u64 = yard.live().iter().map(|(_, s)| s.rows).sum();
    assert_eq!(live, 4, "compaction has written none of them");
}

#[test]
fn rows_are_counted_where_metadata_tells_them() {
    let mut yard = Yard::new();
    yard.add(&[("A", 1, 1.0), ("A", 2, 1.0), ("B", 1, 1.0)], false);
    yard.add(&[("A", 5, 1.0), ("B", 6, 1.0)], false);
    assert_eq!(drop_before(&mut yard, 3).rows_dropped, Some(3));
    yard.add(&[("C", 5, 1.0), ("C", 6, 1.0)], false);
    yard.add(&[("C", 6, 2.0)], true);
    // Of C three rows are stored and two are visible: that takes reading.
    let done = drop_before(&mut yard, 7);
    assert_eq!((done.rows_dropped, done.segments_removed), (None, 4));
    assert!(yard.rows.is_empty());
    yard.check();
}

#[test]
fn nothing_to_do_commits_nothing() {
    let mut yard = Yard::new();
    yard.add(&[("A", 5, 1.0)], false);
    let version = yard.state().version;
    for cut in [day(5), Cut::Order(Value::Int(i64::MIN)), Cut::Commit(0)] {
        let done = drop_rows(&mut yard.lake, "bars", &cut).unwrap();
        assert_eq!((done.version, done.rows_dropped), (version, Some(0)), "{cut:?}");
    }
    assert_eq!(yard.state().version, version);
    yard.check();
}

#[test]
fn by_commit_whole_files_go_and_no_older_row_comes_back() {
    let mut yard = Yard::new();
    yard.add(&[("A", 1, 1.0), ("A", 2, 1.0)], false);
    yard.add(&[("A", 2, 2.0), ("B", 1, 2.0)], true);
    yard.add(&[("A", 1, 3.0)], false);
    let third = yard.state().version;
    let cut = Cut::Commit(time_of(&mut yard, third));
    // The first of A is superseded by what stays.
    let planned = planned(&mut yard, &cut);
    assert_eq!(planned, BTreeMap::from([("A".into(), 1), ("B".into(), 1)]));
    let done = drop_rows(&mut yard.lake, "bars", &cut).unwrap();
    assert_eq!((done.segments_removed, done.rows_dropped), (2, None));
    yard.forget(None, 2, 2);
    yard.forget(Some("B"), 1, 1);
    yard.check();
    assert_eq!(yard.rows.len(), 1);
}

#[test]
fn by_commit_what_the_log_has_forgotten_has_its_age_still() {
    let mut yard = Yard::new();
    yard.add(&[("A", 1, 1.0)], false);
    yard.add(&[("B", 1, 1.0)], true);
    yard.add(&[("C", 1, 1.0)], false);
    let newest = yard.state().version;
    let second = time_of(&mut yard, newest - 1);
    yard.lake.raise_floor(newest).unwrap();
    assert_eq!(yard.lake.truncate().unwrap(), newest);
    let done = drop_rows(&mut yard.lake, "bars", &Cut::Commit(second)).unwrap();
    assert_eq!(done.segments_removed, 1);
    // What compaction makes of files has the age of the newest.
    let options = crate::compact::CompactOptions {
        policy: crate::policy::Policy { full: true, ..Default::default() },
        memory: 64 << 20,
        deadline: lake_store::Deadline::never(),
    };
    let merged = crate::compact::compact(&mut yard.lake, &[], &options, &()).unwrap();
    assert_eq!(merged.units, 1);
    let done = drop_rows(&mut yard.lake, "bars", &Cut::Commit(second + 1)).unwrap();
    assert_eq!(done.segments_removed, 0);
    let after = yard.state().at_us + 1;
    let done = drop_rows(&mut yard.lake, "bars", &Cut::Commit(after)).unwrap();
    assert_eq!(done.segments_removed, 1);
}

#[test]
fn days_and_times_have_an_age_and_other_types_need_a_value() {
    let def = |ty: &str, key: &[&str]| {
        let columns = parse_columns(&format!("symbol VARCHAR, at {ty}, px DOUBLE")).unwrap();
        let names = |n: &[&str]| n.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let table =
            |key| lake_core::schema::TableDef::new("t", &columns, &names(&["symbol"]), key, &[]);
        table(&names(key)).unwrap()
    };
    let key = ["symbol", "at"];
    // 2026-11-20T15:00: the day is not over, so that it stays.
    let us = 1_795_186_800_000_000;
    assert_eq!(Cut::order_at(&def("DATE", &key), us).unwrap(), Cut::Order(Value::Date(20_777)));
    let at = Cut::Order(Value::Timestamp(us));
    assert_eq!(Cut::order_at(&def("TIMESTAMP", &key), us).unwrap(), at);
    let wrong = Cut::order_at(&def("BIGINT", &key), us).unwrap_err();
    assert_eq!(wrong.to_string(), "table t is ordered by at, which is BIGINT and tells no age");
    assert!(matches!(Cut::order_at(&def("DATE", &[]), us), Err(MaintainError::NoOrder(_))));
    let text = cut::below(&def("VARCHAR", &key), &Value::Text("x".into()));
    assert!(matches!(text, Err(MaintainError::NoCut { .. })));
    let least = cut::below(&def("UBIGINT", &key), &Value::UInt(0));
    assert_eq!(least.unwrap(), None, "nothing is less than the least");
}

#[test]
fn a_drop_conflicts_with_nobody() {
    let mut yard = Yard::new();
    yard.add(&[("A", 1, 1.0), ("B", 1, 1.0)], false);
    let state = yard.state();
    let draft = yard.lake.begin().unwrap();
    let doom = Doom::of(&state.table("bars").unwrap().def, &day(5)).unwrap().unwrap();
    let met = doom.met(state.table("bars").unwrap());
    let txn = transaction(&draft, state.table("bars").unwrap(), &doom, &met);
    yard.add(&[("A", 2, 2.0), ("A", 9, 2.0)], false);
    assert!(txn.is_unconditional() && txn.cause == Cause::Retain);
    assert!(matches!(yard.lake.commit(txn).unwrap(), Outcome::Committed { .. }));
    yard.forget(None, i32::MIN, 4);
    yard.check();
    assert_eq!(yard.rows.len(), 1);
}

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<(u8, i32)>, bool),
    Hide(u8, i32, i32),
    Retain(i32),
    Compact,
}

fn step() -> impl Strategy<Value = Step> {
    let rows = prop::collection::vec((0..4u8, 0..12i32), 1..10);
    prop_oneof![
        5 => (rows, any::<bool>()).prop_map(|(rows, packed)| Step::Add(rows, packed)),
        1 => (0..4u8, 0..12i32, 0..4i32).prop_map(|(s, from, n)| Step::Hide(s, from, from + n)),
        2 => (0..13i32).prop_map(Step::Retain),
        1 => Just(Step::Compact),
    ]
}

const NAMES: [&str; 4] = ["A", "B", "C", "D"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Among upserts, deletes and merges: exactly the rows before the cut go, at the version
    /// of the cut and at no other, and the plan has counted them.
    #[test]
    fn retention_is_a_map_without_its_old_keys(steps in prop::collection::vec(step(), 1..14)) {
        let mut yard = Yard::new();
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Add(rows, packed) => {
                    let keys: BTreeMap<_, _> = rows.into_iter().map(|k| (k, n as f64)).collect();
                    let rows: Vec<Row<'_>> =
                        keys.iter().map(|((s, d), px)| (NAMES[usize::from(*s)], *d, *px)).collect();
                    yard.add(&rows, packed);
                }
                Step::Hide(s, from, to) => yard.hide(Some(NAMES[usize::from(s)]), from, to),
                Step::Compact => merge(&mut yard.lake, true),
                Step::Retain(cut) => {
                    let due = due(&yard, cut);
                    prop_assert_eq!(planned(&mut yard, &day(cut)), due.clone());
                    let done = drop_before(&mut yard, cut);
                    let sum: u64 = due.values().sum();
                    prop_assert!(done.rows_dropped.is_none_or(|n| n == sum), "{done:?}, {sum}");
                    prop_assert_eq!(planned(&mut yard, &day(cut)), BTreeMap::new());
                }
            }
        }
        yard.check();
    }
}
