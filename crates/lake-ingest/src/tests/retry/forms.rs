//! What a retry stores is what the input gives when it is read after the change.

use std::path::PathBuf;

use arrow::datatypes::{DataType, Field, Int32Type, SchemaRef};
use lake_core::sqltype::parse_columns;

use super::*;
use crate::{Feed, InputFormat, quarantine};

type Change = fn(&mut Bench);

/// Ingests a file twice: into a table that refuses some of its rows and is changed
/// then, and into one that was changed before. Returns the rows, which are the same.
fn both(columns: &str, input: &Input<'_>, before: Change, change: Change) -> Vec<String> {
    let mut early = Bench::new(columns, &[]);
    before(&mut early);
    change(&mut early);
    let feed = input.feed(&early);
    let done = early.writer.ingest("bars", &*feed, &quarantining()).unwrap();
    let mut late = Bench::new(columns, &[]);
    before(&mut late);
    let feed = input.feed(&late);
    let first = late.writer.ingest("bars", &*feed, &quarantining()).unwrap();
    assert!(first.receipt.rows_rejected > done.receipt.rows_rejected, "no row is refused");
    change(&mut late);
    let old = name(&mut late);
    let retried = retry(&mut late, &old);
    assert_eq!(retried.done.receipt.rows_rejected, done.receipt.rows_rejected);
    let (rows, want) = (stored(&mut late), stored(&mut early));
    assert_eq!(rows, want);
    assert_eq!(shown(&mut late), shown(&mut early));
    rows
}

/// Places and texts of what is still refused.
fn shown(bench: &mut Bench) -> Vec<(u64, Option<u64>, Option<String>, String)> {
    let root = bench.writer.lake().root();
    let files = list(root).unwrap();
    let rows = files.iter().flat_map(|file| quarantine::show(root, &file.name).unwrap());
    rows.map(|row| (row.row, row.line, row.column, row.why)).collect()
}

enum Input<'a> {
    Bytes(&'a [u8], SourceOptions),
    Batch(RecordBatch),
}

/// A batch that is asked for again.
struct Rows(RecordBatch);

impl Feed for Rows {
    fn open(&self, def: &TableDef, schema: &SchemaRef) -> Result<Box<dyn crate::Source>> {
        super::super::feeds::Chunked(vec![self.0.clone()]).open(def, schema)
    }
}

#[allow(clippy::disallowed_methods)]
fn put_bytes(path: PathBuf, bytes: &[u8]) -> PathBuf {
    std::fs::write(&path, bytes).unwrap();
    path
}

impl Input<'_> {
    fn feed(&self, bench: &Bench) -> Box<dyn Feed> {
        match self {
            Input::Bytes(bytes, options) => {
                let path = put_bytes(bench.path().join("input"), bytes);
                Box::new(FileFeed::new(vec![path], options.clone()))
            }
            Input::Batch(batch) => Box::new(Rows(batch.clone())),
        }
    }
}

fn format(format: InputFormat) -> SourceOptions {
    SourceOptions { format: Some(format), ..SourceOptions::default() }
}

fn nothing(_: &mut Bench) {}

fn widen_n(bench: &mut Bench) {
    alter(bench, Alteration::WidenColumn { name: "n".into(), ty: Type::Int64 });
}

fn n_may_be_null(bench: &mut Bench) {
    alter(bench, Alteration::DropNotNull { name: "n".into() });
}

fn small_n(bench: &mut Bench) {
    add_check(bench, "n < 10");
}

const COLUMNS: &str = "symbol VARCHAR, date DATE, n INTEGER, name VARCHAR, at TIMESTAMP, \
    ok BOOLEAN, amount DECIMAL(10,2), x FLOAT, raw BLOB, t TIME";

