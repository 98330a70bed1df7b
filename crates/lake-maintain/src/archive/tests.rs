//! What is in the table and what is in the archive is always all there was, and nothing
//! is in both.
#![allow(clippy::disallowed_methods, reason = "a test looks at the disk by itself")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::{Float64Type, Int32Type};
use lake_core::archive::Archive;
use lake_core::edit::{Cause, Receipt};
use lake_core::layout;
use lake_core::segment::SegmentKind;
use lake_core::value::Value;
use lake_log::{Access, At, Outcome};
use lake_segment::{SegmentReader, Verify};
use lake_store::fault::{Mode, Plan, arm_here};
use lake_testkit::{Budget, Recorder, clone_lake, scratch};
use proptest::prelude::*;

use super::*;
use crate::vacuum;
use crate::verify::tests::merge;
use crate::yard::{Row, Rows, Yard, add as put, commit, hide, read};

const SMALL: ArchiveOptions = ArchiveOptions { batch_rows: 1 };

fn day(day: i32) -> Cut {
    Cut::Order(Value::Int(day.into()))
}

/// Rows of all archives; the later one has the later row of a key.
fn archived(lake: &mut Lake) -> Rows {
    let mut rows = Rows::new();
    for Listed { def, archive, .. } in list(lake, None).unwrap() {
        for (part, file) in &archive.files {
            let path = Archive::path(&def, part, file);
            for batch in SegmentReader::open(lake.root(), &path, file, Verify::Hash, None).unwrap()
            {
                let batch = batch.unwrap();
                let (names, days) = (
                    batch.column(0).as_string::<i32>(),
                    batch.column(1).as_primitive::<Int32Type>(),
                );
                let prices = batch.column(2).as_primitive::<Float64Type>();
                for row in 0..batch.num_rows() {
                    let key = (names.value(row).to_owned(), days.value(row));
                    rows.insert(key, prices.value(row));
                }
            }
        }
    }
    rows
}

fn archive(yard: &mut Yard, cut: i32, options: &ArchiveOptions) -> Retained {
    let done = archive_rows(&mut yard.lake, "bars", &day(cut), options, &()).unwrap();
    yard.forget(None, i32::MIN, cut - 1);
    done
}

fn vacuum_now(path: &Path) {
    let options = vacuum::Options { grace: Duration::ZERO, max_share: Some(1e9), dry_run: false };
    let mut lake = Lake::open(path, Access::Write).unwrap();
    vacuum::run(&mut lake, &options, &vacuum::Meter::default()).unwrap();
}

/// What is in a directory of the lake, beneath all others.
fn files_in(path: &Path, rel: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let Ok(entries) = std::fs::read_dir(path.join(rel)) else { return found };
    for entry in entries {
        let entry = entry.unwrap();
        let rel = format!("{rel}/{}", entry.file_name().to_string_lossy());
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files_in(path, &rel)),
            false => drop(found.insert(rel)),
        }
    }
    found
}

/// Packs, symbols of their own, straddling files, rows that are superseded or hidden.
fn mixed() -> Yard {
    let mut yard = Yard::new();
    yard.add(&[("A", 1, 1.0), ("A", 2, 1.0), ("A", 9, 1.0)], false);
    yard.add(&[("A", 2, 2.0), ("B", 1, 2.0), ("B", 8, 2.0), ("C", 3, 2.0)], true);
    yard.add(&[("D", 1, 1.0), ("D", 2, 1.0)], false);
    yard.hide(Some("D"), 1, 1);
    yard.add(&[("C", 3, 3.0), ("E", 7, 3.0)], true);
    yard
}

#[test]
fn rows_before_the_cut_move_and_are_read_from_hive_files() {
    for options in [ArchiveOptions::default(), SMALL] {
        let mut yard = mixed();
        let before = yard.rows.clone();
        let done = archive(&mut yard, 5, &options);
        yard.check();
        let gone: Rows = before.into_iter().filter(|((_, day), _)| *day < 5).collect();
        assert_eq!(archived(&mut yard.lake), gone);
        assert_eq!((done.rows_archived, done.archive_files), (5, 4), "{options:?}");
        assert_eq!(done.rows_dropped, Some(0));
        let files = files_in(yard.path(), "archive");
        assert!(files.iter().any(|f| f.starts_with("archive/bars/symbol=C/arc-")), "{files:?}");
        // A second time there is nothing to do.
        let again = archive(&mut yard, 5, &options);
        assert_eq!((again.rows_archived, again.version), (0, done.version));
        merge(&mut yard.lake, true);
        vacuum_now(yard.path());
        assert_eq!(read(&mut yard.lake, At::Newest), yard.rows);
        assert_eq!(archived(&mut yard.lake), gone);
    }
}

