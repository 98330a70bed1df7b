//! Rejected rows, tried again.

mod forms;
mod names;

use lake_core::kind::Kind;
use lake_core::types::Type;

use super::spool::stuck;
use super::trouble::{feed, put};
use super::*;
use crate::quarantine::{list, show};
use crate::{Alteration, FileFeed, OnError, Retried, SourceOptions, alter_table};

fn alter(bench: &mut Bench, change: Alteration) {
    let _ = alter_table(bench.writer.lake(), "bars", &change).unwrap();
}

fn add_check(bench: &mut Bench, condition: &str) {
    alter(bench, Alteration::AddCheck { name: "sane".into(), condition: condition.into() });
}

fn drop_check(bench: &mut Bench) {
    alter(bench, Alteration::DropCheck { name: "sane".into() });
}

fn quarantining() -> Options {
    Options { on_error: OnError::Quarantine, ..Options::default() }
}

fn retry_as(bench: &mut Bench, name: &str, options: &Options) -> Retried {
    bench.writer.retry(name, options, &SourceOptions::default()).unwrap()
}

fn retry(bench: &mut Bench, name: &str) -> Retried {
    retry_as(bench, name, &Options::default())
}

fn names(bench: &mut Bench) -> Vec<String> {
    list(bench.writer.lake().root()).unwrap().into_iter().map(|file| file.name).collect()
}

/// The only file.
fn name(bench: &mut Bench) -> String {
    let names = names(bench);
    assert_eq!(names.len(), 1, "{names:?}");
    names[0].clone()
}

/// Written, superseded, rejected.
fn counts(retried: &Retried) -> (u64, u64, u64) {
    let r = &retried.done.receipt;
    (r.rows_written, r.rows_superseded, r.rows_rejected)
}

/// All stored rows as text, sorted.
fn stored(bench: &mut Bench) -> Vec<String> {
    let table = bench.table();
    let root = bench.writer.lake().root();
    let mut rows = Vec::new();
    for (part, segment) in table.segments() {
        let path = table.path(part, segment);
        for batch in SegmentReader::open(root, &path, segment, Verify::Hash, None).unwrap() {
            let batch = batch.unwrap();
            let cell = |column: &ArrayRef, row| match column.is_null(row) {
                true => "NULL".into(),
                false => arrow::util::display::array_value_to_string(column, row).unwrap(),
            };
            let row = |row| {
                let cells = batch.columns().iter().map(|column| cell(column, row));
                cells.collect::<Vec<_>>().join("|")
            };
            rows.extend((0..batch.num_rows()).map(row));
        }
    }
    rows.sort();
    rows
}

#[allow(clippy::disallowed_methods)]
fn bytes_of(bench: &Bench, name: &str) -> Vec<u8> {
    std::fs::read(bench.path().join("_lake/quarantine").join(name)).unwrap()
}

#[allow(clippy::disallowed_methods)]
fn put_back(bench: &Bench, name: &str, bytes: &[u8]) {
    std::fs::write(bench.path().join("_lake/quarantine").join(name), bytes).unwrap();
}

/// Of three rows one comes to fit, two do not; they keep their places and their texts.
#[test]
fn what_fits_is_stored_and_the_rest_is_kept() {
    let mut bench = Bench::new("symbol VARCHAR, date DATE, n INTEGER", &["symbol", "date"]);
    let text = "symbol,date,n\na,2026-11-20,3000000000\na,2026-11-21,many\n\
        a,2026-11-22,1,2\na,2026-11-23,4\n";
    let input = feed(&[put(&bench.path().join("in.csv"), text)]);
    let first = bench.writer.ingest("bars", &input, &quarantining()).unwrap();
    assert_eq!(first.receipt.rows_rejected, 3);
    let old = name(&mut bench);
    alter(&mut bench, Alteration::WidenColumn { name: "n".into(), ty: Type::Int64 });
    let dry = retry_as(&mut bench, &old, &Options { dry_run: true, ..Options::default() });
    assert_eq!((counts(&dry), dry.fits, name(&mut bench)), ((1, 0, 2), true, old.clone()));
    let done = retry(&mut bench, &old);
    assert_eq!((counts(&done), done.fits, done.blank), ((1, 0, 2), true, 1));
    assert_eq!(done.done.version, first.version + 2);
    assert!(done.first.unwrap().contains("row 2 (line 3), column n: \"many\" is not a BIGINT"));
    assert_eq!(stored(&mut bench), ["a|2026-11-20|3000000000", "a|2026-11-23|4"]);
    let new = name(&mut bench);
    assert_ne!(new, old);
    let kept = show(bench.writer.lake().root(), &new).unwrap();
    let kept: Vec<_> = kept.iter().map(|r| (r.row, r.line, r.raw.as_str())).collect();
    assert_eq!(kept, [(2, Some(3), "a,2026-11-21,many"), (3, Some(4), "a,2026-11-22,1,2")]);
    // What is left does not fit either: it stays under its name, and nothing is committed.
    let before = bytes_of(&bench, &new);
    let none = retry(&mut bench, &new);
    assert_eq!((counts(&none), none.fits, none.blank), ((0, 0, 2), false, 1));
    assert_eq!(bench.writer.lake().refresh().unwrap().version, done.done.version);
    assert_eq!((name(&mut bench), bytes_of(&bench, &new)), (new.clone(), before));
}

