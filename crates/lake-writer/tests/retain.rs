//! retain, unarchive, backup and restore --from, as a shell sees them.

// The whole file is a test; clippy knows that of functions marked so only.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use serde_json::{Value, json};

use crate::kit::Shell;

const SCHEMA: &str = "symbol VARCHAR, date DATE, close DOUBLE";

fn bars() -> Shell {
    let shell = Shell::new();
    let key = ["--partition-by", "symbol", "--key", "symbol,date"];
    shell.json(&[&["create", "bars", "--schema", SCHEMA][..], &key].concat());
    shell.put("a.csv", "symbol,date,close\nA,2020-01-01,1\nA,2020-01-02,2\nA,2999-01-01,3\n");
    shell.put("b.csv", "symbol,date,close\nB,2020-01-01,4\nB,2020-01-05,5\n");
    shell.json(&["ingest", "bars", "a.csv"]);
    shell.json(&["ingest", "bars", "b.csv"]);
    shell
}

fn settings(shell: &Shell, text: &str) {
    shell.put("lake/lake.toml", text);
}

fn field(rows: &Value, name: &str) -> Vec<Value> {
    rows.as_array().unwrap().iter().map(|row| row[name].clone()).collect()
}

#[test]
fn a_table_is_cut_at_a_value_or_an_age() {
    let shell = bars();
    let plan = shell.json(&["retain", "bars", "--before", "2020-01-02", "--dry-run"]);
    assert_eq!(
        (field(&plan, "symbol"), field(&plan, "rows")),
        (vec![json!("A"), json!("B")], vec![json!(1), json!(1)])
    );
    let version = shell.json(&["status"])["version"].as_u64().unwrap();
    let done = shell.json(&["retain", "bars", "--before", "2020-01-02"]);
    assert_eq!((&done["version"], &done["rows_dropped"]), (&json!(version + 1), &Value::Null));
    assert_eq!((&done["segments_removed"], &done["segments_masked"]), (&json!(0), &json!(2)));
    let left = shell.json(&["retain", "bars", "--older-than", "365d", "--dry-run"]);
    assert_eq!(
        (field(&left, "symbol"), field(&left, "rows")),
        (vec![json!("A"), json!("B")], vec![json!(1), json!(1)])
    );
    shell.json(&["compact", "--full"]);
    let said = shell.run_as("json", &["retain", "bars", "--older-than", "365d"]);
    assert!(said.err.contains("not known"), "{}", said.err);
    assert_eq!(said.json()["by"], "order");
    let nothing = shell.json(&["retain", "bars", "--older-than", "365d"]);
    assert_eq!(
        (&nothing["version"], &nothing["rows_dropped"]),
        (&said.json()["version"], &json!(0))
    );
    // By commit nothing is an hour old yet, and everything is older than a zero age.
    let done = shell.json(&["retain", "bars", "--older-than", "1h", "--by", "commit"]);
    assert_eq!(done["segments_removed"], 0);
    let done = shell.json(&["retain", "bars", "--older-than", "0s", "--by", "commit"]);
    assert_eq!((&done["segments_removed"], &done["by"]), (&json!(1), &json!("commit")));
    assert_eq!(shell.rows(), 0);
}

#[test]
fn what_cannot_be_cut_is_said() {
    let shell = bars();
    let refused = |args: &str, words: &str| {
        shell.refused(&args.split(' ').collect::<Vec<_>>(), words);
    };
    refused("retain nope --older-than 1d", "no table nope");
    refused("retain bars", "nobody says how old rows of bars may be");
    refused("retain --older-than 1d", "<TABLE>");
    refused("retain bars --before 5", "column date");
    refused("retain bars --before 5 --by commit", "is not a time");
    refused("retain bars --older-than 1d --before 2020-01-01", "cannot be used with");
    shell.json(&["create", "ids", "--schema", "id BIGINT, x DOUBLE", "--key", "id"]);
    refused("retain ids --older-than 1d", "is ordered by id, which is BIGINT");
    assert_eq!(shell.json(&["retain", "ids", "--before", "7"])["before"], "7");
    settings(&shell, "[tables.bars]\nretain = \"90\"\n");
    refused("retain", "tables.bars.retain");
    settings(&shell, "[tables.bars]\nretain = \"9d\"\nretain_by = \"size\"\n");
    refused("retain", "retain_by");
}

#[test]
fn a_drop_is_one_also_where_lake_toml_says_archive() {
    let shell = bars();
    settings(&shell, "[tables.bars]\nretain = \"30d\"\narchive = true\n");
    let done = shell.json(&["retain", "bars", "--drop"]);
    assert_eq!((&done["rows_archived"], &done["archive_files"]), (&json!(0), &json!(0)));
    assert!(shell.rows() < 5 && !shell.path("lake/archive/bars").exists());
    shell.refused(&["retain", "bars", "--drop", "--archive"], "cannot be used with");
    shell.refused(&["retain", "--drop"], "<TABLE>");
}

