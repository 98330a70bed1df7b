//! The program as a script sees it: stdout, stderr, exit codes. The lake has a log
//! but no data; rows out of files are the engine's tests.

// The whole file is a test; clippy knows that of functions marked so only.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use lake_core::edit::{Action, Cause};
use lake_core::id::{SegmentId, TableId};
use lake_core::schema::TableDef;
use lake_core::segment::{Part, Rank, Segment, SegmentKind};
use lake_core::sqltype::parse_columns;
use lake_core::symbol::Symbol;
use lake_core::value::{Range, Value};
use lake_log::{Access, InitOptions, Lake, Outcome};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

fn commit(lake: &mut Lake, cause: Cause, actions: impl FnOnce(&lake_log::Draft) -> Vec<Action>) {
    let draft = lake.begin().unwrap();
    let mut txn = draft.transaction(cause);
    txn.actions = actions(&draft);
    assert!(matches!(lake.commit(txn).unwrap(), Outcome::Committed { .. }));
}

/// Version 1 has table `bars`, version 2 two segments, version 3 table `empty`.
fn lake() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    Lake::init(dir.path(), &InitOptions { accept_unsafe_fs: true }).unwrap();
    let mut lake = Lake::open(dir.path(), Access::Write).unwrap();
    let columns = parse_columns("symbol VARCHAR, d INTEGER, px DECIMAL(9,2)").unwrap();
    let table = |name: &str, id| {
        let (symbol, d) = ("symbol".to_owned(), "d".to_owned());
        let key = [symbol.clone(), d];
        let mut def = TableDef::new(name, &columns, &[symbol], &key, &[]).unwrap();
        def.id = TableId(id);
        vec![Action::CreateTable(def)]
    };
    commit(&mut lake, Cause::Create, |_| table("bars", 1));
    commit(&mut lake, Cause::Ingest, |draft| {
        let segment = |n, min, max| Segment {
            id: SegmentId { txn: draft.id, n },
            kind: SegmentKind::Increment,
            schema_version: 1,
            rows: 10,
            bytes: 100,
            hash: 0,
            sum: None,
            range: Some(Range::new(vec![Value::Int(min)], vec![Value::Int(max)])),
            symbols: None,
            rank: Rank::default(),
            masks: Vec::new(),
            at_us: 0,
            census: None,
            added: 0,
        };
        let add = |symbol: &str, segment| {
            let part = Part::Of(vec![Symbol::new(symbol).unwrap()]);
            Action::Add { table: TableId(1), part, segments: vec![segment] }
        };
        vec![add("NULL", segment(0, 1, 9)), add("A/B", segment(1, 5, 6))]
    });
    commit(&mut lake, Cause::Create, |_| table("empty", 2));
    dir
}

fn query(lake: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lake-query"));
    for name in ["LAKE_FORMAT", "LAKE_QUIET", "LAKE_LOG_FORMAT"] {
        command.env_remove(name);
    }
    command.env("LAKE_DIR", lake);
    command.args(args).output().unwrap()
}

