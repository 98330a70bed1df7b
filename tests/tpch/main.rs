//! TPC-H: eight tables that a lake got in pieces, with corrections, deletions and half a
//! compaction behind them, give the answers of DuckDB's own tables to all 22 queries.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test looks at the disk by itself and fails by panicking"
)]

mod data;

use std::path::Path;
use std::process::Command;

use data::TABLES;
use duckdb::Connection;
use tempfile::TempDir;

fn run(program: &str, dir: &Path, args: &[&str]) -> String {
    let mut command = Command::new(program);
    command.env_clear().env("LAKE_DIR", dir.join("lake")).current_dir(dir).args(args);
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn writer(dir: &Path, args: &[&str]) {
    run(env!("CARGO_BIN_EXE_twin-writer"), dir, args);
}

/// The rows of each table reach the lake in an order and with a history of their own.
fn fill(dir: &Path) {
    writer(dir, &["init"]);
    for table in TABLES {
        let mut create = vec!["create", table.name, "--schema", table.schema];
        create.extend(["--key", table.key]);
        if !table.symbol.is_empty() {
            create.extend(["--partition-by", table.symbol]);
        }
        writer(dir, &create);
        let file = format!("{}.csv", table.name);
        writer(dir, &["ingest", table.name, &file]);
    }
    // Wrong rows and rows that should not be there, in the one table hidden in its base,
    // in the other in files of their own; corrected after that.
    writer(dir, &["ingest", "orders", "orders-wrong.csv"]);
    writer(dir, &["compact", "orders", "--full"]);
    writer(dir, &["ingest", "orders", "orders-right.csv"]);
    writer(dir, &["delete", "orders", "--where", "o_orderkey > 100000000"]);
    writer(dir, &["ingest", "lineitem", "lineitem-wrong.csv"]);
    writer(dir, &["ingest", "lineitem", "lineitem-right.csv"]);
    writer(dir, &["delete", "lineitem", "--where", "l_linenumber > 100"]);
}

fn native(dir: &Path) -> Connection {
    let duckdb = Connection::open_in_memory().unwrap();
    for table in TABLES {
        let file = dir.join(format!("{}.csv", table.name));
        let (name, schema) = (table.name, table.schema);
        let sql = format!(
            "CREATE TABLE {name} ({schema}); COPY {name} FROM '{}' (HEADER)",
            file.display()
        );
        duckdb.execute_batch(&sql).unwrap();
    }
    duckdb
}

#[test]
fn all_queries_answer_as_duckdb_does() {
    let temporary: TempDir = tempfile::tempdir().unwrap();
    let dir = temporary.path();
    data::write(dir);
    fill(dir);
    let duckdb = native(dir);
    let queries = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tpch/queries"));
    let wanted = dir.join("wanted.csv");
    for n in 1..=22 {
        let file = queries.join(format!("q{n:02}.sql"));
        let sql = std::fs::read_to_string(&file).unwrap();
        let copy = format!("COPY ({sql}) TO '{}' (HEADER, FORMAT csv)", wanted.display());
        duckdb.execute_batch(&copy).unwrap();
        let wanted = std::fs::read_to_string(&wanted).unwrap();
        assert!(wanted.lines().count() > 1, "query {n} has no rows to compare");
        let args = ["sql", "-f", file.to_str().unwrap(), "--format", "csv"];
        let found = run(env!("CARGO_BIN_EXE_twin-query"), dir, &args);
        // The two quote other values; none has a quote in it.
        let plain = |csv: &str| csv.replace('"', "").lines().map(str::to_owned).collect();
        let (found, wanted): (Vec<_>, Vec<_>) = (plain(&found), plain(&wanted));
        assert_eq!(found.len(), wanted.len(), "query {n}");
        for (found, wanted) in found.iter().zip(&wanted) {
            assert_eq!(found, wanted, "query {n}");
        }
    }
}
