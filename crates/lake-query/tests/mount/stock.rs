//! The file in the hands of a stock DuckDB: the scripts of `python/`, run by each
//! interpreter that LAKE_PYTHONS names (`a/bin/python:b/bin/python`), or by `python3`.
//! One without the module is passed over, and said; one that was named must have it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::lake::{LakeDir, ROWS, SAMPLE, add};
use crate::{Running, until};

/// Interpreters with their DuckDB's version.
fn pythons() -> Vec<(String, String)> {
    let named = std::env::var("LAKE_PYTHONS").ok();
    let list = named.clone().unwrap_or("python3".into());
    let mut found = Vec::new();
    for python in list.split(':') {
        let ask = ["-c", "import duckdb; print(duckdb.__version__)"];
        match Command::new(python).args(ask).output() {
            Ok(said) if said.status.success() => {
                let version = String::from_utf8(said.stdout).unwrap().trim().to_owned();
                eprintln!("{python} has DuckDB {version}");
                found.push((python.to_owned(), version));
            }
            other => {
                assert!(named.is_none(), "{python} has no module duckdb: {other:?}");
                // Not by a macro, whose words a test that passes keeps to itself.
                let line = "passed over: python3 has no module duckdb, and LAKE_PYTHONS names none";
                let _ = writeln!(std::io::stderr(), "{line}");
            }
        }
    }
    found
}

fn script(python: &str, name: &str) -> Command {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/");
    let mut command = Command::new(python);
    command.arg(format!("{path}{name}")).env("LAKE_QUERY", env!("CARGO_BIN_EXE_lake-query"));
    command
}

#[test]
fn it_sees_what_lake_query_sees() {
    let lake = LakeDir::with_bars();
    lake.json(&["mount"]);
    for (python, version) in pythons() {
        let mut command = script(&python, "mounted.py");
        let said = command.arg(lake.root()).arg(lake.mounted()).output().unwrap();
        let (out, err) =
            (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        assert!(said.status.success(), "DuckDB {version}: {out}{err}");
        // 480 of the packs, less 45 days of two symbols, and the file beside them.
        assert!(out.contains("bars: 870 rows"), "DuckDB {version}: {out}");
    }
}

/// A reader connects again and again, while commits come and mounts are replaced: it
/// sees whole versions, none older than the last, and never an error.
#[test]
fn it_reads_while_mounts_are_replaced() {
    let lake = LakeDir::with_log();
    let mut log = lake.open();
    for (python, version) in pythons() {
        let mut watch = Running::of(lake.command(&["mount", "--watch"]).stdout(Stdio::null()));
        until("the first mount", || lake.mounted().exists().then_some(()));
        let first = log.refresh().unwrap().version;
        let mut reader = script(&python, "reader.py");
        reader.arg(lake.mounted()).args([ROWS.to_string(), (first + 4).to_string()]);
        let mut reader = Running::of(reader.stdout(Stdio::null()));
        for _ in 0..4 {
            add(&mut log, Some(Path::new(SAMPLE)));
            let seen = log.state().version;
            until("the next mount", || lake.pinned(seen).then_some(()));
        }
        let ended = until("the reader", || reader.0.try_wait().unwrap());
        watch.signal(Signal::SIGTERM);
        assert_eq!(watch.end(), Some(0));
        assert!(ended.success(), "DuckDB {version}");
        std::fs::remove_file(lake.mounted()).unwrap();
    }
}
