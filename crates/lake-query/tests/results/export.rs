use std::fs;
use std::io::{Cursor, Read};

use calamine::{Data, Reader, Xlsx, open_workbook};
use serde_json::{Value, json};

use crate::lake::{World, read};

const CSV: &str = "symbol,d,px,note\n600519,1,1.50,n1\n600519,2,2.50,n0\n600519,3,3.50,\n\
    =A1,1,1.50,n1\n=A1,2,2.50,n0\n=A1,3,3.50,\n";
const ORDERED: &str = "FROM bars ORDER BY symbol, d";

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_record_says_what_was_written() {
    let world = World::filled();
    let record = world.json(&["export", "bars", "--to", "bars.csv"]);
    let bytes = fs::metadata(world.file("bars.csv")).unwrap().len();
    assert_eq!(record["file"], "bars.csv");
    assert_eq!((&record["rows"], &record["bytes"]), (&json!(6), &json!(bytes)));
    assert_eq!(record["version"], 4);
    assert!(record["elapsed_ms"].is_number());
    assert_eq!(sorted(&read(&world.file("bars.csv"))), sorted(CSV));
    let older = world.json(&["export", "BARS", "--to", "older.csv", "--at", "3"]);
    assert_eq!((&older["rows"], &older["version"]), (&json!(3), &json!(3)));
    world.json(&["export", "empty", "--to", "empty.csv"]);
    assert_eq!(read(&world.file("empty.csv")), "symbol,d,px,note\n");
}

#[test]
fn texts_are_those_of_the_terminal() {
    let world = World::filled();
    for (form, name) in
        [("csv", "t.csv"), ("jsonl", "t.jsonl"), ("tsv", "t.tsv"), ("markdown", "t.md")]
    {
        world.run(&["export", "--sql", ORDERED, "--to", name]);
        let printed = world.text(&["sql", ORDERED, "--format", form]);
        assert_eq!(read(&world.file(name)), printed, "{form}");
    }
    world.run(&["export", "--sql", ORDERED, "--to", "t.json"]);
    let rows: Value = serde_json::from_str(&read(&world.file("t.json"))).unwrap();
    assert_eq!(rows[2], json!({"symbol": "600519", "d": 3, "px": "3.50", "note": null}));
    let plain = ["export", "--sql", ORDERED, "--to", "t.dat", "--as", "csv", "--no-header"];
    world.run(&[&plain[..], &["--delimiter", ";"]].concat());
    assert!(read(&world.file("t.dat")).starts_with("600519;1;1.50;n1\n"));
}

