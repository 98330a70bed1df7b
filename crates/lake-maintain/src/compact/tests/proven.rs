//! What a compaction says of its rows, in the log, and what becomes of one that lies.
#![allow(clippy::disallowed_methods, reason = "a test looks at the disk by itself")]

use lake_core::edit::{Receipt, Sums};
use lake_core::kind::Kind;
use lake_store::fault::{Mutant, mutate_here};

use super::*;

fn receipt(yard: &mut Yard) -> Receipt {
    let version = yard.state().version;
    let entry = yard.lake.entry(version).unwrap().unwrap();
    assert_eq!(entry.transactions[0].cause, Cause::Compact);
    entry.transactions[0].receipts[0].clone()
}

fn sum(segments: &[(Part, lake_core::segment::Segment)]) -> u64 {
    segments.iter().fold(0, |sum, (_, s)| sum.wrapping_add(s.sum.unwrap()))
}

#[test]
fn the_log_has_the_sums_of_what_was_read_written_superseded_and_deleted() {
    let mut yard = Yard::new();
    yard.add(&[("A", 1, 1.0), ("B", 1, 1.0), ("B", 5, 5.0)], true);
    yard.add(&[("A", 1, 2.0)], false);
    yard.hide(Some("B"), 5, 5);
    let (inputs, mut other) = (sum(&yard.live()), Yard::new());
    // The rows that go, by themselves.
    other.add(&[("A", 1, 1.0)], false);
    let superseded = sum(&other.live());
    other.add(&[("B", 5, 5.0)], false);
    let deleted = sum(&other.live()).wrapping_sub(superseded);
    all(&mut yard, &full());
    let written = sum(&yard.live());
    assert_eq!(receipt(&mut yard).sums, Some(Sums { read: inputs, written, superseded, deleted }));
    // In another order, in other files: the same rows.
    let mut same = Yard::new();
    same.add(&[("B", 1, 1.0)], false);
    same.add(&[("A", 1, 2.0)], false);
    assert_eq!(sum(&same.live()), written);
}

#[test]
fn the_sums_go_on_over_many_merges_in_turns() {
    let mut yard = Yard::new();
    for commit in 0..40 {
        let px = f64::from(commit);
        yard.add(&[("A", commit % 7, px), ("A", 1000, px)], false);
    }
    let inputs = sum(&yard.live());
    all(&mut yard, &CompactOptions { memory: 1, ..full() });
    let sums = receipt(&mut yard).sums.unwrap();
    assert!(sums.balance());
    assert_eq!((sums.read, sums.written), (inputs, sum(&yard.live())));
}

/// On one thread, so that a rule can be broken for it alone.
fn losing_a_row(yard: &mut Yard) -> Result<Compacted> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| {
        let _broken = mutate_here(Mutant::parse("compact_row"));
        compact(&mut yard.lake, &[], &full(), &())
    })
}

#[test]
fn a_merge_that_loses_a_row_is_not_committed_and_kept_for_who_looks_into_it() {
    let mut yard = Yard::new();
    three_days(&mut yard);
    let (before, version) = (yard.live(), yard.state().version);
    let failed = losing_a_row(&mut yard).unwrap_err();
    assert_eq!(failed.kind(), Kind::Bug);
    let (text, hint) = (failed.to_string(), failed.hint().unwrap());
    assert!(text.contains("of 9 rows 9 were read, 0 superseded, 0 hidden and 8 written"), "{text}");
    assert!(hint.contains("_lake/quarantine/unproven/bars"), "{hint}");
    assert_eq!((yard.live(), yard.state().version), (before.clone(), version));
    yard.check();
    let place = yard.path().join("_lake/quarantine/unproven/bars");
    let names = || {
        let names = std::fs::read_dir(&place).unwrap().map(|e| e.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect::<Vec<_>>()
    };
    let count = |end: &str| names().iter().filter(|name| name.ends_with(end)).count();
    assert_eq!((count(".read"), count(".written"), names().len()), (before.len(), 1, 9));
    let report = std::fs::read_to_string(place.join("report.json")).unwrap();
    assert!(report.contains("8 written"), "{report}");
    assert_eq!(unproven(yard.lake.root()).unwrap(), ["bars"]);
    // Once is enough.
    assert_eq!(losing_a_row(&mut yard).unwrap_err().kind(), Kind::Bug);
    assert_eq!(names().len(), 9);
    let staging = yard.lake.begin().unwrap().staging;
    assert!(staging.list().unwrap().is_empty());
    // It is nobody's business but that of a person.
    all(&mut yard, &full());
    let options = crate::vacuum::Options {
        grace: std::time::Duration::ZERO,
        max_share: None,
        dry_run: false,
    };
    let swept = crate::vacuum::run(&mut yard.lake, &options, &Default::default()).unwrap();
    assert_eq!((swept.foreign, names().len()), (vec![], 9));
    assert_eq!(unproven(yard.lake.root()).unwrap(), ["bars"]);
}
