//! Commits of every kind, with a fault at every operation. Acknowledged means
//! there; an error means not there and never to come, unless it says that it
//! cannot know; and to send the batch again commits it once.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lake_core::edit::ProducerSeq;
use lake_core::layout;
use lake_log::{LogError, Outcome};
use lake_store::{Deadline, LockFile};
use lake_testkit::{Audit, Checked, Depth, Workload, audit_to, ensure, sequence};
use tempfile::TempDir;

use crate::prepared::{
    before_checkpoint, before_roll, small, symbol, version_of, with_leftover, with_waiting,
};
use crate::sweep::{Fault, sweep};

const PRODUCER: &str = "swept";
const SEQ: u64 = 7;

fn look(path: &Path) -> Checked<Audit> {
    audit_to(path, Depth::Last(12))
}

fn open(path: &Path) -> Workload {
    Workload::open(path, PRODUCER).unwrap()
}

/// One transaction over a symbol that is known and one that is new.
fn commit(mut work: Workload) -> Result<Outcome, LogError> {
    work.append(&[symbol("A"), symbol("NEW")], SEQ)
}

fn check(
    fault: &Fault,
    path: &Path,
    outcome: Result<Outcome, LogError>,
    others: &[ProducerSeq],
) -> Checked<()> {
    let key = sequence(PRODUCER, SEQ);
    let found = look(path).map_err(|e| e.at("at once"))?.sequences.get(&key).copied();
    match &outcome {
        Ok(Outcome::Committed { version, .. }) => {
            ensure(found == Some(*version), || format!("acknowledged {version}, is {found:?}"))?;
        }
        Ok(other) => ensure(false, || format!("neither committed nor an error: {other:?}"))?,
        Err(error) if fault.nothing_was_done(error)? => {
            ensure(found.is_none(), || format!("{error:?}, but it is in version {found:?}"))?;
            let mut other = Workload::open(path, "other")?;
            version_of(&other.append(&[symbol("A")], 1)?);
            let later = look(path)?.sequences.get(&key).copied();
            ensure(later.is_none(), || format!("{error:?}, but it came in version {later:?}"))?;
        }
        Err(_) => {}
    }
    let again = commit(open(path)).map_err(lake_testkit::Broken::from);
    let version = match (again.map_err(|e| e.at("again"))?, found) {
        (Outcome::Duplicate { version, .. }, _) | (Outcome::Committed { version, .. }, None) => {
            version
        }
        other => return ensure(false, || format!("sent again: {other:?}")),
    };
    for (producer, seq) in others.iter().map(|o| (&o.producer, o.seq)) {
        let mut owner = Workload::open(path, producer)?;
        let outcome = owner.append(&[symbol(producer)], seq)?;
        ensure(!matches!(outcome, Outcome::Conflict(_)), || format!("{producer}: {outcome:?}"))?;
    }
    let end = look(path).map_err(|e| e.at("in the end"))?;
    ensure(end.sequences.get(&key) == Some(&version), || "it has moved".into())?;
    let all = others.iter().all(|other| end.sequences.contains_key(other));
    ensure(all, || "one that waited is lost".into())
}

fn sweep_commit(lake: TempDir, others: &[ProducerSeq]) {
    let faults = sweep(lake, open, commit, |f, path, outcome| check(f, path, outcome, others));
    assert!(faults > 7 * 20, "only {faults} faults");
}

#[test]
fn one_transaction() {
    sweep_commit(small(), &[]);
}

#[test]
fn one_that_takes_along_who_waits() {
    let others = [sequence("first", 1), sequence("second", 1)];
    sweep_commit(with_waiting(), &others);
    let copy = with_waiting();
    version_of(&commit(open(copy.path())).unwrap());
    let versions = look(copy.path()).unwrap().sequences;
    assert!(others.iter().all(|other| versions[other] == versions[&sequence(PRODUCER, SEQ)]));
}

#[test]
fn one_that_writes_a_checkpoint() {
    sweep_commit(before_checkpoint(), &[]);
    let copy = before_checkpoint();
    assert_eq!(version_of(&commit(open(copy.path())).unwrap()), 128);
    let folder = copy.path().join(layout::CHECKPOINTS);
    assert!(folder.join(layout::checkpoint_name(128)).exists());
}

#[test]
fn one_that_opens_an_epoch() {
    sweep_commit(before_roll(), &[]);
    let copy = before_roll();
    assert_eq!(version_of(&commit(open(copy.path())).unwrap()), 1000);
}

#[test]
fn one_that_moves_a_leftover_aside() {
    sweep_commit(with_leftover(), &[]);
    let copy = with_leftover();
    assert_eq!(version_of(&commit(open(copy.path())).unwrap()), 4);
    assert_eq!(std::fs::read_dir(copy.path().join(layout::QUARANTINE)).unwrap().count(), 1);
}

/// The commit lock is held until the transaction waits in the spool; then its
/// holder, who is well, commits and takes it along.
fn carried(mut work: Workload) -> Result<Outcome, LogError> {
    let path = work.lake.root().path().to_owned();
    let root = work.lake.root().clone();
    let (gone, ready) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let leader = scope.spawn(|| {
            let lock = LockFile::new(&root.dir(layout::LOCKS).unwrap(), layout::LOCK_COMMIT);
            let held = lock.unwrap().try_exclusive(0).unwrap().expect("nobody else has it");
            ready.store(true, Ordering::Release);
            let mut leader = Workload::open(&path, "leader").unwrap();
            let txn = leader.stage(&[symbol("A")], 1).unwrap();
            let spool = root.dir(layout::SPOOL).unwrap();
            // Who could not even wait in the spool waits for the lock.
            let patience = Deadline::after(Duration::from_millis(20));
            while spool.list().unwrap().is_empty()
                && !gone.load(Ordering::Acquire)
                && !patience.passed()
            {
                std::thread::yield_now();
            }
            drop(held);
            leader.lake.commit(txn).unwrap()
        });
        while !ready.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        let outcome = work.append(&[symbol("A"), symbol("NEW")], SEQ);
        drop(work);
        gone.store(true, Ordering::Release);
        version_of(&leader.join().unwrap());
        outcome
    })
}

#[test]
fn one_that_waits_for_another() {
    let check = |f: &Fault, path: &Path, outcome| check(f, path, outcome, &[]);
    let faults = sweep(small(), open, carried, check);
    assert!(faults > 7 * 20, "only {faults} faults");
}
