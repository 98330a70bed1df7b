//! The power goes at every operation, and of what was not synced any part may be
//! there: what was acknowledged is there and whole, nothing dangles, and the lake
//! goes on.

use std::path::Path;

use lake_core::kind::Kind;
use lake_core::layout;
use lake_log::{Access, InitOptions, Lake, LogError, Outcome};
use lake_store::LockFile;
use lake_store::fault::{Mode, Plan, arm_here};
use lake_testkit::{
    Audit, Broken, Budget, Checked, Cut, Depth, Recorder, Recording, Tally, Workload, audit_to,
    create, ensure, scratch, sequence,
};
use tempfile::TempDir;

use crate::prepared::{
    before_checkpoint, before_roll, before_truncation, empty, near_roll, small, symbol, version_of,
    with_leftover, with_waiting,
};

const BUDGET: Budget = Budget { images: 400, seed: 1 };
/// Where many names come and go, so that few combinations are the same.
const SPARE: Budget = Budget { images: 40, seed: 1 };
const EIO: i32 = 5;
const PRODUCER: &str = "powered";

fn look(path: &Path, last: u64) -> Checked<Audit> {
    audit_to(path, Depth::Last(last))
}

/// Commits seqs 1 to `last`, and sends them all again to each image.
fn survives(lake: TempDir, symbol_name: &str, last: u64) -> Checked<Tally> {
    judge(&recorded(lake, symbol_name, last)?, symbol_name, last)
}

fn recorded(dir: TempDir, symbol_name: &str, last: u64) -> Checked<Recording> {
    let mut recorder = Recorder::start(dir.path())?;
    let mut work = Workload::open(dir.path(), PRODUCER)?;
    for seq in 1..=last {
        version_of(&work.append(&[symbol(symbol_name)], seq)?);
        recorder.acknowledge(seq);
    }
    drop(work);
    Ok(recorder.finish())
}

fn judge(recording: &Recording, symbol_name: &str, last: u64) -> Checked<Tally> {
    judge_within(BUDGET, recording, symbol_name, last)
}

fn judge_within(
    budget: Budget,
    recording: &Recording,
    symbol_name: &str,
    last: u64,
) -> Checked<Tally> {
    recording.each_image(budget, |cut| image(cut, symbol_name, last))
}

fn image(cut: &Cut<'_>, symbol_name: &str, last: u64) -> Checked<()> {
    let before = look(cut.path, 8).map_err(|e| e.at("at once"))?;
    for seq in cut.acknowledged {
        let there = before.sequences.contains_key(&sequence(PRODUCER, *seq));
        ensure(there, || format!("seq {seq} was acknowledged and is lost"))?;
    }
    let mut work = Workload::open(cut.path, PRODUCER)?;
    for seq in 1..=last + 1 {
        let known = before.sequences.get(&sequence(PRODUCER, seq));
        match (work.append(&[symbol(symbol_name)], seq)?, known) {
            (Outcome::Duplicate { version, .. }, Some(known)) if version == *known => {}
            (Outcome::Committed { .. }, None) => {}
            other => ensure(false, || format!("seq {seq} sent again: {other:?}"))?,
        }
    }
    drop(work);
    let after = look(cut.path, 16).map_err(|e| e.at("after going on"))?;
    let all = (1..=last + 1).all(|seq| after.sequences.contains_key(&sequence(PRODUCER, seq)));
    ensure(all, || "what was sent again is not there".into())?;
    let kept = before.sequences.iter().all(|(key, v)| after.sequences.get(key) == Some(v));
    ensure(kept, || "a version was seen and is gone".into())
}

pub(crate) fn two_commits_to_a_new_symbol() -> Checked<Tally> {
    survives(empty(), "NEW", 2)
}

/// The same, when some of the syncs had been forgotten.
pub(crate) fn two_commits_without(syncs_of: impl Fn(&str) -> bool) -> Checked<Tally> {
    let mut recording = recorded(empty(), "NEW", 2)?;
    recording.forget_syncs(|path| path.to_str().is_some_and(&syncs_of));
    judge(&recording, "NEW", 2)
}

/// Version 999 was linked by one who died before its directory was synced; then
/// another opens the next epoch.
pub(crate) fn an_epoch_opened_after_a_death() -> Checked<Tally> {
    let dir = near_roll();
    let mut recorder = Recorder::start(dir.path())?;
    let mut dying = Workload::open(dir.path(), "dying")?;
    let plan = Plan::nth(1, Mode::Stop).only(&["sync_dir"]).beneath("_lake/log/");
    let armed = arm_here(plan);
    let died = dying.append(&[symbol("A")], 1);
    drop(dying);
    ensure(armed.fired() && died.is_err(), || format!("{died:?}"))?;
    drop(armed);
    let mut work = Workload::open(dir.path(), PRODUCER)?;
    let version = version_of(&work.append(&[symbol("A")], 1)?);
    ensure(version == 1000, || format!("version {version} does not open an epoch"))?;
    recorder.acknowledge(1);
    drop(work);
    judge(&recorder.finish(), "A", 1)
}

