//! Nothing stays on the disk of what was refused, at whatever point.

use super::feeds::{Chunked, Failing, Meddling};
use super::*;
use crate::{Alteration, Feed, IngestError, OnError, Which, alter_table};

/// Segments and what is staged, whether the log knows of them or not.
fn traces(bench: &Bench) -> (usize, Vec<String>) {
    let mut others = bench.files("/_lake/staging/");
    others.extend(bench.files("/_lake/quarantine/"));
    others.extend(bench.files("/_lake/spool/"));
    (bench.files("/warehouse/").len(), others)
}

fn blocks(rows: &[(&str, i32, f64)]) -> Vec<RecordBatch> {
    rows.chunks(2).map(bars).collect()
}

/// Each chunk of two rows is staged before the next is read.
fn small(mode: Mode) -> Options {
    Options { mode: Some(mode), memory: 1, ..Options::default() }
}

fn refused(bench: &mut Bench, feed: &dyn Feed, options: &Options) -> IngestError {
    let before = (bench.writer.lake().refresh().unwrap().version, traces(bench));
    let error = bench.writer.ingest("bars", feed, options).unwrap_err();
    assert_eq!((bench.writer.lake().refresh().unwrap().version, traces(bench)), before, "{error}");
    assert!(before.1.1.is_empty());
    error
}

const ROWS: [(&str, i32, f64); 6] =
    [("a", 1, 1.0), ("b", 1, 1.0), ("a", 2, 1.0), ("c", 1, 1.0), ("a", 3, 1.0), ("a", 1, 2.0)];

#[test]
fn of_input_that_fails_late() {
    for layout in [Layout::PerSymbol, Layout::Packed] {
        let mut bench = Bench::keyed();
        let options = Options { layout, ..small(Mode::Upsert) };
        let error = refused(&mut bench, &Failing(blocks(&ROWS)), &options);
        assert!(matches!(error, IngestError::Once), "{error}");
        let mut batches = blocks(&ROWS);
        batches.push(bars(&[("\n", 1, 1.0)]));
        for on_error in [OnError::Abort, OnError::Quarantine] {
            let options = Options { on_error, ..options.clone() };
            match on_error {
                OnError::Abort => drop(refused(&mut bench, &Chunked(batches.clone()), &options)),
                _ => drop(refused(&mut bench, &Failing(batches.clone()), &options)),
            }
        }
    }
}

#[test]
fn of_keys_that_are_there_or_twice() {
    for layout in [Layout::PerSymbol, Layout::Packed] {
        let mut bench = Bench::keyed();
        let options = Options { layout, ..small(Mode::Append) };
        let error = refused(&mut bench, &Chunked(blocks(&ROWS)), &options);
        assert!(matches!(error, IngestError::SameKeys(1)), "{error}");
        let _ = bench.ingest(&[("a", 3, 9.0)], None).unwrap();
        let error = refused(&mut bench, &Chunked(blocks(&ROWS[..5])), &options);
        assert!(matches!(error, IngestError::KeyExists { .. }), "{error}");
    }
}

#[test]
fn of_a_dry_run() {
    let mut bench = Bench::keyed();
    let _ = bench.ingest(&[("a", 3, 9.0)], None).unwrap();
    let before = traces(&bench);
    for mode in [Mode::Upsert, Mode::Ignore, Mode::Replace, Mode::ReplaceRange] {
        let options = Options { dry_run: true, ..small(mode) };
        let done = bench.writer.ingest("bars", &Chunked(blocks(&ROWS)), &options).unwrap();
        let r = done.receipt;
        assert_eq!((done.version, r.rows_in, r.rows_written + r.rows_superseded), (2, 6, 6));
        assert_eq!(traces(&bench), before);
    }
    let done = bench.writer.delete("bars", &Which::Where("close = 9"), true).unwrap();
    assert_eq!((done.version, done.rows_deleted), (2, Some(1)));
    assert_eq!((traces(&bench), bench.segments().len()), (before, 1));
}

/// A commit that comes to nothing each time it is tried.
#[test]
fn of_conflicts_without_end() {
    struct Stubborn(std::cell::RefCell<Writer>, std::cell::Cell<i32>);
    impl Feed for Stubborn {
        fn open(
            &self,
            def: &TableDef,
            schema: &arrow::datatypes::SchemaRef,
        ) -> Result<Box<dyn crate::Source>> {
            let close = f64::from(self.1.get());
            self.1.set(self.1.get() + 1);
            let theirs = bars(&[("a", 7, close)]);
            let _ = self.0.borrow_mut().ingest_batch("bars", &theirs, &Options::default())?;
            Chunked(vec![bars(&[("a", 7, 0.5), ("a", 8, 0.5)])]).open(def, schema)
        }
    }
    let mut bench = Bench::keyed();
    let _ = bench.ingest(&[("a", 1, 1.0)], None).unwrap();
    let (writer, count) = (Writer::open(bench.path()).unwrap(), std::cell::Cell::new(0));
    let feed = Stubborn(std::cell::RefCell::new(writer), count);
    let options = Options { mode: Some(Mode::Ignore), ..Options::default() };
    let error = bench.writer.ingest("bars", &feed, &options).unwrap_err();
    assert!(matches!(error, IngestError::Conflict { tries: 8, .. }), "{error}");
    assert_eq!(error.kind(), lake_core::kind::Kind::Conflict);
    assert_eq!((bench.segments().len(), bench.files("/warehouse/").len()), (9, 9));
    assert!(traces(&bench).1.is_empty());
}

/// A duplicate is found after its files were placed: these go, the first ones stay.
#[test]
fn of_a_duplicate() {
    let mut bench = Bench::keyed();
    let mut other = Writer::open(bench.path()).unwrap();
    let options = Options { producer: producer(1), ..Options::default() };
    let meddle = || drop(other.ingest_batch("bars", &bars(&[("a", 1, 1.0)]), &options).unwrap());
    let feed = Meddling::new(vec![bars(&[("a", 1, 1.0)])], meddle);
    let done = bench.writer.ingest("bars", &feed, &options).unwrap();
    assert_eq!((feed.opened(), done.duplicate, done.version), (1, true, 2));
    assert_eq!(traces(&bench), (1, Vec::new()));
    assert_eq!(bench.segments().len(), 1);
}

#[test]
fn of_an_alteration_that_stored_rows_break() {
    let mut bench = Bench::keyed();
    let _ = bench.ingest(&[("a", 1, 1.0)], None).unwrap();
    let before = traces(&bench);
    let change = Alteration::AddCheck { name: "no".into(), condition: "close > 3".into() };
    let error = alter_table(bench.writer.lake(), "bars", &change).unwrap_err().to_string();
    assert!(error.contains("1 stored rows break close > 3"), "{error}");
    assert_eq!((traces(&bench), bench.writer.lake().refresh().unwrap().version), (before, 2));
}
