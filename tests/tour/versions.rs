//! Versions, retries, and what the reader tells about them.

use serde_json::json;

use crate::lake::Lake;

const HEAD: &str = "symbol,date,close,volume\n";

#[test]
fn any_version_by_number_or_time() {
    let lake = Lake::with_bars();
    for day in 1..=3 {
        lake.ingest("bars", &format!("{HEAD}A,2026-01-0{day},1,{day}\n"));
    }
    let count = "SELECT count(*) FROM bars";
    for (version, rows) in [(1, 0), (2, 1), (3, 2), (4, 3)] {
        assert_eq!(lake.rows_at(count, &["--at", &version.to_string()]), json!([[rows]]));
    }
    let history = lake.query(&["history", "--format", "json"]).json();
    let at = history[1]["at"].as_str().unwrap();
    assert_eq!(history[1]["version"], 3);
    assert_eq!(lake.rows_at(count, &["--at", at]), json!([[2]]));
    lake.query(&["sql", count, "--at", "5"]).failed(2, &["5", "newest is 4"]);
    lake.query(&["sql", count, "--at", "1999-01-01"]).failed(2, &["oldest"]);
    lake.query(&["sql", count, "--at", "soon"]).failed(2, &["soon"]);
    let tables = lake.query(&["tables", "--at", "2", "--format", "json"]).json();
    assert_eq!(tables[0]["rows"], 1);
}

#[test]
fn a_batch_sent_again_is_answered_not_stored() {
    let lake = Lake::with_bars();
    let send = |seq: &str, csv: &str| {
        let file = lake.file("batch.csv", format!("{HEAD}{csv}"));
        let args = ["ingest", "bars", &file, "--producer", "p", "--seq", seq, "--format", "json"];
        lake.writer(&args).json()
    };
    let first = send("7", "A,2026-01-01,1,1\n");
    lake.ingest("bars", &format!("{HEAD}B,2026-01-01,1,1\n"));
    let again = send("7", "A,2026-01-01,99,99\n");
    assert_eq!(again["duplicate"], true);
    for field in ["version", "rows_in", "rows_written", "segments", "bytes"] {
        assert_eq!(again[field], first[field], "{field}");
    }
    assert_eq!(lake.rows("SELECT volume FROM bars WHERE symbol = 'A'"), json!([[1]]));
    assert_eq!(send("3", "A,2026-01-02,1,1\n")["duplicate"], false, "seqs are opaque");
    assert_eq!(lake.version(), 4);
}

#[test]
fn the_log_answers_without_sql() {
    let lake = Lake::with_bars();
    lake.ingest("bars", &format!("{HEAD}A,2026-01-01,1,1\nA,2026-01-05,1,1\n"));
    let files = lake.query(&["files", "bars", "--format", "json"]).json();
    let file = &files[0];
    assert!(file["path"].as_str().unwrap().starts_with("warehouse/bars/symbol=A/inc-"));
    assert_eq!(file["table"], "bars");
    assert_eq!(file["symbol"], "A");
    assert_eq!(file["rows"], 2);
    assert_eq!((&file["min_key"], &file["max_key"]), (&json!("2026-01-01"), &json!("2026-01-05")));
    assert_eq!(file["added"], 2);
    let status = lake.writer(&["status", "--format", "json"]).json();
    assert_eq!(status["version"], 2);
    let line = lake.query(&["history", "--limit", "1", "--format", "jsonl"]).done().out;
    assert_eq!(line.lines().count(), 1);
    let csv = lake.query(&["sql", "SELECT 1 AS a, NULL AS b", "--format", "csv"]).done().out;
    assert_eq!(csv, "a,b\n1,\n");
}
