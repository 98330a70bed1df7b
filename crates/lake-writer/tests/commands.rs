//! The program as a shell sees it: exit codes, what is on stdout, what on stderr.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::kit::Shell;

/// A lake with an empty table of bars.
fn bars() -> Shell {
    let shell = Shell::new();
    let schema = "symbol VARCHAR, date DATE, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, \
                  volume BIGINT, amount DOUBLE";
    let key = ["--partition-by", "symbol", "--key", "symbol, date"];
    shell.json(&[&["create", "bars", "--schema", schema][..], &key].concat());
    shell
}

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/samples").join(name)
}

#[test]
fn samples_in_and_status() {
    let shell = bars();
    let sent = |name: &str| {
        let path = sample(name);
        shell.run(&["ingest", "bars", path.to_str().unwrap(), "--format", "json"]).json()
    };
    let mut receipt = sent("2026-11-20.csv");
    let keys: Vec<&String> = receipt.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 10, "{keys:?}");
    let elapsed = receipt.as_object_mut().unwrap().remove("elapsed_ms").unwrap();
    assert!(elapsed.is_u64());
    let bytes = receipt["bytes"].as_u64().unwrap();
    let want = json!({"version": 2, "table": "bars", "rows_in": 8, "rows_written": 8,
        "rows_superseded": 0, "rows_rejected": 0, "segments": 8, "bytes": bytes,
        "duplicate": false});
    assert_eq!(receipt, want);
    assert_eq!(sent("600519.csv")["rows_written"], 120);
    assert_eq!(sent("bars.parquet")["rows_in"], 480);
    let status = shell.line("status --format json").json();
    assert_eq!(status["version"], 4);
    for (key, want) in [("leases", json!(0)), ("spool", json!(0)), ("trash", json!(0))] {
        assert_eq!(status[key], want, "{key}");
    }
    assert!(status["last_compaction"].is_null() && status["last_vacuum"].is_null());
    let table = &status["tables"][0];
    assert_eq!((&table["table"], &table["rows"]), (&json!("bars"), &json!(608)));
    assert_eq!((&table["increments"], &table["bases"]), (&json!(17), &json!(0)));
    assert_eq!(table["schema_version"], 1);
    assert!(table["bytes"].as_u64().unwrap() > bytes);
    assert!(table["oldest_increment_s"].as_u64().unwrap() < 3600);
}

#[test]
fn a_batch_sent_twice_is_told_so() {
    let shell = bars();
    shell.put("a.csv", "symbol,date,open,high,low,close,volume,amount\na,2026-11-20,1,1,1,1,1,1\n");
    let send = "ingest bars a.csv --format json --producer sync --seq 7";
    let first = shell.line(send).json();
    let mut again = shell.line(send).json();
    assert_eq!(again["duplicate"], true);
    again["duplicate"] = json!(false);
    assert_eq!(first, again);
    assert_eq!(shell.line("status --format json").json()["tables"][0]["increments"], 1);
}

#[test]
fn what_is_refused_changes_nothing() {
    let shell = bars();
    let head = "symbol,date,open,high,low,close,volume,amount\n";
    shell.put("a.csv", &format!("{head}a,2026-11-20,1,1,1,1,1,1\n"));
    shell.put("cell.csv", &format!("{head}a,2026-11-20,1,1,1,1,1,1\na,2026-11-21,1,1,1,x,1,1\n"));
    shell.put("missing.csv", "symbol,date\na,2026-11-20\n");
    shell.put("symbol.csv", &format!("{head}\"\",2026-11-20,1,1,1,1,1,1\n"));
    shell.put("cut.parquet", "PAR1 and then nothing");
    for (line, code, word) in [
        (
            "ingest bars cell.csv",
            2,
            "cell.csv, row 2 (line 3), column close: \"x\" is not a DOUBLE",
        ),
        ("ingest bars missing.csv", 2, "missing.csv: column open is missing"),
        ("ingest bars symbol.csv", 2, "symbol.csv, row 1 (line 2), column symbol: "),
        ("ingest bars cut.parquet", 2, "cut.parquet: not a Parquet file"),
        ("ingest bars a.csv --input-format parquet", 2, "a.csv: not a Parquet file"),
        ("ingest bars a.csv cell.csv", 2, "cell.csv, row 2"),
        ("ingest nope a.csv", 2, "no table nope"),
        ("ingest bars no.csv", 2, "cannot open no.csv"),
        ("ingest bars .", 2, "cannot open ."),
        ("ingest bars - a.csv", 2, "stdin goes alone"),
        ("ingest bars", 2, "required"),
        ("ingest bars a.csv --seq 1", 2, "--producer"),
        ("ingest bars a.csv --mode merge", 2, "merge"),
        ("ingest bars a.csv --sql x", 2, "cannot understand"),
        ("create bars --schema symbol=VARCHAR", 2, "column list, character 7"),
        ("create bars --schema x:INTEGER", 2, "column list"),
        ("create 1x --schema x", 2, "column list"),
        ("rebuild", 2, "a log that can be read"),
    ] {
        let said = shell.line(line);
        assert_eq!(said.code, code, "{line}: {}", said.err);
        assert!(said.err.contains(word), "{line}: {}", said.err);
        assert_eq!(said.out, "", "{line}");
    }
    assert_eq!(shell.line("status --format json").json()["version"], 1);
    assert_eq!(shell.line("ingest bars a.csv --mode append").code, 0);
    let again = shell.line("ingest bars a.csv --mode append");
    assert_eq!(again.code, 2);
    assert!(again.err.contains("has key (a, 2026-11-20) already"), "{}", again.err);
    assert_eq!(shell.line("status --format json").json()["version"], 2);
}

#[test]
fn init_and_create_can_be_repeated() {
    let shell = bars();
    let again = shell.line("init --format json").json();
    assert_eq!(again["created"], false);
    let create = |schema: &str| {
        shell.run(&["create", "t", "--schema", schema, "--order-by", "x", "--format", "json"])
    };
    let made = json!({"version": 2, "table": "t", "created": true});
    assert_eq!(create("x INTEGER").json(), made);
    assert_eq!(create("x INTEGER").json()["created"], false);
    let other = create("x BIGINT");
    assert_eq!(other.code, 2);
    let error: Value = serde_json::from_str(other.err.lines().last().unwrap()).unwrap();
    assert_eq!(error["error"]["kind"], "bad_input");
    assert_eq!((other.out.as_str(), error["error"]["exit_code"].as_u64()), ("", Some(2)));
}

#[test]
fn doctor_finds_nothing_and_no_lake_is_said() {
    let shell = bars();
    let findings: Value = shell.line("doctor --format json").json();
    let findings = findings.as_array().unwrap();
    assert!(findings.len() > 5 && findings.iter().all(|f| f["ok"] == true), "{findings:?}");
    let bare = Shell::bare();
    for line in ["doctor", "status", "ingest t x.csv", "create t --schema x"] {
        let said = bare.line(line);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{line}: {}", said.err);
    }
    assert!(bare.line("status").err.contains("lake-writer init"));
    assert!(bare.line("completions bash").out.contains("lake-writer"));
    assert!(bare.line("man ingest").out.contains("Store rows of files"));
}