/// Killed between the commit and the removal: the file is there still.
#[test]
fn a_retry_that_was_killed_stores_nothing_twice() {
    let mut bench = Bench::new(COLUMNS, &[]);
    add_check(&mut bench, "close < 5");
    let batch = bars(&[("a", 1, 1.0), ("a", 2, 8.0), ("a", 3, 9.0)]);
    let _ = bench.writer.ingest_batch("bars", &batch, &quarantining()).unwrap();
    drop_check(&mut bench);
    add_check(&mut bench, "close < 9");
    let old = name(&mut bench);
    let bytes = bytes_of(&bench, &old);
    let first = retry(&mut bench, &old);
    assert_eq!((counts(&first), first.done.duplicate), ((1, 0, 1), false));
    let rest = name(&mut bench);
    put_back(&bench, &old, &bytes);
    let dry = retry_as(&mut bench, &old, &Options { dry_run: true, ..Options::default() });
    assert!(dry.done.duplicate && names(&mut bench).len() == 2);
    let again = retry(&mut bench, &old);
    assert_eq!((again.done.duplicate, again.done.version), (true, first.done.version));
    assert_eq!(again.done.receipt, first.done.receipt);
    assert_eq!(name(&mut bench), rest);
    assert_eq!(stored(&mut bench), ["a|1970-01-02|1.0", "a|1970-01-03|8.0"]);
    // Of the rest the same.
    drop_check(&mut bench);
    let bytes = bytes_of(&bench, &rest);
    assert_eq!(counts(&retry(&mut bench, &rest)), (1, 0, 0));
    put_back(&bench, &rest, &bytes);
    assert!(retry(&mut bench, &rest).done.duplicate && names(&mut bench).is_empty());
    assert_eq!(stored(&mut bench).len(), 3);
}

/// A row stored since then is newer, and of two rejected ones the later.
#[test]
fn stored_rows_stay_unless_it_is_said() {
    let bad = [("a", 1, 6.0), ("a", 2, 7.0), ("a", 2, 8.0)];
    for (mode, want, counted) in [
        (None, [1.0, 8.0], (1, 2, 0)),
        (Some(Mode::Ignore), [1.0, 8.0], (1, 2, 0)),
        (Some(Mode::Upsert), [6.0, 8.0], (2, 1, 0)),
    ] {
        let mut bench = Bench::keyed();
        add_check(&mut bench, "close < 5");
        let _ = bench.writer.ingest_batch("bars", &bars(&bad), &quarantining()).unwrap();
        let _ = bench.ingest(&[("a", 1, 1.0)], None).unwrap();
        drop_check(&mut bench);
        let old = name(&mut bench);
        let done = retry_as(&mut bench, &old, &Options { mode, ..Options::default() });
        assert_eq!(counts(&done), counted, "{mode:?}");
        let mut rows: Vec<_> = bench.segments().concat();
        // Those of the newest segment count.
        rows.reverse();
        rows.sort_by_key(|row| row.1);
        rows.dedup_by_key(|row| row.1);
        assert_eq!(rows.iter().map(|row| row.2).collect::<Vec<_>>(), want, "{mode:?}");
        assert!(names(&mut bench).is_empty());
    }
}

/// A row that breaks a CHECK is rejected after others of its chunk, also after later ones.
#[test]
fn of_rejected_rows_the_last_of_the_input_wins() {
    let mut bench = Bench::new("symbol VARCHAR, date DATE, n INTEGER", &["symbol", "date"]);
    add_check(&mut bench, "n < 10");
    let text = "symbol,date,n\na,2026-11-20,3\nb,2026-11-20,99\nb,2026-11-20,3000000000\n";
    let input = feed(&[put(&bench.path().join("in.csv"), text)]);
    let _ = bench.writer.ingest("bars", &input, &quarantining()).unwrap();
    drop_check(&mut bench);
    alter(&mut bench, Alteration::WidenColumn { name: "n".into(), ty: Type::Int64 });
    let old = name(&mut bench);
    assert_eq!(counts(&retry(&mut bench, &old)), (1, 1, 0));
    assert_eq!(stored(&mut bench), ["a|2026-11-20|3", "b|2026-11-20|3000000000"]);
}

