//! Modes, deletes, alters, tags, quarantine and streams, as a shell sees them.

use serde_json::{Value, json};

use crate::kit::{Running, Shell};

const SCHEMA: &str = "symbol VARCHAR, date DATE, close DOUBLE, volume BIGINT";

/// A lake with an empty table of bars.
fn bars() -> Shell {
    let shell = Shell::new();
    let key = ["--partition-by", "symbol", "--key", "symbol,date"];
    shell.json(&[&["create", "bars", "--schema", SCHEMA][..], &key].concat());
    shell
}

fn put(shell: &Shell, name: &str, rows: &[&str]) {
    shell.put(name, &format!("symbol,date,close,volume\n{}\n", rows.join("\n")));
}

#[test]
fn modes() {
    let shell = bars();
    put(&shell, "a.csv", &["A,2026-01-01,1,10", "A,2026-01-02,2,20", "B,2026-01-01,5,50"]);
    put(&shell, "b.csv", &["A,2026-01-02,9,", "A,2026-01-03,3,30"]);
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
    assert_eq!(shell.files("lake/_lake/staging"), 0);
}

#[test]
fn a_market_day_is_one_file() {
    let shell = bars();
    let day = |n: usize| format!("S{n:04},2026-01-01,{n},1");
    let rows: Vec<String> = (0..500).map(day).collect();
    put(&shell, "day.csv", &rows.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(shell.json(&["ingest", "bars", "day.csv"])["segments"], 1);
    let one = shell.json(&["ingest", "bars", "day.csv", "--layout", "per-symbol"]);
    assert_eq!(one["segments"], 500);
    let settings = "[tables.bars]\nincrement_layout = \"per-symbol\"\n";
    shell.put("lake/lake.toml", settings);
    assert_eq!(shell.json(&["ingest", "bars", "day.csv"])["segments"], 500);
    let wrong = settings.replace("per-symbol", "pack");
    shell.put("lake/lake.toml", &wrong);
    shell.refused(&["ingest", "bars", "day.csv"], "increment_layout");
}

#[test]
fn several_tables_at_once() {
    let shell = bars();
    shell.json(&["create", "more", "--schema", SCHEMA, "--partition-by", "symbol"]);
    put(&shell, "a.csv", &["A,2026-01-01,1,10"]);
    put(&shell, "b.csv", &["B,2026-01-01,1,10"]);
    let send = ["ingest-many", "bars=a.csv", "more=b.csv", "bars=b.csv"];
    let send = [&send[..], &["--producer", "eod", "--seq", "1"]].concat();
    let done = shell.json(&send);
    assert_eq!((&done["version"], &done["duplicate"]), (&json!(3), &json!(false)));
    let written: Vec<&Value> =
        done["tables"].as_array().unwrap().iter().map(|t| &t["rows_written"]).collect();
    assert_eq!(written, [&json!(2), &json!(1)]);
    assert_eq!(shell.json(&send)["duplicate"], true);
    // Each by its own setting.
    shell.put("lake/lake.toml", "[tables.more]\nincrement_layout = \"packed\"\n");
    put(&shell, "two.csv", &["A,2026-01-02,1,10", "B,2026-01-02,1,10"]);
    let both = shell.json(&["ingest-many", "bars=two.csv", "more=two.csv"]);
    let files: Vec<&Value> =
        both["tables"].as_array().unwrap().iter().map(|t| &t["segments"]).collect();
    assert_eq!(files, [&json!(2), &json!(1)]);
    put(&shell, "bad.csv", &["A,x,1,1"]);
    shell.refused(&["ingest-many", "bars=a.csv", "more=bad.csv"], "bad.csv, row 1");
    assert_eq!(shell.json(&["status"])["version"], 4);
}

#[test]
fn deletes() {
    let shell = bars();
    let days: Vec<String> = (1..=9).map(|d| format!("A,2026-01-0{d},{d},1")).collect();
    put(&shell, "a.csv", &days.iter().map(String::as_str).collect::<Vec<_>>());
    shell.json(&["ingest", "bars", "a.csv"]);
    let dry = shell.json(&["delete", "bars", "--where", "close > 7", "--dry-run"]);
    assert_eq!((&dry["rows_deleted"], &dry["version"]), (&json!(2), &json!(2)));
    let gone = shell.json(&["delete", "bars", "--where", "Close > 7 AND symbol = 'A'"]);
    assert_eq!((&gone["rows_deleted"], &gone["rows_written"]), (&json!(2), &json!(7)));
    assert_eq!(shell.rows(), 7);
    let none = shell.json(&["delete", "bars", "--where", "close > 100"]);
    assert_eq!((&none["rows_deleted"], &none["version"]), (&json!(0), &gone["version"]));
    shell.put("keys.csv", "date,symbol\n2026-01-01,A\n2026-01-09,A\n");
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
    let shell = bars();
    put(&shell, "a.csv", &["A,2026-01-01,1,10"]);
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
    put(&shell, "bad.csv", &["A,2026-01-02,-1,10", "A,2026-01-03,1,10"]);
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
    let shell = bars();
    put(&shell, "a.csv", &["A,2026-01-01,1,10", "A,soon,2,20", "A,2026-01-03,3,many"]);
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
    let shell = bars();
    put(&shell, "a.csv", &["A,2026-01-01,1,10"]);
    put(&shell, "b.csv", &["A,2026-01-02,1,10", "B,2026-01-02,1,10"]);
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
    let shell = bars();
    shell.put("q.csv", "code,day,px,n\n000001,2026-01-01,1.5,7\n600519,2026-01-02,2,8\n");
    let said =
        shell.run(&["ingest", "quotes", "q.csv", "--partition-by", "code", "--key", "code,day"]);
    assert_eq!(said.code, 0, "{}", said.err);
    for word in ["code VARCHAR NOT NULL", "day DATE NOT NULL", "px DOUBLE", "n BIGINT"] {
        assert!(said.err.contains(word), "{}", said.err);
    }
    assert_eq!(shell.files("lake/warehouse/quotes/code=000001"), 1);
    let sql = "SELECT code, day, px * 2 AS px, n FROM input WHERE n > 7";
    let part = shell.json(&["ingest", "quotes", "q.csv", "--sql", sql]);
    assert_eq!((&part["rows_in"], &part["rows_written"]), (&json!(1), &json!(1)));
    shell.refused(&["ingest", "quotes", "q.csv", "--sql", "SELECT nope FROM input"], "nope");
    let stream = ["ingest", "quotes", "q.csv", "--checkpoint-rows", "1"];
    shell.refused(&[&stream[..], &["--dry-run"]].concat(), "what is durable");
}

/// A writer that reads what the test sends it.
fn start(shell: &Shell, more: &[&str]) -> Running {
    let args = [&["ingest", "bars", "-", "--input-format", "csv", "--producer", "p"][..], more];
    Running::start(shell.command(&args.concat()))
}

fn day(n: u32) -> String {
    format!("A,{}-{:02}-{:02},{n},1\n", 2000 + n / 300, 1 + n / 25 % 12, 1 + n % 25)
}

#[test]
fn a_stream_is_resumed_after_its_last_receipt() {
    let shell = bars();
    let header = "symbol,date,close,volume\n";
    let mut stream = start(&shell, &["--checkpoint-rows", "10"]);
    stream.send(header);
    (0..25).for_each(|n| stream.send(&day(n)));
    assert_eq!(stream.receipt().unwrap()["through_row"], 10);
    assert_eq!(stream.receipt().unwrap()["through_row"], 20);
    stream.child.kill().unwrap();
    stream.child.wait().unwrap();
    assert_eq!(shell.rows(), 20);
    // All rows are sent again; those that are committed are skipped.
    let mut stream = start(&shell, &["--checkpoint-rows", "10"]);
    stream.send(header);
    (0..33).for_each(|n| stream.send(&day(n)));
    drop(stream.input.take());
    let through: Vec<Value> =
        (0..2).map(|_| stream.receipt().unwrap()["through_row"].clone()).collect();
    assert_eq!(through, [30, 33]);
    assert_eq!(stream.child.wait().unwrap().code(), Some(0));
    assert_eq!(shell.rows(), 33);
    // Only what is new is sent.
    let mut stream = start(&shell, &["--checkpoint-rows", "10", "--first-row", "31"]);
    stream.send(header);
    (30..35).for_each(|n| stream.send(&day(n)));
    drop(stream.input.take());
    let last = stream.receipt().unwrap();
    assert_eq!((&last["through_row"], &last["rows_written"]), (&json!(35), &json!(2)));
    assert_eq!(stream.child.wait().unwrap().code(), Some(0));
    assert_eq!(shell.rows(), 35);
}

#[test]
fn a_stream_that_is_stopped_commits_what_it_has() {
    for signal in ["-TERM", "-INT"] {
        let shell = bars();
        let mut stream = start(&shell, &["--checkpoint-rows", "3"]);
        stream.send("symbol,date,close,volume\n");
        (0..3).for_each(|n| stream.send(&day(n)));
        assert_eq!(stream.receipt().unwrap()["through_row"], 3);
        (3..5).for_each(|n| stream.send(&day(n)));
        stream.signal(signal);
        let (code, rest, err) = stream.wait();
        assert_eq!(code, Some(130), "{err}");
        // What had been read by then is committed, whole and once.
        let rows = shell.rows();
        assert!((3..=5).contains(&rows), "{rows}");
        assert_eq!(rest.lines().count() as u64, u64::from(rows > 3));
    }
}