#[test]
fn lake_toml_says_what_a_run_without_a_table_does() {
    let shell = bars();
    assert_eq!(shell.json(&["retain"]), json!([]));
    settings(
        &shell,
        "[tables.bars]\nretain = \"30d\"\narchive = true\n\n[quarantine]\nkeep = \"1d\"\n",
    );
    shell.put("bad.csv", "symbol,date,close\nA,2020-01-01,x\n");
    shell.json(&["ingest", "bars", "bad.csv", "--on-error", "quarantine"]);
    let done = shell.json(&["retain"]);
    assert_eq!(
        (field(&done, "table"), field(&done, "rows_archived")),
        (vec![json!("bars")], vec![json!(4)])
    );
    settings(&shell, "[quarantine]\nkeep = \"0s\"\n");
    assert_eq!(field(&shell.json(&["retain", "--dry-run"]), "by"), [json!("quarantine")]);
    assert_eq!(shell.json(&["quarantine", "list"]).as_array().unwrap().len(), 1);
    let done = shell.json(&["retain"]);
    assert_eq!(
        (field(&done, "by"), field(&done, "rows_dropped")),
        (vec![json!("quarantine")], vec![json!(1)])
    );
    assert_eq!(shell.json(&["quarantine", "list"]), json!([]));
}

#[test]
fn what_is_archived_comes_back_once_and_wins_over_nothing() {
    let shell = bars();
    let done = shell.json(&["retain", "bars", "--before", "2020-01-03", "--archive"]);
    assert_eq!((&done["rows_archived"], &done["archive_files"]), (&json!(3), &json!(2)));
    assert_eq!(
        shell.json(&["retain", "bars", "--before", "2020-02-01", "--archive"])["rows_archived"],
        1
    );
    assert_eq!(shell.files("lake/archive/bars/symbol=A"), 1);
    shell.put("c.csv", "symbol,date,close\nA,2020-01-02,9\n");
    shell.json(&["ingest", "bars", "c.csv"]);
    shell.json(&["alter", "bars", "add-column", "currency", "VARCHAR", "DEFAULT", "CNY"]);
    let list = shell.json(&["unarchive", "--list"]);
    assert_eq!(
        (field(&list, "archive"), field(&list, "rows")),
        (vec![json!(1), json!(2)], vec![json!(3), json!(1)])
    );
    assert_eq!(field(&list, "max_key"), [json!("2020-01-02"), json!("2020-01-05")]);
    assert_eq!(shell.json(&["unarchive", "bars", "--before", "2020-01-02"])["archives"], 0);
    let done = shell.json(&["unarchive", "bars", "--before", "2020-01-03"]);
    assert_eq!(
        (&done["rows_in"], &done["rows_written"], &done["rows_superseded"]),
        (&json!(3), &json!(2), &json!(1))
    );
    assert_eq!(shell.json(&["unarchive", "--list", "bars"]).as_array().unwrap().len(), 1);
    assert_eq!(shell.files("lake/archive"), 2, "a file and its list");
    assert_eq!(shell.json(&["unarchive", "bars"])["rows_written"], 1);
    let nothing = shell.json(&["unarchive", "bars"]);
    assert_eq!((&nothing["archives"], &nothing["rows_in"]), (&json!(0), &json!(0)));
    shell.json(&["compact", "--full"]);
    assert_eq!((shell.rows(), shell.files("lake/archive")), (5, 0));
    shell.refused(&["unarchive"], "<TABLE>");
    shell.refused(&["unarchive", "nope"], "no table nope");
}

#[test]
fn rows_that_no_longer_fit_are_refused_and_stay_archived() {
    let shell = bars();
    shell.put("n.csv", "symbol,date,close\nC,2020-01-01,\n");
    shell.json(&["ingest", "bars", "n.csv"]);
    shell.json(&["retain", "bars", "--before", "2020-01-03", "--archive"]);
    shell.json(&["alter", "bars", "set-not-null", "close"]);
    shell.refused(&["unarchive", "bars"], "archive 1 of bars");
    assert_eq!(shell.json(&["unarchive", "--list"]).as_array().unwrap().len(), 1);
    shell.json(&["alter", "bars", "drop-not-null", "close"]);
    assert_eq!(shell.json(&["unarchive", "bars"])["rows_written"], 4);
}

