//! Vacuums of small lakes whose files prove themselves.

#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

mod histories;
mod leftovers;
mod orphans;
mod retention;
mod stopped;
mod undone;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use lake_core::segment::Part;
use lake_core::state::State;
use lake_log::{Access, At, Lake, Outcome};
use lake_testkit::{Workload, audit, create, part, scratch};
use tempfile::TempDir;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn new_lake() -> TempDir {
    let dir = scratch().unwrap();
    create(dir.path()).unwrap();
    dir
}

fn symbol(name: &str) -> Part {
    part(name).unwrap()
}

fn version_of(outcome: &Outcome) -> u64 {
    match outcome {
        Outcome::Committed { version, .. } => *version,
        other => panic!("not committed: {other:?}"),
    }
}

/// Commits one file a symbol and takes them all out again: versions 2 and 3.
fn come_and_gone(path: &Path) -> u64 {
    let mut work = Workload::open(path, "before").unwrap();
    version_of(&work.append(&[symbol("A")], 1).unwrap());
    version_of(&work.clear(&symbol("A")).unwrap())
}

fn options(grace: Duration) -> Options {
    Options { grace, max_share: None, dry_run: false }
}

fn now_or_never() -> Options {
    options(Duration::ZERO)
}

fn vacuum(path: &Path, options: &Options) -> Report {
    vacuum_later(path, options, Duration::ZERO)
}

/// As if so much time had passed.
fn vacuum_later(path: &Path, options: &Options, later: Duration) -> Report {
    let access = if options.dry_run { Access::Read } else { Access::Write };
    let mut lake = Lake::open(path, access).unwrap();
    let now = clock::now_us() + later.as_micros() as i64;
    let report = run_at(&mut lake, options, &Meter::default(), now).unwrap();
    drop(lake);
    audit(path).unwrap();
    report
}

/// Files of the warehouse, by path.
fn on_disk(path: &Path) -> BTreeSet<String> {
    files_in(path, layout::WAREHOUSE)
}

/// Paths of all files beneath a directory of the lake.
fn files_in(path: &Path, rel: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(path.join(rel)).unwrap() {
        let entry = entry.unwrap();
        let rel = format!("{rel}/{}", entry.file_name().to_string_lossy());
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files_in(path, &rel)),
            false => drop(found.insert(rel)),
        }
    }
    found
}

fn files_of(state: &State) -> BTreeSet<String> {
    let paths = |table: &lake_core::state::Table| {
        table.segments().map(|(part, segment)| table.path(part, segment)).collect::<Vec<_>>()
    };
    state.tables().flat_map(paths).collect()
}

fn newest(path: &Path) -> BTreeSet<String> {
    let mut lake = Lake::open(path, Access::Read).unwrap();
    let snapshot = lake.snapshot(At::Newest).unwrap();
    files_of(snapshot.state())
}

fn opens(path: &Path, version: u64) -> bool {
    Lake::open(path, Access::Read).unwrap().snapshot(At::Version(version)).is_ok()
}

fn count(files: u64, bytes: u64) -> Count {
    Count { files, bytes }
}
