//! Which versions stay, and what they hold.

use lake_core::edit::Action;

use super::*;

#[test]
fn with_no_grace_only_the_newest_version_stays() {
    let dir = new_lake();
    let newest_version = come_and_gone(dir.path());
    let before = on_disk(dir.path());
    let report = vacuum(dir.path(), &now_or_never());
    assert_eq!((before.len(), report.superseded.files), (1, 1));
    assert_eq!((report.floor, report.version), (newest_version, newest_version + 1));
    assert_eq!(
        (report.boundary, report.orphans, &report.held),
        (report.floor, count(0, 0), &vec![])
    );
    assert!(on_disk(dir.path()).is_empty() && !opens(dir.path(), 2));
    let trash = report.trash.unwrap();
    let moved: BTreeSet<String> = before.iter().map(|p| format!("{trash}/{p}")).collect();
    assert_eq!(files_in(dir.path(), layout::TRASH), moved);
}

#[test]
fn again_and_again_it_changes_nothing() {
    let dir = new_lake();
    come_and_gone(dir.path());
    let first = vacuum(dir.path(), &options(HOUR));
    assert_eq!((first.version, first.superseded), (3, count(0, 0)));
    let second = vacuum(dir.path(), &now_or_never());
    for _ in 0..3 {
        let again = vacuum(dir.path(), &now_or_never());
        assert_eq!((again.version, again.floor), (second.version, second.floor));
        assert_eq!((again.superseded, again.trash), (count(0, 0), None));
    }
}

#[test]
fn what_was_the_newest_version_within_the_grace_stays() {
    let dir = new_lake();
    come_and_gone(dir.path());
    let report = vacuum(dir.path(), &options(HOUR));
    let kept = Hold { by: Holder::Grace, what: count(1, on_disk_bytes(dir.path())) };
    assert_eq!((report.superseded, report.held), (count(0, 0), vec![kept]));
    assert!(opens(dir.path(), 2));
    // Half of the grace later another version comes; the one before it was the newest until then.
    let report = vacuum_later(dir.path(), &options(HOUR), HOUR + Duration::from_secs(60));
    assert_eq!((report.superseded.files, report.floor), (1, 3));
    assert!(opens(dir.path(), 3) && !opens(dir.path(), 2));
}

fn on_disk_bytes(path: &Path) -> u64 {
    on_disk(path).iter().map(|file| std::fs::metadata(path.join(file)).unwrap().len()).sum()
}

#[test]
fn a_grace_ends_between_two_versions() {
    let dir = new_lake();
    let mut lake = Lake::open(dir.path(), Access::Write).unwrap();
    let mut work = Workload::open(dir.path(), "p").unwrap();
    for seq in 0..20 {
        version_of(&work.append(&[], seq).unwrap());
    }
    lake.refresh().unwrap();
    let times: Vec<i64> = (1..=21).map(|v| lake.entry(v).unwrap().unwrap().at_us).collect();
    for (i, at_us) in times.iter().enumerate() {
        let newest_then = times.iter().rposition(|t| t == at_us).unwrap() as u64 + 1;
        let wish = floor::choose(&mut lake, HOUR, at_us + HOUR.as_micros() as i64).unwrap();
        assert_eq!(wish.by_age, newest_then);
        let earlier = floor::choose(&mut lake, HOUR, at_us + HOUR.as_micros() as i64 - 1).unwrap();
        assert!(earlier.by_age <= i as u64, "{i}: {earlier:?}");
    }
    let wish = floor::choose(&mut lake, Duration::MAX, times[20]).unwrap();
    assert_eq!((wish.by_age, wish.floor), (0, 0));
}

#[test]
fn a_lease_keeps_its_files_and_is_told() {
    let dir = new_lake();
    let mut work = Workload::open(dir.path(), "before").unwrap();
    version_of(&work.append(&[symbol("A")], 1).unwrap());
    let mut reader = Lake::open(dir.path(), Access::Read).unwrap();
    let leased = reader.snapshot(At::Newest).unwrap();
    version_of(&work.clear(&symbol("A")).unwrap());
    let bytes = on_disk_bytes(dir.path());
    for dry_run in [true, false] {
        let report = vacuum(dir.path(), &Options { dry_run, ..now_or_never() });
        let kept = Hold { by: Holder::Lease(2), what: count(1, bytes) };
        assert_eq!((report.superseded, report.held), (count(0, 0), vec![kept]));
    }
    assert_eq!(files_of(leased.state()), on_disk(dir.path()));
    assert!(!opens(dir.path(), 2), "nobody else may open it now");
    drop((leased, work));
    let report = vacuum(dir.path(), &now_or_never());
    assert_eq!((report.superseded.files, report.boundary), (1, report.floor));
}

