//! Rows that leave a table and come back, and copies of the lake: killed at any operation,
//! and beside all others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use crate::lake::{Lake, said};

const ALL: &str = "SELECT * FROM bars ORDER BY ALL";
const RETAIN: [&str; 5] = ["retain", "bars", "--before", "2026-01-04", "--archive"];
const OLD: &str = "SELECT count(*) FROM bars WHERE date < '2026-01-04'";
/// Nine symbols in a pack have one, two others two each.
const OLD_ROWS: u64 = 13;

/// Symbols with files of their own, packs, rows written twice and rows that are gone.
fn aged() -> Lake {
    let lake = Lake::with_bars();
    let mut wide = "symbol,date,close,volume\n".to_owned();
    for n in 0..10 {
        wide += &format!("S{n:02},2026-01-01,1,{n}\nS{n:02},2026-01-05,2,{n}\n");
    }
    let wide = lake.file("wide.csv", wide);
    lake.writer(&["ingest", "bars", &wide, "--layout", "packed"]).done();
    for day in 2..=5 {
        lake.ingest(
            "bars",
            &format!("symbol,date,close,volume\nS01,2026-01-0{day},3,1\nNEW,2026-01-0{day},3,1\n"),
        );
    }
    lake.writer(&["delete", "bars", "--symbol", "S02"]).done();
    lake
}

fn archives(lake: &Lake) -> Vec<Value> {
    let list = lake.writer(&["unarchive", "--list", "--format", "json"]).json();
    list.as_array().unwrap().clone()
}

fn sum(rows: &[Value]) -> u64 {
    rows.iter().map(|row| row["rows"].as_u64().unwrap()).sum()
}

#[test]
fn archiving_killed_at_any_operation_loses_and_doubles_nothing() {
    let all = aged().rows(ALL);
    let mut swept = 0;
    for n in (1..).step_by(11) {
        let lake = aged();
        let killed = lake.writer_with(&format!("kill@{n}"), &RETAIN);
        let old = lake.rows(OLD)[0][0].as_u64().unwrap();
        assert_eq!(old + sum(&archives(&lake)), OLD_ROWS, "killed at {n}");
        lake.writer(&RETAIN).done();
        assert_eq!((lake.rows(OLD)[0][0].as_u64(), sum(&archives(&lake))), (Some(0), OLD_ROWS));
        lake.writer(&["unarchive", "bars"]).done();
        assert_eq!(lake.rows(ALL), all, "killed at {n}");
        swept = n;
        if killed.code.is_some() {
            killed.done();
            break;
        }
    }
    assert!(swept > 60, "the sweep ends where the program does: {swept}");
}

#[test]
fn unarchiving_killed_at_any_operation_brings_rows_back_once() {
    let all = aged().rows(ALL);
    let mut swept = 0;
    for n in (1..).step_by(11) {
        let lake = aged();
        lake.writer(&RETAIN).done();
        let killed = lake.writer_with(&format!("kill@{n}"), &["unarchive", "bars"]);
        let back = lake.rows(OLD)[0][0].as_u64().unwrap();
        assert_eq!(back + sum(&archives(&lake)), OLD_ROWS, "killed at {n}");
        lake.writer(&["unarchive", "bars"]).done();
        assert_eq!((lake.rows(ALL), archives(&lake)), (all.clone(), vec![]), "killed at {n}");
        lake.writer(&["vacuum", "--grace", "0s"]).done();
        lake.writer(&["unarchive", "bars"]).done();
        assert_eq!(lake.rows(ALL), all, "killed at {n}");
        let archive = lake.root().join("archive/bars/symbol=NEW");
        assert_eq!(std::fs::read_dir(archive).unwrap().count(), 0, "killed at {n}");
        swept = n;
        if killed.code.is_some() {
            killed.done();
            break;
        }
    }
    assert!(swept > 60, "the sweep ends where the program does: {swept}");
}

const COMMITS: usize = 25;

