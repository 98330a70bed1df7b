//! A writer is stopped, thousands of versions pass, and the log is truncated past
//! the one it wanted: it is committed later or refused, never acknowledged and lost.

use std::path::Path;

use lake_core::layout;
use lake_store::fault::{Mode, Plan, arm_here};
use lake_testkit::{Checked, Workload, audit, ensure, sequence};

use crate::actor::{Actor, Told, new_lake};

fn commits(lake: &Path, count: u64) -> u64 {
    let mut actor = Actor::new(lake, &["other", &count.to_string()], &[]);
    actor.go();
    let told: Vec<Told> = actor.all_told();
    told.last().unwrap().1
}

/// As when a network disk forgets who holds which lock: the files under the names
/// of the locks are others now.
fn lose_locks(lake: &Path) {
    let locks = lake.join(layout::LOCKS);
    for name in [layout::LOCK_COMMIT, layout::LOCK_STARTS, layout::LOCK_LIVE] {
        let fresh = locks.join("fresh");
        std::fs::write(&fresh, []).unwrap();
        std::fs::rename(&fresh, locks.join(name)).unwrap();
    }
}

/// What the stopped writer says in the end: acknowledged must be true.
fn wakes_up(lake: &Path, stopped: Actor) -> Checked<Vec<String>> {
    stopped.wake_up();
    let lines = stopped.all_lines();
    let found = audit(lake)?.sequences.get(&sequence("S", 1)).copied();
    let acknowledged = lines.iter().find_map(|line| line.strip_prefix("1 "));
    let version = acknowledged.and_then(|v| v.parse().ok());
    ensure(version == found, || format!("it says {lines:?}, but it is in {found:?}"))?;
    Ok(lines)
}

#[test]
fn between_staging_and_linking() {
    let lake = new_lake();
    let plan = [("LAKE_FAULT", "pause@1:lock~locks/commit")];
    let mut stopped = Actor::new(lake.path(), &["S", "1"], &plan);
    stopped.go();
    stopped.wait_stopped();
    let newest = commits(lake.path(), 3000);
    let mut sweeper = Workload::open(lake.path(), "sweeper").unwrap();
    sweeper.lake.raise_floor(newest).unwrap();
    assert_eq!(sweeper.lake.truncate().unwrap(), 1, "its start byte keeps the log");
    drop(sweeper);
    let lines = wakes_up(lake.path(), stopped).unwrap();
    assert_eq!(lines, [format!("1 {}", newest + 2)]);
}

/// Stopped with everything decided but the link, and its locks are lost.
fn without_its_locks(whole_epochs: bool, env: &[(&str, &str)]) -> Checked<Vec<String>> {
    let lake = new_lake();
    let env = [env, &[("LAKE_FAULT", "pause@1:link")]].concat();
    let mut stopped = Actor::new(lake.path(), &["S", "1"], &env);
    stopped.go();
    stopped.wait_stopped();
    lose_locks(lake.path());
    let newest = commits(lake.path(), 1050);
    let mut sweeper = Workload::open(lake.path(), "sweeper")?;
    sweeper.lake.raise_floor(newest)?;
    if whole_epochs {
        ensure(sweeper.lake.truncate()? == newest, || "nothing holds the log".into())?;
    } else {
        let armed = arm_here(Plan::nth(1, Mode::Stop).only(&["remove_dir"]));
        ensure(sweeper.lake.truncate().is_err() && armed.fired(), || "not stopped".into())?;
        drop(sweeper);
        drop(armed);
    }
    wakes_up(lake.path(), stopped)
}

#[test]
fn its_directory_is_gone() {
    let lines = without_its_locks(true, &[]).unwrap();
    assert!(lines[0].starts_with("error conflict: it began at version 1"), "{lines:?}");
}

#[test]
fn its_directory_is_half_removed() {
    let lines = without_its_locks(false, &[]).unwrap();
    assert!(lines[0].starts_with("error conflict: it began at version 1"), "{lines:?}");
}

#[test]
fn not_heeding_the_boundary_is_noticed() {
    assert!(without_its_locks(false, &[("LAKE_MUTANT", "boundary")]).is_err());
}
