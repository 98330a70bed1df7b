//! No query sees another row before than after, whoever else is at work.

mod damaged;
mod proven;

use std::sync::Mutex;

use lake_core::edit::{Action, Cause};
use lake_core::segment::{Part, SegmentKind};
use lake_log::{Access, Lake};
use lake_store::Deadline;
use proptest::prelude::*;

use super::*;
use crate::yard::{Row, Yard, add, commit, hide, symbol};

fn options(policy: Policy) -> CompactOptions {
    CompactOptions { policy, memory: 64 << 20, deadline: Deadline::never() }
}

fn eager() -> Policy {
    Policy { runs: 1, loose: 0, ..Policy::default() }
}

fn full() -> CompactOptions {
    options(Policy { full: true, ..Policy::default() })
}

fn all(yard: &mut Yard, options: &CompactOptions) -> Compacted {
    compact(&mut yard.lake, &[], options, &()).unwrap()
}

/// Does something once, in the middle of the first merge.
struct Meanwhile<'a>(Mutex<Option<Box<dyn FnOnce() + Send + 'a>>>);

impl<'a> Meanwhile<'a> {
    fn new(act: impl FnOnce() + Send + 'a) -> Meanwhile<'a> {
        Meanwhile(Mutex::new(Some(Box::new(act))))
    }
}

impl Watch for Meanwhile<'_> {
    fn merged(&self, _rows: u64) -> bool {
        if let Some(act) = self.0.lock().unwrap().take() {
            act();
        }
        true
    }
}

fn three_days(yard: &mut Yard) {
    for day in 1..=3 {
        yard.add(&[("A", day, 1.0), ("B", day, 1.0), ("C", day, 1.0)], day % 2 == 0);
    }
}

#[test]
fn small_files_become_one_pack_and_nothing_else_changes() {
    let mut yard = Yard::new();
    three_days(&mut yard);
    yard.add(&[("B", 2, 2.0), ("B", 9, 2.0)], false);
    let done = all(&mut yard, &full());
    yard.check();
    let live = yard.live();
    assert_eq!((live.len(), &live[0].0), (1, &Part::Packed));
    let (kind, span) = (live[0].1.kind, live[0].1.symbols.clone().unwrap());
    assert_eq!((kind, span.count, live[0].1.rows), (SegmentKind::Base, 3, 10));
    let counts = done.counts;
    assert_eq!((counts.rows_in, counts.rows_written, counts.rows_superseded), (11, 10, 1));
    assert_eq!((done.units, counts.segments_removed, counts.segments), (1, 8, 1));
    // A second time there is nothing to do, and nothing is committed.
    let version = done.version;
    let again = all(&mut yard, &full());
    assert_eq!((again.units, again.version), (0, version));
}

#[test]
fn an_older_row_does_not_come_back_over_a_newer_one() {
    let mut yard = Yard::new();
    yard.add(&[("A", 1, 1.0)], false);
    yard.add(&[("A", 1, 2.0)], true);
    yard.add(&[("A", 5, 3.0)], false);
    // The two files of A alone would get the rank of the newer, above the pack.
    all(&mut yard, &options(eager()));
    yard.check();
    yard.add(&[("A", 1, 4.0)], true);
    yard.check();
}

