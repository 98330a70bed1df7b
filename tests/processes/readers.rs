//! Readers of every version while writers write.

use lake_log::{Access, At, Lake};

use crate::actor::{Actor, new_lake};

#[test]
fn a_version_is_the_same_for_everybody_and_for_ever() {
    let lake = new_lake();
    let start = |args: &[&str]| Actor::new(lake.path(), args, &[]);
    let mut readers = ["R0", "R1", "R2"].map(|name| start(&[name, "read"]));
    let mut writers = ["W0", "W1", "W2", "W3"].map(|name| start(&[name, "150"]));
    readers.iter_mut().for_each(Actor::go);
    writers.iter_mut().for_each(Actor::go);
    let seen: Vec<Vec<String>> = std::thread::scope(|scope| {
        let mut inputs = Vec::new();
        let mut threads = Vec::new();
        for mut reader in readers {
            inputs.extend(reader.take_input());
            threads.push(scope.spawn(|| reader.all_lines()));
        }
        for writer in writers {
            assert_eq!(writer.all_told().len(), 150);
        }
        // Their input ends, so they look once more and end, too.
        drop(inputs);
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let mut lake = Lake::open(lake.path(), Access::Read).unwrap();
    let newest = lake.state().version;
    let mut truth = Vec::new();
    for version in 2..=newest {
        let snapshot = lake.snapshot(At::Version(version)).unwrap();
        truth.push(format!("{version} {:016x}", snapshot.state().hash));
    }
    for lines in seen {
        assert_eq!(lines, truth);
    }
}
