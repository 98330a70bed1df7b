//! What is known of each symbol, and that no rows are read for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::lake::Lake;

/// What a sync would have to know, by symbol.
#[derive(Default)]
struct Known(BTreeMap<String, Mark>);

#[derive(Clone)]
struct Mark {
    first: u32,
    last: u32,
    version: u64,
    producer: &'static str,
}

impl Known {
    /// A batch that says of each of these symbols one day.
    fn batch(&mut self, lake: &Lake, producer: &'static str, symbols: &[String], day: u32) {
        let row = |symbol: &String| format!("{symbol},2026-01-{day:02},1,{day}\n");
        let rows: String = symbols.iter().map(row).collect();
        let file = lake.file("in.csv", format!("symbol,date,close,volume\n{rows}"));
        let args = ["ingest", "bars", &file, "--producer", producer, "--format", "json"];
        let seq = lake.version().to_string();
        let receipt = lake.writer(&[&args[..], &["--seq", &seq]].concat()).json();
        let version = receipt["version"].as_u64().unwrap();
        for symbol in symbols {
            let new = Mark { first: day, last: day, version, producer };
            let mark = self.0.entry(symbol.clone()).or_insert(new);
            let (first, last) = (mark.first.min(day), mark.last.max(day));
            *mark = Mark { first, last, version, producer };
        }
    }

    #[track_caller]
    fn check(&self, lake: &Lake) {
        let history = lake.query(&["history", "--format", "json"]).json();
        let when = |version: u64| -> Value {
            let entry = history.as_array().unwrap().iter().find(|e| e["version"] == version);
            entry.unwrap()["at"].clone()
        };
        let day = |day: u32| json!(format!("2026-01-{day:02}"));
        let wanted: Vec<Value> = self
            .0
            .iter()
            .map(|(symbol, mark)| {
                let Mark { first, last, version, producer } = mark.clone();
                let at = when(version);
                json!([symbol, day(first), day(last), version, at, producer])
            })
            .collect();
        let names = ["symbol", "min_key", "max_key", "version", "committed_at", "producer"];
        let told = |row: &Value| names.map(|name| row[name].clone()).into_iter().collect::<Value>();
        let all = watermark(lake, &[]);
        let all: Vec<Value> = all.iter().map(told).collect();
        assert_eq!(all, wanted);
        for (symbol, wanted) in self.0.keys().zip(&wanted).step_by(29) {
            assert_eq!(told(&watermark(lake, &[symbol])[0]), *wanted);
        }
    }
}

fn watermark(lake: &Lake, symbol: &[&str]) -> Vec<Value> {
    let args = [&["watermark", "bars", "--format", "json"][..], symbol].concat();
    lake.query(&args).json().as_array().unwrap().clone()
}

fn symbols(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|n| format!("{n:06}")).collect()
}

/// Wide batches of several syncs, and some of single symbols between them.
fn synced() -> (Lake, Known) {
    let (lake, mut known) = (Lake::with_bars(), Known::default());
    known.batch(&lake, "history", &symbols(0..90), 3);
    known.batch(&lake, "alone", &symbols(20..22), 5);
    known.batch(&lake, "daily", &symbols(10..100), 4);
    known.batch(&lake, "late", &symbols(0..70), 1);
    known.batch(&lake, "alone", &symbols(20..21), 4);
    known.batch(&lake, "alone", &symbols(200..201), 7);
    (lake, known)
}

#[test]
fn it_tells_where_each_sync_goes_on() {
    let (lake, mut known) = synced();
    known.check(&lake);
    lake.writer(&["compact"]).done();
    known.check(&lake);
    known.batch(&lake, "daily", &symbols(0..80), 9);
    known.check(&lake);
    lake.writer(&["compact", "--full"]).done();
    known.check(&lake);
    let rows: u64 = watermark(&lake, &[]).iter().map(|w| w["rows"].as_u64().unwrap()).sum();
    assert_eq!(json!(rows), lake.rows("SELECT count(*) FROM bars")[0][0]);
    // The log that knew of the commits is gone; the files still tell of them.
    let before = watermark(&lake, &[]);
    lake.writer(&["vacuum", "--grace", "0s"]).done();
    assert_eq!(watermark(&lake, &[]), before);
    assert_eq!(watermark(&lake, &["nobody"]), Vec::<Value>::new());
}

/// The data files of a lake.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|e| e == "parquet"))
        .collect()
}

#[test]
fn no_row_is_read_for_it() {
    for compacted in [false, true] {
        let (lake, known) = synced();
        if compacted {
            lake.writer(&["compact", "--full"]).done();
        }
        let all = files(&lake.root().join("warehouse"));
        assert!(!all.is_empty());
        for file in all {
            let mut bytes = std::fs::read(&file).unwrap();
            bytes[4..100].fill(0xff);
            std::fs::write(&file, bytes).unwrap();
        }
        known.check(&lake);
    }
}

#[test]
fn what_was_deleted_is_not_told() {
    let (lake, _) = synced();
    let ends = "SELECT symbol, min(date), max(date) FROM bars GROUP BY ALL ORDER BY ALL";
    let same = || {
        let told: Vec<Value> = watermark(&lake, &[])
            .iter()
            .map(|w| json!([w["symbol"], w["min_key"], w["max_key"]]))
            .collect();
        assert_eq!(json!(told), lake.rows(ends));
    };
    lake.writer(&["delete", "bars", "--symbol", "000015"]).done();
    same();
    assert_eq!(watermark(&lake, &["000015"]), Vec::<Value>::new());
    lake.writer(&["delete", "bars", "--from", "2026-01-04"]).done();
    same();
    lake.writer(&["delete", "bars", "--where", "date = DATE '2026-01-01' AND symbol < '000030'"])
        .done();
    same();
    lake.writer(&["compact"]).done();
    same();
}

#[test]
fn a_damaged_census_is_an_error() {
    let (lake, _) = synced();
    lake.writer(&["compact", "--full"]).done();
    let all = files(&lake.root().join("warehouse"));
    // The inputs are there yet, too.
    for file in all.iter().filter(|f| f.file_name().unwrap().to_str().unwrap().starts_with("base-"))
    {
        let mut bytes = std::fs::read(file).unwrap();
        let at = bytes.windows(4).rposition(|four| four == b"LKS1").unwrap();
        bytes[at + 30] ^= 1;
        std::fs::write(file, bytes).unwrap();
    }
    let args = ["watermark", "bars", "000030"];
    lake.query(&args).failed(4, &["of its symbols is damaged", "base-"]);
}
