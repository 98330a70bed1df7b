//! What the writer changes, as the reader sees it: modes, packs, deletes, schemas, names.

use serde_json::{Value, json};

use crate::lake::Lake;

const HEADER: &str = "symbol,date,close,volume\n";
const ALL: &str = "SELECT symbol, date, close, volume FROM bars ORDER BY symbol, date";

fn send(lake: &Lake, rows: &str, more: &[&str]) -> Value {
    let file = lake.file("in.csv", format!("{HEADER}{rows}"));
    let args = [&["ingest", "bars", &file, "--format", "json"][..], more].concat();
    lake.writer(&args).json()
}

fn change(lake: &Lake, args: &[&str]) -> Value {
    lake.writer(&[args, &["--format", "json"]].concat()).json()
}

/// A market day of many symbols, each with this close.
fn day(date: &str, symbols: std::ops::Range<u32>, close: u32) -> String {
    symbols.map(|s| format!("S{s:04},{date},{close},1\n")).collect()
}

#[test]
fn modes_of_one_symbol() {
    let lake = Lake::with_bars();
    send(&lake, "A,2026-01-01,1,10\nA,2026-01-02,2,20\nA,2026-01-05,5,50\n", &[]);
    send(&lake, "A,2026-01-02,,21\nA,2026-01-02,9,\n", &["--keep-nulls"]);
    let kept = json!([
        ["A", "2026-01-01", 1.0, 10],
        ["A", "2026-01-02", 9.0, 21],
        ["A", "2026-01-05", 5.0, 50]
    ]);
    assert_eq!(lake.rows(ALL), kept);
    send(&lake, "A,2026-01-01,7,7\nA,2026-01-03,3,30\n", &["--mode", "ignore"]);
    assert_eq!(
        lake.rows("SELECT close FROM bars ORDER BY date"),
        json!([[1.0], [9.0], [3.0], [5.0]])
    );
    send(&lake, "A,2026-01-02,0,0\nA,2026-01-04,4,0\n", &["--mode", "replace-range"]);
    assert_eq!(
        lake.rows("SELECT close FROM bars ORDER BY date"),
        json!([[1.0], [0.0], [4.0], [5.0]])
    );
    send(&lake, "A,2026-02-01,8,0\n", &["--mode", "replace"]);
    assert_eq!(lake.rows(ALL), json!([["A", "2026-02-01", 8.0, 0]]));
}

/// Wide batches are packs; whatever changes single symbols in them is seen at once.
#[test]
fn packs_and_changes_within_them() {
    let lake = Lake::with_bars();
    for (date, close) in [("2026-01-01", 1), ("2026-01-02", 2), ("2026-01-03", 3)] {
        assert_eq!(send(&lake, &day(date, 0..300, close), &[])["segments"], 1);
    }
    // A day sent again, for half of the symbols.
    assert_eq!(send(&lake, &day("2026-01-02", 0..150, 9), &[])["segments"], 1);
    let sums = "SELECT date, count(*), sum(close)::INT FROM bars GROUP BY date ORDER BY date";
    let want =
        json!([["2026-01-01", 300, 300], ["2026-01-02", 300, 1650], ["2026-01-03", 300, 900]]);
    assert_eq!(lake.rows(sums), want);
    // One symbol's range, below and above packs.
    send(&lake, "S0007,2026-01-02,100,1\n", &["--mode", "replace-range"]);
    send(&lake, "S0008,2026-01-09,100,1\n", &["--mode", "replace"]);
    let two =
        "SELECT symbol, date, close FROM bars WHERE symbol IN ('S0007', 'S0008') ORDER BY ALL";
    let want = json!([
        ["S0007", "2026-01-01", 1.0],
        ["S0007", "2026-01-02", 100.0],
        ["S0007", "2026-01-03", 3.0],
        ["S0008", "2026-01-09", 100.0]
    ]);
    assert_eq!(lake.rows(two), want);
    change(&lake, &["delete", "bars", "--symbol", "S0009"]);
    let gone = change(&lake, &["delete", "bars", "--where", "close = 3 AND symbol < 'S0100'"]);
    // Of a hundred symbols one was deleted and one replaced before.
    assert_eq!(gone["rows_deleted"], 98);
    let want =
        json!([["2026-01-01", 298], ["2026-01-02", 298], ["2026-01-03", 200], ["2026-01-09", 1]]);
    assert_eq!(lake.rows("SELECT date, count(*) FROM bars GROUP BY date ORDER BY date"), want);
    send(&lake, &day("2026-01-03", 0..300, 5), &["--mode", "replace-range"]);
    assert_eq!(
        lake.rows("SELECT count(*), min(close) FROM bars WHERE date = '2026-01-03'"),
        json!([[300, 5.0]])
    );
    let marks = lake.query(&["watermark", "bars", "--format", "json"]).json();
    assert_eq!(marks.as_array().unwrap().len(), 300);
    let one = lake.query(&["watermark", "bars", "S0008", "--format", "json"]).json();
    assert_eq!((&one[0]["max_key"], &one[0]["rows"]), (&json!("2026-01-09"), &json!(2)));
}