/// A backup of whatever is there, as one version, while it is written, merged and swept.
#[test]
fn readers_open_backups_of_a_lake_at_work() {
    let lake = Lake::with_bars();
    let csv = |n: usize| {
        let row = |s: usize| format!("S{s},2026-01-01,{n},0\nS{s},2026-02-{:02},1,{n}\n", n + 1);
        (0..6).fold("symbol,date,close,volume\n".to_owned(), |csv, s| csv + &row(s))
    };
    lake.ingest("bars", &csv(0));
    let over = AtomicBool::new(false);
    let look = |place: &str| {
        let one = "SELECT min(close) FILTER (volume = 0 AND month(date) = 1), \
            max(close) FILTER (month(date) = 1), max(volume), count(*) FROM bars";
        let rows = lake.rows_at(one, &["--lake", place])[0].clone();
        let n = rows[2].as_f64();
        assert_eq!((rows[0].as_f64(), rows[1].as_f64()), (n, n), "two commits in one: {rows}");
        assert_eq!(rows[3].as_f64(), n.map(|n| 6.0 * (n + 2.0)), "{rows}");
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1..COMMITS {
                let file = lake.file("w.csv", csv(n));
                let layout = if n % 2 == 0 { "packed" } else { "per-symbol" };
                lake.writer(&["ingest", "bars", &file, "--layout", layout]).done();
            }
            over.store(true, Ordering::Release);
        });
        scope.spawn(|| {
            while !over.load(Ordering::Acquire) {
                lake.writer(&["compact", "--runs", "1"]).done();
                lake.writer(&["vacuum", "--grace", "0s", "--max-share", "1000"]).done();
            }
        });
        for n in 0.. {
            lake.writer(&["backup", "copy"]).done();
            look("copy");
            if n == 2 {
                lake.writer(&["backup", "early"]).done();
            }
            if over.load(Ordering::Acquire) && n > 2 {
                break;
            }
        }
    });
    look("early");
    lake.writer(&["backup", "copy"]).done();
    assert_eq!(lake.rows_at(ALL, &["--lake", "copy"]), lake.rows(ALL));
    lake.writer(&["--lake", "new", "restore", "--from", "copy"]).done();
    assert_eq!(lake.rows_at(ALL, &["--lake", "new"]), lake.rows(ALL));
}

#[test]
fn a_backup_killed_at_any_operation_is_none_or_what_it_was() {
    let lake = aged();
    lake.writer(&["backup", "first"]).done();
    let before = lake.rows(ALL);
    lake.writer(&["compact", "--full"]).done();
    lake.ingest("bars", "symbol,date,close,volume\nLATE,2026-01-09,1,1\n");
    let after = lake.rows(ALL);
    let place = |name: &str| lake.root().with_file_name(name);
    let mut swept = 0;
    for n in (1..).step_by(5) {
        for (name, is_new) in [("fresh", true), ("copy", false)] {
            let _ = std::fs::remove_dir_all(place(name));
            if !is_new {
                let mut copy = std::process::Command::new("cp");
                said(copy.arg("-a").arg(place("first")).arg(place("copy"))).done();
            }
            let killed = lake.writer_with(&format!("kill@{n}"), &["backup", name]);
            let read = lake.query(&["sql", ALL, "--format", "json", "--lake", name]);
            match read.code {
                Some(0) => {
                    let rows = read.json()["rows"].take();
                    assert!(rows == after || (!is_new && rows == before), "{name} at {n}");
                }
                _ => assert!(is_new && read.err.contains("no lake"), "{name} at {n}: {}", read.err),
            }
            lake.writer(&["backup", name]).done();
            assert_eq!(lake.rows_at(ALL, &["--lake", name]), after, "{name} at {n}");
            swept = n;
            if killed.code.is_some() {
                killed.done();
                if !is_new {
                    assert!(swept > 30, "the sweep ends where the program does: {swept}");
                    return;
                }
            }
        }
    }
    assert!(swept > 0);
}
