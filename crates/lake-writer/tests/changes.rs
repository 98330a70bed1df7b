//! Modes, deletes, alters, tags, quarantine and streams, as a shell sees them.

// The whole file is a test; clippy knows that of functions marked so only.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

struct Shell(tempfile::TempDir);

struct Said {
    code: i32,
    out: String,
    err: String,
}

const SCHEMA: &str = "symbol VARCHAR, date DATE, close DOUBLE, volume BIGINT";

impl Shell {
    /// With a lake and an empty table of bars.
    fn new() -> Shell {
        let shell = Shell(tempfile::tempdir().unwrap());
        shell.json(&["init"]);
        let key = ["--partition-by", "symbol", "--key", "symbol,date"];
        shell.json(&[&["create", "bars", "--schema", SCHEMA][..], &key].concat());
        shell
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lake-writer"));
        command
            .env_clear()
            .args(args)
            .args(["--format", "json", "--lake"])
            .arg(self.0.path().join("lake"))
            .current_dir(self.0.path());
        command
    }

    fn run(&self, args: &[&str]) -> Said {
        let output = self.command(args).output().unwrap();
        Said {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn json(&self, args: &[&str]) -> Value {
        let said = self.run(args);
        assert_eq!(said.code, 0, "{args:?}: {}", said.err);
        serde_json::from_str(&said.out).unwrap()
    }

    fn refused(&self, args: &[&str], word: &str) {
        let said = self.run(args);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}: {}", said.err);
        assert!(said.err.contains(word), "{args:?}: {}", said.err);
    }

    fn put(&self, name: &str, rows: &[&str]) {
        let text = format!("symbol,date,close,volume\n{}\n", rows.join("\n"));
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    fn rows(&self) -> u64 {
        self.json(&["status"])["tables"][0]["rows"].as_u64().unwrap()
    }

    fn files(&self, beneath: &str) -> usize {
        count(&self.0.path().join("lake").join(beneath))
    }
}

fn count(dir: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let count = |path: &Path| if path.is_dir() { count(path) } else { 1 };
    entries.map(|e| count(&e.unwrap().path())).sum()
}

#[test]
fn modes() {
    let shell = Shell::new();
    shell.put("a.csv", &["A,2026-01-01,1,10", "A,2026-01-02,2,20", "B,2026-01-01,5,50"]);
    shell.put("b.csv", &["A,2026-01-02,9,", "A,2026-01-03,3,30"]);
    assert_eq!(shell.json(&["ingest", "bars", "a.csv"])["rows_written"], 3);
    shell.refused(&["ingest", "bars", "b.csv", "--mode", "append"], "has key (A, 2026-01-02)");
    let ignored = shell.json(&["ingest", "bars", "b.csv", "--mode", "ignore"]);
    assert_eq!((&ignored["rows_written"], &ignored["rows_superseded"]), (&json!(1), &json!(1)));
    assert_eq!(shell.rows(), 4);
    shell.json(&["ingest", "bars", "b.csv", "--keep-nulls"]);
    let range = shell.json(&["ingest", "bars", "b.csv", "--mode", "replace-range"]);
    assert_eq!(range["rows_written"], 2);
    let all = shell.json(&["ingest", "bars", "b.csv", "--mode", "replace"]);
    assert_eq!(all["rows_written"], 2);
    // Of B its row, of A the two that replaced all others.
    assert_eq!(shell.rows(), 3);
    let dry = shell.json(&["ingest", "bars", "a.csv", "--dry-run"]);
    assert_eq!((&dry["version"], &dry["rows_in"]), (&all["version"], &json!(3)));
    assert_eq!(shell.rows(), 3);
    assert_eq!(shell.files("_lake/staging"), 0);
}

#[test]
fn a_market_day_is_one_file() {
    let shell = Shell::new();
    let day = |n: usize| format!("S{n:04},2026-01-01,{n},1");
    let rows: Vec<String> = (0..500).map(day).collect();
    shell.put("day.csv", &rows.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(shell.json(&["ingest", "bars", "day.csv"])["segments"], 1);
    let one = shell.json(&["ingest", "bars", "day.csv", "--layout", "per-symbol"]);
    assert_eq!(one["segments"], 500);
    let settings = "[tables.bars]\nincrement_layout = \"per-symbol\"\n";
    std::fs::write(shell.0.path().join("lake/lake.toml"), settings).unwrap();
    assert_eq!(shell.json(&["ingest", "bars", "day.csv"])["segments"], 500);
    let wrong = settings.replace("per-symbol", "pack");
    std::fs::write(shell.0.path().join("lake/lake.toml"), wrong).unwrap();
    shell.refused(&["ingest", "bars", "day.csv"], "increment_layout");
}

#[test]
fn several_tables_at_once() {
    let shell = Shell::new();
    shell.json(&["create", "more", "--schema", SCHEMA, "--partition-by", "symbol"]);
    shell.put("a.csv", &["A,2026-01-01,1,10"]);
    shell.put("b.csv", &["B,2026-01-01,1,10"]);
    let send = ["ingest-many", "bars=a.csv", "more=b.csv", "bars=b.csv"];
    let send = [&send[..], &["--producer", "eod", "--seq", "1"]].concat();
    let done = shell.json(&send);
    assert_eq!((&done["version"], &done["duplicate"]), (&json!(3), &json!(false)));
    let written: Vec<&Value> =
        done["tables"].as_array().unwrap().iter().map(|t| &t["rows_written"]).collect();
    assert_eq!(written, [&json!(2), &json!(1)]);
    assert_eq!(shell.json(&send)["duplicate"], true);
    std::fs::write(shell.0.path().join("bad.csv"), "symbol,date,close,volume\nA,x,1,1\n").unwrap();
    shell.refused(&["ingest-many", "bars=a.csv", "more=bad.csv"], "bad.csv, row 1");
    assert_eq!(shell.json(&["status"])["version"], 3);
}

#[test]
fn deletes() {
    let shell = Shell::new();
    let days: Vec<String> = (1..=9).map(|d| format!("A,2026-01-0{d},{d},1")).collect();
    shell.put("a.csv", &days.iter().map(String::as_str).collect::<Vec<_>>());
    shell.json(&["ingest", "bars", "a.csv"]);
    let dry = shell.json(&["delete", "bars", "--where", "close > 7", "--dry-run"]);
    assert_eq!((&dry["rows_deleted"], &dry["version"]), (&json!(2), &json!(2)));
    let gone = shell.json(&["delete", "bars", "--where", "Close > 7 AND symbol = 'A'"]);
    assert_eq!((&gone["rows_deleted"], &gone["rows_written"]), (&json!(2), &json!(7)));
    assert_eq!(shell.rows(), 7);
    let none = shell.json(&["delete", "bars", "--where", "close > 100"]);
    assert_eq!((&none["rows_deleted"], &none["version"]), (&json!(0), &gone["version"]));
    std::fs::write(shell.0.path().join("keys.csv"), "date,symbol\n2026-01-01,A\n2026-01-09,A\n")
        .unwrap();
    assert_eq!(shell.json(&["delete", "bars", "--keys", "keys.csv"])["rows_deleted"], 1);
    let range = ["delete", "bars", "--symbol", "A", "--from", "2026-01-02", "--to", "2026-12-31"];
    shell.json(&range);
    assert_eq!(shell.rows(), 0);
    shell.refused(&["delete", "bars", "--where", "nope = 1"], "nope");
    shell.refused(&["delete", "bars", "--where", "close"], "not true or false");
    shell.refused(&["delete", "bars"], "required");
    shell.refused(&["delete", "bars", "--from", "soon"], "is not a DATE");
}

#[test]
fn alters_and_checks() {
    let shell = Shell::new();
    shell.put("a.csv", &["A,2026-01-01,1,10"]);
    shell.json(&["ingest", "bars", "a.csv"]);
    let alter = |args: &[&str]| shell.json(&[&["alter", "bars"][..], args].concat());
    assert_eq!(
        alter(&["add-column", "currency", "VARCHAR NOT NULL", "DEFAULT", "CNY"])["schema_version"],
        2
    );
    // Who sends rows need not know the new column.
    shell.json(&["ingest", "bars", "a.csv"]);
    alter(&["rename-column", "volume", "vol"]);
    shell.refused(&["ingest", "bars", "a.csv"], "volume");
    shell.json(&["ingest", "bars", "a.csv", "--map", "volume=vol"]);
    alter(&["widen-column", "vol", "DECIMAL(38,0)"]);
    alter(&["add-check", "positive", "close > 0"]);
    shell.put("bad.csv", &["A,2026-01-02,-1,10", "A,2026-01-03,1,10"]);
    let bad = ["ingest", "bars", "bad.csv", "--map", "volume=vol"];
    shell.refused(&bad, "bad.csv, row 1 (line 2), column close");
    shell.refused(&bad, "CHECK positive (close > 0)");
    let skipped = shell.json(&[&bad[..], &["--on-error", "skip"]].concat());
    assert_eq!((&skipped["rows_rejected"], &skipped["rows_written"]), (&json!(1), &json!(1)));
    shell.refused(&["alter", "bars", "add-check", "big", "close > 100"], "2 stored rows break");
    shell.refused(&["alter", "bars", "drop-column", "close"], "check positive uses");
    alter(&["drop-check", "positive"]);
    alter(&["drop-column", "close"]);
    shell.refused(&["alter", "bars", "drop-column", "date"], "the key");
    shell.refused(&["alter", "bars", "widen-column", "vol", "BIGINT"], "not widened");
    shell.refused(&["alter", "bars", "rename-column", "no", "x"], "no column no");
}

#[test]
fn quarantine() {
    let shell = Shell::new();
    shell.put("a.csv", &["A,2026-01-01,1,10", "A,soon,2,20", "A,2026-01-03,3,many"]);
    let sent = shell.json(&["ingest", "bars", "a.csv", "--on-error", "quarantine"]);
    let counts = ["rows_in", "rows_written", "rows_rejected"].map(|k| sent[k].as_u64().unwrap());
    assert_eq!(counts, [3, 1, 2]);
    let list = shell.json(&["quarantine", "list"]);
    assert_eq!((&list[0]["table"], &list[0]["rows"]), (&json!("bars"), &json!(2)));
    let rows = shell.json(&["quarantine", "show", list[0]["name"].as_str().unwrap()]);
    let row = &rows[1];
    let (column, line, raw) = (&row["column"], &row["line"], &row["raw"]);
    assert_eq!((column, line, raw), (&json!("volume"), &json!(4), &json!("A,2026-01-03,3,many")));
    assert_eq!((&row["value"], &row["file"]), (&json!("many"), &json!("a.csv")));
    shell.refused(&["quarantine", "show", "../LAKE"], "no quarantined rows");
}

#[test]
fn tags_and_restore() {
    let shell = Shell::new();
    shell.put("a.csv", &["A,2026-01-01,1,10"]);
    shell.put("b.csv", &["A,2026-01-02,1,10", "B,2026-01-02,1,10"]);
    shell.json(&["ingest", "bars", "a.csv"]);
    assert_eq!(shell.json(&["tag", "before"]), json!({"name": "before", "version": 2}));
    shell.json(&["ingest", "bars", "b.csv"]);
    assert_eq!(shell.rows(), 3);
    let done = shell.json(&["restore", "--to", "before"]);
    assert_eq!((&done["restored"], &done["rows"]), (&json!(2), &json!(1)));
    assert_eq!(shell.rows(), 1);
    let again = shell.json(&["restore", "--to", "2"]);
    assert_eq!(again["version"], done["version"]);
    assert_eq!(shell.json(&["tag", "--delete", "before"])["deleted"], true);
    shell.refused(&["restore", "--to", "before"], "tagged before");
    shell.refused(&["tag", "42"], "letters, digits");
    assert_eq!(shell.json(&["drain"])["drained"], 0);
}

#[test]
fn a_table_of_its_first_file() {
    let shell = Shell::new();
    std::fs::write(
        shell.0.path().join("q.csv"),
        "code,day,px,n\n000001,2026-01-01,1.5,7\n600519,2026-01-02,2,8\n",
    )
    .unwrap();
    let said =
        shell.run(&["ingest", "quotes", "q.csv", "--partition-by", "code", "--key", "code,day"]);
    assert_eq!(said.code, 0, "{}", said.err);
    for word in ["code VARCHAR NOT NULL", "day DATE NOT NULL", "px DOUBLE", "n BIGINT"] {
        assert!(said.err.contains(word), "{}", said.err);
    }
    assert_eq!(shell.files("warehouse/quotes/code=000001"), 1);
    let sql = "SELECT code, day, px * 2 AS px, n FROM input WHERE n > 7";
    let part = shell.json(&["ingest", "quotes", "q.csv", "--sql", sql]);
    assert_eq!((&part["rows_in"], &part["rows_written"]), (&json!(1), &json!(1)));
    shell.refused(&["ingest", "quotes", "q.csv", "--sql", "SELECT nope FROM input"], "nope");
    let stream = ["ingest", "quotes", "q.csv", "--checkpoint-rows", "1"];
    shell.refused(&[&stream[..], &["--dry-run"]].concat(), "what is durable");
}

/// A writer that reads what the test sends it.
struct Streaming(Child, BufReader<std::process::ChildStdout>);

impl Streaming {
    fn start(shell: &Shell, more: &[&str]) -> Streaming {
        let args = [&["ingest", "bars", "-", "--input-format", "csv", "--producer", "p"][..], more];
        let mut command = shell.command(&args.concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Streaming(child, out)
    }

    fn send(&mut self, text: &str) {
        let stdin = self.0.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).unwrap();
    }

    fn receipt(&mut self) -> Value {
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

fn day(n: u32) -> String {
    format!("A,{}-{:02}-{:02},{n},1\n", 2000 + n / 300, 1 + n / 25 % 12, 1 + n % 25)
}

#[test]
fn a_stream_is_resumed_after_its_last_receipt() {
    let shell = Shell::new();
    let header = "symbol,date,close,volume\n";
    let mut stream = Streaming::start(&shell, &["--checkpoint-rows", "10"]);
    stream.send(header);
    (0..25).for_each(|n| stream.send(&day(n)));
    assert_eq!(stream.receipt()["through_row"], 10);
    assert_eq!(stream.receipt()["through_row"], 20);
    stream.0.kill().unwrap();
    stream.0.wait().unwrap();
    assert_eq!(shell.rows(), 20);
    // All rows are sent again; those that are committed are skipped.
    let mut stream = Streaming::start(&shell, &["--checkpoint-rows", "10"]);
    stream.send(header);
    (0..33).for_each(|n| stream.send(&day(n)));
    drop(stream.0.stdin.take());
    let through: Vec<Value> = (0..2).map(|_| stream.receipt()["through_row"].clone()).collect();
    assert_eq!(through, [30, 33]);
    assert_eq!(stream.0.wait().unwrap().code(), Some(0));
    assert_eq!(shell.rows(), 33);
    // Only what is new is sent.
    let mut stream = Streaming::start(&shell, &["--checkpoint-rows", "10", "--first-row", "31"]);
    stream.send(header);
    (30..35).for_each(|n| stream.send(&day(n)));
    drop(stream.0.stdin.take());
    let last = stream.receipt();
    assert_eq!((&last["through_row"], &last["rows_written"]), (&json!(35), &json!(2)));
    assert_eq!(stream.0.wait().unwrap().code(), Some(0));
    assert_eq!(shell.rows(), 35);
}

#[test]
fn a_stream_that_is_stopped_commits_what_it_has() {
    for signal in ["-TERM", "-INT"] {
        let shell = Shell::new();
        let mut stream = Streaming::start(&shell, &["--checkpoint-rows", "3"]);
        stream.send("symbol,date,close,volume\n");
        (0..3).for_each(|n| stream.send(&day(n)));
        assert_eq!(stream.receipt()["through_row"], 3);
        (3..5).for_each(|n| stream.send(&day(n)));
        // Waiting closes stdin, which would end the stream in order.
        let _stdin = stream.0.stdin.take();
        let pid = stream.0.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        assert_eq!(stream.0.wait().unwrap().code(), Some(130));
        // What had been read by then is committed, whole and once.
        let rows = shell.rows();
        assert!((3..=5).contains(&rows), "{rows}");
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut stream.1, &mut rest).unwrap();
        assert_eq!(rest.lines().count() as u64, u64::from(rows > 3));
    }
}