#[test]
fn a_backup_is_a_lake_to_read_and_makes_a_new_one() {
    let shell = bars();
    let done = shell.json(&["backup", "copy"]);
    assert_eq!(
        (&done["version"], &done["files"], &done["backup"]),
        (&json!(3), &json!(2), &json!("copy"))
    );
    let again = shell.json(&["backup", "copy"]);
    assert_eq!((&again["files_kept"], &again["files_linked"]), (&json!(2), &json!(0)));
    shell.refused(&["--lake", "copy", "ingest", "bars", "a.csv"], "it is a backup");
    shell.refused(&["backup", "lake"], "no backup of this lake");
    let done = shell.json(&["--lake", "new", "restore", "--from", "copy"]);
    assert_eq!(
        (&done["version"], &done["files_copied"], &done["lake"]),
        (&json!(3), &json!(2), &json!("new"))
    );
    let table = shell.json(&["--lake", "new", "ingest", "bars", "a.csv"]);
    assert_eq!(table["version"], 4);
    shell.refused(&["--lake", "new", "restore", "--from", "copy"], "a lake with something in it");
    shell.refused(&["restore"], "--to");
    shell.refused(&["--lake", "x", "restore", "--from", "nothing"], "no lake at nothing");
}

#[test]
fn a_restore_puts_no_row_into_two_places() {
    let shell = Shell::new();
    shell.json(&["create", "log", "--schema", "at TIMESTAMP, n BIGINT", "--order-by", "at"]);
    shell.put(
        "a.csv",
        "at,n\n2020-01-01T00:00:00,1\n2020-01-01T00:00:00,1\n2999-01-01T00:00:00,2\n",
    );
    let before = shell.json(&["ingest", "log", "a.csv"])["version"].to_string();
    let cut = ["retain", "log", "--before", "2021-01-01", "--archive"];
    let archived = shell.json(&cut)["version"].to_string();
    // The rows are in the table as they were, and the archive counts no more.
    let done = shell.json(&["restore", "--to", &before]);
    assert_eq!((&done["rows"], &done["archives_undone"]), (&json!(3), &json!(1)));
    assert_eq!(shell.json(&["unarchive", "--list"]), json!([]));
    assert_eq!(shell.json(&["unarchive", "log"])["archives"], 0);
    assert_eq!(shell.rows(), 3);
    let again = shell.json(&["restore", "--to", &before]);
    assert_eq!((&again["version"], &again["archives_undone"]), (&done["version"], &json!(0)));
    // Archived anew they come back once.
    shell.json(&cut);
    assert_eq!(shell.json(&["unarchive", "log"])["rows_written"], 2);
    let merged = || shell.json(&["compact", "--full"])["rows_written"].clone();
    assert_eq!(merged(), 3);
    // Back to when they were archived: they are in neither place, and that is said.
    let said = shell.run_as("json", &["restore", "--to", &archived]);
    assert_eq!((said.code, merged()), (0, json!(1)));
    assert!(said.err.contains("archive 1 of table log"), "{}", said.err);
    let said = shell.run(&["ingest", "log", "a.csv", "--producer", "unarchive/log", "--seq", "9"]);
    assert!(said.code == 2 && said.err.contains("the archive's own names"), "{}", said.err);
}

#[test]
fn a_table_that_fails_keeps_no_other_and_one_that_is_not_there_is_told() {
    let shell = bars();
    shell.json(&[
        "create",
        "also",
        "--schema",
        SCHEMA,
        "--key",
        "symbol,date",
        "--order-by",
        "date",
    ]);
    shell.json(&["ingest", "also", "a.csv"]);
    let said = "retain = \"30d\"\narchive = true\n";
    settings(&shell, &format!("[tables.also]\n{said}[tables.bars]\n{said}[tables.bras]\n{said}"));
    std::fs::remove_dir_all(shell.path("lake/warehouse/bars/symbol=A")).unwrap();
    let done = shell.run_as("json", &["retain"]);
    assert_eq!(done.code, 4, "{}", done.err);
    let rows: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(field(&rows, "table"), [json!("also")]);
    assert_eq!(field(&rows, "rows_archived"), [json!(2)]);
    for word in ["table bars: ", "table bras stay, and there is no such table"] {
        assert!(done.err.contains(word), "{}", done.err);
    }
    settings(&shell, &format!("[tables.also]\n{said}[tables.bras]\n{said}"));
    assert_eq!(shell.run_as("json", &["retain"]).code, 0);
    let task = shell.run_as("json", &["tasks", "run", "retain"]);
    assert!(task.code == 2 && task.err.contains("table bras"), "{}", task.err);
}

#[test]
fn settings_that_cannot_be_read_are_no_settings_that_are_not_there() {
    let shell = bars();
    std::fs::rename(shell.path("lake/lake.toml"), shell.path("mine.toml")).unwrap();
    std::os::unix::fs::symlink(shell.path("mine.toml"), shell.path("lake/lake.toml")).unwrap();
    for args in ["retain", "vacuum", "tasks list", "health", "ingest bars a.csv"] {
        let said = shell.line(args);
        assert!(said.code > 1 && said.err.contains("lake.toml"), "{args}: {}", said.err);
    }
    std::fs::remove_file(shell.path("lake/lake.toml")).unwrap();
    assert_eq!(shell.line("retain").code, 0);
}