#[test]
fn csv_as_it_is_spelled() {
    let mut text = b"Code,date,n,name,at,ok,amount,x,raw,t,junk\r\n".to_vec();
    let rows: [&[u8]; 6] = [
        b"a,20/11/2026,3000000000,\"q \"\"x\"\",\r\ny\",1763622000123,t,1e2,0.1,aGk=,15:00,j",
        b"a,21/11/2026, 3000000000 , plain ,NA,NA,NA,nan,\\x00ff,NA,j",
        b"a,22/11/2026,3000000000,\"NA\",,,,-inf,,,",
        b"a,23/11/2026,3000000000,\"\",,,1.25,1e-3,,,\"\"",
        b"a,24/11/2026,3000000000,\xb9\xf3\xd6\xdd \\ \t \x01,,,,,,,",
        b"a,25/11/2026,7,good,,,,,,,",
    ];
    for row in rows {
        text.extend_from_slice(row);
        text.extend(b"\r\n");
    }
    let map = [("Code", "symbol"), ("date", "date"), ("n", "n"), ("name", "name"), ("at", "at")];
    let more = [("ok", "ok"), ("amount", "amount"), ("x", "x"), ("raw", "raw"), ("t", "t")];
    let own = |(a, b): &(&str, &str)| (a.to_string(), b.to_string());
    let options = SourceOptions {
        nulls: vec!["NA".into()],
        date_format: Some("%d/%m/%Y".into()),
        timestamp_format: Some("epoch-ms".into()),
        encoding: Some("gbk".into()),
        map: map.iter().chain(&more).map(own).collect(),
        select_mapped_only: true,
        ..format(InputFormat::Csv)
    };
    let rows = both(COLUMNS, &Input::Bytes(&text, options), nothing, widen_n);
    let shown = "a|2026-11-20|3000000000|q \"x\",\r\ny|2025-11-20T07:00:00.123|true|100.00|0.1|6869|15:00:00";
    assert_eq!(rows[0], shown);
    assert_eq!(rows[1], "a|2026-11-21|3000000000| plain |NULL|NULL|NULL|NaN|00ff|NULL");
    assert_eq!(rows[2], "a|2026-11-22|3000000000|NA|NULL|NULL|NULL|-inf|NULL|NULL");
    assert_eq!(rows[3], "a|2026-11-23|3000000000||NULL|NULL|1.25|0.001|NULL|NULL");
    let name = "\u{8d35}\u{5dde} \\ \t \u{1}";
    assert_eq!(rows[4], format!("a|2026-11-24|3000000000|{name}|NULL|NULL|NULL|NULL|NULL|NULL"));
    assert_eq!(rows.len(), 6);
}

#[test]
fn csv_after_a_check_or_a_not_null_is_dropped() {
    let text = b"symbol,date,n,name,at,ok,amount,x,raw,t\n\
        a,2026-11-20,10,\"x \"\"y\"\"\",2026-11-20 15:00:00.123456,true,1.25,nan,aGk=,15:00:00.5\n\
        a,2026-11-21,11,,,,,-inf,,\na,2026-11-22,9,,,,,,,\na,soon,12,,,,,,,\n";
    let options = format(InputFormat::Csv);
    let input = Input::Bytes(text, options.clone());
    let rows = both(COLUMNS, &input, small_n, drop_check);
    let cells = "x \"y\"|2026-11-20T15:00:00.123456|true|1.25|NaN|6869|15:00:00.500";
    assert_eq!(rows[0], format!("a|2026-11-20|10|{cells}"));
    assert_eq!(rows.len(), 3);
    let columns = COLUMNS.replace("n INTEGER", "n INTEGER NOT NULL");
    let text = String::from_utf8(text.to_vec()).unwrap().replace("-21,11,", "-21,,");
    let input = Input::Bytes(text.as_bytes(), options);
    assert_eq!(both(&columns, &input, nothing, n_may_be_null).len(), 3);
}