#[test]
fn what_others_commit_meanwhile_stands() {
    let path = |yard: &Yard| yard.path().to_owned();
    let open = |path: &std::path::Path| Lake::open(path, Access::Write).unwrap();
    let newer: &[Row<'_>] = &[("A", 2, 7.0), ("D", 1, 7.0)];
    let mut yard = Yard::new();
    three_days(&mut yard);
    let at = path(&yard);
    // Appends and upserts are no conflict.
    let watch = Meanwhile::new(|| add(&mut open(&at), newer, false));
    let done = compact(&mut yard.lake, &[], &full(), &watch).unwrap();
    assert_eq!((done.units, &done.left), (1, &vec![]));
    yard.learn(newer);
    yard.check();
    // Rows that were taken away stay away.
    let watch = Meanwhile::new(|| hide(&mut open(&at), Some("A"), 1, 2));
    let done = compact(&mut yard.lake, &[], &full(), &watch).unwrap();
    assert_eq!(done.left, []);
    yard.forget(Some("A"), 1, 2);
    yard.check();
    assert!(yard.live().iter().all(|(_, s)| s.masks.is_empty()));
}

#[test]
fn rows_that_are_hidden_meanwhile_stay_hidden() {
    let mut yard = Yard::new();
    for px in [1.0, 2.0] {
        yard.add(&[("A", 1, px), ("A", 2, px), ("B", 1, px)], true);
    }
    let at = yard.path().to_owned();
    let watch = Meanwhile::new(|| {
        hide(&mut Lake::open(&at, Access::Write).unwrap(), Some("A"), 2, 5);
    });
    let done = compact(&mut yard.lake, &[], &full(), &watch).unwrap();
    yard.forget(Some("A"), 2, 5);
    yard.check();
    assert_eq!((done.counts.rows_deleted, done.left), (2, vec![]));
}

#[test]
fn a_file_that_is_rewritten_meanwhile_is_not_brought_back() {
    let mut yard = Yard::new();
    yard.add(&[("A", 1, 1.0), ("B", 1, 1.0)], false);
    yard.add(&[("A", 2, 1.0)], false);
    let gone = yard.live().iter().find(|(_, s)| s.rows == 1).unwrap().clone();
    let at = yard.path().to_owned();
    let watch = Meanwhile::new(|| {
        let mut lake = Lake::open(&at, Access::Write).unwrap();
        let mut txn = lake.begin().unwrap().transaction(Cause::Delete);
        let (part, segments) = (gone.0.clone(), vec![gone.1.id]);
        txn.actions.push(Action::Remove { table: lake_core::id::TableId(1), part, segments });
        commit(&mut lake, txn);
    });
    let done = compact(&mut yard.lake, &[], &full(), &watch).unwrap();
    assert_eq!(done.left, []);
    yard.forget(Some("A"), 1, 1);
    yard.check();
}

#[test]
fn two_compactors_do_not_do_the_same() {
    let mut yard = Yard::new();
    three_days(&mut yard);
    let at = yard.path().to_owned();
    let second = Mutex::new(None);
    let watch = Meanwhile::new(|| {
        let mut lake = Lake::open(&at, Access::Write).unwrap();
        let done = compact(&mut lake, &[], &full(), &()).unwrap();
        *second.lock().unwrap() = Some(done);
    });
    let done = compact(&mut yard.lake, &[], &full(), &watch).unwrap();
    drop(watch);
    let second = second.into_inner().unwrap().unwrap();
    assert_eq!((done.units, second.units), (1, 0));
    assert_eq!(second.left, [("bars".to_owned(), Left::Busy)]);
    yard.check();
}

#[test]
fn one_that_is_stopped_leaves_nothing_behind() {
    struct Stop;
    impl Watch for Stop {
        fn merged(&self, _rows: u64) -> bool {
            false
        }
    }
    let mut yard = Yard::new();
    three_days(&mut yard);
    let (before, version) = (yard.live(), yard.state().version);
    let stopped = compact(&mut yard.lake, &[], &full(), &Stop);
    assert!(matches!(stopped, Err(MaintainError::Stopped)), "{stopped:?}");
    assert_eq!((yard.live(), yard.state().version), (before, version));
    let root = yard.lake.root().clone();
    let staging = yard.lake.begin().unwrap().staging;
    assert!(staging.list().unwrap().is_empty(), "{root:?}");
    let late = CompactOptions { deadline: Deadline::after(std::time::Duration::ZERO), ..full() };
    assert_eq!(all(&mut yard, &late).left, [("bars".to_owned(), Left::Late)]);
}

#[test]
fn more_inputs_than_may_be_open_are_merged_in_turns() {
    let mut yard = Yard::new();
    for commit in 0..300 {
        let px = f64::from(commit);
        yard.add(&[("A", commit % 7, px), ("A", 1000, px), ("B", commit, px)], commit % 3 == 0);
    }
    let tight = CompactOptions { memory: 1, ..full() };
    let done = all(&mut yard, &tight);
    assert_eq!((done.counts.rows_in, done.counts.segments), (900, 1));
    yard.check();
    let left = yard.lake.begin().unwrap().staging.list().unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[derive(Clone, Debug)]
enum Op {
    Add { rows: Vec<(usize, i32)>, packed: bool },
    Hide { owner: Option<usize>, from: i32, span: i32 },
    Compact { policy: Policy, memory: usize },
}

const SYMBOLS: [&str; 4] = ["A", "B", "BB", "C"];

fn op() -> impl Strategy<Value = Op> {
    let rows = prop::collection::vec((0..SYMBOLS.len(), 0..12i32), 1..8);
    let add = (rows, any::<bool>()).prop_map(|(rows, packed)| Op::Add { rows, packed });
    let hide = (prop::option::of(0..SYMBOLS.len()), 0..12i32, 0..4i32)
        .prop_map(|(owner, from, span)| Op::Hide { owner, from, span });
    let policy = (1..4usize, 1..4u64, 0..6usize, 1..20u64, prop::bool::weighted(0.2));
    let compact = (policy, prop_oneof![Just(1usize), Just(64 << 20)]).prop_map(|(p, memory)| {
        let (runs, growth, loose, own_rows, full) = p;
        Op::Compact { policy: Policy { runs, growth, loose, own_rows, full }, memory }
    });
    prop_oneof![5 => add, 2 => hide, 3 => compact]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn no_history_shows_when_it_was_compacted(ops in prop::collection::vec(op(), 1..30)) {
        let (mut yard, mut hidden) = (Yard::new(), false);
        for (n, op) in ops.into_iter().enumerate() {
            match op {
                Op::Add { mut rows, packed } => {
                    rows.sort_unstable();
                    rows.dedup();
                    let rows: Vec<Row<'_>> =
                        rows.iter().map(|(s, day)| (SYMBOLS[*s], *day, n as f64)).collect();
                    yard.add(&rows, packed);
                }
                Op::Hide { owner, from, span } => {
                    hidden = true;
                    yard.hide(owner.map(|s| SYMBOLS[s]), from, from + span);
                }
                Op::Compact { policy, memory } => {
                    let options = CompactOptions { memory, ..options(policy) };
                    let changed = yard.changed();
                    let done = all(&mut yard, &options);
                    // A commit whose rows are all gone may be forgotten.
                    let now = yard.changed();
                    prop_assert!(hidden || now == changed, "{:?} was {:?}", now, changed);
                    let earlier = now.iter().all(|(symbol, version)| *version <= changed[symbol]);
                    prop_assert!(earlier, "{:?} was {:?}", now, changed);
                    prop_assert_eq!(&done.left, &vec![]);
                    let c = done.counts;
                    let out = c.rows_written + c.rows_superseded + c.rows_deleted;
                    prop_assert_eq!(c.rows_in, out);
                    // There is nothing left that is worth it.
                    let state = yard.state();
                    prop_assert_eq!(plan(&state, &[], &options.policy).unwrap(), vec![]);
                }
            }
        }
        yard.check();
    }
}

/// Rows of a row group of a base.
const GROUP: i32 = 32 * 1024;

fn days(name: &str, days: std::ops::Range<i32>, px: f64) -> Vec<Row<'_>> {
    days.map(|day| (name, day, px)).collect()
}

#[test]
fn a_symbol_that_has_grown_keeps_its_row_groups() {
    let policy = Policy { own_rows: 1, full: true, ..Policy::default() };
    let mut yard = Yard::new();
    yard.add(&days("A", 0..4 * GROUP, 1.0), false);
    let first = all(&mut yard, &options(policy.clone())).counts;
    assert_eq!((first.rows_in, first.rows_copied), (4 * GROUP as u64, 0));
    // One that is newer, and more behind all there are.
    yard.add(&days("A", GROUP + 5..GROUP + 6, 2.0), false);
    yard.add(&days("A", 4 * GROUP..4 * GROUP + 100, 2.0), false);
    let counts = all(&mut yard, &options(policy.clone())).counts;
    yard.check();
    assert_eq!((counts.rows_in, counts.rows_superseded), (4 * GROUP as u64 + 101, 1));
    assert_eq!(counts.rows_copied, 3 * GROUP as u64);
    // The group that has lost rows is made anew, the one of before is not.
    yard.hide(Some("A"), 7, 9);
    let counts = all(&mut yard, &options(policy)).counts;
    yard.check();
    assert_eq!((counts.rows_deleted, counts.rows_copied), (3, 3 * GROUP as u64));
}

#[test]
fn packs_keep_row_groups_and_know_their_symbols() {
    let mut yard = Yard::new();
    let rows: Vec<Row<'_>> =
        ["A", "B", "C", "D"].iter().flat_map(|s| days(s, 0..GROUP / 2, 1.0)).collect();
    yard.add(&rows, true);
    yard.add(&days("E", 0..GROUP, 1.0), true);
    all(&mut yard, &full());
    let before = yard.changed();
    yard.add(&[("B", 3, 2.0)], true);
    yard.add(&[("F", 3, 2.0)], true);
    let counts = all(&mut yard, &full()).counts;
    yard.check();
    // The group of A and B is made anew; those of C and D, and of E, are copied.
    assert_eq!((counts.rows_in, counts.rows_copied), (3 * GROUP as u64 + 2, 2 * GROUP as u64));
    let changed = yard.changed();
    for name in ["A", "C", "D", "E"] {
        assert_eq!(changed[name], before[name], "{name}");
    }
    assert!(changed["B"] > before["B"] && changed["F"] > before["E"]);
}
