//! Streams as a shell sees them: killed, stopped, refused.

use std::io::{BufRead, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::ipc::writer::StreamWriter;
use lake_store::{Deadline, random};
use serde_json::{Value, json};

use crate::kit::{Running, Shell};

/// A lake with a table of ticks, which has no key: a row sent twice is there twice.
pub(crate) fn table() -> Shell {
    let shell = Shell::new();
    let schema = ["--schema", "symbol VARCHAR, n BIGINT", "--partition-by", "symbol"];
    shell.json(&[&["create", "ticks"][..], &schema].concat());
    shell
}

fn start(shell: &Shell, args: &[&str]) -> Running {
    let args = [&["ingest", "ticks", "-", "--input-format", "csv"][..], args].concat();
    Running::start(shell.command(&args))
}

/// How many rows there are of which this is true.
fn count(shell: &Shell, condition: &str) -> u64 {
    let args = ["delete", "ticks", "--dry-run", "--where", condition];
    shell.json(&args)["rows_deleted"].as_u64().unwrap()
}

fn through(stream: &mut Running) -> Vec<u64> {
    let rows = std::iter::from_fn(|| stream.receipt());
    rows.map(|r| r["through_row"].as_u64().unwrap()).collect()
}

pub(crate) const HEADER: &str = "symbol,n\n";

fn ticks(rows: std::ops::RangeInclusive<u64>) -> String {
    rows.map(|n| format!("S{},{n}\n", n % 3)).collect()
}

fn below(n: u64) -> u64 {
    random::session().unwrap() % n
}

/// Sends all rows from `first` on and kills the stream at some moment; returns the last
/// row of which was told, and whether it had ended by then.
fn killed_at_random(shell: &Shell, first: u64, rows: u64) -> (Option<u64>, bool) {
    let first_row = first.to_string();
    let checkpoint = (1 + below(40)).to_string();
    let mut args = vec!["--producer", "p", "--checkpoint-rows", &checkpoint];
    args.extend(["--first-row", &first_row]);
    args.extend(["--batch-commit"].iter().filter(|_| below(2) == 0));
    let Running { mut child, input, mut out, .. } = start(shell, &args);
    let text = format!("{HEADER}{}", ticks(first..=rows));
    let sender = std::thread::spawn(move || {
        let mut input = input.unwrap();
        // In pieces that end anywhere; the rest is of no use to a dead one.
        let size = 1 + below(700) as usize;
        let _ = text.as_bytes().chunks(size).try_for_each(|piece| input.write_all(piece));
    });
    let mut told = None;
    for _ in 0..below(6) {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let Ok(receipt) = serde_json::from_str::<Value>(&line) else { break };
        told = receipt["through_row"].as_u64().max(told);
    }
    let moment = Deadline::after(Duration::from_micros(below(3000)));
    while !moment.passed() {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    let ended = child.wait().unwrap().code() == Some(0);
    sender.join().unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    for receipt in rest.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        told = receipt["through_row"].as_u64().max(told);
    }
    (told, ended)
}

#[test]
fn killed_again_and_again_all_rows_are_there_once() {
    const ROWS: u64 = 1 << 11;
    let shell = table();
    let mut told = 0;
    for _ in 0..60 {
        // Everything is sent again, or what was not told of.
        let first = if below(2) == 0 { 1 } else { told + 1 };
        if first > ROWS {
            break;
        }
        let (last, ended) = killed_at_random(&shell, first, ROWS);
        assert!(last.is_none_or(|last| last > told), "a row was told of twice");
        told = last.unwrap_or(told);
        let there = shell.rows();
        assert!(there >= told, "{told} rows were told of, {there} are there");
        if ended {
            break;
        }
    }
    let mut last = start(&shell, &["--producer", "p", "--checkpoint-rows", "100"]);
    last.send(&format!("{HEADER}{}", ticks(1..=ROWS)));
    let (code, _, err) = last.end();
    assert_eq!((code, shell.rows()), (Some(0), ROWS), "{err}");
    // A row that is missing and one that is there twice differ in some bit.
    for bit in 0..11 {
        assert_eq!(count(&shell, &format!("(n / {}) % 2 = 0", 1 << bit)), ROWS / 2, "bit {bit}");
    }
    for from in (0..ROWS).step_by(64) {
        let these = format!("n > {from} AND n <= {}", from + 64);
        assert_eq!(count(&shell, &these), 64, "{these}");
    }
}

#[test]
fn a_pause_is_a_checkpoint() {
    let shell = table();
    let mut stream = start(&shell, &["--batch-commit"]);
    stream.send(HEADER);
    for last in [3, 4, 9] {
        stream.send(&ticks(1..=last));
        let receipt = stream.receipt().unwrap();
        assert_eq!(receipt["rows_written"], last);
    }
    assert_eq!(shell.rows(), 16);
    assert_eq!(stream.end().0, Some(0));
}

/// Nothing was sent yet, not even the first line.
#[test]
fn a_stream_that_waits_for_its_input_can_be_stopped() {
    for signal in ["-TERM", "-INT"] {
        let shell = table();
        let stream = start(&shell, &["--checkpoint-rows", "10"]);
        // It is ready to be stopped when it has begun to read: there are two threads then.
        let tasks = format!("/proc/{}/task", stream.child.id());
        while std::fs::read_dir(&tasks).unwrap().count() < 3 {
            std::thread::yield_now();
        }
        stream.signal(signal);
        let (code, _, err) = stream.wait();
        assert_eq!(code, Some(130), "{err}");
        assert!(err.contains("what was read is committed"), "{err}");
    }
}

#[test]
fn a_bad_row_ends_it_with_its_place() {
    let shell = table();
    let mut stream = start(&shell, &["--producer", "p", "--checkpoint-rows", "2"]);
    stream.send(&format!("{HEADER}{}A,many\n{}", ticks(1..=5), ticks(7..=9)));
    assert_eq!(through(&mut stream), [2, 4]);
    let (code, _, err) = stream.end();
    assert_eq!(code, Some(2));
    let named = err.contains("stdin, row 6 (line 7), column n") && err.contains("many");
    assert!(named, "{err}");
    // The same input, mended, goes on after what was told.
    let mut stream = start(&shell, &["--producer", "p", "--checkpoint-rows", "2"]);
    stream.send(&format!("{HEADER}{}", ticks(1..=9)));
    drop(stream.input.take());
    assert_eq!(through(&mut stream), [6, 8, 9]);
    assert_eq!((stream.end().0, shell.rows()), (Some(0), 9));
}

/// The threads that encode are started at once, as many as were asked for.
#[test]
fn workers_are_as_many_as_asked_for() {
    let shell = table();
    let threads = |workers: &str| {
        let mut stream = start(&shell, &["--batch-commit", "--workers", workers]);
        stream.send(&format!("{HEADER}A,1\n"));
        assert_eq!(stream.receipt().unwrap()["rows_written"], 1);
        let tasks = format!("/proc/{}/task", stream.child.id());
        let count = std::fs::read_dir(tasks).unwrap().count();
        assert_eq!(stream.end().0, Some(0));
        count
    };
    assert_eq!(threads("5"), threads("2") + 3);
    shell.refused(&["ingest", "ticks", "-", "--workers", "0"], "--workers");
}

#[test]
fn what_cannot_be_resumed_is_refused() {
    let shell = table();
    for name in ["a.csv", "b.csv"] {
        shell.put(name, &format!("{HEADER}A,1\n"));
    }
    let stream = ["--checkpoint-rows", "10"];
    for files in [&["*.csv"][..], &["a.csv", "b.csv"]] {
        shell.refused(&[&["ingest", "ticks"], files, &stream[..]].concat(), "one input");
    }
    let sql = ["ingest", "ticks", "a.csv", "--sql", "SELECT * FROM input", "--batch-commit"];
    shell.refused(&sql, "no numbers");
    shell
        .refused(&["ingest", "ticks", "a.csv", "--first-row", "18446744073709551615"], "first-row");
    assert_eq!(shell.rows(), 0);
    let one = shell.json(&[&["ingest", "ticks", "a.csv"][..], &stream].concat());
    assert_eq!((&one["rows_written"], &one["through_row"]), (&json!(1), &json!(1)));
}

/// A pipe that its producer left between two batches is none of the rows, not some.
#[test]
fn an_arrow_stream_without_its_end_is_refused() {
    let shell = table();
    let rows = |symbol: &str, n: i64| {
        let symbols = Arc::new(StringArray::from(vec![symbol])) as ArrayRef;
        let numbers = Arc::new(Int64Array::from(vec![n])) as ArrayRef;
        RecordBatch::try_from_iter([("symbol", symbols), ("n", numbers)]).unwrap()
    };
    let mut whole = StreamWriter::try_new(Vec::new(), &rows("A", 1).schema()).unwrap();
    whole.write(&rows("A", 1)).unwrap();
    let half = whole.get_ref().clone();
    whole.write(&rows("B", 2)).unwrap();
    let cut = whole.get_ref().clone();
    whole.finish().unwrap();
    let send = |bytes: &[u8], more: &[&str]| {
        let args = [&["ingest", "ticks", "-", "--input-format", "arrow"], more].concat();
        let mut child = Running::start(shell.command(&args));
        child.input.take().unwrap().write_all(bytes).unwrap();
        child.child.wait().unwrap().code()
    };
    for bytes in [half, cut] {
        assert_eq!(send(&bytes, &[]), Some(2));
        assert_eq!(count(&shell, "true"), 0);
    }
    // What a checkpoint acknowledged stays; the rest of a cut stream does not end well.
    let whole = whole.into_inner().unwrap();
    assert_eq!(send(&whole[..whole.len() - 8], &["--checkpoint-rows", "1"]), Some(2));
    let stored = count(&shell, "true");
    assert!((1..=2).contains(&stored), "{stored}");
    assert_eq!(send(&whole, &[]), Some(0));
    assert_eq!(count(&shell, "true"), stored + 2);
}
