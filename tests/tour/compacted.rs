//! `lake-writer compact` among the others: killed and failed at any operation, and
//! beside writers, vacuum and readers that must not notice it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::lake::Lake;

/// Every row, in order: what compaction must not change.
const ALL: &str = "SELECT * FROM bars ORDER BY ALL";

/// Files of single symbols, packs, rows written twice and rows that are gone.
fn untidy() -> Lake {
    let lake = Lake::with_bars();
    let mut wide = "symbol,date,close,volume\n".to_owned();
    for n in 0..80 {
        wide += &format!("S{n:02},2026-01-01,1,{n}\n");
    }
    lake.ingest("bars", &wide);
    for day in 1..=6 {
        lake.ingest(
            "bars",
            &format!(
                "symbol,date,close,volume\nS01,2026-01-0{day},{day},1\nNEW,2026-01-0{day},{day},1\n"
            ),
        );
    }
    lake.writer(&["delete", "bars", "--symbol", "S02"]).done();
    lake
}

fn compact(lake: &Lake, more: &[&str]) -> Value {
    let mut args = vec!["compact", "bars", "--format", "json"];
    args.extend(more);
    lake.writer(&args).json()
}

fn files(lake: &Lake) -> usize {
    lake.query(&["files", "bars", "--format", "json"]).json().as_array().unwrap().len()
}

#[test]
fn few_files_hold_what_many_held() {
    let lake = untidy();
    let (before, many) = (lake.rows(ALL), files(&lake));
    let version = lake.version();
    let plan = lake.writer(&["compact", "--dry-run", "--format", "json"]).json();
    assert_eq!(plan[0]["segments"], many - 1, "{plan}");
    let done = compact(&lake, &[]);
    assert_eq!((files(&lake), lake.rows(ALL)), (2, before.clone()));
    assert_eq!(done["version"], version + 1);
    assert_eq!(done["segments_removed"], many - 1);
    let sum = |names: &[&str]| names.iter().map(|n| done[*n].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum(&["rows_in"]), sum(&["rows_written", "rows_superseded", "rows_deleted"]));
    let all = compact(&lake, &["--full"]);
    assert_eq!((files(&lake), lake.rows(ALL)), (1, before.clone()));
    assert_eq!((&all["rows_superseded"], &all["rows_deleted"]), (&json!(1), &json!(1)));
    let status = lake.writer(&["status", "--format", "json"]).json();
    assert!(status["last_compaction"].as_str().unwrap().starts_with("20"), "{status}");
    let nothing = compact(&lake, &["--full"]);
    assert_eq!((&nothing["units"], &nothing["version"]), (&json!(0), &json!(version + 2)));
    // The versions before are as they were.
    let past = lake.rows_at(ALL, &["--at", &version.to_string()]);
    assert_eq!(past, before);
    lake.writer(&["compact", "nothing"]).failed(2, &["no table nothing"]);
}

#[test]
fn killed_at_any_operation_it_has_changed_nothing_that_is_seen() {
    let whole = untidy();
    let before = whole.rows(ALL);
    let mut swept = 0;
    for n in (1..).step_by(7) {
        let lake = untidy();
        let killed = lake.writer_with(&format!("kill@{n}"), &["compact", "--full"]);
        assert_eq!(lake.rows(ALL), before, "killed at {n}");
        compact(&lake, &["--full"]);
        assert_eq!((lake.rows(ALL), files(&lake)), (before.clone(), 1), "killed at {n}");
        swept = n;
        if killed.code.is_some() {
            killed.done();
            break;
        }
    }
    assert!(swept > 60, "the sweep ends where the program does: {swept}");
}

#[test]
fn an_error_leaves_the_rows_as_they_are() {
    let whole = untidy();
    let before = whole.rows(ALL);
    for errno in ["ENOSPC", "EIO", "EMFILE"] {
        for n in (3..).step_by(17) {
            let lake = untidy();
            let said = lake.writer_with(&format!("fail:{errno}@{n}"), &["compact", "--full"]);
            assert_eq!(lake.rows(ALL), before, "{errno}@{n}: {}", said.err);
            if said.code == Some(0) && n > 60 {
                break;
            }
        }
    }
}

const SYMBOLS: usize = 20;
const COMMITS: usize = 12;