fn stdout(lake: &Path, args: &[&str]) -> String {
    let output = query(lake, args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{args:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(lake: &Path, args: &[&str]) -> Json {
    serde_json::from_str(&stdout(lake, &[args, &["--format", "json"]].concat())).unwrap()
}

/// Nothing on stdout, an error with this exit code on stderr.
fn refused(lake: &Path, args: &[&str], code: i32) -> String {
    let output = query(lake, args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{args:?}");
    stderr
}

#[test]
fn the_log_answers_without_a_query() {
    let lake = lake();
    let lake = lake.path();
    let tables = json(lake, &["tables"]);
    assert_eq!(
        tables[0],
        json!({"name": "bars", "rows": 20, "segments": 2, "bytes": 200, "symbols": 2,
            "schema_version": 1, "key": ["symbol", "d"], "partition_by": ["symbol"]})
    );
    assert_eq!(tables[1]["name"], "empty");
    assert_eq!(json(lake, &["tables", "--at", "2"]).as_array().unwrap().len(), 1);

    let files = json(lake, &["files", "BARS"]);
    assert_eq!(files.as_array().unwrap().len(), 2);
    assert_eq!(files[1]["symbol"], "NULL");
    assert_eq!((&files[1]["min_key"], &files[1]["max_key"]), (&json!(1), &json!(9)));
    assert_eq!((&files[1]["kind"], &files[1]["added"]), (&json!("increment"), &json!(2)));
    let path = files[1]["path"].as_str().unwrap();
    assert!(path.starts_with("warehouse/bars/symbol=%4EULL/inc-"), "{path}");
    assert_eq!(json(lake, &["files", "bars", "--at", "1"]), json!([]));

    let history = json(lake, &["history"]);
    let versions: Vec<&Json> = history.as_array().unwrap().iter().map(|r| &r["version"]).collect();
    assert_eq!(versions, [3, 2, 1]);
    assert_eq!(
        (&history[1]["cause"], &history[1]["tables"], &history[1]["rows"]),
        (&json!("ingest"), &json!(["bars"]), &json!(20))
    );
    assert_eq!(json(lake, &["history", "--limit", "1"]).as_array().unwrap().len(), 1);
    assert_eq!(json(lake, &["history", "--at", "1"]).as_array().unwrap().len(), 1);

    let described = stdout(lake, &["describe", "bars", "--format", "csv"]);
    let lines: Vec<&str> = described.lines().collect();
    assert_eq!(lines[0], "name,type,nullable,key,partition,order,field_id");
    assert_eq!(lines[3], "px,\"DECIMAL(9,2)\",true,false,false,false,3");
    let symbols = json(lake, &["symbols", "bars"]);
    assert_eq!(symbols[0]["symbol"], "A/B");
    assert_eq!(symbols[1]["rows"], 10);
}

#[test]
fn a_result_in_every_form() {
    let lake = lake();
    let lake = lake.path();
    let sql = "SELECT 1 AS n, 'a,b' AS t, NULL AS x, 1.50::DECIMAL(9,2) AS d, [1, 2] AS l";
    let document = json(lake, &["sql", sql]);
    assert_eq!(document["version"], 3);
    assert_eq!(document["columns"][3], json!({"name": "d", "type": "DECIMAL(9,2)"}));
    assert_eq!(document["rows"], json!([[1, "a,b", null, "1.50", [1, 2]]]));
    assert_eq!(document["row_count"], 1);
    assert_eq!((&document["segments_read"], &document["segments_total"]), (&json!(0), &json!(0)));
    assert!(document["elapsed_ms"].is_number());
    assert_eq!(
        stdout(lake, &["--format", "jsonl", "sql", sql]),
        "{\"n\":1,\"t\":\"a,b\",\"x\":null,\"d\":\"1.50\",\"l\":[1,2]}\n"
    );
    assert_eq!(
        stdout(lake, &["sql", sql, "--format", "csv"]),
        "n,t,x,d,l\n1,\"a,b\",,1.50,\"[1,2]\"\n"
    );
    let table = "n  t    x        d  l\n-  ---  ----  ----  -----\n1  a,b  NULL  1.50  [1,2]\n";
    assert_eq!(stdout(lake, &["sql", sql]), table);
    assert_eq!(json(lake, &["sql", "FROM empty"])["rows"], json!([]));
    assert_eq!(json(lake, &["sql", "SHOW TABLES", "--at", "2"])["rows"], json!([["bars"]]));
}

#[test]
fn a_statement_from_a_file() {
    let lake = lake();
    let file = lake.path().join("q.sql");
    let root = lake_store::Root::open(lake.path()).unwrap();
    let mut new = root.top().unwrap().create("q.sql").unwrap();
    new.write_all_at_once(b"-- a question\nSELECT 42 AS x;\n").unwrap();
    new.close().unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(stdout(lake.path(), &["sql", "-f", file, "--format", "csv"]), "x\n42\n");
    assert!(refused(lake.path(), &["sql", "-f", "no/such.sql"], 2).contains("no/such.sql"));
}

#[test]
fn what_is_refused_and_how() {
    let lake = lake();
    let path = lake.path();
    for args in [&["files", "nope"][..], &["describe", "nope"], &["sql", "FROM nope"]] {
        let error = refused(path, args, 2);
        assert!(error.contains("bars, empty"), "{args:?}: {error}");
    }
    assert!(refused(path, &["sql", "SELECT 1,\n FRM x y z"], 2).contains("LINE 2"));
    assert!(refused(path, &["sql", "COPY bars TO 'x.csv'"], 2).contains("lake-writer"));
    assert!(refused(path, &["sql", "SELECT 1; SELECT 2"], 2).contains("2 statements"));
    assert!(refused(path, &["sql", "SELECT 'a'::INT"], 2).contains("a"));
    assert!(refused(path, &["tables", "--at", "99"], 2).contains("newest is 3"));
    assert!(refused(&path.join("nowhere"), &["tables"], 2).contains("no lake"));
    // Version 2 says that there are files; there are none.
    let error = refused(path, &["sql", "SELECT sum(d) FROM bars", "--format", "json"], 4);
    let error: Json = serde_json::from_str(&error).unwrap();
    assert_eq!(
        (&error["error"]["kind"], &error["error"]["exit_code"]),
        (&json!("damaged"), &json!(4))
    );
    assert!(!error.to_string().contains(path.to_str().unwrap()), "{error}");
}

#[test]
fn a_query_that_takes_too_long_is_stopped() {
    let lake = lake();
    let forever = "SELECT count(*) FROM range(10000000000) a, range(10000000000) b WHERE a <> b";
    let error = refused(lake.path(), &["sql", forever, "--timeout", "50ms"], 130);
    assert!(error.contains("longer than 50ms"), "{error}");
}

#[test]
fn changes_read_what_differs_only() {
    let lake = lake();
    let lake = lake.path();
    // Files of which none is there are the same in versions 2 and 3.
    let same = stdout(lake, &["changes", "bars", "--since", "2", "--format", "csv"]);
    assert_eq!(same, "_change,_version,symbol,d,px\n");
    assert_eq!(json(lake, &["changes", "bars", "--since", "1", "--until", "1"]), json!([]));
    let error = refused(lake, &["changes", "bars", "--since", "1", "--at", "2"], 4);
    assert!(error.contains("missing or damaged"), "{error}");
    let error = refused(lake, &["changes", "bars", "--since", "3", "--until", "2"], 2);
    assert!(error.contains("version 3, which is later than 2"), "{error}");
    let error = refused(lake, &["changes", "empty", "--since", "1", "--until", "2"], 2);
    assert!(error.contains("at version 2") && error.contains("bars"), "{error}");
    assert!(refused(lake, &["changes", "bars"], 2).contains("--since"));
    assert!(refused(lake, &["changes", "bars", "--since", "9"], 2).contains("newest is 3"));
}
