use lake_core::kind::Kind;
use lake_core::segment::Part;
use lake_core::value::{Range, Value};

use super::*;

fn own(rows: &[(&str, i32, f64)]) -> Vec<(String, i32, f64)> {
    rows.iter().map(|r| (r.0.to_owned(), r.1, r.2)).collect()
}

#[test]
fn one_segment_a_symbol_sorted_and_without_equal_keys() {
    let mut bench = Bench::keyed();
    let rows = [("b", 3, 1.0), ("a", 2, 2.0), ("b", 1, 3.0), ("b", 3, 4.0), ("a", 5, 5.0)];
    let done = bench.ingest(&rows, None).unwrap();
    let r = &done.receipt;
    assert_eq!((done.version, done.duplicate), (2, false));
    assert_eq!((r.rows_in, r.rows_written, r.rows_superseded, r.segments), (5, 4, 1, 2));
    assert_eq!(&*r.table, "bars");
    let want = [own(&[("a", 2, 2.0), ("a", 5, 5.0)]), own(&[("b", 1, 3.0), ("b", 3, 4.0)])];
    assert_eq!(bench.segments(), want);
    let table = bench.table();
    let bytes: u64 = table.segments().map(|(_, s)| s.bytes).sum();
    assert_eq!(r.bytes, bytes);
    let (_, first) = table.segments().next().unwrap();
    let range = Range::new(vec![Value::Date(2)], vec![Value::Date(5)]);
    assert_eq!(first.range, Some(range));
    assert!(bench.files(".parquet.tmp").is_empty());
}

#[test]
fn without_a_key_every_row_is_kept_in_order() {
    let mut bench = Bench::new(COLUMNS, &[]);
    let rows = [("a", 2, 1.0), ("a", 1, 2.0), ("a", 2, 3.0), ("a", 1, 4.0)];
    let done = bench.ingest(&rows, None).unwrap();
    assert_eq!((done.receipt.rows_written, done.receipt.rows_superseded), (4, 0));
    let want = own(&[("a", 1, 2.0), ("a", 1, 4.0), ("a", 2, 1.0), ("a", 2, 3.0)]);
    assert_eq!(bench.segments(), [want]);
    let error = bench.ingest(&rows, Some(Mode::Upsert)).unwrap_err();
    assert_eq!(error.kind(), Kind::BadInput);
    assert!(error.to_string().contains("has no key"), "{error}");
}

#[test]
fn append_refuses_keys_that_are_there() {
    let mut bench = Bench::keyed();
    let append = Some(Mode::Append);
    let _ = bench.ingest(&[("a", 10, 1.0), ("a", 20, 1.0), ("b", 10, 1.0)], append).unwrap();
    let twice = bench.ingest(&[("a", 30, 1.0), ("c", 1, 1.0), ("a", 30, 2.0)], append);
    let error = twice.unwrap_err();
    assert_eq!(error.to_string(), "batch, row 1 and row 3 have the same key");
    for (day, there) in [(5, false), (10, true), (15, false), (20, true), (25, false)] {
        let outcome = bench.ingest(&[("c", day, 0.0), ("a", day, 9.0)], append);
        match outcome {
            Ok(_) => assert!(!there, "{day}"),
            Err(error) => {
                assert!(there, "{error}");
                assert_eq!(error.kind(), Kind::BadInput);
                let want =
                    format!("batch, row 2: table bars has key (a, {}) already", Value::Date(day));
                assert_eq!(error.to_string(), want);
            }
        }
    }
    assert_eq!(bench.files(".parquet").len(), bench.segments().len());
    assert!(bench.files(".parquet.tmp").is_empty());
    assert!(bench.ingest(&[("a", 10, 2.0)], None).is_ok());
}

#[test]
fn a_key_that_is_the_symbol_alone() {
    let mut bench = Bench::new(COLUMNS, &["symbol"]);
    let done = bench.ingest(&[("a", 2, 1.0), ("b", 1, 2.0), ("a", 1, 3.0)], None).unwrap();
    assert_eq!(done.receipt.rows_superseded, 1);
    assert_eq!(bench.segments(), [own(&[("a", 1, 3.0)]), own(&[("b", 1, 2.0)])]);
    let error = bench.ingest(&[("a", 7, 7.0)], Some(Mode::Append)).unwrap_err();
    assert!(error.to_string().contains("key (a)"), "{error}");
    assert!(bench.ingest(&[("c", 7, 7.0)], Some(Mode::Append)).is_ok());
}