#[test]
fn json_with_all_that_it_may_hold() {
    let columns =
        format!("{COLUMNS}, tags VARCHAR[], deep STRUCT(a DOUBLE[], b MAP(VARCHAR, DATE))");
    let text = "[{\"symbol\":\"a\",\"date\":20261120,\"n\":3000000000,\"name\":\"\\u0000 \\\"\\\\ \\ud83d\\ude00 \\n\",\
        \"at\":\"20.11.2026 15:00\",\"ok\":true,\"amount\":1e-2,\"x\":1.5e3,\"raw\":\"\\\\x00\",\"t\":null,\
        \"tags\":[\"x\",null,\"\"],\"deep\":{\"a\":[0.1,null],\"b\":{\"k\\\"\":20261121}}},\
        {\"symbol\":\"a\",\"date\":20261121,\"n\":3000000000},\
        {\"symbol\":\"a\",\"date\":20261122,\"n\":7}, {\"symbol\":\"a\",\"date\":20261123,\"n\":\"x\"}]";
    let options = SourceOptions {
        date_format: Some("%Y%m%d".into()),
        timestamp_format: Some("%d.%m.%Y %H:%M".into()),
        ..format(InputFormat::Json)
    };
    let rows = both(&columns, &Input::Bytes(text.as_bytes(), options), nothing, widen_n);
    assert!(
        rows[0].starts_with("a|2026-11-20|3000000000|\0 \"\\ \u{1f600} \n|2026-11-20T15:00:00|")
    );
    assert!(rows[0].contains("|true|0.01|1500.0|00|NULL|[x, , ]|"), "{}", rows[0]);
    assert_eq!(rows.len(), 3);
}

/// Typed rows of every kind; `n` is too large for an INTEGER in all but the last.
fn typed(dates: &DataType) -> RecordBatch {
    let symbols: DictionaryArray<Int32Type> = vec!["a"; 4].into_iter().collect();
    let text: [Option<&str>; 4] = [Some("\"x\"\n"), None, Some("{}"), Some("z")];
    let blobs: [Option<&[u8]>; 4] = [Some(&[0, 0xff]), Some(b"deadbeef"), None, Some(b"")];
    let days: ArrayRef = Arc::new(Date32Array::from(vec![20_000, 20_001, 20_002, 20_003]));
    let at = TimestampNanosecondArray::from(vec![1_763_622_000_123_456_000, -1000, 0, 0]);
    let cells: Vec<(&str, ArrayRef)> = vec![
        ("symbol", Arc::new(symbols)),
        ("date", arrow::compute::cast(&days, dates).unwrap()),
        ("n", Arc::new(Int64Array::from(vec![3_000_000_000, -3_000_000_000, i64::MAX, 5]))),
        ("name", Arc::new(StringViewArray::from(text.to_vec()))),
        ("at", Arc::new(at.with_timezone("+08:00"))),
        ("ok", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, None]))),
        ("amount", Arc::new(decimals())),
        ("x", Arc::new(Float32Array::from(vec![0.1, f32::NAN, f32::NEG_INFINITY, -0.0]))),
        ("raw", Arc::new(BinaryViewArray::from(blobs.to_vec()))),
        ("t", Arc::new(Time32MillisecondArray::from(vec![54_000_001, 0, 1, 2]))),
    ];
    RecordBatch::try_from_iter_with_nullable(cells.into_iter().map(|(n, c)| (n, c, true))).unwrap()
}

fn decimals() -> Decimal128Array {
    let values = Decimal128Array::from(vec![Some(125), Some(-5), None, Some(99_999_999)]);
    values.with_precision_and_scale(10, 2).unwrap()
}

#[test]
fn typed_values_of_every_kind() {
    let rows = both(COLUMNS, &Input::Batch(typed(&DataType::Date64)), nothing, widen_n);
    let first = "a|2024-10-04|3000000000|\"x\"\n|2025-11-20T07:00:00.123456|true|1.25|0.1|00ff|15:00:00.001";
    assert_eq!(rows[0], first);
    let second = "a|2024-10-05|-3000000000|NULL|1969-12-31T23:59:59.999999|false|-0.05|NaN|";
    assert!(rows[1].starts_with(second), "{}", rows[1]);
    assert_eq!(rows.len(), 4);
    let mut bytes = Vec::new();
    let batch = typed(&DataType::Date32);
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let parquet = Input::Bytes(&bytes, format(InputFormat::Parquet));
    assert_eq!(both(COLUMNS, &parquet, nothing, widen_n), rows);
}

