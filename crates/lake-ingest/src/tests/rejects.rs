//! Rows that the table cannot hold: refused, left out or kept for a person.

use lake_core::types::Type;

use super::feeds::{Chunked, Meddling};
use super::trouble::{feed, put};
use super::*;
use crate::quarantine::{Quarantined, list, show};
use crate::{Alteration, FileFeed, OnError, alter_table};

const SANE: &str = "close < 5";
const GOOD: &str = "symbol,date,close\na,2026-11-20,1\n";
/// The third row breaks the CHECK, the fourth a NOT NULL.
const BAD: &str =
    "symbol,date,close\na,2026-11-21,1\na,2026-11-22,2\na,2026-11-23,7.5\n,2026-11-24,1\n";

fn alter(bench: &mut Bench, change: Alteration) {
    let _ = alter_table(bench.writer.lake(), "bars", &change).unwrap();
}

fn sane() -> Bench {
    let mut bench = Bench::keyed();
    alter(&mut bench, Alteration::AddCheck { name: "sane".into(), condition: SANE.into() });
    bench
}

fn files(bench: &Bench) -> FileFeed {
    feed(&[put(&bench.path().join("one.csv"), GOOD), put(&bench.path().join("two.csv"), BAD)])
}

fn policy(on_error: OnError) -> Options {
    Options { on_error, ..Options::default() }
}

fn quarantined(bench: &mut Bench) -> Vec<Quarantined> {
    list(bench.writer.lake().root()).unwrap()
}

