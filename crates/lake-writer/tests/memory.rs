//! An input larger than the memory it may take.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;

const ROWS: u64 = 2_000_000;
/// What the process may allocate, in KiB. The rows alone are 240 MB in memory.
const LIMIT: &str = "240000";

/// Rows in no order at all, each key once.
fn write_input(path: &Path) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    let mut line = String::from("symbol,n,a,b,c,d,e,note\n");
    for i in 0..ROWS {
        // An odd factor visits every number below a power of two once.
        let at = i.wrapping_mul(0x9e37_79b1) & ((1 << 21) - 1);
        let (symbol, x) = (at % 5_000, at as f64 / 7.0);
        writeln!(line, "S{symbol},{at},{x:.3},{x:.3},{x:.3},{x:.3},{x:.3},note number {at}")
            .unwrap();
        file.write_all(line.as_bytes()).unwrap();
        line.clear();
    }
    file.into_inner().unwrap();
}

#[test]
fn the_ceiling_holds_for_an_input_in_no_order() {
    let dir = tempfile::tempdir().unwrap();
    write_input(&dir.path().join("all.csv"));
    let run = |limit: &str, line: &str| {
        // The limit is on private memory that can be written, wherever it comes from.
        let script = format!("ulimit -d {limit}; exec \"$0\" {line}");
        let program = env!("CARGO_BIN_EXE_lake-writer");
        let output = Command::new("sh")
            .args(["-c", &script, program])
            .env("LAKE_DIR", dir.path().join("lake"))
            .current_dir(dir.path())
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned(), output.stdout)
    };
    assert_eq!(run("unlimited", "init").0, Some(0));
    let schema = "--schema 'symbol VARCHAR, n BIGINT, a DOUBLE, b DOUBLE, c DOUBLE, d DOUBLE, \
                  e DOUBLE, note VARCHAR' --partition-by symbol --key symbol,n";
    assert_eq!(run("unlimited", &format!("create t {schema}")).0, Some(0));
    let line = "ingest t all.csv --max-memory 64MiB --workers 2 --format json";
    let (code, err, out) = run(LIMIT, line);
    assert_eq!(code, Some(0), "{err}");
    let receipt: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(receipt["rows_written"], ROWS, "{receipt}");
    // Without the ceiling the same rows do not fit.
    let (code, ..) = run(LIMIT, "ingest t all.csv --max-memory 4GiB --workers 2");
    assert_ne!(code, Some(0), "the limit limits nothing");
}
