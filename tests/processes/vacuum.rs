//! Vacuums without a grace among real processes: no reader misses a file, no writer is
//! hindered, and what the dead leave is found.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lake_core::layout;
use lake_log::{Access, At, Lake, LogError, Outcome};
use lake_maintain::MaintainError;
use lake_maintain::vacuum::{self, Holder, Meter, Options, Report};
use lake_testkit::{Checked, Workload, audit, ensure, part, sequence};

use crate::actor::{Actor, new_lake};

const AT_ONCE: Options = Options { grace: Duration::ZERO, max_share: None, dry_run: false };

fn run(lake: &Path) -> Report {
    let mut lake = Lake::open(lake, Access::Write).unwrap();
    vacuum::run(&mut lake, &AT_ONCE, &Meter::default()).unwrap()
}

fn committed(outcome: Result<Outcome, LogError>) {
    assert!(matches!(outcome, Ok(Outcome::Committed { .. })), "{outcome:?}");
}

fn on_disk(dir: &Path) -> BTreeSet<std::path::PathBuf> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(on_disk(&path)),
            false => drop(found.insert(path)),
        }
    }
    found
}

#[test]
fn a_reader_keeps_its_files_until_it_is_killed() {
    let lake = new_lake();
    let mut work = Workload::open(lake.path(), "p").unwrap();
    committed(work.append(&[part("A").unwrap()], 1));
    let mut reader = Actor::new(lake.path(), &["R", "hold"], &[]);
    reader.go();
    assert_eq!(reader.line().as_deref(), Some("holds 2"));
    committed(work.clear(&part("A").unwrap()));
    let report = run(lake.path());
    assert_eq!((report.superseded.files, &report.held[0].by), (0, &Holder::Lease(2)));
    reader.go();
    assert_eq!(reader.line().as_deref(), Some("whole 1"));
    reader.kill();
    let report = run(lake.path());
    assert_eq!((report.superseded.files, report.held), (1, vec![]));
}

/// A reader that sleeps just before or just after it has its lease: the vacuum sees the
/// lease, or the reader sees the floor.
fn sleeping_reader(plan: &str, swept: u64, env: &[(&str, &str)]) -> Checked<()> {
    let lake = new_lake();
    let mut work = Workload::open(lake.path(), "p").unwrap();
    committed(work.append(&[part("A").unwrap()], 1));
    let env = [env, &[("LAKE_FAULT", plan)]].concat();
    let mut reader = Actor::new(lake.path(), &["R", "hold"], &env);
    reader.go();
    reader.wait_stopped();
    committed(work.clear(&part("A").unwrap()));
    assert_eq!(run(lake.path()).superseded.files, swept);
    reader.wake_up();
    let line = reader.line();
    ensure(line.as_deref() == Some("holds 4"), || format!("version 2 cannot be opened: {line:?}"))?;
    reader.go();
    assert_eq!(reader.line().as_deref(), Some("whole 0"));
    assert_eq!(run(lake.path()).superseded.files, 1 - swept);
    Ok(())
}

const BEFORE_ITS_LEASE: &str = "pause@1:lock~locks/pins";

#[test]
fn a_reader_that_sleeps_before_its_lease_sees_the_floor() {
    sleeping_reader(BEFORE_ITS_LEASE, 1, &[]).unwrap();
}

#[test]
fn a_reader_that_sleeps_with_its_lease_is_seen() {
    sleeping_reader("pause@1:stat~locks/pins", 0, &[]).unwrap();
}

#[test]
fn not_looking_at_the_floor_after_the_lease_is_noticed() {
    let mutant = [("LAKE_MUTANT", "reader_recheck")];
    assert!(sleeping_reader(BEFORE_ITS_LEASE, 1, &mutant).is_err());
}

/// A reader comes while a vacuum is about to publish the floor.
fn a_reader_at_the_last_moment(env: &[(&str, &str)]) -> Checked<()> {
    let lake = new_lake();
    let mut work = Workload::open(lake.path(), "p")?;
    committed(work.append(&[part("A")?], 1));
    committed(work.clear(&part("A")?));
    let env = [env, &[("LAKE_FAULT", "pause@1:link")]].concat();
    let sweeper = Actor::vacuum(lake.path(), &env);
    sweeper.wait_stopped();
    let mut reader = Lake::open(lake.path(), Access::Read)?;
    let held = reader.snapshot(At::Version(2))?;
    sweeper.wake_up();
    let said = sweeper.end();
    ensure(said.is_some(), || "the vacuum has failed".into())?;
    for table in held.state().tables() {
        for (part, segment) in table.segments() {
            let path = table.path(part, segment);
            ensure(lake.path().join(&path).exists(), || format!("{path} is read and gone"))?;
        }
    }
    Ok(())
}

