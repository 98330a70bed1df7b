//! Inputs larger than what is held at a time: while one block is written the next is read.

use super::trouble::{feed, put};
use super::*;
use crate::FileFeed;

/// A file for each text; with the least memory each of them is a block.
fn files(bench: &Bench, texts: &[&str]) -> FileFeed {
    let write = |(i, text): (usize, &&str)| {
        put(&bench.path().join(format!("{i}.csv")), &format!("symbol,date,close\n{text}"))
    };
    feed(&texts.iter().enumerate().map(write).collect::<Vec<_>>())
}

fn least(mode: Mode) -> Options {
    Options { mode: Some(mode), memory: 1, ..Options::default() }
}

/// Whoever meets one first.
#[test]
fn the_first_error_in_the_order_of_the_input_is_told() {
    let mut bench = Bench::keyed();
    let (twice, bad) = ("A,2026-01-01,1\nA,2026-01-01,2\n", "B,2026-01-01,x\n");
    for _ in 0..20 {
        for (texts, word) in [
            ([twice, bad, "C,2026-01-01,1\n"], "0.csv, row 1 (line 2) and row 2 have the same key"),
            ([bad, twice, ""], "0.csv, row 1 (line 2), column close"),
            (["C,2026-01-01,1\n", bad, twice], "1.csv, row 1 (line 2), column close"),
        ] {
            let input = files(&bench, &texts);
            let error = bench.writer.ingest("bars", &input, &least(Mode::Append)).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
            assert!(bench.segments().is_empty() && bench.files(".parquet").is_empty());
        }
    }
}

/// A symbol whose rows lie across two blocks goes into one segment.
#[test]
fn rows_in_the_order_of_symbols_are_not_parted() {
    let mut bench = Bench::keyed();
    let texts = [
        "A,2026-01-01,1\nA,2026-01-02,2\nB,2026-01-01,3\n",
        "B,2026-01-02,4\nB,2026-01-03,5\nC,2026-01-01,6\n",
        "C,2026-01-02,7\n",
    ];
    let input = files(&bench, &texts);
    let done = bench.writer.ingest("bars", &input, &least(Mode::Upsert)).unwrap();
    assert_eq!((done.receipt.rows_in, done.receipt.rows_written, done.receipt.segments), (7, 7, 3));
    let mut closes: Vec<Vec<f64>> =
        bench.segments().iter().map(|rows| rows.iter().map(|row| row.2).collect()).collect();
    closes.sort_by(|a, b| a[0].total_cmp(&b[0]));
    assert_eq!(closes, [vec![1.0, 2.0], vec![3.0, 4.0, 5.0], vec![6.0, 7.0]]);
    // What went from one block to the next is known by its place.
    let twice = ["A,2026-02-01,1\nA,2026-02-02,1\nB,2026-02-01,1\n", "B,2026-02-01,2\n"];
    let input = files(&bench, &twice);
    let error = bench.writer.ingest("bars", &input, &least(Mode::Append)).unwrap_err().to_string();
    assert!(error.contains("0.csv, row 3 (line 4) and row 1 of "), "{error}");
}

/// A symbol that has most of the rows is written as far as it goes.
#[test]
fn rows_of_one_symbol_make_blocks_like_others() {
    let mut bench = Bench::keyed();
    let texts = ["A,2026-01-03,1\nA,2026-01-02,2\n", "A,2026-01-01,3\nA,2026-01-03,4\n"];
    let input = files(&bench, &texts);
    let done = bench.writer.ingest("bars", &input, &least(Mode::Upsert)).unwrap();
    let receipt = &done.receipt;
    assert_eq!((receipt.rows_in, receipt.rows_written, receipt.rows_superseded), (4, 3, 1));
    let closes: Vec<f64> = bench.segments().concat().iter().map(|row| row.2).collect();
    assert_eq!(closes, [3.0, 2.0, 4.0]);
}
