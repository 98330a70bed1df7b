//! Where nothing is wrong nothing is found, whoever is at work and whoever was killed.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};

use lake_core::id::{SegmentId, TxnId};
use lake_core::layout;
use lake_core::segment::SegmentKind;

use super::*;

/// Of each of the two who write.
const COMMITS: i32 = 120;

#[test]
fn a_lake_that_others_write_merge_and_sweep_has_no_finding() {
    let yard = Yard::new();
    let path = yard.path().to_owned();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let write = |writer: i32| {
            let path = &path;
            scope.spawn(move || {
                let mut lake = Lake::open(path, Access::Write).unwrap();
                for day in 1..=COMMITS {
                    let rows = [("A", day * 2 + writer, 1.0), ("B", day, f64::from(writer))];
                    crate::yard::add(&mut lake, &rows, day % 2 == 0);
                    if day % 7 == 0 {
                        crate::yard::hide(&mut lake, Some("A"), day, day + 1);
                    }
                }
            })
        };
        let writers = [write(0), write(1)];
        let (path, stop) = (&path, &stop);
        scope.spawn(move || {
            let mut lake = Lake::open(path, Access::Write).unwrap();
            while !stop.load(Ordering::Relaxed) {
                merge(&mut lake, false);
                sweep(&mut lake);
            }
        });
        let seen = std::panic::catch_unwind(AssertUnwindSafe(|| {
            while !writers.iter().all(|writer| writer.is_finished()) {
                nothing_wrong(path);
            }
        }));
        stop.store(true, Ordering::Relaxed);
        seen.unwrap();
    });
    let report = nothing_wrong(&path);
    assert!(report.version > 10 && report.floor > 0 && report.rows > 0, "{report:?}");
}

#[test]
fn what_killed_processes_left_is_told_and_is_no_finding() {
    let mut yard = full_yard();
    assert_eq!(nothing_wrong(yard.path()).notes, []);
    let version = yard.state().version;
    let txn = TxnId { start: version, session: 77, counter: 1 };
    let name = layout::segment_name(SegmentKind::Increment, &SegmentId { txn, n: 0 });
    let orphan = format!("warehouse/bars/symbol=A/{name}");
    std::fs::write(yard.path().join(orphan), "half a file").unwrap();
    let staging = format!("_lake/staging/{txn}");
    std::fs::create_dir(yard.path().join(staging)).unwrap();
    std::fs::write(yard.path().join(format!("_lake/spool/{txn}.r")), "torn").unwrap();
    let torn = format!("_lake/log/0000000000/{:013}.e", version + 1);
    std::fs::write(yard.path().join(&torn), "LKE1").unwrap();
    std::fs::write(yard.path().join("warehouse/notes.txt"), "mine").unwrap();
    let notes = nothing_wrong(yard.path()).notes;
    assert_eq!(
        notes,
        [
            Note::Foreign("warehouse/notes.txt".into()),
            Note::Uncommitted { files: 1, bytes: 11 },
            Note::Leftover(torn),
            Note::Staging(1),
            Note::Spool(1),
        ]
    );
}
