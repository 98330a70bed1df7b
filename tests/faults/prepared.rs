//! Lakes in the states that the suite begins with.

use lake_core::edit::Transaction;
use lake_core::entry::ready_to_bytes;
use lake_core::layout;
use lake_core::segment::Part;
use lake_log::{Lake, Outcome};
use lake_testkit::{Workload, create, part, scratch};
use tempfile::TempDir;

pub(crate) fn symbol(name: &str) -> Part {
    part(name).unwrap()
}

pub(crate) fn version_of(outcome: &Outcome) -> u64 {
    match outcome {
        Outcome::Committed { version, .. } => *version,
        other => panic!("not committed: {other:?}"),
    }
}

/// A lake of this version, with symbol A in it.
fn grown(version: u64) -> TempDir {
    let dir = scratch().unwrap();
    create(dir.path()).unwrap();
    let mut work = Workload::open(dir.path(), "before").unwrap();
    for seq in 2..=version {
        let parts: &[Part] = if seq <= 3 { &[symbol("A")] } else { &[] };
        assert_eq!(version_of(&work.append(parts, seq).unwrap()), seq);
    }
    dir
}

/// The next commit but one opens an epoch. The log begins at 985: as truncation leaves it, but for whole
/// epochs, so that a copy is small.
pub(crate) fn near_roll() -> TempDir {
    let dir = grown(985);
    let mut work = Workload::open(dir.path(), "before").unwrap();
    assert_eq!(work.lake.raise_floor(985).unwrap(), 985);
    assert_eq!(work.lake.truncate().unwrap(), 985);
    let log = dir.path().join(layout::epoch_dir(0));
    for version in 1..=985 {
        std::fs::remove_file(log.join(layout::entry_name(version))).unwrap();
    }
    for seq in 987..=998 {
        assert_eq!(version_of(&work.append(&[symbol("A")], seq).unwrap()), seq);
    }
    drop(work);
    dir
}

/// Nothing but the table.
pub(crate) fn empty() -> TempDir {
    grown(1)
}

pub(crate) fn small() -> TempDir {
    grown(3)
}

/// The next commit writes a checkpoint.
pub(crate) fn before_checkpoint() -> TempDir {
    grown(127)
}

/// The next commit opens an epoch.
pub(crate) fn before_roll() -> TempDir {
    let dir = near_roll();
    let mut work = Workload::open(dir.path(), "before").unwrap();
    assert_eq!(version_of(&work.append(&[symbol("A")], 999).unwrap()), 999);
    dir
}

/// The log of epoch 0 can go: the floor is 1005, the newest version 1010.
pub(crate) fn before_truncation() -> TempDir {
    let dir = before_roll();
    let mut work = Workload::open(dir.path(), "before").unwrap();
    for seq in 1000..=1009 {
        assert_eq!(version_of(&work.append(&[symbol("A")], seq).unwrap()), seq);
    }
    assert_eq!(work.lake.raise_floor(1005).unwrap(), 1005);
    dir
}

/// A power cut left half an entry beyond the newest version.
pub(crate) fn with_leftover() -> TempDir {
    let dir = small();
    let log = dir.path().join(layout::epoch_dir(0));
    let whole = std::fs::read(log.join(layout::entry_name(3))).unwrap();
    std::fs::write(log.join(layout::entry_name(4)), &whole[..whole.len() / 2]).unwrap();
    dir
}

/// Two whose owners are dead wait in the spool: seq 1 of "first" and "second".
pub(crate) fn with_waiting() -> TempDir {
    let dir = small();
    for producer in ["first", "second"] {
        let mut work = Workload::open(dir.path(), producer).unwrap();
        let txn = work.stage(&[symbol(producer)], 1).unwrap();
        leave_in_spool(&work.lake, &txn);
    }
    dir
}

fn leave_in_spool(lake: &Lake, txn: &Transaction) {
    let spool = lake.root().dir(layout::SPOOL).unwrap();
    let mut file = spool.create(&format!("{}.r", txn.id)).unwrap();
    file.write_all_at_once(&ready_to_bytes(txn)).unwrap();
}
