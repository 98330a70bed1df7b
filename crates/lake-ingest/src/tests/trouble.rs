use std::path::PathBuf;

use lake_core::kind::Kind;

use super::feeds::Meddling;
use super::*;
use crate::{Alteration, FileFeed, SourceOptions, alter_table};

#[allow(clippy::disallowed_methods)]
pub(super) fn put(path: &Path, text: &str) -> PathBuf {
    std::fs::write(path, text).unwrap();
    path.to_owned()
}

pub(super) fn feed(files: &[PathBuf]) -> FileFeed {
    FileFeed::new(files.to_vec(), SourceOptions::default())
}

#[test]
fn bad_symbols_name_their_row() {
    let mut bench = Bench::keyed();
    let good = put(&bench.path().join("one.csv"), "symbol,date,close\na,2026-11-20,1\n");
    let text = "symbol,date,close\na,2026-11-20,1\n\n\"x\ny\",2026-11-20,1\n";
    let bad = put(&bench.path().join("two.csv"), text);
    let error = bench.writer.ingest("bars", &feed(&[good, bad]), &Options::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::BadInput);
    let text = error.to_string();
    let want = "two.csv, row 2 (line 4), column symbol: \"x\\ny\" cannot be a partition value: ";
    assert!(text.contains(want), "{text}");
    assert!(bench.segments().is_empty() && bench.files(".parquet").is_empty());
}

#[test]
fn files_of_one_call_are_one_commit_and_the_last_file_wins() {
    let mut bench = Bench::keyed();
    let one = put(&bench.path().join("one.csv"), "symbol,date,close\na,2026-11-20,1\n");
    let two = put(&bench.path().join("two.csv"), "close,symbol,date\n2,a,2026-11-20\n");
    let inputs = feed(&[one, two]);
    let done = bench.writer.ingest("bars", &inputs, &Options::default()).unwrap();
    assert_eq!((done.version, done.receipt.rows_superseded), (2, 1));
    assert_eq!(bench.segments()[0][0].2, 2.0);
    let append = Options { mode: Some(Mode::Append), ..Options::default() };
    let error = bench.writer.ingest("bars", &inputs, &append).unwrap_err().to_string();
    assert!(error.contains("one.csv, row 1 (line 2) and row 1 of "), "{error}");
}

#[test]
fn no_such_table() {
    let mut bench = Bench::keyed();
    let error = bench.writer.ingest_batch("nope", &bars(&[]), &Options::default()).unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (Kind::NotFound, "no table nope".into()));
}

/// Another writer drops a column at the worst moment: the batch is shaped anew and,
/// as it has the column still, refused; nothing of the first try is left.
#[test]
fn a_schema_that_changes_meanwhile_is_seen() {
    let mut bench = Bench::keyed();
    let mut other = Writer::open(bench.path()).unwrap();
    let drop_close = Alteration::DropColumn { name: "close".into() };
    let meddle = || assert!(alter_table(other.lake(), "bars", &drop_close).is_ok());
    let feed = Meddling::new(vec![bars(&[("a", 1, 9.0)])], meddle);
    let error = bench.writer.ingest("bars", &feed, &Options::default()).unwrap_err();
    assert!(error.to_string().contains("no column \"close\""), "{error}");
    assert_eq!(feed.opened(), 2);
    assert!(bench.files(".parquet").is_empty());
    assert_eq!(bench.writer.lake().refresh().unwrap().version, 2);
}

/// Another writer appends the same key between our look and our commit.
#[test]
fn two_appends_of_one_key_cannot_both_win() {
    let bench = Bench::keyed();
    let append = Options { mode: Some(Mode::Append), ..Options::default() };
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|i| {
                let (path, append) = (bench.path(), &append);
                scope.spawn(move || {
                    let mut writer = Writer::open(path).unwrap();
                    let batch = |day| bars(&[("a", day, f64::from(i))]);
                    (0..20)
                        .map(|day| writer.ingest_batch("bars", &batch(day), append).is_ok())
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    for day in 0..20 {
        assert_eq!(outcomes.iter().filter(|o| o[day]).count(), 1, "day {day}");
    }
    let mut bench = bench;
    assert_eq!(bench.segments().len(), 20);
}