#[test]
fn a_reader_before_the_floor_is_seen() {
    a_reader_at_the_last_moment(&[]).unwrap();
}

#[test]
fn publishing_the_floor_after_the_look_is_noticed() {
    assert!(a_reader_at_the_last_moment(&[("LAKE_MUTANT", "vacuum_floor")]).is_err());
}

#[test]
fn a_stopped_writer_keeps_its_files_and_a_killed_one_leaves_them() {
    let lake = new_lake();
    let plan = [("LAKE_FAULT", "pause@1:lock~locks/commit")];
    let mut stopped = ["S", "K"].map(|name| Actor::new(lake.path(), &[name, "1"], &plan));
    stopped.iter_mut().for_each(|actor| actor.go());
    stopped.iter().for_each(Actor::wait_stopped);
    let report = run(lake.path());
    assert_eq!((report.orphans.files, &report.held[0].by), (0, &Holder::Writers(2)));
    let [lives, mut dies] = stopped;
    dies.kill();
    let report = run(lake.path());
    assert_eq!((report.orphans.files, &report.held[0].by), (1, &Holder::Writers(1)));
    let staging = std::fs::read_dir(lake.path().join(layout::STAGING)).unwrap();
    assert_eq!(staging.count(), 1, "that of the one who lives");
    lives.wake_up();
    let told = lives.all_told();
    let found = audit(lake.path()).unwrap();
    assert_eq!(found.sequences.get(&sequence("S", 1)), Some(&told[0].1));
    assert_eq!(on_disk(&lake.path().join("warehouse")).len(), 1);
}

#[test]
fn vacuums_without_end_disturb_nobody() {
    let lake = new_lake();
    let start = |args: &[&str]| Actor::new(lake.path(), args, &[]);
    let mut readers = ["R0", "R1"].map(|name| start(&[name, "files"]));
    let mut writers = ["W0", "W1", "W2"].map(|name| start(&[name, "churn", "120"]));
    readers.iter_mut().for_each(Actor::go);
    writers.iter_mut().for_each(Actor::go);
    let over = AtomicBool::new(false);
    let removed: u64 = std::thread::scope(|scope| {
        let sweepers = [(); 2].map(|()| scope.spawn(|| again_and_again(lake.path(), &over)));
        let mut inputs = Vec::new();
        let mut threads = Vec::new();
        for mut reader in readers {
            inputs.extend(reader.take_input());
            threads.push(scope.spawn(|| reader.all_lines()));
        }
        for writer in writers {
            assert_eq!(writer.all_lines().last().map(String::as_str), Some("done 120"));
        }
        drop(inputs);
        for thread in threads {
            let lines = thread.join().unwrap();
            assert!(lines.last().is_some_and(|l| l.starts_with("whole ")), "{lines:?}");
        }
        over.store(true, Ordering::Release);
        sweepers.into_iter().map(|s| s.join().unwrap()).sum()
    });
    assert!(removed > 0, "nothing was swept while they worked");
    run(lake.path());
    audit(lake.path()).unwrap();
    let mut lake_log = Lake::open(lake.path(), Access::Read).unwrap();
    let live = lake_log.snapshot(At::Newest).unwrap().state().segment_count();
    assert_eq!(on_disk(&lake.path().join("warehouse")).len(), live);
}

/// Returns how many files it moved away.
fn again_and_again(lake: &Path, over: &AtomicBool) -> u64 {
    let mut removed = 0;
    while !over.load(Ordering::Acquire) {
        let mut lake = Lake::open(lake, Access::Write).unwrap();
        match vacuum::run(&mut lake, &AT_ONCE, &Meter::default()) {
            Ok(report) => removed += report.superseded.files,
            Err(MaintainError::Sweeping) => std::thread::yield_now(),
            Err(error) => panic!("{error:?}"),
        }
    }
    removed
}
