use std::sync::Arc;

use arrow::array::{AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};

use crate::{Batches, Filter, Limits, SqlError, transform};

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("symbol", DataType::Utf8, false),
        Field::new("Close", DataType::Int64, true),
    ]))
}

fn batch(rows: &[(&str, Option<i64>)]) -> RecordBatch {
    let symbols: StringArray = rows.iter().map(|r| Some(r.0)).collect();
    let closes: Int64Array = rows.iter().map(|r| r.1).collect();
    RecordBatch::try_new(schema(), vec![Arc::new(symbols), Arc::new(closes)]).unwrap()
}

fn truth(condition: &str) -> Vec<Option<bool>> {
    let rows = [("A", Some(1)), ("B", None), ("000001", Some(-3))];
    let filter = Filter::parse(condition, &schema()).unwrap();
    filter.evaluate(&batch(&rows)).unwrap().iter().collect()
}

#[test]
fn conditions() {
    let (t, f) = (Some(true), Some(false));
    assert_eq!(truth("close > 0"), [t, None, f]);
    assert_eq!(truth("CLOSE > 0 OR \"Close\" IS NULL"), [t, t, f]);
    assert_eq!(truth("symbol = '000001'"), [f, f, t]);
    assert_eq!(truth("symbol LIKE '0%' AND abs(close) = 3"), [f, f, t]);
    assert_eq!(truth("symbol IN ('A', 'B')"), [t, t, f]);
    assert_eq!(truth("true"), [t, t, t]);
}

#[test]
fn what_is_no_condition() {
    for (text, word) in [
        ("close", "not true or false"),
        ("nope = 1", "nope"),
        ("close >", "Expected"),
        ("sum(close) > 1", "aggregate"),
        ("close > (SELECT 1)", "subquery"),
        ("random() > 0.5", "chance"),
        ("now() > now()", "clock"),
        ("close > 1 AS x", "no name"),
        ("close > 1; DROP TABLE t", "cannot understand"),
        ("", "cannot understand"),
    ] {
        let error = Filter::parse(text, &schema()).unwrap_err();
        assert!(error.to_string().contains(word), "{text}: {error}");
    }
    let deep = "NOT ".repeat(100_000) + "true";
    assert!(Filter::parse(&deep, &schema()).is_err());
}

fn run(sql: &str, batches: Vec<RecordBatch>) -> crate::Result<Vec<RecordBatch>> {
    let input: Batches = Box::new(batches.into_iter().map(Ok));
    let spill = tempfile::tempdir().unwrap();
    let limits = Limits { memory: 64 << 20, spill: spill.path().into() };
    transform(sql, schema(), input, &limits)?.collect()
}

#[test]
fn selects_stream_in_order() {
    let some = vec![batch(&[("B", Some(2)), ("A", None)]), batch(&[("A", Some(1))])];
    let rows = run("SELECT upper(symbol) AS s, close * 2 AS x FROM input", some).unwrap();
    let xs: Vec<_> = rows.iter().flat_map(|b| b.column(1).as_primitive::<Int64Type>()).collect();
    assert_eq!(xs, [Some(4), None, Some(2)]);
    assert_eq!(rows[0].schema().field(0).data_type(), &DataType::Utf8);
}

#[test]
fn what_is_no_select() {
    for (sql, word) in [
        ("DELETE FROM input", "one SELECT"),
        ("SELECT 1; SELECT 2", "one SELECT"),
        ("CREATE TABLE t AS SELECT * FROM input", "one SELECT"),
        ("COPY input TO 'x.csv'", "one SELECT"),
        ("SELECT nope FROM input", "nope"),
        ("SELECT * FROM 'Cargo.toml'", "Cargo.toml"),
        ("", "one SELECT"),
    ] {
        let error = run(sql, vec![]).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(word), "{sql}: {error}");
    }
    let some = vec![batch(&[("A", Some(1))])];
    let twice = run("SELECT * FROM input a JOIN input b ON a.symbol = b.symbol", some);
    assert!(twice.unwrap_err().to_string().contains("once"));
}

#[test]
fn an_input_that_fails_is_told_as_itself() {
    let input: Batches = Box::new(std::iter::once(Err("line 7 is torn".into())));
    let limits = Limits { memory: 1 << 20, spill: "/nonexistent".into() };
    let mut rows = transform("SELECT * FROM input", schema(), input, &limits).unwrap();
    let error = rows.next().unwrap().unwrap_err();
    assert!(matches!(&error, SqlError::Input(e) if e.to_string() == "line 7 is torn"), "{error}");
}

#[test]
fn a_sort_larger_than_its_memory_spills() {
    let batches: Vec<_> = (0..200)
        .map(|n: i64| {
            let row = |i: i64| Some((i * 7919 + n * 104_729) % 1_000_003);
            let closes: Int64Array = (0..8192).map(row).collect();
            let symbols: StringArray = (0..8192).map(|_| Some("SYMBOL")).collect();
            RecordBatch::try_new(schema(), vec![Arc::new(symbols), Arc::new(closes)]).unwrap()
        })
        .collect();
    let input: Batches = Box::new(batches.into_iter().map(Ok));
    let spill = tempfile::tempdir().unwrap();
    let limits = Limits { memory: 16 << 20, spill: spill.path().into() };
    let sql = "SELECT close FROM input ORDER BY close";
    let (mut last, mut rows) = (i64::MIN, 0);
    for batch in transform(sql, schema(), input, &limits).unwrap() {
        let batch = batch.unwrap();
        rows += batch.num_rows();
        for n in batch.column(0).as_primitive::<Int64Type>().values() {
            assert!(*n >= last);
            last = *n;
        }
    }
    assert_eq!(rows, 200 * 8192);
}
