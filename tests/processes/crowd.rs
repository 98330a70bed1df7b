//! Many writers at once.

use lake_core::layout;
use lake_testkit::{audit, sequence};

use crate::actor::{Actor, new_lake};

#[test]
fn eight_processes_lose_nothing_and_share_nothing() {
    const EACH: u64 = 500;
    let lake = new_lake();
    let names: Vec<String> = (0..8).map(|i| format!("W{i}")).collect();
    let count = EACH.to_string();
    let mut actors: Vec<Actor> =
        names.iter().map(|name| Actor::new(lake.path(), &[name, &count], &[])).collect();
    actors.iter_mut().for_each(Actor::go);
    let told: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            actors.into_iter().map(|actor| scope.spawn(|| actor.all_told())).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let found = audit(lake.path()).unwrap();
    assert_eq!(found.sequences.len() as u64, 8 * EACH);
    // The table was made by one more.
    assert_eq!(found.transactions.len() as u64, 8 * EACH + 1);
    for (name, told) in names.iter().zip(told) {
        assert!(told.iter().map(|(seq, _)| *seq).eq(1..=EACH));
        assert!(told.windows(2).all(|w| w[0].1 < w[1].1), "{name} went back");
        for (seq, version) in told {
            assert_eq!(found.sequences.get(&sequence(name, seq)), Some(&version));
        }
    }
    for dir in [layout::SPOOL, layout::STAGING] {
        let left = std::fs::read_dir(lake.path().join(dir)).unwrap().count();
        assert_eq!(left, 0, "{left} left in {dir}");
    }
}
