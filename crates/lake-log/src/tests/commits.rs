use std::collections::BTreeMap;

use lake_core::edit::{Action, Cause, Expect};
use lake_core::entry::ready_to_bytes;
use lake_core::state::Conflict;

use super::*;

#[test]
fn many_writers_share_the_log_and_lose_nothing() {
    const WRITERS: usize = 8;
    const EACH: i64 = 60;
    let dir = tempfile::tempdir().unwrap();
    new_lake(dir.path());
    let path = dir.path();
    let versions: Vec<Vec<u64>> = std::thread::scope(|scope| {
        let write = |w: usize| {
            move || {
                let mut lake = Lake::open(path, Access::Write).unwrap();
                let name = format!("S{w}");
                (0..EACH).map(|day| version_of(&commit_one(&mut lake, &name, day))).collect()
            }
        };
        let threads: Vec<_> = (0..WRITERS).map(|w| scope.spawn(write(w))).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let mut lake = Lake::open(path, Access::Read).unwrap();
    let newest = lake.state().version;
    let mut owners = BTreeMap::new();
    for version in 2..=newest {
        let entry = lake.entry(version).unwrap().expect("versions are dense");
        assert!(!entry.transactions.is_empty());
        for txn in &entry.transactions {
            assert!(owners.insert(txn.id, version).is_none(), "{} twice", txn.id);
        }
    }
    assert_eq!(owners.len(), WRITERS * EACH as usize);
    for own in versions {
        assert!(own.windows(2).all(|w| w[0] < w[1]), "acknowledged in order");
        assert!(own.iter().all(|v| *v <= newest));
    }
    let table = lake.state().table("bars").unwrap();
    for w in 0..WRITERS {
        assert_eq!(table.part(&symbol(&format!("S{w}"))).len(), EACH as usize);
    }
    assert!(lake.files.spool.list().unwrap().is_empty(), "nobody waits");
}

#[test]
fn whoever_leads_carries_who_waits() {
    let dir = tempfile::tempdir().unwrap();
    let mut leader = new_lake(dir.path());
    let mut waiter = Lake::open(dir.path(), Access::Write).unwrap();
    let draft = waiter.begin().unwrap();
    let txn = append(&draft, "B", 1);
    let name = crate::commit::ready_name(&txn);
    let mut file = leader.files.spool.create(&name).unwrap();
    file.write_all_at_once(&ready_to_bytes(&txn)).unwrap();
    let mut torn = leader.files.spool.create("3.0000000000000001.1.r").unwrap();
    torn.write_all_at_once(&ready_to_bytes(&txn)[..40]).unwrap();

    let version = version_of(&commit_one(&mut leader, "A", 1));
    let entry = leader.entry(version).unwrap().unwrap();
    assert_eq!(entry.transactions.len(), 2);
    assert!(!leader.files.spool.exists(&name).unwrap());
    assert_eq!(version_of(&waiter.commit(txn).unwrap()), version, "found, not added again");
    assert_eq!(waiter.state().version, version);
}

#[test]
fn a_stopped_holder_of_the_lock_stops_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let mut lake = new_lake(dir.path());
    let _held = lake.files.commit.try_exclusive(0).unwrap().expect("free");
    assert_eq!(version_of(&commit_one(&mut lake, "A", 1)), 2);
    assert!(lake.files.spool.list().unwrap().is_empty());
}

#[test]
fn a_seq_is_committed_once_however_long_ago() {
    let dir = tempfile::tempdir().unwrap();
    let mut lake = new_lake(dir.path());
    let mut first = Vec::new();
    for seq in 1..=1100 {
        let draft = lake.begin().unwrap();
        let outcome = lake.commit(sequenced(append(&draft, "A", seq), "p", seq as u64)).unwrap();
        first.push(version_of(&outcome));
    }
    for seq in [1usize, 17, 1100] {
        let mut again = Lake::open(dir.path(), Access::Write).unwrap();
        let draft = again.begin().unwrap();
        match again.commit(sequenced(append(&draft, "A", 5), "p", seq as u64)).unwrap() {
            Outcome::Duplicate { version, receipts } => {
                assert_eq!(version, first[seq - 1]);
                assert_eq!(receipts[0].rows_in, 1);
            }
            other => panic!("{other:?}"),
        }
        let draft = again.begin().unwrap();
        let fresh = again.commit(sequenced(append(&draft, "B", 5), "q", seq as u64)).unwrap();
        assert!(matches!(fresh, Outcome::Committed { .. }));
    }
}

#[test]
fn what_it_was_based_on_must_still_be_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut lake = new_lake(dir.path());
    version_of(&commit_one(&mut lake, "A", 1));
    let inputs: Vec<_> = {
        let table = lake.state().table("bars").unwrap();
        table.part(&symbol("A")).iter().map(|s| s.id).collect()
    };
    let remove = |draft: &Draft| {
        let mut txn = draft.transaction(Cause::Compact);
        let segments = inputs.clone();
        txn.actions.push(Action::Remove { table: TABLE, part: symbol("A"), segments });
        txn
    };
    let draft = lake.begin().unwrap();
    let (one, two) = (remove(&draft), remove(&lake.begin().unwrap()));
    assert!(matches!(lake.commit(one).unwrap(), Outcome::Committed { .. }));
    let gone = lake.commit(two).unwrap();
    assert_eq!(gone, Outcome::Conflict(Conflict::SegmentGone(inputs[0])));

    let draft = lake.begin().unwrap();
    let mut append_twice = append(&draft, "A", 9);
    append_twice.expects.push(Expect::Untouched {
        table: TABLE,
        part: symbol("A"),
        since: draft.state.version,
        range: segment(&draft, 0, 9..=9).range,
    });
    let other = commit_one(&mut lake, "A", 10);
    assert!(matches!(other, Outcome::Committed { .. }), "another key does not touch it");
    assert!(matches!(lake.commit(append_twice.clone()).unwrap(), Outcome::Committed { .. }));
    let draft = lake.begin().unwrap();
    let mut late = append(&draft, "A", 9);
    late.expects = append_twice.expects;
    assert!(matches!(lake.commit(late).unwrap(), Outcome::Conflict(Conflict::Touched { .. })));
}

