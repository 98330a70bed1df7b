//! Killed at any moment and started again with the next seq that was not
//! acknowledged: each acknowledged one is there once, each other at most once.

use std::path::Path;
use std::time::Duration;

use lake_store::{Deadline, random};
use lake_testkit::{Depth, audit, audit_to, sequence};

use crate::actor::{Actor, Told, new_lake};

/// Rounds of each producer, unless LAKE_SOAK_SECONDS says how long to go on.
const ROUNDS: u64 = 60;

fn soak() -> Option<Duration> {
    let seconds = std::env::var("LAKE_SOAK_SECONDS").ok()?.parse().unwrap();
    Some(Duration::from_secs(seconds))
}

fn below(n: u64) -> u64 {
    random::session().unwrap() % n
}

/// Acknowledged ones in order, whatever their process died of.
fn killed_again_and_again(lake: &Path, name: &str) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    let end = soak().map(Deadline::after);
    let mut round = 0;
    while end.map_or(round < ROUNDS, |end| !end.passed()) {
        round += 1;
        let from = (told.len() as u64 + 1).to_string();
        let mut actor = Actor::new(lake, &[name, "1000", &from], &[]);
        actor.go();
        for _ in 0..below(8) {
            told.extend(actor.told());
        }
        let moment = Deadline::after(Duration::from_micros(below(2000)));
        while !moment.passed() {
            std::hint::spin_loop();
        }
        actor.kill();
        told.extend(std::iter::from_fn(|| actor.told()));
    }
    let from = (told.len() as u64 + 1).to_string();
    let mut last = Actor::new(lake, &[name, "1", &from], &[]);
    last.go();
    told.extend(last.all_told());
    told
}

#[test]
fn at_random_moments() {
    let lake = new_lake();
    let path = lake.path();
    let names = ["K0", "K1", "K2"];
    let all: Vec<Vec<Told>> = std::thread::scope(|scope| {
        let run = |name| scope.spawn(move || killed_again_and_again(path, name));
        let threads = names.map(run);
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let found = audit(lake.path()).unwrap();
    let total: usize = all.iter().map(Vec::len).sum();
    assert_eq!(found.sequences.len(), total, "more or less than was acknowledged in the end");
    for (name, told) in names.iter().zip(all) {
        assert!(told.iter().map(|(seq, _)| *seq).eq(1..=told.len() as u64), "{name} has a gap");
        for (seq, version) in told {
            assert_eq!(found.sequences.get(&sequence(name, seq)), Some(&version));
        }
    }
}

#[test]
fn at_every_operation_of_a_commit() {
    let lake = new_lake();
    let look = || audit_to(lake.path(), Depth::Last(12)).unwrap().sequences;
    for n in 1.. {
        let seq = n.to_string();
        let plan = format!("kill@{n}");
        let mut actor = Actor::new(lake.path(), &["S", "1", &seq], &[("LAKE_FAULT", &plan)]);
        actor.go();
        let told = actor.told();
        let survived = told.is_some() && actor.line().is_none();
        actor.kill();
        let key = sequence("S", n);
        let found = look().get(&key).copied();
        assert!(told.is_none_or(|(_, version)| found == Some(version)), "kill {n}: it is lost");
        let mut again = Actor::new(lake.path(), &["S", "1", &seq], &[]);
        again.go();
        let (_, version) = again.all_told()[0];
        assert!(found.is_none_or(|found| found == version), "kill {n}: committed twice");
        assert_eq!(look().get(&key), Some(&version), "kill {n}");
        if survived && told.is_some() && n > 100 {
            break;
        }
    }
}
