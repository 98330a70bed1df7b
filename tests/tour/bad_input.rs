//! Wrong input: what failed, where, what to do, and nothing is done.

use crate::lake::{BARS, Lake};

const HEAD: &str = "symbol,date,close,volume\n";

#[test]
fn rows_that_cannot_be_stored() {
    let lake = Lake::with_bars();
    lake.ingest("bars", &format!("{HEAD}A,2026-01-01,1,1\n"));
    let good = "A,2026-01-02,1,1\n";
    for (csv, words) in [
        (format!("{HEAD}{good}A,2026-01-03,abc,1\n"), vec!["row 2", "close", "abc", "DOUBLE"]),
        (format!("{HEAD}{good}A,2026-13-03,1,1\n"), vec!["row 2", "date", "2026-13-03"]),
        (format!("{HEAD}{good}A,,1,1\n"), vec!["row 2", "date"]),
        (format!("{HEAD}{good},2026-01-03,1,1\n"), vec!["row 2", "symbol"]),
        (format!("{HEAD}{good}A,2026-01-03,1,99999999999999999999\n"), vec!["row 2", "volume"]),
        (format!("{HEAD}{good}A,2026-01-03,1\n"), vec!["row 2"]),
        (
            format!("{HEAD}{good}e\u{301},2026-01-03,1,1\n"),
            vec!["row 2", "symbol", "normalization"],
        ),
        ("symbol,close,volume\nA,1,1\n".into(), vec!["date"]),
        ("symbol,date,close,volume,extra\nA,2026-01-03,1,1,1\n".into(), vec!["extra"]),
        ("symbol,date,close,close\nA,2026-01-03,1,1\n".into(), vec!["close"]),
        (String::new(), vec!["bad.csv"]),
    ] {
        let file = lake.file("bad.csv", &csv);
        let said = lake.writer(&["ingest", "bars", &file]);
        said.failed(2, &[&["bad.csv"][..], &words].concat());
        assert_eq!(lake.version(), 2, "nothing was committed by {csv:?}");
    }
    let files = walk(&lake.root().join("warehouse"));
    assert_eq!(files.len(), 1, "no orphan is left: {files:?}");
}

#[test]
fn files_that_are_not_what_they_say() {
    let lake = Lake::with_bars();
    let samples = crate::lake::repository().join("data/samples/bars.parquet");
    let whole = std::fs::read(samples).unwrap();
    for (name, bytes) in [
        ("cut.parquet", &whole[..whole.len() / 2]),
        ("cut4.parquet", &whole[..whole.len() - 4]),
        ("garbage.parquet", &b"PAR1 not really PAR1"[..]),
        ("empty.parquet", &b""[..]),
    ] {
        let file = lake.file(name, bytes);
        lake.writer(&["ingest", "bars", &file]).failed(2, &[name]);
    }
    lake.writer(&["ingest", "bars", "nowhere.csv"]).failed(2, &["nowhere.csv"]);
    assert_eq!(lake.version(), 1);
}

#[test]
fn names_that_are_not_there() {
    let lake = Lake::with_bars();
    let file = lake.file("a.csv", HEAD);
    lake.writer(&["ingest", "bers", &file]).failed(2, &["bers"]);
    lake.query(&["sql", "SELECT * FROM bers"]).failed(2, &["bers"]);
    lake.query(&["files", "bers"]).failed(2, &["bers", "bars"]);
    lake.query(&["sql", "SELEC 1"]).failed(2, &["SELEC"]);
    lake.query(&["sql"]).failed(2, &[]);
    lake.writer(&["frobnicate"]).failed(2, &["frobnicate"]);
}

#[test]
fn sql_only_reads() {
    let lake = Lake::with_bars();
    lake.ingest("bars", &format!("{HEAD}A,2026-01-01,1,1\n"));
    let path = lake.root().join("warehouse/bars/x.parquet");
    for sql in [
        format!("COPY (SELECT 1) TO '{}'", path.display()),
        "CREATE TABLE t AS SELECT 1".into(),
        "DROP VIEW bars".into(),
        "ATTACH '/tmp/x.duckdb'".into(),
        "INSTALL httpfs".into(),
        "SET memory_limit = '1GB'".into(),
        format!("SELECT 1; COPY (SELECT 1) TO '{}'", path.display()),
        format!("EXPLAIN ANALYZE COPY (SELECT 1) TO '{}'", path.display()),
    ] {
        let said = lake.query(&["sql", &sql]);
        assert_ne!(said.code, Some(0), "{sql}");
    }
    assert!(!path.exists());
    assert_eq!(walk(&lake.root().join("warehouse")).len(), 1);
}

#[test]
fn lakes_that_cannot_be_used() {
    let lake = Lake::new();
    lake.create("bars", BARS, &["--partition-by", "symbol"]).done();
    lake.create("bars", BARS, &["--partition-by", "symbol"]).done();
    assert_eq!(lake.version(), 1, "the same table again changes nothing");
    lake.create("bars", "a INT", &[]).failed(2, &["bars"]);
    lake.writer(&["init"]).done();

    let nowhere = lake.root().join("nowhere");
    let nowhere = nowhere.to_str().unwrap();
    lake.query(&["tables", "--lake", nowhere]).failed(2, &["no lake", "init"]);
    lake.writer(&["--lake", nowhere, "status"]).failed(2, &["no lake"]);

    let file = lake.root().join("_lake/LAKE");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("format = 1", "format = 2")).unwrap();
    lake.query(&["tables"]).failed(5, &["format 2"]);
    lake.writer(&["status"]).failed(5, &["format 2"]);
    std::fs::write(&file, text.replace("id = ", "id = 0")).unwrap();
    lake.query(&["tables"]).failed(4, &["damaged"]);
}

#[test]
fn a_flipped_byte_in_the_log_is_damage() {
    let lake = Lake::with_bars();
    lake.ingest("bars", &format!("{HEAD}A,2026-01-01,1,1\n"));
    let entry = lake.root().join("_lake/log/0000000000/0000000000002.e");
    let mut bytes = std::fs::read(&entry).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&entry, bytes).unwrap();
    lake.query(&["sql", "SELECT * FROM bars"]).failed(4, &["entry 2"]);
}

#[test]
fn a_segment_that_vanished_is_named() {
    let lake = Lake::with_bars();
    lake.ingest("bars", &format!("{HEAD}A,2026-01-01,1,1\n"));
    let file = walk(&lake.root().join("warehouse")).remove(0);
    std::fs::remove_file(&file).unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    lake.query(&["sql", "SELECT sum(volume) FROM bars"]).failed(4, &[name]);
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}
