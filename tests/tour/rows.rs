//! What goes in comes out.

use serde_json::json;

use crate::lake::Lake;

#[test]
fn a_file_in_sql_out() {
    let lake = Lake::with_bars();
    let receipt = lake.ingest(
        "bars",
        "symbol,date,close,volume\n600519,2026-11-19,1.5,10\n000001,2026-11-19,2.5,\n600519,2026-11-20,3,30\n",
    );
    assert_eq!(receipt["version"], 2);
    assert_eq!(receipt["table"], "bars");
    assert_eq!(receipt["rows_in"], 3);
    assert_eq!(receipt["rows_written"], 3);
    assert_eq!(receipt["rows_superseded"], 0);
    assert_eq!(receipt["rows_rejected"], 0);
    assert_eq!(receipt["segments"], 2);
    assert_eq!(receipt["duplicate"], false);
    let document =
        lake.query(&["sql", "SELECT * FROM bars ORDER BY symbol, date", "--format", "json"]).json();
    assert_eq!(document["version"], 2);
    assert_eq!(document["row_count"], 3);
    assert_eq!(
        document["columns"],
        json!([
            {"name": "symbol", "type": "VARCHAR"},
            {"name": "date", "type": "DATE"},
            {"name": "close", "type": "DOUBLE"},
            {"name": "volume", "type": "BIGINT"}
        ])
    );
    assert_eq!(
        document["rows"],
        json!([
            ["000001", "2026-11-19", 2.5, null],
            ["600519", "2026-11-19", 1.5, 10],
            ["600519", "2026-11-20", 3.0, 30]
        ])
    );
}

#[test]
fn symbols_are_text_whatever_they_look_like() {
    let lake = Lake::with_bars();
    let symbols = [
        "000001",
        "1",
        "NULL",
        "null",
        "__HIVE_DEFAULT_PARTITION__",
        "..",
        ".",
        "-x",
        "A/B",
        "A=B",
        "A[1]",
        "A*",
        "A?",
        "{a,b}",
        "A%2FB",
        "x'); DROP TABLE bars; --",
        "50%",
        "a",
        "A",
        "CON",
        "a\\b",
        "\u{8305}\u{53f0}",
        "true",
        "1e5",
    ];
    let mut csv = "symbol,date,close,volume\n".to_owned();
    for (i, symbol) in symbols.iter().enumerate() {
        csv += &format!("\"{}\",2026-11-20,{i},{i}\n", symbol.replace('"', "\"\""));
    }
    lake.ingest("bars", &csv);
    for (i, symbol) in symbols.iter().enumerate() {
        let literal = symbol.replace('\'', "''");
        let sql = format!("SELECT symbol, volume FROM bars WHERE symbol = '{literal}'");
        assert_eq!(lake.rows(&sql), json!([[symbol, i]]), "{symbol}");
    }
    let all = lake.rows("SELECT count(*), count(symbol), count(DISTINCT symbol) FROM bars");
    assert_eq!(all, json!([[symbols.len(), symbols.len(), symbols.len()]]));
}

#[test]
fn the_later_commit_wins_a_key() {
    let lake = Lake::with_bars();
    let head = "symbol,date,close,volume\n";
    lake.ingest("bars", &format!("{head}A,2026-01-01,1,1\nA,2026-01-02,1,1\nA,2026-01-03,1,1\n"));
    let receipt = lake
        .ingest("bars", &format!("{head}A,2026-01-02,2,2\nA,2026-01-02,3,3\nB,2026-01-02,2,2\n"));
    assert_eq!(receipt["rows_superseded"], 1);
    lake.ingest("bars", &format!("{head}A,2026-01-03,4,\nA,2026-01-04,4,4\n"));
    assert_eq!(
        lake.rows("SELECT symbol, date, volume FROM bars ORDER BY ALL"),
        json!([
            ["A", "2026-01-01", 1],
            ["A", "2026-01-02", 3],
            ["A", "2026-01-03", null],
            ["A", "2026-01-04", 4],
            ["B", "2026-01-02", 2]
        ])
    );
}

#[test]
fn append_refuses_keys_that_are_there() {
    let lake = Lake::with_bars();
    let head = "symbol,date,close,volume\n";
    lake.ingest("bars", &format!("{head}A,2026-01-01,1,1\nA,2026-01-03,1,1\n"));
    let again = lake.file("again.csv", format!("{head}A,2026-01-02,1,1\nA,2026-01-03,2,2\n"));
    lake.writer(&["ingest", "bars", &again, "--mode", "append"]).failed(2, &["A", "2026-01-03"]);
    let fresh = lake.file("fresh.csv", format!("{head}A,2026-01-02,1,1\n"));
    lake.writer(&["ingest", "bars", &fresh, "--mode", "append"]).done();
    assert_eq!(lake.rows("SELECT count(*) FROM bars"), json!([[3]]));
}

#[test]
fn a_table_without_key_or_partition_keeps_every_row() {
    let lake = Lake::new();
    lake.create("notes", "at TIMESTAMP, text VARCHAR, price DECIMAL(10,2)", &[]).done();
    for _ in 0..2 {
        lake.ingest(
            "notes",
            "at,text,price\n2026-11-20T15:00:00.5Z,\"a,\"\"b\"\"\",1.10\n,\"\",\n",
        );
    }
    assert_eq!(
        lake.rows("SELECT * FROM notes ORDER BY ALL"),
        json!([
            ["2026-11-20T15:00:00.500000", "a,\"b\"", "1.10"],
            ["2026-11-20T15:00:00.500000", "a,\"b\"", "1.10"],
            [null, "", null],
            [null, "", null]
        ])
    );
    let file = lake.file("x.csv", "at,text,price\n");
    lake.writer(&["ingest", "notes", &file, "--mode", "upsert"]).failed(2, &["key"]);
}

#[test]
fn parquet_in_and_out() {
    let lake = Lake::new();
    let schema = "symbol VARCHAR, date DATE, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, \
                  volume BIGINT, amount DOUBLE";
    lake.create("bars", schema, &["--partition-by", "symbol", "--key", "symbol,date"]).done();
    let samples = crate::lake::repository().join("data/samples");
    let parquet = samples.join("bars.parquet").to_str().unwrap().to_owned();
    let csv = samples.join("600519.csv").to_str().unwrap().to_owned();
    let receipt = lake.writer(&["ingest", "bars", &parquet, &csv, "--format", "json"]).json();
    let rows = lake.rows("SELECT count(*) FROM bars");
    assert_eq!(receipt["rows_written"], rows[0][0]);
    let files = lake.query(&["files", "bars", "--format", "json"]).json();
    for file in files.as_array().unwrap() {
        let path = lake.root().join(file["path"].as_str().unwrap());
        assert_eq!(std::fs::metadata(path).unwrap().len(), file["bytes"].as_u64().unwrap());
        assert_eq!(file["kind"], "increment");
    }
}
