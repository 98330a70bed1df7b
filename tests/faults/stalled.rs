//! A writer that slept while its version was committed by others, truncated, and
//! its directory half removed.

use std::path::Path;

use lake_core::edit::Transaction;
use lake_core::id::Version;
use lake_core::lakefile::head_to_bytes;
use lake_core::layout;
use lake_core::state::Conflict;
use lake_log::{Access, Lake, Outcome};
use lake_store::fault::{Mode, Plan, arm_here};
use lake_testkit::{Broken, Checked, Workload, audit, ensure, sequence};

use crate::prepared::{empty, near_roll, symbol, version_of};

/// HEAD is a hint: whoever finds an old one may not learn that he is behind.
pub(crate) fn set_hint(lake: &Path, version: Version) -> Checked<()> {
    let head = lake.join(layout::SYSTEM).join(layout::HEAD);
    Ok(std::fs::write(head, head_to_bytes(version))?)
}

/// The transaction of a session whose locks are lost.
fn staged(lake: &Path) -> Checked<Transaction> {
    let mut work = Workload::open(lake, "stalled")?;
    Ok(work.stage(&[symbol("A")], 1)?)
}

/// What the stalled writer is told must be true.
pub(crate) fn wakes_up_after_a_truncation() -> Checked<Outcome> {
    let dir = empty();
    let txn = staged(dir.path())?;
    let mut stalled = Lake::open(dir.path(), Access::Write)?;
    go_on_without_it(dir.path())?;
    // As if it slept after it has looked for newer versions.
    set_hint(dir.path(), 1)?;
    let outcome = stalled.commit(txn)?;
    let found = audit(dir.path())?.sequences.get(&sequence("stalled", 1)).copied();
    match &outcome {
        Outcome::Conflict(_) if found.is_none() => Ok(outcome),
        Outcome::Committed { version, .. } if found == Some(*version) => Ok(outcome),
        other => Err(Broken::Promise(format!("told {other:?}, but it is in {found:?}"))),
    }
}

fn go_on_without_it(lake: &Path) -> Checked<()> {
    let mut work = Workload::open(lake, "other")?;
    for seq in 2..=1010 {
        version_of(&work.append(&[], seq)?);
    }
    work.lake.raise_floor(1005)?;
    let armed = arm_here(Plan::nth(1, Mode::Stop).only(&["remove_dir"]));
    ensure(work.lake.truncate().is_err() && armed.fired(), || "not stopped".into())?;
    drop(work);
    drop(armed);
    let epoch = lake.join(layout::epoch_dir(0));
    ensure(std::fs::read_dir(epoch)?.next().is_none(), || "the directory is not empty".into())
}

#[test]
fn a_stalled_writer_whose_version_was_truncated_is_refused() {
    let outcome = wakes_up_after_a_truncation().unwrap();
    assert_eq!(outcome, Outcome::Conflict(Conflict::TooOld { start: 1, boundary: 1005 }));
}

/// The start byte of a living session keeps the log that it may need.
#[test]
fn a_stalled_writer_that_holds_its_locks_commits_when_it_wakes() {
    let dir = near_roll();
    let mut stalled = Workload::open(dir.path(), "stalled").unwrap();
    let txn = stalled.stage(&[symbol("A")], 1).unwrap();
    let mut other = Workload::open(dir.path(), "other").unwrap();
    for seq in 999..=1100 {
        version_of(&other.append(&[], seq).unwrap());
    }
    other.lake.raise_floor(1050).unwrap();
    assert_eq!(other.lake.truncate().unwrap(), 998);
    let version = version_of(&stalled.lake.commit(txn).unwrap());
    assert_eq!(version, 1102);
    drop((stalled, other));
    assert_eq!(audit(dir.path()).unwrap().sequences[&sequence("stalled", 1)], version);
}

/// A long-lived process that slept through it is not stuck in the past.
#[test]
fn who_slept_through_a_truncation_finds_the_newest_version_without_a_hint() {
    let dir = empty();
    let open = || Lake::open(dir.path(), Access::Write).unwrap();
    let (mut one, mut other) = (open(), open());
    let known = one.state().version;
    go_on_without_it(dir.path()).unwrap();
    for (sleeper, hint) in [(&mut one, 0), (&mut other, known)] {
        set_hint(dir.path(), hint).unwrap();
        assert_eq!(sleeper.refresh().unwrap().version, 1011);
    }
}
