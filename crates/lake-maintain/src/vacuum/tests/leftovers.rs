//! What dead processes leave outside of the warehouse.

use lake_core::entry::ready_to_bytes;

use super::*;

fn touch(path: &Path, rel: &str) {
    let file = path.join(rel);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, "left").unwrap();
}

#[test]
fn a_dead_sessions_staging_is_cleared() {
    let dir = new_lake();
    let mut living = Workload::open(dir.path(), "alive").unwrap();
    let staging = living.lake.begin().unwrap().staging.path().to_owned();
    touch(dir.path(), &format!("{staging}/inc-1.0000000000000007.1-0.parquet.tmp"));
    let dead = "_lake/staging/1.0000000000000009.0";
    let names = [
        "inc-1.0000000000000009.1-0.parquet.tmp",
        "base-1.0000000000000009.1-3.parquet.tmp",
        "ready",
        "1.0000000000000009.2.r",
        "17-0badcafe.e",
        "0000000000128.c",
    ];
    for name in names {
        touch(dir.path(), &format!("{dead}/{name}"));
    }
    let other = "_lake/staging/1.000000000000000a.0";
    touch(dir.path(), &format!("{other}/mine.txt"));
    touch(dir.path(), &format!("{other}/ready"));
    let report = vacuum(dir.path(), &Options { dry_run: true, ..now_or_never() });
    assert_eq!(report.leftovers, count(7, 28));
    let report = vacuum(dir.path(), &now_or_never());
    assert_eq!(report.leftovers, count(7, 28));
    assert_eq!(report.foreign, [format!("{other}/mine.txt")]);
    assert!(!dir.path().join(dead).exists());
    let left = files_in(dir.path(), layout::STAGING);
    let kept =
        [format!("{staging}/inc-1.0000000000000007.1-0.parquet.tmp"), format!("{other}/mine.txt")];
    assert_eq!(left, BTreeSet::from(kept));
}

#[test]
fn what_nobody_will_commit_leaves_the_spool() {
    let dir = new_lake();
    let spool = dir.path().join(layout::SPOOL);
    let mut work = Workload::open(dir.path(), "p").unwrap();
    // In the log already; refused, as its producer and seq are; half written.
    let committed = work.stage(&[symbol("A")], 1).unwrap();
    version_of(&work.lake.commit(committed.clone()).unwrap());
    drop(work);
    let mut again = Workload::open(dir.path(), "p").unwrap();
    let refused = again.stage(&[symbol("A")], 1).unwrap();
    drop(again);
    let mut living = Workload::open(dir.path(), "q").unwrap();
    let torn = living.stage(&[], 1).unwrap();
    for (txn, len) in [(&committed, usize::MAX), (&refused, usize::MAX), (&torn, 30)] {
        let bytes = ready_to_bytes(txn);
        let half = &bytes[..len.min(bytes.len())];
        std::fs::write(spool.join(layout::ready_name(&txn.id)), half).unwrap();
    }
    std::fs::write(spool.join("notes.txt"), "mine").unwrap();
    let report = vacuum(dir.path(), &now_or_never());
    assert_eq!((report.leftovers.files, report.orphans.files), (2, 1));
    let torn = format!("{}/{}", layout::SPOOL, layout::ready_name(&torn.id));
    let left = BTreeSet::from([torn, format!("{}/notes.txt", layout::SPOOL)]);
    assert_eq!(files_in(dir.path(), layout::SPOOL), left, "its owner lives and knows better");
    drop(living);
    assert_eq!(vacuum(dir.path(), &now_or_never()).leftovers.files, 1);
    assert_eq!(on_disk(dir.path()), newest(dir.path()));
}

#[test]
fn an_entry_that_a_recovery_moved_aside_goes_and_rejected_rows_stay() {
    let dir = new_lake();
    touch(dir.path(), "_lake/quarantine/log-4-0badcafe.e");
    touch(dir.path(), "_lake/quarantine/1.0000000000000009.1.bars.rejects");
    let report = vacuum(dir.path(), &now_or_never());
    assert_eq!(report.leftovers, count(1, 4));
    assert_eq!(files_in(dir.path(), layout::QUARANTINE).len(), 1);
    assert!(dir.path().join(report.trash.unwrap()).join("_lake/quarantine").exists());
}
