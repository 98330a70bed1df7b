//! A vacuum that is told to end does so between two files, and the next goes on.

use std::sync::atomic::{AtomicBool, AtomicI64};

use super::*;

/// Files that no version needs, some of them in the trash for long, and a dead writer's.
fn prepared() -> TempDir {
    let dir = new_lake();
    let mut work = Workload::open(dir.path(), "p").unwrap();
    for seq in 1..=4 {
        version_of(&work.append(&[symbol("A"), symbol("B")], seq).unwrap());
    }
    version_of(&work.clear(&symbol("A")).unwrap());
    vacuum_later(dir.path(), &options(HOUR), 2 * HOUR);
    assert_eq!(files_in(dir.path(), layout::TRASH).len(), 4);
    version_of(&work.clear(&symbol("B")).unwrap());
    dir
}

fn run_until(path: &Path, meter: &Meter) -> Report {
    let mut lake = Lake::open(path, Access::Write).unwrap();
    let now = clock::now_us() + 8 * HOUR.as_micros() as i64;
    let report = run_at(&mut lake, &options(HOUR), meter, now).unwrap();
    drop(lake);
    audit(path).unwrap();
    report
}

#[test]
fn wherever_it_ends_the_next_does_the_rest() {
    let whole = run_until(prepared().path(), &Meter::default());
    assert_eq!((whole.emptied.files, whole.superseded.files, whole.cut), (4, 4, None));
    let mut met = BTreeSet::new();
    for asks in 0.. {
        let dir = prepared();
        let boundary = Lake::open(dir.path(), Access::Read).unwrap().slots().unwrap().boundary;
        let meter = Meter { asks: Some(Arc::new(AtomicI64::new(asks))), ..Meter::default() };
        let cut = run_until(dir.path(), &meter);
        if cut.cut.is_none() {
            assert_eq!(cut, Report { trash: cut.trash.clone(), ..whole.clone() });
            break;
        }
        met.insert((cut.emptied.files, cut.superseded.files));
        assert_eq!((cut.cut, cut.boundary), (Some(Cut::Stopped), boundary), "{asks}");
        let left = files_in(dir.path(), layout::TRASH).len() as u64;
        assert_eq!(left, 4 - cut.emptied.files + cut.superseded.files);
        let rest = run_until(dir.path(), &Meter::default());
        assert_eq!(rest.emptied.files + cut.emptied.files, 4, "{asks}");
        assert_eq!(rest.superseded.files + cut.superseded.files, 4, "{asks}");
        assert_eq!((rest.cut, rest.boundary > boundary), (None, true));
    }
    let all = (0..=4).map(|n| (n, 0)).chain((1..=4).map(|n| (4, n)));
    assert_eq!(met, all.collect(), "it ends between any two files");
}

#[test]
fn a_word_or_the_time_ends_it_before_it_changes_anything() {
    let dir = prepared();
    let version = Lake::open(dir.path(), Access::Read).unwrap().state().version;
    let said = Meter::until(Arc::new(AtomicBool::new(true)), Deadline::never());
    let late = Meter::until(Arc::default(), Deadline::after(Duration::ZERO));
    for (meter, cut) in [(said, Cut::Stopped), (late, Cut::Late)] {
        let report = run_until(dir.path(), &meter);
        assert_eq!((report.cut, report.version), (Some(cut), version));
        assert_eq!((report.emptied, report.superseded), (count(0, 0), count(0, 0)));
    }
    let never = Meter::until(Arc::default(), Deadline::never());
    assert_eq!(run_until(dir.path(), &never).superseded.files, 4);
}
