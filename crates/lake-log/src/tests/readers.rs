use crate::{At, LogError};

use super::*;

#[test]
fn every_version_reads_the_same_from_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let mut lake = new_lake(dir.path());
    for day in 0..400 {
        version_of(&commit_one(&mut lake, "A", day));
    }
    let mut reader = Lake::open(dir.path(), Access::Read).unwrap();
    let bytes = |lake: &Lake| lake_core::checkpoint::to_bytes(lake.state());
    assert!(bytes(&reader) == bytes(&lake));
    for version in [0, 1, 2, 127, 128, 129, 200, 401] {
        let snapshot = reader.snapshot(At::Version(version)).unwrap();
        assert_eq!(snapshot.version(), version);
        let live = snapshot.state().table("bars").map_or(0, |t| t.segment_count());
        assert_eq!(live as u64, version.saturating_sub(1));
    }
    let error = reader.snapshot(At::Version(402)).err().unwrap();
    assert!(matches!(error, LogError::Future { asked: 402, newest: 401 }));
}

#[test]
fn a_reader_learns_of_new_versions() {
    let dir = tempfile::tempdir().unwrap();
    let mut lake = new_lake(dir.path());
    let mut reader = Lake::open(dir.path(), Access::Read).unwrap();
    let old = reader.snapshot(At::Newest).unwrap();
    version_of(&commit_one(&mut lake, "A", 1));
    let new = reader.snapshot(At::Newest).unwrap();
    assert_eq!((old.version(), new.version()), (1, 2));
    assert_eq!(old.state().table("bars").unwrap().segment_count(), 0);
}

#[test]
fn times_find_the_version_of_then() {
    let dir = tempfile::tempdir().unwrap();
    let mut lake = new_lake(dir.path());
    for day in 0..20 {
        version_of(&commit_one(&mut lake, "A", day));
    }
    let times: Vec<i64> = (1..=21).map(|v| lake.entry(v).unwrap().unwrap().at_us).collect();
    assert!(times.windows(2).all(|w| w[0] <= w[1]));
    for (i, us) in times.iter().enumerate() {
        let found = lake.snapshot(At::Time(*us)).unwrap().version();
        let last_of_then = times.iter().rposition(|t| t == us).unwrap() as u64 + 1;
        assert_eq!(found, last_of_then, "{i}");
    }
    assert_eq!(lake.snapshot(At::Time(i64::MAX)).unwrap().version(), 21);
    assert!(matches!(lake.snapshot(At::Time(0)), Err(LogError::TooEarly(_))));
}

#[test]
fn below_the_floor_is_expired_and_the_log_shrinks_behind_leases() {
    let dir = tempfile::tempdir().unwrap();
    let mut lake = new_lake(dir.path());
    for day in 0..2200 {
        version_of(&commit_one(&mut lake, "A", day));
    }
    let mut reader = Lake::open(dir.path(), Access::Read).unwrap();
    let lease = reader.snapshot(At::Version(1100)).unwrap();
    assert_eq!(lake.raise_floor(2150).unwrap(), 2150);
    assert!(matches!(
        reader.snapshot(At::Version(2149)),
        Err(LogError::Expired { asked: 2149, floor: 2150 })
    ));
    assert_eq!(lake.truncate().unwrap(), 1100, "not past the lease");
    assert_eq!(lease.state().version, 1100);
    drop(lease);
    assert_eq!(lake.truncate().unwrap(), 2150);
    assert!(lake.files.log.list().unwrap().iter().all(|e| e.name == "0000000002"));
    let fresh = Lake::open(dir.path(), Access::Write).unwrap();
    assert_eq!(fresh.state().version, 2202);
    assert_eq!(fresh.state().table("bars").unwrap().segment_count(), 2200);
    assert_eq!(reader.snapshot(At::Version(2150)).unwrap().version(), 2150);
}

#[test]
fn a_reader_that_slept_through_a_truncation_catches_up() {
    let dir = tempfile::tempdir().unwrap();
    let mut lake = new_lake(dir.path());
    let mut sleeper = Lake::open(dir.path(), Access::Read).unwrap();
    for day in 0..2100 {
        version_of(&commit_one(&mut lake, "A", day));
    }
    lake.raise_floor(2050).unwrap();
    lake.truncate().unwrap();
    assert_eq!(sleeper.refresh().unwrap().version, lake.state().version);
}