#[test]
fn a_producers_batch_is_committed_once() {
    let mut bench = Bench::keyed();
    let options = Options { producer: producer(7), ..Options::default() };
    let first = bench.writer.ingest_batch("bars", &bars(&[("a", 1, 1.0)]), &options).unwrap();
    let again = bench.writer.ingest_batch("bars", &bars(&[("a", 2, 9.0)]), &options).unwrap();
    assert!(!first.duplicate && again.duplicate);
    assert_eq!((again.version, &again.receipt), (first.version, &first.receipt));
    assert_eq!(bench.segments().len(), 1);
    let mut other = Writer::open(bench.path()).unwrap();
    let there = other.ingest_batch("bars", &bars(&[("a", 3, 9.0)]), &options).unwrap();
    assert_eq!(there, again);
    let next = Options { producer: producer(8), ..Options::default() };
    let empty = other.ingest_batch("bars", &bars(&[]), &next).unwrap();
    assert_eq!((empty.version, empty.duplicate, empty.receipt.segments), (3, false, 0));
    assert!(other.ingest_batch("bars", &bars(&[("a", 4, 9.0)]), &next).unwrap().duplicate);
}

#[test]
fn no_rows_no_version() {
    let mut bench = Bench::keyed();
    let done = bench.ingest(&[], None).unwrap();
    assert_eq!((done.version, done.receipt.rows_in, done.receipt.segments), (1, 0, 0));
    assert_eq!(bench.writer.lake().refresh().unwrap().version, 1);
}

#[test]
fn wide_batches_are_packed_unless_told_otherwise() {
    let mut bench = Bench::keyed();
    let names: Vec<String> = (0..200).map(|i| format!("s{i:03}")).collect();
    let rows: Vec<_> = names.iter().map(|name| (name.as_str(), 1, 1.0)).collect();
    let own = Options { layout: Layout::PerSymbol, ..Options::default() };
    let done = bench.writer.ingest_batch("bars", &bars(&rows), &own).unwrap();
    assert_eq!((done.receipt.segments, bench.segments().len()), (200, 200));
    assert_eq!(bench.ingest(&rows, None).unwrap().receipt.segments, 1);
    let table = bench.table();
    let [pack] = table.part(&Part::Packed) else { panic!("one pack is wanted") };
    let span = pack.symbols.as_deref().unwrap();
    let ends = (span.first[0].as_str(), span.last[0].as_str(), span.count);
    assert_eq!(ends, ("s000", "s199", 200));
    assert_eq!(pack.range, Some(Range::new(vec![Value::Date(1)], vec![Value::Date(1)])));
    assert_eq!(bench.ingest(&rows[..64], None).unwrap().receipt.segments, 64);
    let packed = Options { layout: Layout::Packed, ..Options::default() };
    let done = bench.writer.ingest_batch("bars", &bars(&rows[..2]), &packed).unwrap();
    assert_eq!(done.receipt.segments, 1);
}

#[test]
fn a_table_of_one_part() {
    let mut bench = Bench::keyed();
    let def = table("flat", COLUMNS, &[], &["symbol", "date"], &["symbol", "date"]);
    let _ = create_table(bench.writer.lake(), &def).unwrap();
    let rows = [("b", 1, 1.0), ("a", 1, 1.0)];
    let packed = Options { layout: Layout::Packed, ..Options::default() };
    let done = bench.writer.ingest_batch("flat", &bars(&rows), &packed).unwrap();
    assert_eq!(done.receipt.segments, 1);
    let in_top = bench.files("/warehouse/flat/inc-");
    assert_eq!(in_top.len(), 1, "{in_top:?}");
}

#[test]
fn a_table_is_created_once() {
    let mut bench = Bench::keyed();
    let same = table("bars", COLUMNS, &["symbol"], &["symbol", "date"], &["date"]);
    assert_eq!(create_table(bench.writer.lake(), &same).unwrap(), Creation::Unchanged(1));
    for other in [
        table("bars", COLUMNS, &["symbol"], &["symbol", "date"], &[]),
        table("bars", "symbol VARCHAR, date DATE", &["symbol"], &["symbol", "date"], &["date"]),
        table("Bars", COLUMNS, &["symbol"], &["symbol", "date"], &["date"]),
    ] {
        let error = create_table(bench.writer.lake(), &other).unwrap_err();
        assert_eq!(error.kind(), Kind::BadInput);
    }
}
