//! Inputs larger than the memory they may take.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;

const ROWS: u64 = 2_000_000;
/// What the process may allocate, in KiB. The rows alone are 240 MB in memory.
const LIMIT: &str = "240000";

/// 256 MiB: all there is, with what is known of each file.
const LIMIT_OF_MERGES: &str = "262144";

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

/// Exit code, stderr, stdout of the program in a directory, when it may allocate so many KiB.
fn run_within(dir: &Path, limit: &str, line: &str) -> (Option<i32>, String, Vec<u8>) {
    // The limit is on private memory that can be written, wherever it comes from.
    let script = format!("ulimit -d {limit}; exec \"$0\" {line}");
    let output = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_lake-writer")])
        .env("LAKE_DIR", dir.join("lake"))
        .current_dir(dir)
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned(), output.stdout)
}

#[test]
fn the_ceiling_holds_for_an_input_in_no_order() {
    let dir = tempfile::tempdir().unwrap();
    write_input(&dir.path().join("all.csv"));
    let run = |limit: &str, line: &str| run_within(dir.path(), limit, line);
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

const DAYS: u64 = 100;
const SYMBOLS: u64 = 1000;

/// All days of all symbols twice: a file a row.
fn write_increments(path: &Path) {
    let mut text = String::from("symbol,day,px,vol\n");
    for day in 0..DAYS {
        for symbol in 0..SYMBOLS {
            writeln!(text, "S{symbol},{},{day}.5,{symbol}", day / 2).unwrap();
        }
    }
    std::fs::write(path, text).unwrap();
}

#[test]
fn a_hundred_thousand_increments_are_merged_within_the_ceiling() {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    write_increments(&dir.path().join("all.csv"));
    let run = |limit: &str, line: &str| run_within(dir.path(), limit, line);
    let done = |(code, err, out): (Option<i32>, String, Vec<u8>)| -> serde_json::Value {
        assert_eq!(code, Some(0), "{err}");
        serde_json::from_slice(&out).unwrap_or_default()
    };
    done(run("unlimited", "init --accept-unsafe-fs"));
    let schema = "--schema 'symbol VARCHAR, day BIGINT, px DOUBLE, vol BIGINT' \
                  --partition-by symbol --key symbol,day";
    done(run("unlimited", &format!("create t {schema}")));
    let each_day = format!("--layout per-symbol --checkpoint-rows {SYMBOLS}");
    done(run("unlimited", &format!("ingest t all.csv {each_day} --quiet")));
    // The limit limits: so many do not fit into little, and none is the worse for it.
    let line = "compact --max-memory 256MiB --jobs 2 --format json";
    assert_ne!(run("60000", line).0, Some(0));
    let receipt = done(run(LIMIT_OF_MERGES, line));
    let rows = DAYS * SYMBOLS;
    let is = |name: &str| receipt[name].as_u64().unwrap();
    assert_eq!((is("segments_removed"), is("rows_in"), is("rows_written")), (rows, rows, rows / 2));
}
