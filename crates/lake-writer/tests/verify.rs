//! verify, repair and rebuild, as a shell sees them.

use std::fs;

use serde_json::{Value, json};

use crate::kit::Shell;

/// Two columns at first, three later; upserts, and a compaction in between.
fn bars() -> Shell {
    let shell = Shell::new();
    let key = ["--partition-by", "symbol", "--key", "symbol,date"];
    let schema = "symbol VARCHAR, date DATE, close DOUBLE";
    shell.json(&[&["create", "bars", "--schema", schema][..], &key].concat());
    shell.put("a.csv", "symbol,date,close\nA,2026-11-19,1\nA,2026-11-20,2\nB,2026-11-20,3\n");
    shell.put("b.csv", "symbol,date,close\nA,2026-11-20,4\nC,2026-11-20,5\n");
    shell.put("c.csv", "symbol,date,close,note\nA,2026-11-20,6,x\nC,2026-11-21,7,y\n");
    shell.json(&["ingest", "bars", "a.csv", "--producer", "daily", "--seq", "1"]);
    shell.json(&["ingest", "bars", "b.csv"]);
    shell.json(&["compact", "--full"]);
    shell.json(&["alter", "bars", "add-column", "note", "VARCHAR"]);
    shell.json(&["ingest", "bars", "c.csv", "--producer", "daily", "--seq", "2"]);
    shell
}

fn a_file(shell: &Shell, beneath: &str) -> std::path::PathBuf {
    let entries = fs::read_dir(shell.path(beneath)).unwrap();
    entries.map(|e| e.unwrap().path()).min().unwrap()
}

#[test]
fn verify_says_what_is_wrong_and_nothing_else() {
    let shell = bars();
    let said = shell.run_as("json", &["verify", "--deep"]);
    assert_eq!((said.json(), said.err.as_str()), (json!([]), ""));
    fs::write(shell.path("lake/warehouse/mine.txt"), "x").unwrap();
    let said = shell.run_as("json", &["verify"]);
    assert_eq!(said.json(), json!([]));
    assert!(said.err.contains("not the lake's, left alone: warehouse/mine.txt"), "{}", said.err);
    let lost = a_file(&shell, "lake/warehouse/bars/packed");
    fs::remove_file(&lost).unwrap();
    let said = shell.run_as("json", &["verify"]);
    let all: Value = serde_json::from_str(&said.out).unwrap();
    let name = lost.strip_prefix(shell.path("lake")).unwrap().to_str().unwrap();
    assert_eq!(said.code, 1);
    assert_eq!(all.as_array().unwrap().len(), 1, "{all}");
    assert_eq!(all[0]["kind"], "file-missing");
    assert_eq!((&all[0]["path"], &all[0]["table"]), (&json!(name), &json!("bars")));
    let keys: Vec<&String> = all[0].as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 5, "{keys:?}");
}

#[test]
fn a_log_that_cannot_be_opened_is_told_all_the_same() {
    let shell = bars();
    fs::write(shell.path("lake/_lake/log/0000000000/0000000000003.e"), "LKE1").unwrap();
    let said = shell.run_as("jsonl", &["verify"]);
    let first: Value = serde_json::from_str(said.out.lines().next().unwrap()).unwrap();
    assert_eq!((said.code, &first["kind"]), (4, &json!("entry")), "{}", said.err);
    assert!(said.err.contains("log entry 3 is damaged"), "{}", said.err);
}

#[test]
fn a_report_is_repaired() {
    let shell = bars();
    fs::write(shell.path("lake/_lake/HEAD"), "garbage").unwrap();
    let lost = a_file(&shell, "lake/warehouse/bars/packed");
    fs::remove_file(&lost).unwrap();
    let report = shell.run_as("json", &["verify"]);
    assert_eq!(report.code, 1);
    shell.put("report.json", &report.out);
    let actions = |said: crate::kit::Said, code: i32| {
        assert_eq!(said.code, code, "{}", said.err);
        let all: Value = serde_json::from_str(&said.out).unwrap();
        let all = all.as_array().unwrap().iter().map(|one| one["action"].clone());
        all.collect::<Vec<_>>()
    };
    let dry = shell.run_as("json", &["repair", "report.json", "--dry-run"]);
    assert_eq!(actions(dry, 1), ["recreated", "left"]);
    let done = shell.run_as("json", &["repair", "report.json"]);
    assert_eq!(actions(done, 1), ["recreated", "left"]);
    let given_up = shell.run_as("json", &["repair", "report.json", "--drop-damaged"]);
    assert_eq!(actions(given_up, 0), ["stale", "dropped"]);
    shell.json(&["vacuum", "--grace", "0s"]);
    assert_eq!(shell.json(&["verify", "--deep"]), json!([]));
    shell.put("bad.json", "kind,path\n");
    shell.refused(&["repair", "bad.json"], "is no report");
    shell.refused(&["repair", "none.json"], "cannot read the report");
}

#[test]
fn a_lake_that_lost_its_log_is_rebuilt() {
    let shell = bars();
    shell.refused(&["rebuild"], "has a log that can be read");
    let before = shell.json(&["status"]);
    fs::remove_dir_all(shell.path("lake/_lake")).unwrap();
    let dry = shell.run_as("json", &["rebuild", "--dry-run"]).json();
    let done = shell.run_as("json", &["rebuild", "--accept-unsafe-fs"]);
    assert!(done.err.contains("tags, checks, defaults"), "{}", done.err);
    let done = done.json();
    assert_eq!(done, dry);
    // The inputs of the compaction are all there and count.
    assert_eq!(done["rows"], 7);
    assert!(done["redundant_files"].as_u64() > Some(0), "{done}");
    assert_eq!(shell.json(&["verify", "--deep"]), json!([]));
    let after = shell.json(&["status"]);
    let schema = |status: &Value| status["tables"][0]["schema_version"].clone();
    assert_eq!(schema(&after), schema(&before));
    let again = shell.json(&["ingest", "bars", "c.csv", "--producer", "daily", "--seq", "2"]);
    assert_eq!(again["duplicate"], true);
    shell.json(&["compact", "--full"]);
    assert_eq!(shell.rows(), 5, "each key once");
    assert_eq!(shell.json(&["verify", "--deep"]), json!([]));
}

#[test]
fn what_was_deleted_stays_so_when_the_log_is_lost() {
    for swept in [false, true] {
        let shell = bars();
        let kept = shell.json(&["compact", "--full"])["rows_written"].as_u64().unwrap();
        assert_eq!(shell.json(&["delete", "bars", "--where", "symbol = 'A'"])["rows_deleted"], 2);
        if swept {
            shell.json(&["vacuum", "--grace", "0s"]);
        }
        fs::remove_dir_all(shell.path("lake/_lake")).unwrap();
        let done = shell.json(&["rebuild"]);
        assert_eq!(done["rows"], kept - 2, "swept {swept}: {done}");
        assert_eq!(shell.json(&["verify", "--deep"]), json!([]));
    }
}