/// Files that a lease keeps stay known to the log, also when their session lives on:
/// otherwise they were taken for files that it has staged.
#[test]
fn what_a_living_session_wrote_is_swept_when_the_lease_is_gone() {
    let dir = new_lake();
    let mut living = Workload::open(dir.path(), "daemon").unwrap();
    version_of(&living.append(&[symbol("A")], 1).unwrap());
    let mut reader = Lake::open(dir.path(), Access::Read).unwrap();
    let leased = reader.snapshot(At::Newest).unwrap();
    version_of(&living.clear(&symbol("A")).unwrap());
    assert_eq!(vacuum(dir.path(), &now_or_never()).superseded.files, 0);
    drop(leased);
    assert_eq!(vacuum(dir.path(), &now_or_never()).superseded.files, 1);
}

#[test]
fn a_tag_holds_its_version_and_is_told() {
    let dir = new_lake();
    let mut work = Workload::open(dir.path(), "before").unwrap();
    version_of(&work.append(&[symbol("A")], 1).unwrap());
    tag(&mut work.lake, Some(2));
    version_of(&work.clear(&symbol("A")).unwrap());
    let report = vacuum(dir.path(), &now_or_never());
    let [Hold { by: Holder::Tag(name, 2), what }] = &report.held[..] else {
        panic!("{:?}", report.held)
    };
    assert_eq!((name.as_str(), what.files, report.floor), ("eod", 1, 2));
    assert!(opens(dir.path(), 2));
    tag(&mut work.lake, None);
    assert_eq!(vacuum(dir.path(), &now_or_never()).superseded.files, 1);
}

fn tag(lake: &mut Lake, version: Option<u64>) {
    let mut txn = lake.begin().unwrap().transaction(Cause::Tag);
    txn.actions.push(Action::Tag { name: "eod".into(), version });
    version_of(&lake.commit(txn).unwrap());
}

#[test]
fn two_at_once_are_one() {
    let dir = new_lake();
    come_and_gone(dir.path());
    let mut one = Lake::open(dir.path(), Access::Write).unwrap();
    let held = alone(&one).unwrap();
    let refused = run(&mut one, &now_or_never(), &Meter::default()).unwrap_err();
    assert_eq!(refused.kind(), lake_core::kind::Kind::Busy);
    assert_eq!(undelete(&one, None, false).unwrap_err().kind(), lake_core::kind::Kind::Busy);
    assert_eq!(one.refresh().unwrap().version, 3);
    assert!(run(&mut one, &Options { dry_run: true, ..now_or_never() }, &Meter::default()).is_ok());
    drop(held);
    assert_eq!(vacuum(dir.path(), &now_or_never()).superseded.files, 1);
}

#[test]
fn a_dry_run_changes_nothing_and_tells_all() {
    let dir = new_lake();
    come_and_gone(dir.path());
    let everything = files_in(dir.path(), layout::SYSTEM);
    let report = vacuum(dir.path(), &Options { dry_run: true, ..now_or_never() });
    assert_eq!((report.superseded.files, report.floor, report.version), (1, 3, 3));
    assert_eq!(files_in(dir.path(), layout::SYSTEM), everything);
    assert_eq!(on_disk(dir.path()).len(), 1);
    let done = vacuum(dir.path(), &now_or_never());
    assert_eq!(done.superseded, report.superseded);
}

#[test]
fn a_damaged_entry_stops_it_until_no_version_before_it_can_be_opened() {
    let dir = new_lake();
    come_and_gone(dir.path());
    let mut work = Workload::open(dir.path(), "more").unwrap();
    for n in 0..140 {
        version_of(&work.append(&[symbol("B")], 10 + n).unwrap());
        if n % 2 == 0 {
            version_of(&work.clear(&symbol("B")).unwrap());
        }
    }
    drop(work);
    let entry = dir.path().join("_lake/log/0000000000/0000000000050.e");
    std::fs::write(&entry, "x").unwrap();
    let (needed, there) = (newest(dir.path()), on_disk(dir.path()));
    let mut lake = Lake::open(dir.path(), Access::Write).unwrap();
    let mut run =
        |options: &Options| run_at(&mut lake, options, &Meter::default(), clock::now_us());
    for dry_run in [true, false] {
        let error = run(&Options { dry_run, ..options(HOUR) }).unwrap_err();
        assert_eq!(error.kind(), Kind::Damaged, "{error}");
    }
    assert_eq!(on_disk(dir.path()), there);
    let report = run(&now_or_never()).unwrap();
    assert_eq!(on_disk(dir.path()), needed);
    assert!(report.boundary > 128 && there.len() > needed.len(), "{report:?}");
    // Nobody needs the entry any more.
    std::fs::remove_file(&entry).unwrap();
    assert_eq!(run(&options(HOUR)).unwrap().superseded, count(0, 0));
}