#[test]
fn by_commit_only_rows_that_nothing_newer_supersedes_are_archived() {
    let mut yard = Yard::new();
    yard.add(&[("A", 1, 1.0), ("A", 2, 1.0), ("B", 1, 1.0)], true);
    yard.add(&[("A", 1, 2.0), ("A", 5, 2.0)], false);
    let newest = yard.state().version;
    let at_us = yard.lake.entry(newest).unwrap().unwrap().at_us;
    let done = archive_rows(&mut yard.lake, "bars", &Cut::Commit(at_us), &SMALL, &()).unwrap();
    yard.forget(None, 2, 2);
    yard.forget(Some("B"), 1, 1);
    yard.check();
    assert_eq!(done.rows_archived, 2);
    let gone = Rows::from([(("A".into(), 2), 1.0), (("B".into(), 1), 1.0)]);
    assert_eq!(archived(&mut yard.lake), gone);
}

/// Does something once, when the first rows have been read.
struct Meanwhile<'a>(Mutex<Option<Box<dyn FnOnce() + Send + 'a>>>);

impl Watch for Meanwhile<'_> {
    fn merged(&self, _rows: u64) -> bool {
        if let Some(act) = self.0.lock().unwrap().take() {
            act();
        }
        true
    }
}

fn meanwhile(yard: &mut Yard, cut: i32, act: impl FnOnce(&mut Lake) + Send) -> Retained {
    let mut other = Lake::open(yard.path(), Access::Write).unwrap();
    let watch = Meanwhile(Mutex::new(Some(Box::new(move || act(&mut other)))));
    archive_rows(&mut yard.lake, "bars", &day(cut), &ArchiveOptions::default(), &watch).unwrap()
}

