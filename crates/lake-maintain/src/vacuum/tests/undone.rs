//! The trash: emptied in time, and the way back until then.

use lake_store::fault::{Mode, Plan as Fault, arm_here};
use lake_testkit::clone_lake;

use super::*;

#[test]
fn the_trash_is_emptied_after_the_grace_and_not_before() {
    let dir = new_lake();
    come_and_gone(dir.path());
    vacuum(dir.path(), &now_or_never());
    let [batch] = &list(&Lake::open(dir.path(), Access::Read).unwrap()).unwrap()[..] else {
        panic!("one batch")
    };
    assert_eq!((batch.version, batch.what.files), (4, 1));
    std::fs::write(dir.path().join("_lake/trash/mine.txt"), "mine").unwrap();
    let early = vacuum(dir.path(), &options(HOUR));
    assert_eq!(early.emptied, count(0, 0));
    let later = HOUR + Duration::from_secs(60);
    let dry = vacuum_later(dir.path(), &Options { dry_run: true, ..options(HOUR) }, later);
    assert_eq!(dry.emptied, batch.what);
    assert_eq!(vacuum_later(dir.path(), &options(HOUR), later).emptied, batch.what);
    let left = BTreeSet::from(["_lake/trash/mine.txt".to_owned()]);
    assert_eq!(files_in(dir.path(), layout::TRASH), left);
    assert!(!dir.path().join(layout::TRASH).join(&batch.name).exists());
}

#[test]
fn without_a_grace_the_next_vacuum_empties_it() {
    let dir = new_lake();
    come_and_gone(dir.path());
    let first = vacuum(dir.path(), &now_or_never());
    assert_eq!((first.superseded.files, first.emptied.files), (1, 0));
    let second = vacuum(dir.path(), &now_or_never());
    assert_eq!((second.superseded.files, second.emptied), (0, first.superseded));
    assert!(files_in(dir.path(), layout::TRASH).is_empty());
}

#[test]
fn undelete_brings_files_back_to_their_places() {
    let dir = new_lake();
    come_and_gone(dir.path());
    let before = on_disk(dir.path());
    let taken = vacuum(dir.path(), &now_or_never());
    let lake = Lake::open(dir.path(), Access::Write).unwrap();
    let name = taken.trash.unwrap().rsplit('/').next().unwrap().to_owned();
    let wrong = undelete(&lake, Some("1-1"), false).unwrap_err();
    assert_eq!(wrong.kind(), lake_core::kind::Kind::NotFound);
    let all = Restored { batches: 1, what: taken.superseded, in_the_way: 0 };
    assert_eq!(undelete(&lake, Some(&name), true).unwrap(), all);
    assert!(on_disk(dir.path()).is_empty());
    assert_eq!(undelete(&lake, Some(&name), false).unwrap(), all);
    assert_eq!(on_disk(dir.path()), before);
    assert!(list(&lake).unwrap().is_empty());
    drop(lake);
    let again = vacuum(dir.path(), &now_or_never());
    assert_eq!(again.superseded.files + again.orphans.files, 1);
    assert!(on_disk(dir.path()).is_empty());
}

#[test]
fn undelete_takes_nobodys_place() {
    let dir = new_lake();
    come_and_gone(dir.path());
    let before = on_disk(dir.path());
    vacuum(dir.path(), &now_or_never());
    let place = dir.path().join(before.first().unwrap());
    std::fs::write(&place, "other").unwrap();
    let lake = Lake::open(dir.path(), Access::Write).unwrap();
    for dry_run in [true, false] {
        let done = undelete(&lake, None, dry_run).unwrap();
        assert_eq!((done.what.files, done.in_the_way), (0, 1));
    }
    assert_eq!(std::fs::read(&place).unwrap(), b"other");
    assert_eq!(list(&lake).unwrap()[0].what.files, 1);
}

#[test]
fn what_others_put_into_the_trash_stays_there() {
    let dir = new_lake();
    come_and_gone(dir.path());
    let trash = dir.path().join(vacuum(dir.path(), &now_or_never()).trash.unwrap());
    std::fs::write(trash.join("notes.txt"), "mine").unwrap();
    std::fs::create_dir_all(trash.join("_lake/locks")).unwrap();
    std::fs::write(trash.join("_lake/locks/inc-1.0000000000000007.1-0.parquet"), "x").unwrap();
    let lake = Lake::open(dir.path(), Access::Write).unwrap();
    assert_eq!(undelete(&lake, None, false).unwrap().what.files, 1);
    drop(lake);
    let report = vacuum(dir.path(), &now_or_never());
    assert_eq!((report.emptied.files, report.foreign.len()), (0, 2));
    assert!(trash.join("notes.txt").exists());
}

#[test]
fn a_full_disk_gets_what_the_trash_holds() {
    const ENOSPC: i32 = 28;
    let dir = new_lake();
    come_and_gone(dir.path());
    vacuum(dir.path(), &now_or_never());
    assert!(!files_in(dir.path(), layout::TRASH).is_empty());
    // So that there is a floor to raise.
    let mut work = Workload::open(dir.path(), "after").unwrap();
    version_of(&work.append(&[symbol("B")], 9).unwrap());
    drop(work);
    let mut refused = 0;
    for n in 1.. {
        let copy = scratch().unwrap();
        clone_lake(dir.path(), copy.path()).unwrap();
        let mut lake = Lake::open(copy.path(), Access::Write).unwrap();
        let armed = arm_here(Fault::nth(n, Mode::Fail(ENOSPC)));
        let outcome = run_at(&mut lake, &now_or_never(), &Meter::default(), clock::now_us());
        if !armed.fired() {
            break;
        }
        drop(armed);
        // An entry that cannot be written.
        let is_entry = |why: &str| why.contains(layout::STAGING) && why.contains(".e: ");
        if outcome.is_err_and(|error| is_entry(&error.to_string())) {
            refused += 1;
            assert!(files_in(copy.path(), layout::TRASH).is_empty());
        }
    }
    assert!(refused > 0);
}
