//! Lakes in the states that the suite begins with, each made once.

use std::path::Path;
use std::sync::OnceLock;

use lake_core::edit::Transaction;
use lake_core::entry::ready_to_bytes;
use lake_core::layout;
use lake_core::segment::Part;
use lake_log::{Lake, Outcome};
use lake_testkit::{Workload, clone_lake, create, part, scratch};
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

pub(crate) fn copy_of(lake: &Path) -> TempDir {
    let copy = scratch().unwrap();
    clone_lake(lake, copy.path()).unwrap();
    copy
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

/// Version 998, whose log begins at 985: as truncation leaves it, but for whole
/// epochs, so that a copy is small.
fn nearly_rolled() -> TempDir {
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

macro_rules! once {
    ($(#[$doc:meta])* $name:ident, $make:expr) => {
        $(#[$doc])*
        pub(crate) fn $name() -> &'static Path {
            static MADE: OnceLock<TempDir> = OnceLock::new();
            MADE.get_or_init(|| $make).path()
        }
    };
}

once!(
    /// Nothing but the table.
    empty,
    grown(1)
);
once!(small, grown(3));
once!(
    /// The next commit writes a checkpoint.
    before_checkpoint,
    grown(127)
);
once!(
    /// The next commit but one opens an epoch.
    near_roll,
    nearly_rolled()
);
once!(
    /// The next commit opens an epoch.
    before_roll,
    {
        let dir = copy_of(near_roll());
        let mut work = Workload::open(dir.path(), "before").unwrap();
        assert_eq!(version_of(&work.append(&[symbol("A")], 999).unwrap()), 999);
        drop(work);
        dir
    }
);
once!(
    /// The log of epoch 0 can go: the floor is 1005, the newest version 1010.
    before_truncation,
    {
        let dir = copy_of(before_roll());
        let mut work = Workload::open(dir.path(), "before").unwrap();
        for seq in 1000..=1009 {
            assert_eq!(version_of(&work.append(&[symbol("A")], seq).unwrap()), seq);
        }
        assert_eq!(work.lake.raise_floor(1005).unwrap(), 1005);
        drop(work);
        dir
    }
);
once!(
    /// A power cut left half an entry beyond the newest version.
    with_leftover,
    {
        let dir = copy_of(small());
        let log = dir.path().join(layout::epoch_dir(0));
        let whole = std::fs::read(log.join(layout::entry_name(3))).unwrap();
        std::fs::write(log.join(layout::entry_name(4)), &whole[..whole.len() / 2]).unwrap();
        dir
    }
);
once!(
    /// Two whose owners are dead wait in the spool: seq 1 of "first" and "second".
    with_waiting,
    {
        let dir = copy_of(small());
        for producer in ["first", "second"] {
            let mut work = Workload::open(dir.path(), producer).unwrap();
            let txn = work.stage(&[symbol(producer)], 1).unwrap();
            leave_in_spool(&work.lake, &txn);
        }
        dir
    }
);

fn leave_in_spool(lake: &Lake, txn: &Transaction) {
    let spool = lake.root().dir(layout::SPOOL).unwrap();
    let mut file = spool.create(&format!("{}.r", txn.id)).unwrap();
    file.write_all_at_once(&ready_to_bytes(txn)).unwrap();
}