#[test]
fn what_arrives_meanwhile_is_not_dropped_unarchived() {
    for packed in [false, true] {
        let mut yard = mixed();
        let mut all = yard.rows.clone();
        let news: [Row<'_>; 3] = [("A", 1, 9.0), ("C", 2, 9.0), ("F", 1, 9.0)];
        meanwhile(&mut yard, 5, |other| put(other, &news, packed));
        yard.learn(&news);
        // They have outlived it, and stand over what was archived.
        let live = read(&mut yard.lake, At::Newest);
        for (symbol, day, px) in news {
            assert_eq!(live.get(&(symbol.to_owned(), day)), Some(&px), "packed {packed}");
            all.insert((symbol.to_owned(), day), px);
        }
        let mut both = archived(&mut yard.lake);
        both.extend(live);
        assert_eq!(both, all);
        archive(&mut yard, 5, &SMALL);
        assert_eq!(read(&mut yard.lake, At::Newest), yard.rows);
        let mut both = archived(&mut yard.lake);
        both.extend(yard.rows.clone());
        assert_eq!(both, all);
    }
}

#[test]
fn what_is_deleted_meanwhile_is_not_archived() {
    let mut yard = mixed();
    let mut all = yard.rows.clone();
    meanwhile(&mut yard, 5, |other| hide(other, Some("A"), 1, 1));
    all.remove(&("A".to_owned(), 1));
    yard.forget(None, i32::MIN, 4);
    assert_eq!(read(&mut yard.lake, At::Newest), yard.rows);
    let mut both = archived(&mut yard.lake);
    both.extend(yard.rows.clone());
    assert_eq!(both, all);
    // Nothing of the attempt that was refused is left.
    let lists = list(&mut yard.lake, None).unwrap();
    let files: usize = lists.iter().map(|l| l.paths().len()).sum();
    assert_eq!(files_in(yard.path(), "archive").len(), files);
}

#[test]
fn a_compaction_meanwhile_is_followed() {
    let mut yard = mixed();
    let all = yard.rows.clone();
    meanwhile(&mut yard, 5, |other| merge(other, true));
    assert!(yard.live().iter().all(|(_, segment)| segment.kind == SegmentKind::Base));
    yard.forget(None, i32::MIN, 4);
    yard.check();
    let mut both = archived(&mut yard.lake);
    both.extend(yard.rows.clone());
    assert_eq!(both, all);
}

/// The commit that an unarchive ends in: here the rows come back by an upsert of their own.
fn bring_back(yard: &mut Yard, listed: &Listed) {
    let draft = yard.lake.begin().unwrap();
    let mut txn = draft.transaction(Cause::Ingest);
    txn.producer = Some(lake_core::archive::unarchive_key("bars", listed.archive.seq));
    txn.receipts.push(Receipt { table: "bars".into(), ..Receipt::default() });
    commit(&mut yard.lake, txn);
}

#[test]
fn what_was_brought_back_goes_to_the_trash() {
    let mut yard = mixed();
    archive(&mut yard, 2, &ArchiveOptions::default());
    archive(&mut yard, 5, &ArchiveOptions::default());
    let lists = list(&mut yard.lake, Some("bars")).unwrap();
    assert_eq!(lists.iter().map(|l| l.archive.seq).collect::<Vec<_>>(), [1, 2]);
    bring_back(&mut yard, &lists[0]);
    let left = list(&mut yard.lake, None).unwrap();
    assert_eq!(left, lists[1..]);
    let moved = vacuum::tidy_archive(&mut yard.lake).unwrap();
    assert_eq!(moved.files, lists[0].paths().len() as u64);
    assert_eq!(files_in(yard.path(), "archive"), left[0].paths().into_iter().collect());
    // Numbers are not given again, and what comes back from the trash does not count.
    vacuum::undelete(&yard.lake, None, false).unwrap();
    assert_eq!(list(&mut yard.lake, None).unwrap(), left);
    yard.add(&[("G", 1, 1.0)], false);
    archive(&mut yard, 5, &SMALL);
    assert_eq!(list(&mut yard.lake, None).unwrap()[1].archive.seq, 3);
    vacuum_now(yard.path());
    vacuum_now(yard.path());
    assert_eq!(files_in(yard.path(), layout::TRASH), BTreeSet::new());
}

/// After any end of an archiving: every row is in one place, and the next run ends it.
fn goes_on(path: &Path, all: &Rows) {
    let open = || Lake::open(path, Access::Write).unwrap();
    let parts = |lake: &mut Lake| (read(lake, At::Newest), archived(lake));
    let mut lake = open();
    let (live, gone) = parts(&mut lake);
    let mut both = live.clone();
    both.extend(gone.clone());
    assert_eq!((&both, both.len()), (all, live.len() + gone.len()), "at once");
    archive_rows(&mut lake, "bars", &day(5), &SMALL, &()).unwrap();
    let (live, gone) = parts(&mut lake);
    assert!(live.keys().all(|(_, day)| *day >= 5) && gone.keys().all(|(_, day)| *day < 5));
    let mut both = live.clone();
    both.extend(gone);
    assert_eq!(&both, all, "in the end");
    drop(lake);
    vacuum_now(path);
    let mut lake = open();
    let listed: BTreeSet<String> =
        list(&mut lake, None).unwrap().iter().flat_map(Listed::paths).collect();
    assert_eq!(files_in(path, "archive"), listed, "left over");
    assert_eq!(files_in(path, layout::STAGING), BTreeSet::new());
}

#[test]
fn an_archiving_with_a_fault_at_every_operation() {
    const EIO: i32 = 5;
    let yard = mixed();
    let all = yard.rows.clone();
    let place = scratch().unwrap();
    let path = place.path().join("lake");
    let mut faults = 0;
    for mode in [Mode::Fail(EIO), Mode::FailAfter(EIO), Mode::Stop, Mode::Tear] {
        for n in 1.. {
            clone_lake(yard.path(), &path).unwrap();
            let mut lake = Lake::open(&path, Access::Write).unwrap();
            let armed = arm_here(Plan::nth(n, mode));
            let outcome = archive_rows(&mut lake, "bars", &day(5), &SMALL, &());
            drop(lake);
            let fired = armed.fired();
            drop(armed);
            assert!(fired || outcome.is_ok(), "{outcome:?}");
            goes_on(&path, &all);
            std::fs::remove_dir_all(&path).unwrap();
            if !fired {
                break;
            }
            faults += 1;
        }
    }
    assert!(faults > 4 * 60, "only {faults} faults");
}

#[test]
fn the_power_goes_during_an_archiving() {
    let mut yard = mixed();
    let all = yard.rows.clone();
    let recorder = Recorder::start(yard.path()).unwrap();
    archive_rows(&mut yard.lake, "bars", &day(5), &ArchiveOptions::default(), &()).unwrap();
    let budget = Budget { images: 12, seed: 1 };
    let judged = recorder.finish().each_image(budget, |cut| {
        goes_on(cut.path, &all);
        Ok(())
    });
    let tally = judged.unwrap();
    assert!(tally.states >= 100, "{tally:?}");
}

/// Whoever only seemed dead cannot commit an archive whose files are gone.
#[test]
fn a_stalled_archiver_is_refused() {
    let mut yard = mixed();
    let stalled = lake_core::id::TxnId { start: yard.state().version, session: 77, counter: 1 };
    let archive =
        Archive { table: yard.table().def.id, seq: 1, txn: stalled, at_us: 0, files: Vec::new() };
    let dir = yard.path().join("archive/bars");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join(layout::archive_name(1)), archive.to_bytes()).unwrap();
    assert_eq!(vacuum::tidy_archive(&mut yard.lake).unwrap().files, 1);
    let draft = yard.lake.begin().unwrap();
    let txn = lake_core::edit::Transaction { id: stalled, ..draft.transaction(Cause::Retain) };
    let outcome = yard.lake.commit(txn).unwrap();
    assert_eq!(outcome, Outcome::Conflict(lake_core::state::Conflict::Fenced));
}

