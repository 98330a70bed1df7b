#![allow(clippy::disallowed_methods, reason = "a test looks at the disk by itself")]

mod damage;
mod healthy;
mod lies;

use std::path::{Path, PathBuf};
use std::time::Duration;

use lake_store::Deadline;

use super::*;
use crate::compact::{CompactOptions, compact};
use crate::policy::Policy;
use crate::vacuum;
use crate::yard::Yard;

pub(crate) fn see(path: &Path, depth: Depth) -> Report {
    run(path, &depth, &Meter::default()).unwrap()
}

/// Kind and path of each finding.
pub(crate) fn found(report: &Report) -> Vec<(&'static str, String)> {
    report.findings.iter().map(|f| (f.kind(), f.path.clone())).collect()
}

pub(crate) fn nothing_wrong(path: &Path) -> Report {
    let report = see(path, Depth::All);
    assert_eq!(found(&report), []);
    assert!(report.closed.is_none());
    report
}

pub(crate) fn merge(lake: &mut Lake, full: bool) {
    let policy = Policy { full, ..Policy::default() };
    let options = CompactOptions { policy, memory: 64 << 20, deadline: Deadline::never() };
    compact(lake, &[], &options, &()).unwrap();
}

pub(crate) fn sweep(lake: &mut Lake) {
    let options = vacuum::Options { grace: Duration::ZERO, max_share: None, dry_run: false };
    vacuum::run(lake, &options, &vacuum::Meter::default()).unwrap();
}

/// Something of everything: packs and own files, a base, masks, a checkpoint, slots, and
/// older versions that need files of their own.
pub(crate) fn full_yard() -> Yard {
    let mut yard = Yard::new();
    yard.add(&[("A", 1, 1.0), ("A", 2, 1.0), ("B", 1, 1.0)], true);
    yard.add(&[("A", 2, 2.0), ("C", 1, 2.0)], false);
    merge(&mut yard.lake, true);
    sweep(&mut yard.lake);
    yard.add(&[("A", 3, 3.0), ("B", 3, 3.0)], true);
    yard.add(&[("A", 4, 4.0), ("A", 9, 4.0)], false);
    yard.add(&[("D", 4, 4.0)], false);
    yard.hide(Some("A"), 1, 1);
    yard.hide(Some("D"), 4, 4);
    yard
}

/// Every file beneath a directory of the lake.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(files(&path)),
            false => all.push(path),
        }
    }
    all.sort();
    all
}

/// Relative to the lake.
pub(crate) fn short(yard: &Yard, path: &Path) -> String {
    path.strip_prefix(yard.path()).unwrap().to_str().unwrap().to_owned()
}

/// The paths of live files.
pub(crate) fn live(yard: &mut Yard) -> Vec<String> {
    let table = yard.table();
    table.segments().map(|(part, segment)| table.path(part, segment)).collect()
}