#[test]
fn abort_names_the_place_the_value_and_the_condition() {
    let mut bench = sane();
    let inputs = files(&bench);
    let (check, _) = BAD.rsplit_once(",2026-11-24").unwrap();
    let check = feed(&[put(&bench.path().join("check.csv"), check)]);
    let error = bench.writer.ingest("bars", &check, &Options::default()).unwrap_err();
    assert_eq!(error.kind(), lake_core::kind::Kind::BadInput);
    let text = error.to_string();
    for part in ["check.csv", "row 3 (line 4)", "column close", "7.5", "sane", SANE] {
        assert!(text.contains(part), "{part}: {text}");
    }
    alter(&mut bench, Alteration::DropCheck { name: "sane".into() });
    let text = bench.writer.ingest("bars", &inputs, &Options::default()).unwrap_err().to_string();
    for part in ["two.csv", "row 4 (line 5)", "column symbol", "NOT NULL"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(bench.segments().is_empty() && bench.files(".parquet").is_empty());
}

#[test]
fn skip_counts_them() {
    let mut bench = sane();
    let inputs = files(&bench);
    let done = bench.writer.ingest("bars", &inputs, &policy(OnError::Skip)).unwrap();
    let r = done.receipt;
    assert_eq!((r.rows_in, r.rows_written, r.rows_rejected), (5, 3, 2));
    assert!(quarantined(&mut bench).is_empty() && bench.files("/_lake/quarantine/").is_empty());
}

#[test]
fn quarantine_keeps_them_with_their_reasons() {
    let mut bench = sane();
    let inputs = files(&bench);
    let options = Options { producer: producer(1), ..policy(OnError::Quarantine) };
    let done = bench.writer.ingest("bars", &inputs, &options).unwrap();
    assert_eq!((done.receipt.rows_written, done.receipt.rows_rejected), (3, 2));
    let found = quarantined(&mut bench);
    let [only] = found.as_slice() else { panic!("one file is wanted: {found:?}") };
    assert_eq!((only.table.as_str(), only.rows), ("bars", 2));
    assert_eq!(only.producer.as_deref(), Some("sync"));
    assert!(only.bytes > 0 && only.at_us > 0);
    let mut rows = show(bench.writer.lake().root(), &only.name).unwrap();
    rows.sort_by_key(|r| r.row);
    let (check, null) = (&rows[0], &rows[1]);
    assert!(check.file.ends_with("two.csv") && null.file.ends_with("two.csv"));
    assert_eq!((check.row, check.line, null.row, null.line), (3, Some(4), 4, Some(5)));
    assert_eq!(check.column.as_deref(), Some("close"));
    assert_eq!(check.value.as_deref(), Some("7.5"));
    assert!(check.why.contains("sane") && check.why.contains(SANE), "{}", check.why);
    assert!(check.raw.contains("7.5") && check.raw.contains("2026-11-23"), "{}", check.raw);
    assert_eq!(null.column.as_deref(), Some("symbol"));
    assert!(null.why.contains("NOT NULL"), "{}", null.why);
    assert!(null.raw.contains("2026-11-24"), "{}", null.raw);
    // The same batch again is the same commit, and no second file.
    assert!(bench.writer.ingest("bars", &inputs, &options).unwrap().duplicate);
    assert_eq!(quarantined(&mut bench), found);
    for name in ["nope", "nope.rejects", "../locks/commit"] {
        let error = show(bench.writer.lake().root(), name).unwrap_err();
        assert_eq!(error.kind(), lake_core::kind::Kind::NotFound, "{name}");
    }
}

#[test]
fn rows_that_are_all_bad_are_kept_too() {
    let mut bench = sane();
    let batch = bars(&[("a", 1, 8.0), ("b", 1, 9.0)]);
    let done = bench.writer.ingest_batch("bars", &batch, &policy(OnError::Quarantine)).unwrap();
    assert_eq!((done.receipt.rows_rejected, done.receipt.segments), (2, 0));
    assert_eq!(quarantined(&mut bench)[0].rows, 2);
    let skipped = bench.writer.ingest_batch("bars", &batch, &policy(OnError::Skip)).unwrap();
    assert_eq!((skipped.receipt.rows_rejected, skipped.version), (2, done.version));
}

/// A refused commit leaves no file, and one that is redone leaves that of its last try.
#[test]
fn nothing_is_kept_of_a_commit_that_is_refused() {
    let mut bench = sane();
    let _ = bench.ingest(&[("a", 1, 1.0)], None).unwrap();
    let mut other = Writer::open(bench.path()).unwrap();
    let ours = bars(&[("a", 1, 2.0), ("a", 2, 9.0)]);
    let append = Options { mode: Some(Mode::Append), ..policy(OnError::Quarantine) };
    assert!(bench.writer.ingest_batch("bars", &ours, &append).is_err());
    let dry = Options { dry_run: true, ..policy(OnError::Quarantine) };
    let counted = bench.writer.ingest_batch("bars", &ours, &dry).unwrap().receipt;
    assert_eq!((counted.rows_written, counted.rows_rejected), (1, 1));
    assert!(bench.files("/_lake/quarantine/").is_empty());
    let extra = Alteration::AddColumn {
        name: "extra".into(),
        ty: Type::Int64,
        default: None,
        not_null: false,
    };
    let meddle = || assert!(alter_table(other.lake(), "bars", &extra).is_ok());
    let feed = Meddling::new(vec![ours], meddle);
    let done = bench.writer.ingest("bars", &feed, &policy(OnError::Quarantine)).unwrap();
    assert_eq!((feed.opened(), done.receipt.rows_rejected), (2, 1));
    assert_eq!(bench.files("/_lake/quarantine/").len(), 1);
}

#[test]
fn more_than_100_000_are_too_many_to_keep() {
    let mut bench = sane();
    let bad: Vec<_> = (0..100_001).map(|day| ("a", day, 9.0)).collect();
    let options = policy(OnError::Quarantine);
    let chunks = |rows: &[(&str, i32, f64)]| Chunked(rows.chunks(50_000).map(bars).collect());
    let error = bench.writer.ingest("bars", &chunks(&bad), &options).unwrap_err().to_string();
    assert!(error.contains("100,000"), "{error}");
    assert!(bench.files("/_lake/quarantine/").is_empty());
    let most = bench.writer.ingest("bars", &chunks(&bad[1..]), &options).unwrap();
    assert_eq!(most.receipt.rows_rejected, 100_000);
    assert_eq!(quarantined(&mut bench)[0].rows, 100_000);
    let skip = bench.writer.ingest("bars", &chunks(&bad), &policy(OnError::Skip)).unwrap();
    assert_eq!(skip.receipt.rows_rejected, 100_001);
}

/// Each of the two halves keeps the CHECK, the row made of them does not.
#[test]
fn a_row_put_together_of_two_is_checked() {
    let mut bench =
        Bench::new("symbol VARCHAR, date DATE, low DOUBLE, high DOUBLE", &["symbol", "date"]);
    alter(
        &mut bench,
        Alteration::AddCheck { name: "order".into(), condition: "low <= high".into() },
    );
    let row = |low: Option<f64>, high: Option<f64>| {
        let keys = bars(&[("a", 1, 0.0)]);
        let cell = |v| Arc::new(Float64Array::from(vec![v])) as ArrayRef;
        let columns = [keys.column(0).clone(), keys.column(1).clone(), cell(low), cell(high)];
        let names = ["symbol", "date", "low", "high"].into_iter().zip(columns);
        RecordBatch::try_from_iter_with_nullable(names.map(|(n, c)| (n, c, true))).unwrap()
    };
    let keep = Options { keep_nulls: true, ..Options::default() };
    let stored = row(Some(1.0), Some(2.0));
    let _ = bench.writer.ingest_batch("bars", &stored, &keep).unwrap();
    let half = row(Some(3.0), None);
    let error = bench.writer.ingest_batch("bars", &half, &keep).unwrap_err().to_string();
    assert!(error.contains("row 1") && error.contains("order"), "{error}");
    let skip = Options { on_error: OnError::Skip, ..keep };
    let r = bench.writer.ingest("bars", &Chunked(vec![half.clone(), half]), &skip).unwrap().receipt;
    let counts = (r.rows_in, r.rows_written, r.rows_superseded, r.rows_rejected);
    assert_eq!(counts, (2, 0, 1, 1));
}