#[test]
fn a_fenced_session_commits_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let mut lake = new_lake(dir.path());
    let mut stalled = Lake::open(dir.path(), Access::Write).unwrap();
    let draft = stalled.begin().unwrap();
    let begun = append(&draft, "A", 1);
    let mut fence = lake.begin().unwrap().transaction(Cause::Vacuum);
    fence.actions.push(Action::Fence { session: begun.id.session });
    assert!(matches!(lake.commit(fence).unwrap(), Outcome::Committed { .. }));
    assert_eq!(stalled.commit(begun).unwrap(), Outcome::Conflict(Conflict::Fenced));
    drop(lake);
    let reopened = Lake::open(dir.path(), Access::Read).unwrap();
    assert_eq!(reopened.state().table("bars").unwrap().segment_count(), 0);
}

#[test]
fn whether_a_transaction_is_committed_is_told_as_far_as_the_log_reaches() {
    let dir = tempfile::tempdir().unwrap();
    let mut lake = new_lake(dir.path());
    let mut other = Lake::open(dir.path(), Access::Write).unwrap();
    let draft = lake.begin().unwrap();
    let done = append(&draft, "A", 1);
    let (done_id, lost_id) = (done.id, other.begin().unwrap().id);
    assert_eq!(other.is_committed(&done_id).unwrap(), Some(false));
    version_of(&lake.commit(done).unwrap());
    assert_eq!(other.is_committed(&done_id).unwrap(), Some(true));
    drop(other);
    for day in 2..1100 {
        version_of(&commit_one(&mut lake, "A", day));
    }
    let told = |id| Lake::open(dir.path(), Access::Read).unwrap().is_committed(id).unwrap();
    assert_eq!((told(&done_id), told(&lost_id)), (Some(true), Some(false)));
    lake.raise_floor(1050).unwrap();
    assert!(lake.truncate().unwrap() > done_id.start);
    assert_eq!((told(&done_id), told(&lost_id)), (None, None));
    // Whoever has seen all of it knows.
    assert_eq!(lake.is_committed(&done_id).unwrap(), Some(true));
    assert_eq!(lake.is_committed(&lost_id).unwrap(), Some(false));
}
