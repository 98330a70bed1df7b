//! A watched directory, as those who put files into it see it.

use std::collections::HashSet;
use std::fs;
use std::io::BufRead;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::kit::{Running, Said, Shell, lines};

/// A lake with a table that keeps every row it is sent, and a directory.
struct Place(Shell);

impl Place {
    fn new() -> Place {
        let shell = Shell::in_memory();
        let schema = "symbol VARCHAR, date DATE, close DOUBLE";
        shell.json(&["create", "ticks", "--schema", schema, "--partition-by", "symbol"]);
        fs::create_dir(shell.path("in")).unwrap();
        Place(shell)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    fn run(&self, args: &[&str]) -> Said {
        self.0.run(args)
    }

    /// With a quiet period of nothing, every file is complete.
    fn once(&self, more: &[&str]) -> Said {
        let watch = ["watch", "in", "--table", "ticks", "--once", "--quiet-period", "0s"];
        self.run(&[&watch[..], more].concat())
    }

    fn put(&self, name: &str, text: &str) {
        self.0.put(&format!("in/{name}"), text);
    }

    /// As one that was written elsewhere.
    fn move_in(&self, name: &str, text: &str) {
        let unfinished = format!("{name}.part");
        self.put(&unfinished, text);
        fs::rename(self.path("in").join(unfinished), self.path("in").join(name)).unwrap();
    }

    fn rows(&self) -> u64 {
        self.0.rows()
    }

    fn files(&self, beneath: &str) -> usize {
        fs::read_dir(self.path("in").join(beneath)).unwrap().count()
    }
}

fn row(symbol: &str) -> String {
    format!("symbol,date,close\n{symbol},2026-11-20,1.5\n")
}

/// A watch that runs until it is ended, for which only what is moved in is complete.
fn start(place: &Place) -> Running {
    let args = ["watch", "in", "--table", "ticks", "--quiet-period", "1h"];
    let mut running = Running::start(place.0.command(&args));
    let mut line = String::new();
    while !line.contains("watching in for table ticks") {
        line.clear();
        assert!(running.err.read_line(&mut line).unwrap() > 0, "it ended");
    }
    running
}

fn end(running: Running, signal: &str) -> (Option<i32>, String, String) {
    running.signal(signal);
    running.wait()
}

#[test]
fn a_receipt_for_each_file_and_a_reason_for_each_that_failed() {
    let place = Place::new();
    place.put("a.csv", &row("A"));
    place.put("b.jsonl", "{\"symbol\": \"B\", \"date\": \"2026-11-20\", \"close\": 2}\n");
    let said = place.once(&[]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let receipts = lines(&said.out);
    let keys = ["file", "moved_to", "rows_written", "duplicate", "version"];
    let of = |r: &Value| keys.map(|key| r[key].clone());
    assert_eq!(
        of(&receipts[0]),
        [json!("a.csv"), json!("done/a.csv"), 1.into(), false.into(), 2.into()]
    );
    assert_eq!((&receipts[1]["file"], receipts.len()), (&json!("b.jsonl"), 2));
    place.put("a.csv", "symbol,date,close\nA,2026-11-20,dear\n");
    place.put("c.csv", &row("C"));
    let said = place.once(&[]);
    assert_eq!((said.code, lines(&said.out).len()), (1, 1), "{}", said.err);
    let warned = "warning: a.csv is moved to failed/a.csv: in/a.csv, row 1 (line 2), column close";
    assert!(said.err.starts_with(warned), "{}", said.err);
    let reason = fs::read(place.path("in/failed/a.csv.reason.json")).unwrap();
    let reason: Value = serde_json::from_slice(&reason).unwrap();
    let keys = ["file", "table", "kind", "causes", "hint"];
    let want = [json!("a.csv"), json!("ticks"), json!("bad_input"), json!([]), json!(null)];
    assert_eq!(keys.map(|key| reason[key].clone()), want);
    assert!(reason["message"].as_str().unwrap().contains("column close"), "{reason}");
    assert!(reason["at"].as_str().unwrap().starts_with("20"), "{reason}");
    // What is left out and kept is no failure of the file.
    fs::rename(place.path("in/failed/a.csv"), place.path("in/d.csv")).unwrap();
    let said = place.once(&["--on-error", "quarantine"]);
    assert_eq!((said.code, &lines(&said.out)[0]["rows_rejected"]), (0, &json!(1)));
    let said = place.run(&["quarantine", "list", "--format", "json"]);
    let name = serde_json::from_str::<Value>(&said.out).unwrap()[0]["name"].clone();
    let said = place.run(&["quarantine", "show", name.as_str().unwrap(), "--format", "jsonl"]);
    assert_eq!(lines(&said.out)[0]["file"], "in/d.csv");
    assert_eq!(place.rows(), 3);
}

/// A burst while it runs, and three processes that do not live to see its end.
#[test]
fn a_thousand_files_once_each_however_often_it_is_killed() {
    let place = Place::new();
    let mut running = start(&place);
    for i in 0..1000 {
        place.move_in(&format!("{i}.csv"), &row(&format!("S{}", i % 10)));
    }
    let mut told = HashSet::new();
    for _ in 0..2 {
        for _ in 0..100 {
            assert!(told.insert(running.receipt().unwrap()["file"].to_string()));
        }
        let (code, rest, _) = end(running, "-KILL");
        assert_eq!(code, None);
        for receipt in lines(&rest) {
            assert!(told.insert(receipt["file"].to_string()));
        }
        // What was moved in unseen is told by its time, which is too young; and it comes again.
        running = start(&place);
        for name in place_names(&place) {
            // It may be claimed by now.
            if fs::rename(place.path("in").join(&name), place.path("again")).is_ok() {
                fs::rename(place.path("again"), place.path("in").join(&name)).unwrap();
            }
        }
    }
    let (code, rest, _) = end(running, "-KILL");
    assert_eq!(code, None);
    for receipt in lines(&rest) {
        assert!(told.insert(receipt["file"].to_string()));
    }
    let said = place.once(&[]);
    assert_eq!(said.code, 0, "{}", said.err);
    for receipt in lines(&said.out) {
        assert!(told.insert(receipt["file"].to_string()));
    }
    assert_eq!((place.rows(), place.files("done")), (1000, 1000));
    // A process may die between the move and the receipt.
    assert!(told.len() >= 997, "{}", told.len());
    assert_eq!((place.files("failed"), place.files(".lake-watch/claimed")), (0, 0));
}

fn place_names(place: &Place) -> Vec<String> {
    let names = fs::read_dir(place.path("in")).unwrap().map(|e| e.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    names.filter(|name| name.ends_with(".csv")).collect()
}

#[test]
fn a_signal_ends_it_in_order() {
    for signal in ["-TERM", "-INT"] {
        let place = Place::new();
        let mut running = start(&place);
        place.put("slow.csv", &row("A"));
        place.move_in("a.csv", &row("A"));
        assert_eq!(running.receipt().unwrap()["file"], "a.csv");
        let (code, out, err) = end(running, signal);
        assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "", ""));
        assert_eq!((place.rows(), place.files(".lake-watch/claimed")), (1, 0));
        assert!(place.path("in/slow.csv").exists());
    }
}

#[test]
fn a_second_watch_is_refused() {
    let place = Place::new();
    let running = start(&place);
    place.put("a.csv", &row("A"));
    let said = place.once(&[]);
    assert_eq!((said.code, said.out.as_str()), (3, ""));
    assert!(said.err.contains("another watch of in is running"), "{}", said.err);
    end(running, "-KILL");
    assert_eq!(place.once(&[]).code, 0);
    assert_eq!(place.rows(), 1);
}

#[test]
fn what_is_refused_touches_nothing() {
    let place = Place::new();
    place.put("a.csv", &row("A"));
    let refused = |args: &[&str], word: &str| {
        let said = place.run(args);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}: {}", said.err);
        assert!(said.err.contains(word), "{args:?}: {}", said.err);
    };
    let watch = ["watch", "in", "--table", "ticks"];
    refused(&[&watch[..], &["--dry-run"]].concat(), "ingest --dry-run");
    refused(&[&watch[..], &["--mode", "upsert", "--once"]].concat(), "no key");
    refused(&["watch", "in", "--table", "nope", "--once"], "no table nope");
    refused(&["watch", "in", "--once"], "--table");
    refused(&["watch", "none", "--table", "ticks"], "cannot open none");
    refused(&["watch", "lake", "--table", "ticks"], "lies in the lake");
    assert_eq!(fs::read_dir(place.path("in")).unwrap().count(), 1);
}

#[test]
fn a_file_without_end_is_left_for_the_next_time() {
    let place = Place::new();
    place.put("a.csv", &row("A"));
    let said = place.run(&["watch", "in", "--table", "ticks", "--once", "--quiet-period", "1h"]);
    assert_eq!((said.code, said.out.as_str()), (0, ""));
    assert!(said.err.contains("not complete yet: 1"), "{}", said.err);
    assert!(place.path("in/a.csv").exists());
}