#[test]
fn columns_that_change() {
    let lake = Lake::with_bars();
    send(&lake, "A,2026-01-01,1,10\n", &[]);
    change(&lake, &["alter", "bars", "add-column", "currency", "VARCHAR", "DEFAULT", "CNY"]);
    change(&lake, &["alter", "bars", "rename-column", "close", "last"]);
    change(&lake, &["alter", "bars", "widen-column", "volume", "DECIMAL(30,2)"]);
    let file = lake.file("new.csv", "symbol,date,last,volume,currency\nA,2026-01-02,2,0.25,USD\n");
    lake.writer(&["ingest", "bars", &file]).done();
    let want =
        json!([["A", "2026-01-01", 1.0, "10.00", "CNY"], ["A", "2026-01-02", 2.0, "0.25", "USD"]]);
    assert_eq!(lake.rows("SELECT * FROM bars ORDER BY date"), want);
    change(&lake, &["alter", "bars", "drop-column", "last"]);
    lake.query(&["sql", "SELECT last FROM bars"]).failed(2, &["last"]);
    assert_eq!(
        lake.rows_at("SELECT last FROM bars ORDER BY date", &["--at", "6"]),
        json!([[1.0], [2.0]])
    );
}

#[test]
fn names_for_versions() {
    let lake = Lake::with_bars();
    send(&lake, "A,2026-01-01,1,10\n", &[]);
    change(&lake, &["tag", "eod"]);
    send(&lake, "A,2026-01-01,2,20\nA,2026-01-02,2,20\n", &[]);
    let count = "SELECT count(*), sum(close)::INT FROM bars";
    assert_eq!(lake.rows_at(count, &["--at", "eod"]), json!([[1, 1]]));
    assert_eq!(lake.rows(count), json!([[2, 4]]));
    change(&lake, &["delete", "bars", "--where", "true"]);
    change(&lake, &["restore", "--to", "eod"]);
    assert_eq!(lake.rows(count), json!([[1, 1]]));
    change(&lake, &["tag", "--delete", "eod"]);
    lake.query(&["sql", count, "--at", "eod"]).failed(2, &["no version is tagged eod"]);
}

#[test]
fn where_a_sync_goes_on() {
    let lake = Lake::with_bars();
    send(&lake, "A,2026-01-01,1,1\nB,2026-01-01,1,1\n", &["--producer", "p", "--seq", "1"]);
    send(&lake, "B,2026-01-07,1,1\n", &["--producer", "q", "--seq", "1"]);
    let marks = lake.query(&["watermark", "bars", "--format", "json"]).json();
    let of = |n: usize, key: &str| marks[n][key].clone();
    assert_eq!(
        (of(0, "symbol"), of(0, "max_key"), of(0, "producer")),
        (json!("A"), json!("2026-01-01"), json!("p"))
    );
    assert_eq!(
        (of(1, "max_key"), of(1, "rows"), of(1, "version")),
        (json!("2026-01-07"), json!(2), json!(3))
    );
    let keys: Vec<&String> = marks[0].as_object().unwrap().keys().collect();
    let mut want =
        ["table", "symbol", "max_key", "min_key", "rows", "version", "committed_at", "producer"];
    want.sort_unstable();
    assert_eq!(keys, want);
    let all = lake.query(&["metadata", "--format", "json"]).json();
    assert_eq!((&all[1]["segments"], &all[1]["table"]), (&json!(2), &json!("bars")));
    lake.query(&["watermark", "nope"]).failed(2, &["nope"]);
}

/// An input larger than the memory that was allowed, in an order that helps nobody.
#[test]
fn an_input_larger_than_memory() {
    let lake = Lake::with_bars();
    let row = |i: u64| {
        let n = i * 7919 % 40_000;
        let (symbol, day) = (n % 200, n / 200);
        format!(
            "S{symbol:03},{}-{:02}-{:02},{i},1\n",
            2000 + day / 300,
            1 + day / 25 % 12,
            1 + day % 25
        )
    };
    // Each key twice: the later row of the input wins, however far apart they are.
    let rows: String = (0..80_000).map(row).collect();
    let done = send(&lake, &rows, &["--max-memory", "4MiB"]);
    let counts = ["rows_in", "rows_written", "rows_superseded"].map(|k| done[k].as_u64().unwrap());
    assert_eq!(counts, [80_000, 40_000, 40_000]);
    let facts =
        "SELECT count(*), count(DISTINCT symbol), min(close)::INT, max(close)::INT FROM bars";
    assert_eq!(lake.rows(facts), json!([[40_000, 200, 40_000, 79_999]]));
    assert_eq!(lake.rows("SELECT count(*) FROM bars WHERE symbol = 'S007'"), json!([[200]]));
}
