//! Files that no version names.

use std::os::unix::fs::symlink;

use lake_core::entry::ready_to_bytes;
use lake_core::state::Conflict;

use super::*;

/// A transaction whose files are in place, and whose session is dead.
fn killed(path: &Path, name: &str) -> lake_core::edit::Transaction {
    let mut work = Workload::open(path, name).unwrap();
    work.stage(&[symbol("A"), symbol("NEW")], 1).unwrap()
}

#[test]
fn a_dead_writers_files_go_and_it_is_refused_for_good() {
    let dir = new_lake();
    come_and_gone(dir.path());
    let txn = killed(dir.path(), "killed");
    let report = vacuum(dir.path(), &options(HOUR));
    assert_eq!((report.orphans.files, report.superseded.files), (2, 0));
    assert_eq!(on_disk(dir.path()).len(), 1);
    // It only seemed dead.
    let mut lake = Lake::open(dir.path(), Access::Write).unwrap();
    assert_eq!(lake.commit(txn).unwrap(), Outcome::Conflict(Conflict::Fenced));
    assert_eq!(vacuum(dir.path(), &options(HOUR)).version, report.version, "one fence is enough");
}

#[test]
fn a_living_writers_files_stay_and_are_committed_later() {
    let dir = new_lake();
    let mut work = Workload::open(dir.path(), "slow").unwrap();
    let txn = work.stage(&[symbol("A")], 1).unwrap();
    let report = vacuum(dir.path(), &now_or_never());
    let [Hold { by: Holder::Writers(1), what }] = &report.held[..] else {
        panic!("{:?}", report.held)
    };
    assert_eq!((what.files, report.orphans.files), (1, 0));
    version_of(&work.lake.commit(txn).unwrap());
    drop(work);
    assert_eq!(vacuum(dir.path(), &now_or_never()).orphans.files, 0);
    assert_eq!(on_disk(dir.path()), newest(dir.path()));
}

#[test]
fn what_waits_in_the_spool_stays_and_is_committed_by_the_next_writer() {
    let dir = new_lake();
    let txn = killed(dir.path(), "spooled");
    let name = layout::ready_name(&txn.id);
    std::fs::write(dir.path().join(layout::SPOOL).join(&name), ready_to_bytes(&txn)).unwrap();
    let report = vacuum(dir.path(), &now_or_never());
    let [Hold { by: Holder::Spool(1), what }] = &report.held[..] else {
        panic!("{:?}", report.held)
    };
    assert_eq!((what.files, report.leftovers.files), (2, 0));
    let mut lake = Lake::open(dir.path(), Access::Write).unwrap();
    assert_eq!(lake.drain().unwrap(), (1, 0));
    drop(lake);
    assert_eq!(vacuum(dir.path(), &now_or_never()).orphans.files, 0);
    assert_eq!(on_disk(dir.path()), newest(dir.path()));
}

#[test]
fn a_large_share_is_refused_before_anything_is_done() {
    let dir = new_lake();
    come_and_gone(dir.path());
    killed(dir.path(), "killed");
    let bytes: u64 =
        2 * std::fs::metadata(dir.path().join(on_disk(dir.path()).iter().next().unwrap()))
            .unwrap()
            .len();
    let mut lake = Lake::open(dir.path(), Access::Write).unwrap();
    for dry_run in [true, false] {
        let strict = Options { max_share: Some(0.5), dry_run, ..now_or_never() };
        let refused = run(&mut lake, &strict, &Meter::default()).unwrap_err();
        let MaintainError::TooMuch { files: 2, live: 0, .. } = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(refused.kind().exit_code(), 1);
    }
    assert_eq!(lake.refresh().unwrap().version, 3);
    assert_eq!(on_disk(dir.path()).len(), 3);
    version_of(&Workload::open(dir.path(), "p").unwrap().append(&[symbol("A")], 1).unwrap());
    let enough = Options { max_share: Some(4.0), ..now_or_never() };
    let report = vacuum(dir.path(), &enough);
    assert!(report.orphans.files == 2 && report.orphans.bytes.abs_diff(bytes) < 50);
}

#[test]
fn a_log_that_has_lost_its_end_costs_no_file() {
    let dir = new_lake();
    let mut work = Workload::open(dir.path(), "p").unwrap();
    for seq in 1..=3 {
        version_of(&work.append(&[symbol("A")], seq).unwrap());
    }
    drop(work);
    version_of(&Workload::open(dir.path(), "q").unwrap().append(&[symbol("B")], 1).unwrap());
    let all = on_disk(dir.path());
    // An older backup of the log, or so it looks.
    let log = dir.path().join(layout::epoch_dir(0));
    for version in 3..=5 {
        std::fs::remove_file(log.join(layout::entry_name(version))).unwrap();
    }
    std::fs::write(dir.path().join("_lake/HEAD"), []).unwrap();
    let report = vacuum(dir.path(), &now_or_never());
    let [Hold { by: Holder::Log(4), what }] = &report.held[..] else { panic!("{:?}", report.held) };
    assert_eq!((what.files, report.orphans.files), (3, 0));
    assert_eq!(on_disk(dir.path()), all);
}

#[test]
fn foreign_files_are_left_alone_and_told() {
    let dir = new_lake();
    come_and_gone(dir.path());
    let outside = scratch().unwrap();
    let precious = outside.path().join("inc-1.0000000000000007.1-0.parquet");
    std::fs::write(&precious, "precious").unwrap();
    let bars = dir.path().join("warehouse/bars");
    let foreign = [
        "warehouse/notes.txt",
        "warehouse/bars/symbol=A/x.parquet",
        "warehouse/bars/symbol=A/inc-01.0000000000000007.1-0.parquet",
        "warehouse/bars/symbol=A/inc-1.0000000000000007.1-0.parquet.bak",
        "warehouse/bars/symbol=A/inc-1.0000000000000008.1-0.parquet",
        "warehouse/bars/symbol=LINK",
        "warehouse/bars/old",
        "warehouse/.git",
    ];
    std::fs::create_dir_all(bars.join("old")).unwrap();
    std::fs::create_dir_all(dir.path().join("warehouse/.git")).unwrap();
    std::fs::write(bars.join("old/inc-1.0000000000000007.1-0.parquet"), "mine").unwrap();
    for file in &foreign[..4] {
        std::fs::write(dir.path().join(file), "mine").unwrap();
    }
    symlink(&precious, dir.path().join(foreign[4])).unwrap();
    symlink(outside.path(), dir.path().join(foreign[5])).unwrap();
    for dry_run in [true, false] {
        let report = vacuum(dir.path(), &Options { dry_run, ..now_or_never() });
        assert_eq!((report.superseded.files, report.orphans.files), (1, 0));
        let told: BTreeSet<&str> = report.foreign.iter().map(String::as_str).collect();
        assert_eq!(told, BTreeSet::from(foreign), "dry run: {dry_run}");
    }
    assert_eq!(std::fs::read(&precious).unwrap(), b"precious");
    assert!(foreign.iter().all(|f| dir.path().join(f).symlink_metadata().is_ok()));
    assert!(bars.join("old/inc-1.0000000000000007.1-0.parquet").exists());
}
