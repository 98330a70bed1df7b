#![allow(clippy::disallowed_methods, reason = "a test looks at the disk by itself")]

use std::fs;

use lake_core::archive::Archive;
use lake_core::edit::{Action, Transaction};
use lake_core::id::TableId;
use lake_core::segment::{Part, SegmentKind};
use lake_core::value::Value;
use lake_log::At;
use lake_segment::{Blank, Files, Format};
use lake_testkit::{clone_lake, scratch};
use proptest::prelude::*;

use super::*;
use crate::archive::{ArchiveOptions, archive_rows, list};
use crate::retain::Cut;
use crate::vacuum::floor::Wish;
use crate::vacuum::plan::Plan;
use crate::vacuum::reach::Reach;
use crate::verify::Depth;
use crate::verify::tests::{found, merge, nothing_wrong, see, sweep};
use crate::yard::{Rows, Yard, add, batch, commit, read, symbol};

const TAKE: Options = Options { dry_run: false, accept_unsafe_fs: true };

/// Without its log, rebuilt; and what was found. `wrong`: what verify finds then.
fn lost(path: &Path, wrong: &[(&'static str, String)]) -> (Rows, Rebuilt) {
    fs::remove_dir_all(path.join(layout::SYSTEM)).unwrap();
    let dry = Options { dry_run: true, ..TAKE };
    let would = rebuild(path, &dry, &Meter::default()).unwrap();
    assert!(!path.join(layout::SYSTEM).exists(), "a dry run makes nothing");
    let done = rebuild(path, &TAKE, &Meter::default()).unwrap();
    assert_eq!(would, done);
    assert_eq!(found(&see(path, Depth::All)), wrong);
    let mut lake = Lake::open(path, Access::Write).unwrap();
    assert_eq!(lake.state().version, done.version + 1);
    (read(&mut lake, At::Newest), done)
}

fn history(yard: &mut Yard) {
    yard.add(&[("A", 1, 1.0), ("B", 1, 1.0)], true);
    yard.add(&[("A", 1, 2.0), ("A", 2, 2.0)], false);
    yard.add(&[("A", 2, 3.0), ("C", 2, 3.0)], true);
}

#[test]
fn rows_are_what_they_were_whether_or_not_inputs_are_still_there() {
    for swept in [false, true] {
        let mut yard = Yard::new();
        history(&mut yard);
        merge(&mut yard.lake, true);
        if swept {
            sweep(&mut yard.lake);
        }
        yard.add(&[("A", 2, 4.0), ("D", 1, 4.0)], false);
        yard.add(&[("B", 1, 5.0)], true);
        let (rows, done) = lost(yard.path(), &[]);
        assert_eq!(rows, yard.rows);
        assert_eq!((&done.unusable[..], &done.doubtful[..]), (&[][..], &[][..]));
        // None is there twice: either the base's rows count or those of its inputs.
        let (base, inputs) = (4, 6);
        let counted = if swept { base } else { inputs };
        assert_eq!((done.rows, done.redundant > 0), (counted + 3, !swept), "{done:?}");
    }
}

#[test]
fn a_rebuilt_lake_goes_on() {
    let mut yard = Yard::new();
    history(&mut yard);
    merge(&mut yard.lake, true);
    let (_, done) = lost(yard.path(), &[]);
    let mut lake = Lake::open(yard.path(), Access::Write).unwrap();
    add(&mut lake, &[("A", 2, 9.0)], true);
    let mut rows = yard.rows.clone();
    rows.insert(("A".into(), 2), 9.0);
    assert_eq!(read(&mut lake, At::Newest), rows);
    merge(&mut lake, true);
    sweep(&mut lake);
    assert_eq!(read(&mut lake, At::Newest), rows);
    let report = nothing_wrong(yard.path());
    assert_eq!((report.files, report.notes.len()), (1, 0), "what did not count was swept");
    assert!(lake.state().version > done.version);
}

/// A kill in the middle of a vacuum leaves any of these, as it goes in this order.
#[test]
fn whatever_a_vacuum_has_taken_no_row_is_lost_or_doubled() {
    let mut yard = Yard::new();
    history(&mut yard);
    merge(&mut yard.lake, true);
    yard.add(&[("A", 3, 4.0), ("C", 2, 4.0)], true);
    yard.add(&[("A", 1, 5.0)], false);
    merge(&mut yard.lake, true);
    let root = yard.lake.root().clone();
    let reach = Reach::read(&mut yard.lake).unwrap();
    let listing = listing::warehouse(&root).unwrap();
    let newest = yard.state().version;
    let wish = Wish { by_age: newest, floor: newest, tag: None };
    let plan = Plan::of(&listing, &reach, newest, newest, &wish);
    assert!(plan.superseded.len() >= 6);
    for taken in 0..=plan.superseded.len() {
        let dir = scratch().unwrap();
        clone_lake(yard.path(), dir.path()).unwrap();
        for file in &plan.superseded[..taken] {
            fs::remove_file(dir.path().join(&file.path)).unwrap();
        }
        let (rows, done) = lost(dir.path(), &[]);
        assert_eq!(rows, yard.rows, "{taken} taken");
        // What was merged first and three rows, or the five keys.
        assert!([4 + 3, 5].contains(&done.rows), "{taken} taken: {done:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_history_without_deletes_comes_back(
        steps in prop::collection::vec((0..6u8, 0..3usize, 1..5i32, any::<bool>()), 1..14)
    ) {
        let mut yard = Yard::new();
        let mut px = 0.0;
        let mut written = false;
        for (what, who, day, packed) in steps {
            px += 1.0;
            match what {
                0 if written => merge(&mut yard.lake, packed),
                1 if written => sweep(&mut yard.lake),
                _ => {
                    written = true;
                    let names = ["A", "B", "C"];
                    yard.add(&[(names[who], day, px), (names[(who + 1) % 3], day, px)], packed);
                }
            }
        }
        prop_assume!(written);
        let (rows, done) = lost(yard.path(), &[]);
        prop_assert_eq!(&rows, &yard.rows);
        prop_assert!(done.doubtful.is_empty() && done.unusable.is_empty(), "{:?}", done);
    }
}

/// Stages a row now, to be committed later.
fn staged(lake: &mut Lake, row: (&str, i32, f64)) -> (Transaction, Files) {
    let draft = lake.begin().unwrap();
    let table = draft.state.table("bars").unwrap();
    let mut txn = draft.transaction(Cause::Ingest);
    txn.producer = Some(ProducerSeq { producer: "late".into(), seq: 7 });
    let kind = SegmentKind::Increment;
    let mut files = Files::new(lake.root(), &draft.staging, &txn, kind);
    let format = Format::new(&table.def).unwrap();
    let part = Part::Of(symbol(row.0));
    let blank = Blank { table, format: &format, part: &part, rows: 1, census: None, copies: None };
    let batches = std::iter::once(Ok::<_, lake_segment::SegmentError>(batch(&format, &[row])));
    let segment = files.write(&blank, batches).unwrap();
    files.place(&[(table, &part, &segment)]).unwrap();
    txn.actions.push(Action::Add { table: table.def.id, part, segments: vec![segment] });
    (txn, files)
}

#[test]
fn a_batch_that_was_begun_before_a_merge_and_committed_after_it_wins() {
    for swept in [false, true] {
        let mut yard = Yard::new();
        yard.add(&[("A", 1, 1.0)], false);
        let mut late = Lake::open(yard.path(), Access::Write).unwrap();
        let (txn, files) = staged(&mut late, ("A", 1, 9.0));
        yard.add(&[("A", 1, 2.0)], false);
        merge(&mut yard.lake, true);
        commit(&mut late, txn);
        files.keep();
        yard.learn(&[("A", 1, 9.0)]);
        if swept {
            sweep(&mut yard.lake);
        }
        let (rows, done) = lost(yard.path(), &[]);
        if swept {
            assert_eq!(rows, yard.rows);
        } else {
            assert_eq!(done.doubtful.len(), 1, "two wrote at one time: {done:?}");
        }
        let lake = Lake::open(yard.path(), Access::Write).unwrap();
        let key = ProducerSeq { producer: "late".into(), seq: 7 };
        assert!(lake.state().producers.contains(&key), "sent again it is stored once");
    }
}

#[test]
fn what_is_not_whole_or_not_in_its_place_is_left_out_and_told() {
    let mut yard = Yard::new();
    yard.add(&[("A", 1, 1.0)], false);
    yard.add(&[("A", 2, 2.0)], false);
    yard.add(&[("B", 3, 3.0)], false);
    let table = yard.table();
    let path = |n: usize| {
        let (part, segment) = table.segments().nth(n).unwrap();
        yard.path().join(table.path(part, segment))
    };
    let bytes = fs::read(path(0)).unwrap();
    fs::write(path(0), &bytes[..bytes.len() - 3]).unwrap();
    let moved = yard.path().join("warehouse/bars/symbol=C");
    fs::create_dir(&moved).unwrap();
    fs::rename(path(2), moved.join(path(2).file_name().unwrap())).unwrap();
    let (rows, done) = lost(yard.path(), &[]);
    assert_eq!(rows.into_iter().collect::<Vec<_>>(), [(("A".to_owned(), 2), 2.0)]);
    let whys: Vec<_> = done.unusable.iter().map(|d| d.why.as_str()).collect();
    assert_eq!(whys.len(), 2, "{whys:?}");
    assert!(whys[1].contains("another table or partition"), "{whys:?}");
}

#[test]
fn archives_stay_what_they_are() {
    let mut yard = Yard::new();
    history(&mut yard);
    let cut = Cut::Order(Value::Int(2));
    archive_rows(&mut yard.lake, "bars", &cut, &ArchiveOptions::default(), &()).unwrap();
    yard.forget(None, i32::MIN, 1);
    merge(&mut yard.lake, true);
    sweep(&mut yard.lake);
    let archived = list(&mut yard.lake, None).unwrap();
    // Of a table that is nowhere else, and one that cannot be read.
    let (other, bad) = ("archive/gone/0000000001.archive", "archive/bars/0000000009.archive");
    let gone = Archive { table: TableId(7), seq: 1, ..archived[0].archive.clone() };
    fs::create_dir(yard.path().join("archive/gone")).unwrap();
    fs::write(yard.path().join(other), gone.to_bytes()).unwrap();
    fs::write(yard.path().join(bad), "x").unwrap();
    let (rows, done) = lost(yard.path(), &[("archive-list", bad.to_owned())]);
    assert_eq!((rows, done.archives), (yard.rows.clone(), 1));
    let unusable: Vec<_> = done.unusable.iter().map(|d| d.path.as_str()).collect();
    assert_eq!((unusable, done.doubtful.len()), (vec![bad, other], 0));
    let mut lake = Lake::open(yard.path(), Access::Write).unwrap();
    sweep(&mut lake);
    fs::remove_file(yard.path().join(bad)).unwrap();
    assert_eq!(list(&mut lake, None).unwrap(), archived);
    assert_eq!(nothing_wrong(yard.path()).files, archived[0].archive.files.len() as u64 + 1);
    assert_eq!(lake.refresh().unwrap().next_table, 8);
}

#[test]
fn a_log_that_can_be_read_is_never_thrown_away() {
    let mut yard = Yard::new();
    yard.add(&[("A", 1, 1.0)], false);
    let run = |path: &Path| rebuild(path, &TAKE, &Meter::default());
    assert!(matches!(run(yard.path()), Err(MaintainError::HasLog)));
    // Damaged, and somebody is at work.
    let entry = yard.path().join("_lake/log/0000000000/0000000000001.e");
    fs::write(&entry, "LKE1").unwrap();
    assert!(matches!(run(yard.path()), Err(MaintainError::AtWork)));
    let missing = yard.path().join("nowhere");
    assert!(matches!(run(&missing), Err(MaintainError::Log(LogError::NoLake(_)))));
    let dir = scratch().unwrap();
    clone_lake(yard.path(), dir.path()).unwrap();
    let done = run(dir.path()).unwrap();
    assert_eq!((done.rows, done.version), (1, 3));
    let old = done.old_system.unwrap();
    assert!(dir.path().join(old).join("log/0000000000/0000000000001.e").exists());
    nothing_wrong(dir.path());
}