/// All of them are older than what is stored: they are settled, and go.
#[test]
fn rows_that_are_all_older_leave_the_quarantine() {
    let mut bench = Bench::keyed();
    add_check(&mut bench, "close < 5");
    let batch = bars(&[("a", 1, 8.0)]);
    let _ = bench.writer.ingest_batch("bars", &batch, &quarantining()).unwrap();
    let _ = bench.ingest(&[("a", 1, 1.0)], None).unwrap();
    drop_check(&mut bench);
    let old = name(&mut bench);
    let done = retry(&mut bench, &old);
    assert_eq!((counts(&done), done.fits), ((0, 1, 0), true));
    assert!(names(&mut bench).is_empty());
    assert_eq!(bench.segments(), [[("a".into(), 1, 1.0)]]);
}

/// The batch they are of may yet fail, and be sent again.
#[test]
fn rows_of_a_batch_that_is_not_committed_are_left_alone() {
    let mut bench = Bench::new(COLUMNS, &[]);
    add_check(&mut bench, "close < 5");
    stuck(&mut bench, &bars(&[("a", 1, 1.0), ("a", 2, 9.0)]), &quarantining());
    let old = name(&mut bench);
    let bytes = bytes_of(&bench, &old);
    let error =
        bench.writer.retry(&old, &Options::default(), &SourceOptions::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict, "{error}");
    assert_eq!(bytes_of(&bench, &old), bytes);
    assert_eq!(bench.writer.lake().drain().unwrap(), (1, 0));
    drop_check(&mut bench);
    assert_eq!(counts(&retry(&mut bench, &old)), (1, 0, 0));
    assert_eq!(stored(&mut bench), ["a|1970-01-02|1.0", "a|1970-01-03|9.0"]);
}

/// Files as they were before rows kept their fields: listed and shown as ever.
#[test]
fn rows_without_fields_can_be_shown_but_not_tried() {
    let mut bench = Bench::keyed();
    add_check(&mut bench, "close < 5");
    let batch = bars(&[("a", 1, 8.0)]);
    let _ = bench.writer.ingest_batch("bars", &batch, &quarantining()).unwrap();
    let old = name(&mut bench);
    put_back(&bench, &old, &without_fields(bytes_of(&bench, &old)));
    put_back(&bench, "7.torn.rejects", b"PAR1 and then nothing");
    drop_check(&mut bench);
    assert_eq!((name(&mut bench), list(bench.writer.lake().root()).unwrap()[0].rows), (old, 1));
    let old = name(&mut bench);
    let rows = show(bench.writer.lake().root(), &old).unwrap();
    assert_eq!((rows[0].row, rows[0].value.as_deref()), (1, Some("8.0")));
    let done = retry(&mut bench, &old);
    assert_eq!((counts(&done), done.fits, done.blank), ((0, 0, 1), false, 1));
    assert!(done.first.unwrap().contains("breaks CHECK sane"));
    assert_eq!(name(&mut bench), old);
}

/// The first seven columns of a file, and what it says of its table.
fn without_fields(bytes: Vec<u8>) -> Vec<u8> {
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::file::metadata::KeyValue;
    let path = put_temporarily(&bytes);
    let reader = ParquetRecordBatchReaderBuilder::try_new(path.reopen().unwrap()).unwrap();
    let batch = reader.build().unwrap().next().unwrap().unwrap();
    let batch = batch.project(&[0, 1, 2, 3, 4, 5, 6]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.append_key_value_metadata(KeyValue::new("table".into(), "bars".to_owned()));
    writer.close().unwrap();
    bytes
}

fn put_temporarily(bytes: &[u8]) -> tempfile::NamedTempFile {
    use std::io::Write;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

#[test]
fn names_that_are_none_are_refused() {
    let mut bench = Bench::keyed();
    for name in ["nope", "7.x.rejects", "../locks/commit", "../quarantine/x.rejects", "..", ""] {
        let error = bench.writer.retry(name, &Options::default(), &SourceOptions::default());
        assert_eq!(error.unwrap_err().kind(), Kind::NotFound, "{name}");
        let error = crate::quarantine::remove(bench.writer.lake().root(), name).unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound, "{name}");
    }
}
