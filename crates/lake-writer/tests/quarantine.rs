//! Rejected rows as a shell deals with them: list, show, retry, drop, and status.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::kit::{Said, Shell};

/// A lake with two empty tables, one with a key.
struct Kept(Shell);

impl Kept {
    fn new() -> Kept {
        let shell = Shell::new();
        let schema = "symbol VARCHAR, date DATE, close DOUBLE, volume INTEGER";
        let key = ["--partition-by", "symbol", "--key", "symbol,date"];
        shell.json(&[&["create", "bars", "--schema", schema][..], &key].concat());
        shell.json(&["create", "more", "--schema", schema, "--partition-by", "symbol"]);
        Kept(shell)
    }

    fn run(&self, args: &[&str]) -> Said {
        self.0.run_as("json", args)
    }

    fn json(&self, args: &[&str]) -> Value {
        self.0.json(args)
    }

    fn retry(&self, args: &[&str]) -> Said {
        self.run(&[&["quarantine", "retry"][..], args].concat())
    }

    /// Ingests rows, of which some are rejected and kept.
    fn keep(&self, table: &str, rows: &str) -> String {
        self.0.put("in.csv", &format!("symbol,date,close,volume\n{rows}"));
        let before = self.names();
        self.json(&["ingest", table, "in.csv", "--on-error", "quarantine"]);
        self.names().into_iter().find(|name| !before.contains(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let list = self.json(&["quarantine", "list"]);
        let name = |file: &Value| file["name"].as_str().unwrap().to_owned();
        list.as_array().unwrap().iter().map(name).collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path("lake/_lake/quarantine").join(name)
    }

    fn waiting(&self) -> u64 {
        self.json(&["status"])["quarantine"].as_u64().unwrap()
    }

    fn widen(&self, table: &str) {
        self.json(&["alter", table, "widen-column", "volume", "BIGINT"]);
    }
}

const ROWS: &str = "A,2026-01-01,1,3000000000\nA,02.01.2026,2,20\nA,2026-01-03,3,30\n";

#[test]
fn rows_are_stored_after_the_table_was_changed() {
    let shell = Kept::new();
    let old = shell.keep("bars", ROWS);
    assert_eq!(shell.waiting(), 2);
    let none = shell.retry(&[&old]);
    let receipt: Value = serde_json::from_str(&none.out).unwrap();
    assert_eq!((none.code, &receipt["rows_rejected"]), (1, &json!(2)), "{}", none.err);
    let why = "no row fits, nothing was done; the first: in.csv, row 1 (line 2), column volume: ";
    assert!(none.err.contains(&format!("{old}: {why}\"3000000000\" does not")), "{}", none.err);
    assert_eq!((shell.names(), shell.waiting()), (vec![old.clone()], 2));
    shell.widen("bars");
    let dry: Value = shell.json(&["quarantine", "retry", &old, "--dry-run"]);
    assert_eq!((&dry["rows_written"], shell.names()), (&json!(1), vec![old.clone()]));
    let said = shell.retry(&[&old]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("1 of 2 rows do not fit; the first: in.csv, row 2"), "{}", said.err);
    let mut receipt: Value = serde_json::from_str(&said.out).unwrap();
    for key in ["elapsed_ms", "bytes"] {
        assert!(receipt.as_object_mut().unwrap().remove(key).unwrap().is_u64());
    }
    let want = json!({"version": 5, "table": "bars", "rows_in": 2, "rows_written": 1,
        "rows_superseded": 0, "rows_rejected": 1, "segments": 1, "duplicate": false});
    assert_eq!(receipt, want);
    let names = shell.names();
    assert!(names.len() == 1 && names[0] != old, "{names:?}");
    let last = shell.json(&["quarantine", "retry", &names[0], "--date-format", "%d.%m.%Y"]);
    assert_eq!((&last["rows_written"], &last["rows_rejected"]), (&json!(1), &json!(0)));
    assert_eq!((shell.waiting(), &shell.json(&["status"])["tables"][0]["rows"]), (0, &json!(3)));
}

#[test]
fn a_file_that_is_put_back_is_a_duplicate() {
    let shell = Kept::new();
    let old = shell.keep("more", ROWS);
    shell.widen("more");
    let bytes = std::fs::read(shell.path(&old)).unwrap();
    let first = shell.json(&["quarantine", "retry", &old]);
    std::fs::write(shell.path(&old), bytes).unwrap();
    let mut again = shell.json(&["quarantine", "retry", &old]);
    assert_eq!(again["duplicate"], true);
    again["duplicate"] = json!(false);
    assert_eq!(again, first);
    assert!(!shell.path(&old).exists());
    assert_eq!(shell.json(&["status"])["tables"][1]["rows"], 2);
}

#[test]
fn all_files_at_once() {
    let shell = Kept::new();
    assert_eq!(shell.json(&["quarantine", "retry", "--all"]), json!([]));
    let bars = shell.keep("bars", ROWS);
    let more = shell.keep("more", "A,2026-01-01,1,3000000000\n");
    shell.widen("more");
    let some = shell.json(&["quarantine", "retry", "--all", "--table", "MORE", "--dry-run"]);
    assert_eq!((&some[0]["name"], &some[1]), (&json!(more), &Value::Null));
    let said = shell.retry(&["--all"]);
    // One of them has no row that fits.
    assert_eq!(said.code, 1, "{}", said.err);
    let rows: Value = serde_json::from_str(&said.out).unwrap();
    let line = |i: usize| (rows[i]["name"].clone(), rows[i]["rows_written"].clone());
    assert_eq!((line(0), line(1)), ((json!(bars), json!(0)), (json!(more), json!(1))));
    assert_eq!(rows[1].as_object().unwrap().len(), 11);
    assert_eq!(shell.names(), [bars]);
    shell.widen("bars");
    assert_eq!(shell.retry(&["--all", "--date-format", "%d.%m.%Y"]).code, 0);
}

#[test]
fn files_can_be_thrown_away() {
    let shell = Kept::new();
    let old = shell.keep("bars", ROWS);
    let dry = shell.json(&["quarantine", "drop", &old, "--dry-run"]);
    assert_eq!(dry, json!([{"name": old, "table": "bars", "rows": 2, "dropped": false}]));
    let said = shell.run(&["quarantine", "drop", &old, "7.x.rejects"]);
    assert_eq!((said.code, shell.names().len()), (2, 1), "{}", said.err);
    assert_eq!(shell.json(&["quarantine", "drop", &old])[0]["dropped"], true);
    assert_eq!((shell.names().len(), shell.waiting()), (0, 0));
}

#[test]
fn status_counts_what_is_whole() {
    let shell = Kept::new();
    shell.keep("bars", ROWS);
    shell.keep("more", ROWS);
    std::fs::write(shell.path("7.torn.rejects"), b"PAR1 torn").unwrap();
    std::fs::write(shell.path("8.empty.rejects"), b"").unwrap();
    std::fs::create_dir(shell.path("9.dir.rejects")).unwrap();
    std::fs::write(shell.path("0000000000009.e"), b"a leftover of the log").unwrap();
    assert_eq!(shell.waiting(), 4);
    let table = shell.0.run_as("table", &["status"]);
    assert_eq!(table.code, 0, "{}", table.err);
    let line = table.out.lines().find(|line| line.starts_with("quarantine")).unwrap();
    assert_eq!(line.split_whitespace().last(), Some("4"));
}

#[test]
fn what_is_misspelled_is_refused() {
    let shell = Kept::new();
    let old = shell.keep("bars", ROWS);
    for (args, word) in [
        (&["nope"][..], "no quarantined rows are called nope"),
        (&["7.x.rejects"], "no quarantined rows are called 7.x.rejects"),
        (&["../quarantine/x.rejects"], "no quarantined rows"),
        (&[".."], "no quarantined rows"),
        (&[&old, "nope"], "no quarantined rows are called nope"),
        (&[], "required"),
        (&["--all", &old], "cannot be used with"),
        (&[&old, "--table", "bars"], "cannot be used with"),
        (&[&old, "--mode", "replace"], "replace"),
        (&[&old, "--date-format", "soon"], "is neither strftime"),
    ] {
        let said = shell.retry(args);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}: {}", said.err);
        assert!(said.err.contains(word), "{args:?}: {}", said.err);
    }
    for verb in ["show", "drop"] {
        let said = shell.run(&["quarantine", verb, "../quarantine/x.rejects"]);
        assert_eq!(said.code, 2, "{}", said.err);
    }
    assert_eq!(shell.names(), [old]);
}