/// Writes one version after the other: day 0 of all its symbols anew, with the
/// number of the commit, and one day more.
fn write(lake: &Lake, writer: usize) {
    for n in 0..COMMITS {
        let mut csv = "symbol,date,close,volume\n".to_owned();
        for s in 0..SYMBOLS {
            csv += &format!("{writer}-{s},2026-01-01,{n},0\n");
            if n > 0 {
                csv += &format!("{writer}-{s},2026-02-{n:02},{n},{n}\n");
            }
        }
        let file = lake.file(&format!("{writer}.csv"), csv);
        let layout = if n % 2 == 0 { "packed" } else { "per-symbol" };
        lake.writer(&["ingest", "bars", &file, "--layout", layout]).done();
    }
}

/// By writer: the smallest and the largest number on day 0, and all rows.
const ONE_VERSION: &str = "SELECT symbol[1], min(close) FILTER (volume = 0), \
    max(close) FILTER (volume = 0), count(*), max(volume) FROM bars GROUP BY ALL ORDER BY ALL";

/// What a version has. None: it is no longer kept, and says so.
fn look_back(lake: &Lake, version: &str) -> Option<Value> {
    let said = lake.query(&["sql", ONE_VERSION, "--at", version, "--format", "json"]);
    if said.code == Some(3) {
        assert!(said.err.contains("no longer kept"), "{}", said.err);
        return None;
    }
    Some(said.json()["rows"].take())
}

/// That these rows are of one version.
fn check(rows: &Value) {
    for row in rows.as_array().unwrap() {
        let n = row[1].as_f64().unwrap();
        assert_eq!(row[2].as_f64(), Some(n), "two commits in one result: {rows}");
        assert_eq!(row[3].as_f64(), Some((n + 1.0) * SYMBOLS as f64), "{rows}");
        assert_eq!(row[4].as_f64(), Some(n), "{rows}");
    }
}

#[test]
fn readers_under_fire_see_one_version_each() {
    let lake = Lake::with_bars();
    let writing = AtomicUsize::new(2);
    let (merged, removed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let going = || writing.load(Ordering::Relaxed) > 0;
    let looked = AtomicBool::new(false);
    thread::scope(|scope| {
        for writer in 1..=2 {
            let (lake, writing) = (&lake, &writing);
            scope.spawn(move || {
                let end = Ending(writing);
                write(lake, writer);
                drop(end);
            });
        }
        scope.spawn(|| {
            while going() {
                let done = compact(&lake, &["--runs", "1"]);
                merged.fetch_add(done["units"].as_u64().unwrap() as usize, Ordering::Relaxed);
            }
        });
        scope.spawn(|| {
            while going() {
                check(&lake.rows(ONE_VERSION));
                looked.store(true, Ordering::Relaxed);
            }
        });
        // One that takes its time, and one that looks back at what it has seen.
        scope.spawn(|| {
            while going() {
                let slow = format!(
                    "WITH b AS ({ONE_VERSION}) SELECT b.* FROM b, \
                    (SELECT count(*) FROM bars x, bars y, range(200)) t ORDER BY ALL"
                );
                check(&lake.rows(&slow));
            }
        });
        scope.spawn(|| {
            while going() {
                let version = lake.version().to_string();
                let Some(first) = look_back(&lake, &version) else { continue };
                check(&first);
                if let Some(again) = look_back(&lake, &version) {
                    assert_eq!(again, first);
                }
            }
        });
        // And nobody waits until old files may go.
        scope.spawn(|| {
            while going() {
                let done = lake.writer(&["vacuum", "--grace", "0s", "--format", "json"]).json();
                let files = done["files_removed"].as_u64().unwrap() as usize;
                removed.fetch_add(files, Ordering::Relaxed);
            }
        });
    });
    assert!(looked.into_inner() && merged.into_inner() > 0 && removed.into_inner() > 0);
    let rows = lake.rows(ONE_VERSION);
    check(&rows);
    assert_eq!(rows[0][1], json!(COMMITS as f64 - 1.0));
    compact(&lake, &["--full"]);
    assert_eq!((lake.rows(ONE_VERSION), files(&lake)), (rows, 1));
}

/// Also when it fails, so that the others end.
struct Ending<'a>(&'a AtomicUsize);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
