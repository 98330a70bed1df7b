//! From one DuckDB file into the lake, and both compared.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::lake::Lake;

/// Rows of many types; symbols that are paths, patterns, SQL and a word of it.
const ROWS: &str = "SELECT symbol, DATE '2026-11-01' + d::INT AS date, \
    CASE WHEN d % 4 > 0 THEN d * 1.5::DOUBLE END AS close, (d * 1000)::BIGINT AS volume, \
    (d / 8)::DECIMAL(18,4) AS factor, (CASE WHEN d % 2 = 0 THEN 'up' END)::ENUM('up', 'it''s') AS side, \
    md5(symbol)::UUID AS id, TIMESTAMP_S '2026-11-20 15:00:00' AS closed, \
    TIMESTAMPTZ '2026-11-20 15:00:00+08' AS at, [d, NULL]::INT[2] AS pair, \
    {'x': d::SMALLINT, 'y z': NULL::DATE} AS parts, MAP {'k': d::FLOAT} AS named, \
    chr(32929) || chr(9) || '\"' AS note, 'a'::BLOB AS raw, d > 3 AS late, TIME '09:30:00.5' AS opened \
    FROM (VALUES ('600519'), ('a/b=%2F'), ('*?[x]{y}'), ('it''s \"so\"'), ('NULL'), ('000001')) s(symbol), \
    range(10) r(d)";

impl Lake {
    /// A DuckDB file with the answer as its table `result`.
    fn duckdb(&self, name: &str, sql: &str) -> String {
        let file = self.path(name);
        self.query(&["export", "--sql", sql, "--to", &file, "--overwrite"]).done();
        file
    }

    fn import(&self, file: &str, more: &[&str]) -> Value {
        let args = [&["import-duckdb", file, "--format", "json"], more].concat();
        self.query(&args).json()
    }

    /// The exit code, and what was found.
    fn compare(&self, file: &str, more: &[&str]) -> (Option<i32>, Value) {
        let said = self.query(&[&["compare", file, "--format", "json"], more].concat());
        (said.code, serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}", said.err)))
    }

    fn path(&self, name: &str) -> String {
        self.root().with_file_name(name).to_str().unwrap().to_owned()
    }
}

#[test]
fn there_and_compared_and_there_once() {
    let lake = Lake::new();
    let file = lake.duckdb("old.duckdb", ROWS);
    let named = ["--table", "result=bars"];
    let dry = lake.import(&file, &[&named[..], &["--dry-run"]].concat());
    assert_eq!(dry[0]["version"], Value::Null);
    assert_eq!(lake.version(), 0);

    let made = lake.import(&file, &named);
    assert_eq!(made[0]["table"], "bars");
    assert_eq!((&made[0]["rows"], &made[0]["rows_written"]), (&json!(60), &json!(60)));
    assert_eq!(made[0]["partition_by"], json!(["symbol"]));
    assert_eq!(made[0]["key"], json!(["symbol", "date"]));
    let (code, found) = lake.compare(&file, &named);
    assert_eq!((code, &found[0]["equal"]), (Some(0), &json!(true)), "{found}");
    assert_eq!((&found[0]["rows_both"], &found[0]["rows_lake"]), (&json!(60), &json!(60)));
    assert_eq!(found[0]["checksum_file"], found[0]["checksum_lake"]);
    let types = "SELECT column_type FROM (DESCRIBE bars) WHERE column_name IN ('side', 'at', 'pair', 'parts')";
    let struct_type = "STRUCT(x SMALLINT, \"y z\" DATE)";
    assert_eq!(lake.rows(types), json!([["VARCHAR"], ["TIMESTAMP"], ["INTEGER[]"], [struct_type]]));

    let both = "SELECT count(*) FROM bars b JOIN old.result o USING (symbol, date) \
        WHERE b.volume = o.volume";
    let joined = lake.rows_at(both, &["--attach", &file]);
    assert_eq!(joined, json!([[60]]));

    let version = lake.version();
    assert_eq!(lake.import(&file, &named)[0]["duplicate"], true);
    assert_eq!(lake.version(), version);
    assert_eq!(lake.import(&file, &[&named[..], &["--again"]].concat())[0]["duplicate"], false);
    assert_eq!(lake.version(), version + 1);
}

