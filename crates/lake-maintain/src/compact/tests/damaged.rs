//! A file that cannot be read is left alone, by name, and the rest goes on.
#![allow(clippy::disallowed_methods, reason = "a test damages a file by itself")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// Files of A, and packs; returns the path of one of A, in the lake and on the disk.
fn prepared() -> (Yard, String, PathBuf) {
    let mut yard = Yard::new();
    for day in 1..=3 {
        yard.add(&[("A", day, 1.0)], false);
        yard.add(&[("B", day, 1.0), ("C", day, 1.0)], true);
    }
    let table = yard.table();
    let (part, segment) =
        table.segments().find(|(part, _)| **part == Part::Of(symbol("A"))).unwrap();
    let path = table.path(part, segment);
    let file = yard.path().join(&path);
    (yard, path, file)
}

/// The rows that a run began to merge, and its end.
fn watched(yard: &mut Yard) -> (u64, Compacted) {
    struct Due(AtomicU64);
    impl Watch for Due {
        fn due(&self, rows: u64) {
            self.0.fetch_add(rows, Ordering::Relaxed);
        }
    }
    let due = Due(AtomicU64::new(0));
    let done = compact(&mut yard.lake, &[], &full(), &due).unwrap();
    (due.0.into_inner(), done)
}

fn named(done: &Compacted) -> Vec<String> {
    let path = |(_, left): &(String, Left)| match left {
        Left::Damaged { path, .. } => path.clone(),
        other => panic!("{other:?}"),
    };
    done.left.iter().map(path).collect()
}

#[test]
fn the_rest_goes_on_and_the_next_run_does_not_read_it_again() {
    let (mut yard, path, file) = prepared();
    let whole = std::fs::read(&file).unwrap();
    let mut bytes = whole.clone();
    bytes[whole.len() / 2..].fill(0);
    std::fs::write(&file, bytes).unwrap();
    let (due, done) = watched(&mut yard);
    assert_eq!((named(&done), done.units > 0), (vec![path.clone()], true));
    assert!(due > done.counts.rows_in, "it was tried");
    assert_eq!(yard.live().len(), 2);
    let known = |yard: &mut Yard| {
        let state = yard.state();
        damaged(yard.lake.root(), &state).unwrap()
    };
    let notes = known(&mut yard);
    assert_eq!(notes.len(), 1);
    assert_eq!((&notes[0].path, notes[0].table.as_str()), (&path, "bars"));
    assert!(!notes[0].why.is_empty());
    let (due, done) = watched(&mut yard);
    assert_eq!((due, named(&done)), (0, vec![path.clone()]));
    // Another file has its name: it is tried.
    std::fs::remove_file(&file).unwrap();
    assert_eq!(known(&mut yard), []);
    let (due, done) = watched(&mut yard);
    assert_eq!((due > 0, named(&done)), (true, vec![path]));
    assert_eq!(known(&mut yard).len(), 1, "missing is damaged, too");
    std::fs::write(&file, whole).unwrap();
    let (_, done) = watched(&mut yard);
    assert_eq!((done.left, yard.live().len()), (vec![], 1));
    yard.check_newest();
    let notes = yard.path().join("_lake/quarantine/unreadable");
    assert_eq!(std::fs::read_dir(notes).unwrap().count(), 0, "what is outdated goes");
}

#[test]
fn a_value_that_changed_on_the_disk_is_no_row_of_a_base() {
    let (mut yard, path, file) = prepared();
    let mut bytes = std::fs::read(&file).unwrap();
    // The price, as a page of few rows has it.
    let price = 1.0f64.to_le_bytes();
    let at = bytes.windows(8).position(|w| w == price).unwrap();
    bytes[at] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let (_, done) = watched(&mut yard);
    assert_eq!(named(&done), [path]);
    let kept = yard.live().iter().any(|(part, _)| *part == Part::Of(symbol("A")));
    assert!(kept && done.units > 0);
    assert_eq!(unproven(yard.lake.root()).unwrap(), Vec::<String>::new());
}