#[test]
fn typed_values_that_are_nested() {
    let columns = "symbol VARCHAR, date DATE, n INTEGER, list DOUBLE[], \
        pair STRUCT(a BIGINT, b BLOB), map MAP(DATE, VARCHAR[])";
    let parsed = parse_columns(columns).unwrap();
    let own = |i: usize| lake_segment::data_type(&parsed[i].ty);
    let floats = vec![Some(vec![Some(0.1), None, Some(f64::NAN)]), None, Some(vec![])];
    let list = ListArray::from_iter_primitive::<arrow::datatypes::Float64Type, _, _>(floats);
    let pair = StructArray::from(vec![
        (
            Arc::new(Field::new("a", DataType::Int64, true)),
            Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(1)])) as ArrayRef,
        ),
        (
            Arc::new(Field::new("b", DataType::Binary, true)),
            Arc::new(BinaryArray::from(vec![Some(&[0xffu8, 0][..]), Some(b""), None])),
        ),
    ]);
    let texts = ListBuilder::new(StringBuilder::new()).with_field(element(&own(5)));
    let mut map = MapBuilder::new(None, Date32Builder::new(), texts);
    for (days, text) in [(vec![1, 2], "x"), (vec![], ""), (vec![3], "\"")] {
        for day in days {
            map.keys().append_value(day);
            map.values().append_value([Some(text), None]);
        }
        map.append(true).unwrap();
    }
    let map = arrow::compute::cast(&map.finish(), &own(5)).unwrap();
    let list = arrow::compute::cast(&list, &own(3)).unwrap();
    let cells: Vec<(&str, ArrayRef)> = vec![
        ("symbol", Arc::new(StringArray::from(vec!["a"; 3]))),
        ("date", Arc::new(Date32Array::from(vec![1, 2, 3]))),
        ("n", Arc::new(Int64Array::from(vec![3_000_000_000; 3]))),
        ("list", list),
        ("pair", Arc::new(pair)),
        ("map", map),
    ];
    let cells = cells.into_iter().map(|(name, cells)| (name, cells, true));
    let batch = RecordBatch::try_from_iter_with_nullable(cells).unwrap();
    let rows = both(columns, &Input::Batch(batch), nothing, widen_n);
    assert!(rows[0].contains("|[0.1, , NaN]|{a: -9223372036854775808, b: ff00}|"), "{}", rows[0]);
    assert!(rows[0].ends_with("{1970-01-02: [x, ], 1970-01-03: [x, ]}"), "{}", rows[0]);
    assert_eq!(rows.len(), 3);
}

/// The field of the items of a map's lists.
fn element(map: &DataType) -> Arc<Field> {
    let DataType::Map(entries, _) = map else { panic!("{map}") };
    let DataType::Struct(pair) = entries.data_type() else { panic!("{map}") };
    let DataType::List(item) = pair[1].data_type() else { panic!("{map}") };
    item.clone()
}

/// A typed value is taken as it is or not at all, also when it is tried again; a text
/// is read as the nearest value.
#[test]
fn typed_numbers_are_not_rounded() {
    let mut bench = Bench::new("symbol VARCHAR, date DATE, x FLOAT, y DOUBLE", &[]);
    let keys = bars(&[("a", 1, 0.0), ("a", 2, 0.0), ("a", 3, 0.0)]);
    let cells: Vec<(&str, ArrayRef)> = vec![
        ("symbol", keys.column(0).clone()),
        ("date", keys.column(1).clone()),
        ("x", Arc::new(Float64Array::from(vec![0.1, 0.5, 16_777_217.0]))),
        ("y", Arc::new(Int64Array::from(vec![1, (1 << 53) + 1, 1]))),
    ];
    let batch = RecordBatch::try_from_iter(cells).unwrap();
    let done = bench.writer.ingest_batch("bars", &batch, &quarantining()).unwrap();
    assert_eq!(done.receipt.rows_rejected, 3);
    let old = name(&mut bench);
    let none = retry(&mut bench, &old);
    assert!(!none.fits && none.first.unwrap().contains("cannot be FLOAT without loss"));
    alter(&mut bench, Alteration::WidenColumn { name: "x".into(), ty: Type::Double });
    assert_eq!(counts(&retry(&mut bench, &old)), (2, 0, 1));
    assert_eq!(stored(&mut bench), ["a|1970-01-02|0.1|1.0", "a|1970-01-04|16777217.0|1.0"]);
    let rest = name(&mut bench);
    let text = "symbol,date,x,y\na,1970-01-05,many,9007199254740993\n";
    let input = feed(&[put(&bench.path().join("in.csv"), text)]);
    let _ = bench.writer.ingest("bars", &input, &quarantining()).unwrap();
    alter(&mut bench, Alteration::DropColumn { name: "x".into() });
    let csv = names(&mut bench).into_iter().find(|name| *name != rest).unwrap();
    assert!(retry(&mut bench, &csv).fits && !retry(&mut bench, &rest).fits);
}