/// Its commit may still come.
#[test]
fn the_list_of_a_living_archiver_is_left_alone() {
    let mut yard = mixed();
    let mut other = Lake::open(yard.path(), Access::Write).unwrap();
    let txn = other.begin().unwrap().id;
    let table = yard.table().def.id;
    let archive = Archive { table, seq: 1, txn, at_us: 0, files: Vec::new() };
    let dir = yard.path().join("archive/bars");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join(layout::archive_name(1)), archive.to_bytes()).unwrap();
    assert_eq!(vacuum::tidy_archive(&mut yard.lake).unwrap().files, 0);
    // Its number is taken.
    archive_rows(&mut yard.lake, "bars", &day(5), &ArchiveOptions::default(), &()).unwrap();
    assert_eq!(list(&mut yard.lake, None).unwrap()[0].archive.seq, 2);
    drop(other);
    assert_eq!(vacuum::tidy_archive(&mut yard.lake).unwrap().files, 1);
}

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<(u8, i32)>, bool),
    Hide(u8, i32, i32),
    Archive(i32, bool),
    Compact,
    Vacuum,
}

fn step() -> impl Strategy<Value = Step> {
    let rows = prop::collection::vec((0..4u8, 0..12i32), 1..10);
    prop_oneof![
        5 => (rows, any::<bool>()).prop_map(|(rows, packed)| Step::Add(rows, packed)),
        1 => (0..4u8, 0..12i32, 0..4i32).prop_map(|(s, from, n)| Step::Hide(s, from, from + n)),
        3 => (0..13i32, any::<bool>()).prop_map(|(cut, small)| Step::Archive(cut, small)),
        1 => Just(Step::Compact),
        1 => Just(Step::Vacuum),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The table is a map without its old keys, the archive a map of these as they were
    /// when they went.
    #[test]
    fn nothing_is_lost_and_nothing_is_in_both(steps in prop::collection::vec(step(), 1..12)) {
        const NAMES: [&str; 4] = ["A", "B", "C", "D"];
        let mut yard = Yard::new();
        let mut kept = Rows::new();
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
                Step::Vacuum => vacuum_now(yard.path()),
                Step::Archive(cut, small) => {
                    let gone: Rows =
                        yard.rows.clone().into_iter().filter(|((_, d), _)| *d < cut).collect();
                    let options = if small { SMALL } else { ArchiveOptions::default() };
                    let done = archive(&mut yard, cut, &options);
                    prop_assert_eq!(done.rows_archived, gone.len() as u64);
                    kept.extend(gone);
                }
            }
            prop_assert_eq!(read(&mut yard.lake, At::Newest), yard.rows.clone());
        }
        prop_assert_eq!(archived(&mut yard.lake), kept);
    }
}