#[test]
fn texts_are_packed() {
    let world = World::filled();
    let to = |args: &[&str]| {
        world.run(&[&["export", "--sql", ORDERED, "--to"], args].concat());
        fs::read(world.file(args[0])).unwrap()
    };
    let mut text = String::new();
    let gzip = to(&["t.csv.gz"]);
    flate2::read::GzDecoder::new(&gzip[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, CSV);
    assert_eq!(
        zstd::decode_all(&to(&["t.csv", "--compress", "zstd"])[..]).unwrap(),
        CSV.as_bytes()
    );
    let refused = |args: &[&str]| world.refused(&[&["export", "bars", "--to"], args].concat(), 2);
    assert!(refused(&["t.parquet.gz"]).contains("cannot be packed"));
    assert!(refused(&["t.xlsx", "--compress", "gzip"]).contains("cannot be packed"));
}

#[test]
fn what_looks_like_a_formula_is_defused() {
    let world = World::filled();
    let sql = "SELECT '=cmd' AS a, '+1' AS \"@b\", -1 AS c, -1.5::DECIMAL(9,2) AS d, '-x' AS e, \
        DATE '-0044-03-15' AS f, '\tx' AS g, 'x=' AS h, NULL AS i";
    let args = ["export", "--sql", sql, "--to", "a.csv", "--excel-safe"];
    world.run(&args);
    let text = read(&world.file("a.csv"));
    assert_eq!(text, "a,'@b,c,d,e,f,g,h,i\n'=cmd,'+1,-1,-1.50,'-x,-0044-03-15,'\tx,x=,\n");
    // Where it says nothing it is refused.
    assert!(
        world.refused(&[&args[..4], &["a.jsonl", "--excel-safe"]].concat(), 2).contains("jsonl")
    );
}

#[test]
fn a_workbook_has_typed_cells() {
    let world = World::filled();
    world.run(&["export", "bars", "--to", "bars.xlsx"]);
    let mut book: Xlsx<_> = open_workbook(world.file("bars.xlsx")).unwrap();
    assert_eq!(book.sheet_names(), ["bars"]);
    let sheet = book.worksheet_range("bars").unwrap();
    let rows: Vec<&[Data]> = sheet.rows().collect();
    assert_eq!(rows.len(), 7);
    assert_eq!(rows[0][0], Data::String("symbol".into()));
    for row in &rows[1..] {
        let Data::Float(d) = row[1] else { panic!("{row:?}") };
        assert!(matches!(&row[0], Data::String(s) if s == "600519" || s == "=A1"), "{row:?}");
        assert_eq!(row[2], Data::Float(d + 0.5));
        assert_eq!(row[3] == Data::Empty, d == 3.0);
    }
    let long = "SELECT repeat('x', 40000) AS body";
    let error = world.refused(&["export", "--sql", long, "--to", "long.xlsx"], 2);
    assert!(error.contains("row 1, column body"), "{error}");
    assert!(!world.file("long.xlsx").exists());
}

#[test]
fn parquet_and_databases_are_written_by_the_engine() {
    let world = World::filled();
    let record = world.json(&["export", "bars", "--to", "it's.parquet"]);
    assert_eq!(record["rows"], 6);
    assert!(fs::read(world.file("it's.parquet")).unwrap().starts_with(b"PAR1"));
    let record = world.json(&["export", "bars", "empty", "--to", "all.duckdb"]);
    assert_eq!(record["rows"], 6);
    let bytes = fs::read(world.file("all.duckdb")).unwrap();
    assert_eq!(&bytes[8..12], b"DUCK");
    assert_eq!(world.names(), ["all.duckdb", "it's.parquet", "lake"]);
    let two = ["export", "bars", "empty", "--to", "two.parquet"];
    assert!(world.refused(&two, 2).contains("one table"));
    assert!(world.refused(&["export", "bars", "Bars", "--to", "two.duckdb"], 2).contains("twice"));
}

#[test]
fn a_file_that_is_there_stays_unless_it_may_go() {
    let world = World::filled();
    fs::write(world.file("a.csv"), "mine").unwrap();
    let args = ["export", "bars", "--to", "a.csv"];
    assert!(world.refused(&args, 2).contains("--overwrite"));
    assert_eq!(read(&world.file("a.csv")), "mine");
    world.run(&[&args[..], &["--overwrite"]].concat());
    assert_eq!(sorted(&read(&world.file("a.csv"))), sorted(CSV));
    assert_eq!(world.names(), ["a.csv", "lake"]);
}

#[test]
fn what_is_refused_writes_nothing() {
    let world = World::filled();
    let refused = |args: &[&str], part: &str| {
        let error = world.refused(&[&["export"], args].concat(), 2);
        assert!(error.contains(part), "{args:?}: {error}");
    };
    refused(&["nope", "--to", "a.csv"], "bars, empty");
    refused(&["bars", "--to", "a.dat"], "--as");
    refused(&["bars", "--to", "-"], "sql");
    refused(&["bars", "--to", "lake/warehouse/a.csv"], "lies in the lake");
    refused(&["bars", "--to", "lake/a.parquet"], "lies in the lake");
    refused(&["--to", "a.csv"], "<TABLE>");
    refused(&["bars", "--sql", "SELECT 1", "--to", "a.csv"], "--sql");
    refused(&["--sql", "DROP TABLE bars", "--to", "a.parquet"], "SELECT-like");
    refused(&["--sql", "SELECT 1) TO 'x.csv' --", "--to", "a.parquet"], "syntax error");
    refused(&["--sql", "SELECT 1; SELECT 2", "--to", "a.csv"], "2 statements");
    refused(&["bars", "--to", "a.json", "--delimiter", ";"], "--delimiter");
    refused(&["bars", "--to", "a.csv", "--delimiter", "."], "--delimiter");
    assert_eq!(world.names(), ["lake"]);
}

#[test]
fn a_workbook_of_no_rows_and_no_arrow_batches_opens() {
    let world = World::filled();
    world.run(&["export", "empty", "--to", "e.xlsx"]);
    let mut book: Xlsx<_> = open_workbook(world.file("e.xlsx")).unwrap();
    assert_eq!(book.worksheet_range("empty").unwrap().rows().count(), 1);
    world.run(&["export", "empty", "--to", "e.arrow"]);
    let file = Cursor::new(fs::read(world.file("e.arrow")).unwrap());
    let reader = arrow_ipc::reader::FileReader::try_new(file, None).unwrap();
    assert_eq!(reader.schema().fields().len(), 4);
    // ENUM has a dictionary a batch; names twice are told apart.
    let sql = "SELECT CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END::ENUM('a', 'b') AS e, ['a'::ENUM('a', 'b')] AS e \
        FROM range(200000) t(i)";
    world.run(&["export", "--sql", sql, "--to", "big.arrow"]);
    let file = Cursor::new(fs::read(world.file("big.arrow")).unwrap());
    let reader = arrow_ipc::reader::FileReader::try_new(file, None).unwrap();
    let names: Vec<String> =
        reader.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["e", "e_1"]);
    let sizes: Vec<usize> = reader.map(|batch| batch.unwrap().num_rows()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 200_000);
    assert!(sizes.len() < 10, "{sizes:?}");
}