#[test]
fn what_differs_is_named() {
    let lake = Lake::new();
    let file = lake.duckdb("old.duckdb", ROWS);
    let named = ["--table", "result=bars"];
    lake.import(&file, &named);
    // One row has other values, one is missing and one is new.
    let other = format!(
        "SELECT * REPLACE (CASE WHEN symbol = 'NULL' AND volume = 3000 THEN NULL ELSE close END AS close) \
         FROM ({ROWS}) WHERE NOT (symbol = '000001' AND volume = 5000) \
         UNION ALL SELECT * REPLACE ('new' AS symbol) FROM ({ROWS}) WHERE symbol = '000001' AND volume = 0"
    );
    let file = lake.duckdb("old.duckdb", &other);
    let (code, found) = lake.compare(&file, &named);
    let found = &found[0];
    assert_eq!((code, &found["equal"], &found["rows_both"]), (Some(1), &json!(false), &json!(58)));
    for count in ["differ", "only_file", "only_lake"] {
        assert_eq!(found[count], 1, "{count}: {found}");
    }
    assert_eq!(found["columns"], json!(["close"]));
    assert_ne!(found["checksum_file"], found["checksum_lake"]);
    let key = |symbol: &str, date: &str| json!({"symbol": symbol, "date": date});
    assert_eq!(
        found["differences"],
        json!([
            {"key": key("000001", "2026-11-06"), "in": "lake", "values": {}},
            {"key": key("NULL", "2026-11-04"), "in": "both", "values": {"close": [null, "4.5"]}},
            {"key": key("new", "2026-11-01"), "in": "file", "values": {}},
        ])
    );
    let (_, cut) = lake.compare(&file, &[&named[..], &["--limit", "1"]].concat());
    assert_eq!(cut[0]["differences"].as_array().unwrap().len(), 1);
    assert_eq!(cut[0]["differ"], 1);
    let said = lake.query(&["compare", &file, "--table", "result=bars", "--format", "csv"]);
    let line = "bars: symbol NULL, date 2026-11-04: close is NULL in the file, 4.5 in the lake\n";
    assert!(said.err.contains(line), "{}", said.err);

    // What is new of it is stored, by key; what it lacks stays.
    assert_eq!(lake.import(&file, &named)[0]["duplicate"], false);
    let (_, found) = lake.compare(&file, &named);
    assert_eq!((&found[0]["differ"], &found[0]["only_lake"]), (&json!(0), &json!(1)));
    lake.writer(&["alter", "bars", "add-column", "currency", "VARCHAR"]).done();
    let (_, found) = lake.compare(&file, &named);
    assert_eq!(found[0]["columns"], json!(["currency (only in the lake)"]));
}