/// Bytes for a VARCHAR, of which one is no text.
#[test]
fn bytes_that_are_no_text_cannot_be_tried() {
    let mut bench = Bench::new("symbol VARCHAR, date DATE, n INTEGER, name VARCHAR", &[]);
    let keys = bars(&[("a", 1, 0.0), ("a", 2, 0.0)]);
    let cells: Vec<(&str, ArrayRef)> = vec![
        ("symbol", keys.column(0).clone()),
        ("date", keys.column(1).clone()),
        ("n", Arc::new(Int64Array::from(vec![3_000_000_000; 2]))),
        ("name", Arc::new(BinaryArray::from(vec![&b"good"[..], &[0xff]]))),
    ];
    let batch = RecordBatch::try_from_iter(cells).unwrap();
    let _ = bench.writer.ingest_batch("bars", &batch, &quarantining()).unwrap();
    widen_n(&mut bench);
    let old = name(&mut bench);
    let done = retry(&mut bench, &old);
    assert_eq!((counts(&done), done.blank), ((1, 0, 1), 1));
    assert_eq!(stored(&mut bench), ["a|1970-01-02|3000000000|good"]);
}

/// A row that is kept once more is spelled as ever.
#[test]
fn formats_last_as_long_as_the_row() {
    let mut bench = Bench::new("symbol VARCHAR, date DATE, n INTEGER, m INTEGER", &[]);
    let text = b"symbol,date,n,m\na,20/11/2026,3000000000,1\na,21/11/2026,NA,3000000000\n";
    let options = SourceOptions {
        nulls: vec!["NA".into()],
        date_format: Some("%d/%m/%Y".into()),
        ..format(InputFormat::Csv)
    };
    let input = Input::Bytes(text, options).feed(&bench);
    let _ = bench.writer.ingest("bars", &*input, &quarantining()).unwrap();
    for (column, rejected) in [("n", 1), ("m", 0)] {
        let (name, ty) = (column.into(), Type::Int64);
        alter(&mut bench, Alteration::WidenColumn { name, ty });
        let old = super::name(&mut bench);
        assert_eq!(counts(&retry(&mut bench, &old)), (1, 0, rejected));
    }
    let rows = ["a|2026-11-20|3000000000|1", "a|2026-11-21|NULL|3000000000"];
    assert_eq!(stored(&mut bench), rows);
}

/// How the input was spelled after all; what had a type already is not spelled.
#[test]
fn formats_and_nulls_can_be_said_later() {
    let mut bench = Bench::new("symbol VARCHAR, date DATE, n INTEGER", &[]);
    add_check(&mut bench, "n < 10");
    let text = "symbol,date,n\na,20.11.2026,1\na,2026-11-21,99\na,22.11.2026,N/A\na,23.11.2026,x\n";
    let input = feed(&[put(&bench.path().join("in.csv"), text)]);
    let _ = bench.writer.ingest("bars", &input, &quarantining()).unwrap();
    drop_check(&mut bench);
    let old = name(&mut bench);
    let spelled = SourceOptions {
        nulls: vec!["N/A".into()],
        date_format: Some("%d.%m.%Y".into()),
        ..SourceOptions::default()
    };
    let bad = SourceOptions { date_format: Some("soon".into()), ..SourceOptions::default() };
    let error = bench.writer.retry(&old, &Options::default(), &bad).unwrap_err().to_string();
    assert!(error.contains("--date-format \"soon\" is neither"), "{error}");
    let done = bench.writer.retry(&old, &Options::default(), &spelled).unwrap();
    assert_eq!(counts(&done), (3, 0, 1));
    assert_eq!(stored(&mut bench), ["a|2026-11-20|1", "a|2026-11-21|99", "a|2026-11-22|NULL"]);
}