fn states(tally: Checked<Tally>, at_least: usize) {
    match tally {
        Ok(tally) => assert!(tally.states >= at_least, "{tally:?}"),
        Err(broken) => panic!("{broken}"),
    }
}

#[test]
fn two_commits() {
    states(two_commits_to_a_new_symbol(), 1000);
}

#[test]
fn an_epoch_roll() {
    states(survives(before_roll(), "A", 2), 1000);
    states(an_epoch_opened_after_a_death(), 1000);
}

#[test]
fn a_checkpoint() {
    states(survives(before_checkpoint(), "A", 2), 1000);
}

#[test]
fn a_recovery() {
    states(survives(with_leftover(), "A", 2), 1000);
}

#[test]
fn a_truncation() {
    let dir = before_truncation();
    let recorded = || -> Checked<Tally> {
        let mut recorder = Recorder::start(dir.path())?;
        let mut work = Workload::open(dir.path(), PRODUCER)?;
        ensure(work.lake.truncate()? == 1005, || "truncated to the floor".into())?;
        version_of(&work.append(&[symbol("A")], 1)?);
        recorder.acknowledge(1);
        ensure(work.lake.raise_floor(1010)? == 1010, || "the floor rises".into())?;
        ensure(work.lake.truncate()? == 1010, || "truncated to the new floor".into())?;
        drop(work);
        judge_within(SPARE, &recorder.finish(), "A", 1)
    };
    states(recorded(), 1000);
}

/// As soon as init says so, there is a lake; before, there is one or none.
#[test]
fn the_making_of_a_lake() {
    let made = || -> Checked<Tally> {
        let dir = scratch()?;
        let mut recorder = Recorder::start(dir.path())?;
        let options = InitOptions { accept_unsafe_fs: true };
        ensure(Lake::init(dir.path(), &options)?.new, || "made".into())?;
        recorder.acknowledge(0);
        recorder.finish().each_image(SPARE, |cut| {
            match Lake::open(cut.path, Access::Read) {
                Ok(_) => {}
                Err(e) if e.kind() == Kind::NotFound && cut.acknowledged.is_empty() => {}
                Err(e) => return Err(e.into()),
            }
            create(cut.path)?;
            let first = Workload::open(cut.path, PRODUCER)?.append(&[symbol("A")], 1)?;
            ensure(version_of(&first) == 2, || "it cannot be used".into())?;
            look(cut.path, 8).map(drop)
        })
    };
    states(made(), 1000);
}

/// Somebody waits for the commit lock in the spool, gets an error that says that
/// nothing was done, and the power goes: it must not come back from the spool.
#[test]
fn what_was_given_up_stays_away() {
    let dir = small();
    let given_up = || -> Checked<Tally> {
        let mut recorder = Recorder::start(dir.path())?;
        let mut work = Workload::open(dir.path(), PRODUCER)?;
        let error = gives_up(&mut work)?;
        ensure(error.kind() == Kind::Denied, || format!("{error:?}"))?;
        recorder.acknowledge(1);
        drop(work);
        recorder.finish().each_image(BUDGET, |cut| {
            version_of(&Workload::open(cut.path, "other")?.append(&[symbol("A")], 1)?);
            let came = look(cut.path, 8)?.sequences.contains_key(&sequence(PRODUCER, 1));
            ensure(!came || cut.acknowledged.is_empty(), || "it has come back".into())
        })
    };
    states(given_up(), 100);
}

/// Another has the lock until it fails to look whether it was committed.
fn gives_up(work: &mut Workload) -> Checked<LogError> {
    let root = work.lake.root().clone();
    let lock = LockFile::new(&root.dir(layout::LOCKS)?, layout::LOCK_COMMIT)?;
    let txn = work.stage(&[symbol("A")], 1)?;
    let held = lock.try_exclusive(0)?;
    let fault = arm_here(Plan::nth(1, Mode::Fail(EIO)).only(&["stat"]).beneath(layout::SPOOL));
    let outcome = std::thread::scope(|scope| {
        let fault = &fault;
        scope.spawn(move || {
            while !fault.fired() {
                std::thread::yield_now();
            }
            drop(held);
        });
        work.lake.commit(txn)
    });
    match outcome {
        Err(error) => Ok(error),
        Ok(outcome) => Err(Broken::Promise(format!("{outcome:?}"))),
    }
}

#[test]
fn a_commit_that_takes_others_along() {
    states(survives(with_waiting(), "A", 1), 500);
}