/// A symbol of two columns, one of them NULL in the file.
#[test]
fn a_symbol_may_be_several_columns() {
    let lake = Lake::new();
    let columns = "type VARCHAR, symbol VARCHAR, date DATE, v INTEGER";
    let (parts, key) = ("type,symbol", "type,symbol,date");
    lake.create("facts", columns, &["--partition-by", parts, "--key", key]).done();
    let rows = "SELECT * FROM (VALUES ('income', 'A', 1), ('income', 'B', 2), ('cash', 'A', 3), \
        ('cash', 'B', 4)) t(type, symbol, v), (SELECT DATE '2026-11-20' AS date)";
    let file = lake.duckdb("facts.duckdb", rows);
    let named = ["--table", "result=facts"];
    assert_eq!(lake.import(&file, &named)[0]["key"], json!(["type", "symbol", "date"]));
    assert_eq!(lake.compare(&file, &named).0, Some(0));
    let other = format!(
        "SELECT * REPLACE (CASE WHEN v = 2 THEN 7 ELSE v END AS v) FROM ({rows}) \
         UNION ALL BY NAME SELECT 'cash' AS type, 5 AS v, DATE '2026-11-20' AS date"
    );
    let (_, found) = lake.compare(&lake.duckdb("facts.duckdb", &other), &named);
    let symbols: Vec<_> = found[0]["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["key"]["type"], &one["key"]["symbol"], &one["values"]))
        .collect();
    assert_eq!(
        symbols,
        [
            (&json!("cash"), &Value::Null, &json!({})),
            (&json!("income"), &json!("B"), &json!({"v": ["7", "2"]})),
        ]
    );
    let file = lake.duckdb("facts.duckdb", "SELECT 'A' AS symbol, {'x': 1} AS v");
    lake.query(&["compare", &file, "--table", "result=facts"])
        .failed(2, &["cannot compare table result"]);
    lake.query(&["compare", &file, "--param", "a=b"]).failed(2, &["--param"]);
}

#[test]
fn rows_that_nothing_tells_apart_are_all_kept() {
    let lake = Lake::new();
    let twice = "SELECT 'A' AS symbol, DATE '2026-11-20' AS date, TIME '09:30' + to_minutes(i // 2) AS at, \
        i // 2 AS px FROM range(8) t(i)";
    let file = lake.duckdb("ticks.duckdb", twice);
    let made = lake.import(&file, &["--table", "result=ticks"]);
    assert_eq!((&made[0]["key"], &made[0]["rows_written"]), (&json!([]), &json!(8)));
    assert_eq!(lake.compare(&file, &["--table", "result=ticks"]).0, Some(0));
    let once = format!("SELECT DISTINCT * FROM ({twice})");
    let file = lake.duckdb("ticks.duckdb", &once);
    let (code, found) = lake.compare(&file, &["--table", "result=ticks"]);
    assert_eq!(
        (code, &found[0]["only_lake"], &found[0]["rows_both"]),
        (Some(1), &json!(4), &json!(4))
    );
    // A date is too little to tell minutes apart, date and time are enough.
    let made = lake.import(&file, &["--table", "result=minutes"]);
    assert_eq!(made[0]["key"], json!(["symbol", "date", "at"]));
    // And without a symbol there is no directory for one.
    let file = lake.duckdb("notes.duckdb", "SELECT 7 AS code, 'x' AS note, NULL::DATE AS date");
    let made = lake.import(&file, &["--table", "result=notes"]);
    assert_eq!((&made[0]["partition_by"], &made[0]["key"]), (&json!([]), &json!([])));
    assert_eq!(lake.compare(&file, &["--table", "result=notes"]).0, Some(0));
}

#[test]
fn types_that_the_lake_lacks_are_told_before_anything_is_done() {
    let lake = Lake::new();
    let sql = "SELECT 'A' AS symbol, 5::HUGEINT AS volume, INTERVAL 1 DAY AS span";
    let file = lake.duckdb("old.duckdb", sql);
    let args = ["import-duckdb", &file, "--table", "result=bars"];
    let words = ["result.volume is HUGEINT", "result.span is INTERVAL", "--cast"];
    lake.query(&args).failed(2, &words);
    let casts = ["--cast", "volume=BIGINT", "--cast", "result.span=VARCHAR"];
    let made = lake.import(&file, &[&args[2..], &casts].concat());
    assert_eq!(made[0]["rows_written"], 1);
    assert_eq!(lake.rows("SELECT volume, span FROM bars"), json!([[5, "1 day"]]));
    assert_eq!(lake.compare(&file, &args[2..]).0, Some(0));
    let wrong = ["import-duckdb", &file, "--table", "result=c", "--cast", "symbol=INTEGER"];
    lake.query(&[&wrong[..], &casts].concat()).failed(2, &["'A'"]);
    assert!(lake.rows("FROM lake.tables").as_array().unwrap().len() == 1);
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let lake = Lake::with_bars();
    let none = lake.path("none.duckdb");
    let text = lake.file("text.duckdb", "symbol,date\n");
    let file = lake.duckdb("old.duckdb", ROWS);
    for command in ["import-duckdb", "compare"] {
        lake.query(&[command, &none]).failed(2, &["none.duckdb does not exist"]);
        lake.query(&[command, &text]).failed(2, &["text.duckdb is not a DuckDB database"]);
        lake.query(&[command, &file, "--table", "bars"]).failed(2, &["no table", "result"]);
        // As a DuckDB does that writes.
        let open = std::fs::OpenOptions::new().read(true).write(true).open(&file).unwrap();
        let lock = rustix::fs::FlockOperation::NonBlockingLockExclusive;
        rustix::fs::fcntl_lock(&open, lock).unwrap();
        lake.query(&[command, &file]).failed(3, &["open for writing in process", "copy"]);
    }
    assert_eq!(lake.version(), 1);
}

#[test]
fn the_writer_tells_what_is_wrong_with_the_rows() {
    let lake = Lake::new();
    let long = "SELECT repeat('x', 81) AS symbol, DATE '2026-11-20' AS date";
    let file = lake.duckdb("old.duckdb", long);
    let args = ["import-duckdb", &file, "--table", "result=bars"];
    lake.query(&args).failed(2, &["column symbol", "exit code 2"]);
    let file = lake.duckdb("old.duckdb", ROWS);
    lake.query(&["import-duckdb", &file, "--table", "result=bars", "--writer", "no/such"])
        .failed(2, &["no/such", "LAKE_WRITER"]);
    lake.query(&["import-duckdb", &file, "--table", "result=lake"]).failed(2, &["another name"]);
}

/// A pipe that its writer was killed at looks like the end of a stream, which stores
/// nothing.
#[test]
fn killed_in_the_middle_nothing_is_stored() {
    let lake = Lake::new();
    let many = "SELECT 'S' || (i % 9) AS symbol, i AS n FROM range(300000) t(i)";
    let file = lake.duckdb("old.duckdb", many);
    // It waits for the first rows, kills who sends them, and hands on what there is.
    let script = "#!/bin/sh\n\
        [ \"$1\" = ingest ] && { kill -STOP $PPID; kill -KILL $PPID; }\n\
        exec \"$LAKE_TWIN\" \"$@\"\n";
    let killer = lake.file("killer", script);
    std::fs::set_permissions(&killer, std::fs::Permissions::from_mode(0o755)).unwrap();
    let said = lake.query(&["import-duckdb", &file, "--table", "result=bars", "--writer", &killer]);
    assert_eq!((said.code, said.out.as_str()), (None, ""));
    let made = lake.import(&file, &["--table", "result=bars"]);
    assert_eq!((&made[0]["duplicate"], &made[0]["rows_written"]), (&json!(false), &json!(300000)));
    assert_eq!(lake.rows("SELECT count(*) FROM bars"), json!([[300000]]));
}

#[test]
fn all_tables_of_a_file_with_their_own_keys() {
    let lake = Lake::with_bars();
    lake.create("rates", "code VARCHAR, at TIMESTAMP, rate DOUBLE", &[]).done();
    lake.ingest("bars", "symbol,date,close,volume\nA,2026-11-20,1.5,7\nB,2026-11-20,,8\n");
    lake.ingest("rates", "code,at,rate\nEUR,2026-11-20 15:00:00,1.1\n");
    let file = lake.path("all.duckdb");
    lake.query(&["export", "bars", "rates", "--to", &file]).done();
    let other = Lake::new();
    let made = other.import(&file, &[]);
    assert_eq!((&made[0]["table"], &made[1]["table"]), (&json!("bars"), &json!("rates")));
    assert_eq!(made[1]["partition_by"], json!(["code"]));
    assert_eq!(made[1]["key"], json!(["code", "at"]));
    assert_eq!(other.compare(&file, &[]).0, Some(0));
    // What the lake has keeps its settings; others that are asked for are refused.
    assert_eq!(lake.import(&file, &["--again"])[1]["key"], json!([]));
    lake.query(&["import-duckdb", &file, "--table", "rates", "--key", "code,at"])
        .failed(2, &["other settings"]);
}
