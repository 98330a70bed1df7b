//! vacuum and undelete, as a shell sees them.

// The whole file is a test; clippy knows that of functions marked so only.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::process::Command;

use serde_json::{Value, json};

struct Shell(tempfile::TempDir);

const SCHEMA: &str = "symbol VARCHAR, date DATE, close DOUBLE";

impl Shell {
    /// Three rows of two symbols, and the rows of one of them deleted again.
    fn new() -> Shell {
        let shell = Shell(tempfile::tempdir().unwrap());
        shell.json(&["init"]);
        let key = ["--partition-by", "symbol", "--key", "symbol,date"];
        shell.json(&[&["create", "bars", "--schema", SCHEMA][..], &key].concat());
        let csv = "symbol,date,close\nA,2026-11-19,1\nA,2026-11-20,2\nB,2026-11-20,3\n";
        std::fs::write(shell.0.path().join("a.csv"), csv).unwrap();
        shell.json(&["ingest", "bars", "a.csv"]);
        shell.json(&["delete", "bars", "--symbol", "A"]);
        shell
    }

    fn run(&self, args: &[&str], env: &[(&str, &str)]) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_lake-writer"))
            .env_clear()
            .envs(env.iter().copied())
            .args(args)
            .args(["--format", "json", "--lake", "lake"])
            .current_dir(self.0.path())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn json(&self, args: &[&str]) -> Value {
        let (code, out, err) = self.run(args, &[]);
        assert_eq!(code, 0, "{args:?}: {err}");
        serde_json::from_str(&out).unwrap()
    }

    fn segments(&self) -> usize {
        let bars = self.0.path().join("lake/warehouse/bars");
        let parts = std::fs::read_dir(bars).unwrap().map(|part| part.unwrap().path());
        parts.map(|part| std::fs::read_dir(part).unwrap().count()).sum()
    }
}

#[test]
fn what_was_deleted_goes_to_the_trash_and_comes_back() {
    let shell = Shell::new();
    assert_eq!(shell.segments(), 2);
    let none = shell.json(&["vacuum"]);
    assert_eq!((&none["version"], &none["files_removed"]), (&json!(3), &json!(0)));
    assert_eq!((&none["held"][0]["by"], &none["held"][0]["files"]), (&json!("grace"), &json!(1)));
    let dry = shell.json(&["vacuum", "--grace", "0s", "--dry-run"]);
    assert_eq!((&dry["superseded_files"], shell.segments()), (&json!(1), 2));
    let done = shell.json(&["vacuum", "--grace", "0s"]);
    for (name, value) in [
        ("version", json!(4)),
        ("floor", json!(3)),
        ("boundary", json!(3)),
        ("files_removed", json!(1)),
        ("bytes_removed", dry["superseded_bytes"].clone()),
        ("superseded_files", json!(1)),
        ("orphan_files", json!(0)),
        ("leftover_files", json!(0)),
        ("trash_files_deleted", json!(0)),
        ("held", json!([])),
        ("foreign_files", json!(0)),
    ] {
        assert_eq!(done[name], value, "{name} of {done}");
    }
    assert_eq!(shell.segments(), 1);
    let listed = shell.json(&["undelete", "--list"]);
    let batch = listed[0]["batch"].as_str().unwrap();
    assert_eq!(done["trash"], format!("_lake/trash/{batch}"));
    assert_eq!((&listed[0]["files"], &listed[0]["version"]), (&json!(1), &json!(4)));
    let back = shell.json(&["undelete", batch]);
    assert_eq!((&back["files_restored"], shell.segments()), (&json!(1), 2));
    assert_eq!(shell.json(&["undelete", "--list"]), json!([]));
}

#[test]
fn the_grace_is_from_the_flag_the_environment_or_the_lakes_settings() {
    let shell = Shell::new();
    let dry = ["vacuum", "--dry-run"];
    let files = |env: &[(&str, &str)], args: &[&str]| {
        let (code, out, err) = shell.run(args, env);
        assert_eq!(code, 0, "{err}");
        serde_json::from_str::<Value>(&out).unwrap()["superseded_files"].clone()
    };
    assert_eq!(files(&[], &dry), 0);
    assert_eq!(files(&[("LAKE_VACUUM_GRACE", "0s")], &dry), 1);
    std::fs::write(shell.0.path().join("lake/lake.toml"), "[vacuum]\ngrace = \"0s\"\n").unwrap();
    assert_eq!(files(&[], &dry), 1);
    assert_eq!(files(&[], &["vacuum", "--dry-run", "--grace", "1d"]), 0);
    std::fs::write(shell.0.path().join("lake/lake.toml"), "[vacuum]\ngrace = 5\n").unwrap();
    let (code, _, err) = shell.run(&dry, &[]);
    assert!(code == 2 && err.contains("vacuum.grace from lake.toml"), "{err}");
}

#[test]
fn one_whose_time_is_up_says_so_and_the_next_goes_on() {
    let shell = Shell::new();
    let (code, out, err) = shell.run(&["vacuum", "--grace", "0s", "--max-seconds", "0"], &[]);
    let done: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &done["files_removed"]), (0, &json!(0)));
    assert!(err.contains("the time is up, the next vacuum goes on"), "{err}");
    let (code, out, _) = shell.run(&["vacuum", "--grace", "0s", "--max-seconds", "600"], &[]);
    let done: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &done["files_removed"]), (0, &json!(1)));
}

#[test]
fn what_cannot_be_done_is_said_and_has_its_code() {
    let shell = Shell::new();
    for (args, code, word) in [
        (&["vacuum", "--grace", "soon"][..], 2, "soon"),
        (&["vacuum", "--max-share", "50%"], 2, "it is a number such as 0.5"),
        (&["undelete", "1-1"], 2, "nothing called 1-1 is in the trash"),
        (&["undelete", "--list", "1-1"], 2, "--list"),
    ] {
        let (exit, out, err) = shell.run(args, &[]);
        assert!(exit == code && out.is_empty() && err.contains(word), "{args:?}: {exit} {err}");
    }
    // Two orphans beside one live file.
    let part = shell.0.path().join("lake/warehouse/bars/symbol=B");
    for n in 0..2 {
        let name = format!("inc-1.0000000000000007.1-{n}.parquet");
        std::fs::write(part.join(name), vec![0; 4096]).unwrap();
    }
    let (exit, out, err) = shell.run(&["vacuum", "--max-share", "0.5"], &[]);
    assert!(exit == 1 && out.is_empty(), "{exit} {err}");
    assert!(err.contains("2 files of 8192 bytes are in no version"), "{err}");
    std::fs::write(shell.0.path().join("lake/warehouse/notes.txt"), "mine").unwrap();
    let done = shell.json(&["vacuum"]);
    assert_eq!((&done["orphan_files"], &done["foreign_files"]), (&json!(2), &json!(1)));
}
