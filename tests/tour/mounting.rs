//! A mount that follows the commits.

use duckdb::{AccessMode, Config, Connection};

use crate::lake::Lake;

/// What a notebook sees in the file: the version, and the rows.
fn seen(lake: &Lake) -> Option<(u64, u64)> {
    let config = Config::default().access_mode(AccessMode::ReadOnly).unwrap();
    let file = lake.root().join("analysis.duckdb");
    let notebook = Connection::open_with_flags(file, config).ok()?;
    let ask = "SELECT (SELECT version FROM lake_info), (SELECT count(*) FROM bars)";
    notebook.query_row(ask, [], |row| Ok((row.get(0)?, row.get(1)?))).ok()
}

#[test]
fn it_is_of_the_newest_commit_soon() {
    let lake = Lake::with_bars();
    std::fs::write(lake.root().join("lake.toml"), "[mount]\nafter_commit = \"analysis.duckdb\"\n")
        .unwrap();
    let day = |n: u32| format!("symbol,date,close,volume\nA,2026-01-{n:02},1,1\n");
    // Commits that follow each other faster than they are mounted.
    (1..=12).for_each(|n| drop(lake.ingest("bars", &day(n))));
    let newest = (lake.version(), 12);
    let deadline = lake_store::Deadline::after(std::time::Duration::from_secs(60));
    while seen(&lake) != Some(newest) {
        assert!(!deadline.passed(), "{:?} of {newest:?}", seen(&lake));
        std::thread::yield_now();
    }
}
