//! Values and files from outside: exact or refused, with file, row and column.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::{DataType, Field, Schema as ArrowSchema, TimeUnit};
use lake_core::schema::{Schema, TableDef};
use lake_core::sqltype::parse_columns;
use lake_core::types::Type;
use lake_segment::arrow_schema;
use proptest::prelude::*;

use super::{InputFormat, read, take, text, time};
use crate::error::IngestError;
use crate::rows::Rows;

const BARS: &str = "symbol VARCHAR NOT NULL, date DATE NOT NULL, close DOUBLE, volume BIGINT, \
    amount DECIMAL(10,2), name VARCHAR";

fn schema(columns: &str) -> Schema {
    let columns = parse_columns(columns).unwrap();
    TableDef::new("bars", &columns, &[], &[], &[]).unwrap().schema().clone()
}

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Files {
        Files(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        put(&path, bytes);
        path
    }
}

#[allow(clippy::disallowed_methods)]
fn put(path: &std::path::Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

/// What reading a CSV gives: the rows as text, or the error without the directory.
fn csv(columns: &str, bytes: &[u8]) -> Result<String, String> {
    let files = Files::new();
    let path = files.put("in.csv", bytes);
    let schema = schema(columns);
    let mut rows = Rows::new(arrow_schema(&schema));
    read(&path, None, &schema, &mut rows).map_err(|e| said(&e, &files))?;
    Ok(shown(&rows.whole().unwrap()))
}

fn said(error: &IngestError, files: &Files) -> String {
    error.to_string().replace(&format!("{}/", files.0.path().display()), "")
}

fn shown(batch: &RecordBatch) -> String {
    let row = |r: usize| {
        let cell = |c: &ArrayRef| match c.is_null(r) {
            true => "NULL".into(),
            false => arrow::util::display::array_value_to_string(c, r).unwrap(),
        };
        batch.columns().iter().map(cell).collect::<Vec<_>>().join("|")
    };
    (0..batch.num_rows()).map(row).collect::<Vec<_>>().join("\n")
}

const HEAD: &str = "symbol,date,close,volume,amount,name\n";

#[test]
fn good_files() {
    let table: [(&str, &str); 12] = [
        ("a,2026-11-20,1.5,3,1.25,x\n", "a|2026-11-20|1.5|3|1.25|x"),
        ("a,20261120,,,,\r\n", "a|2026-11-20|NULL|NULL|NULL|NULL"),
        ("a,20261120,,,,\"\"", "a|2026-11-20|NULL|NULL|NULL|"),
        ("000001,20261120, 1 ,\t2 ,3, y ", "000001|2026-11-20|1.0|2|3.00| y "),
        ("NULL,2026-11-20,nan,-0,1e-2,NULL\n", "NULL|2026-11-20|NaN|0|0.01|NULL"),
        ("a,2026-11-20,-inf,1,1,\"a \"\"b\"\" c\"\n", "a|2026-11-20|-inf|1|1.00|a \"b\" c"),
        (
            "a,2026-11-20,1,1,1,\"x\ny\"\rb,2026-11-21,2,2,2,q\"q\r",
            "a|2026-11-20|1.0|1|1.00|x\ny\nb|2026-11-21|2.0|2|2.00|q\"q",
        ),
        ("\n\na,2026-11-20,1,1,1,x\n\n\n", "a|2026-11-20|1.0|1|1.00|x"),
        ("\"a,b\",\"2026-11-20\",\"1\",\"1\",\"1\",x\n", "a,b|2026-11-20|1.0|1|1.00|x"),
        ("a,2026-11-20 00:00:00,1,1,1,x", "a|2026-11-20|1.0|1|1.00|x"),
        ("a,2026-11-20,1,1,1.2500,\u{8d35}\u{5dde}", "a|2026-11-20|1.0|1|1.25|\u{8d35}\u{5dde}"),
        ("", ""),
    ];
    for (body, want) in table {
        assert_eq!(csv(BARS, format!("{HEAD}{body}").as_bytes()).as_deref(), Ok(want), "{body:?}");
    }
    let bom = "\u{feff}NAME,amount,volume,Close,date,symbol\nx,1,2,3,2026-11-20,a\n";
    assert_eq!(csv(BARS, bom.as_bytes()).as_deref(), Ok("a|2026-11-20|3.0|2|1.00|x"));
    assert_eq!(csv("x INTEGER", b"x\n1\n\n2\n").as_deref(), Ok("1\nNULL\n2"));
}

#[test]
fn bad_rows_name_file_row_line_and_column() {
    let good = "a,2026-11-20,1,1,1,x\n";
    let table = [
        ("a,2026-11-20,abc,1,1,x", "in.csv, row 1 (line 2), column close: \"abc\" is not a DOUBLE"),
        (
            "a,2026-11-20,1e400,1,1,x",
            "in.csv, row 1 (line 2), column close: \"1e400\" is too large for DOUBLE",
        ),
        (
            "a,2026-11-20,1,1.0,1,x",
            "in.csv, row 1 (line 2), column volume: \"1.0\" is not a BIGINT",
        ),
        (
            "a,2026-11-20,1,9223372036854775808,1,x",
            "in.csv, row 1 (line 2), column volume: \"9223372036854775808\" does not fit BIGINT (-9223372036854775808 to 9223372036854775807)",
        ),
        (
            "a,2026-11-20,1,1,1.255,x",
            "in.csv, row 1 (line 2), column amount: \"1.255\" has more than the 2 decimals of DECIMAL(10,2)",
        ),
        (
            "a,2026-11-20,1,1,123456789,x",
            "in.csv, row 1 (line 2), column amount: \"123456789\" does not fit DECIMAL(10,2)",
        ),
        (
            "a,2026-02-30,1,1,1,x",
            "in.csv, row 1 (line 2), column date: \"2026-02-30\" is not a DATE (2026-11-20 or 20261120)",
        ),
        (
            "a,2026-11-20 15:00,1,1,1,x",
            "in.csv, row 1 (line 2), column date: \"2026-11-20 15:00\" has a time of day, which a DATE cannot hold",
        ),
        (
            "a,,1,1,1,x",
            "in.csv, row 1 (line 2), column date: it is NULL, but the column is NOT NULL",
        ),
        ("a,2026-11-20,1,1,1", "in.csv, row 1 (line 2): 5 fields where the header has 6"),
        ("a,2026-11-20,1,1,1,x,y", "in.csv, row 1 (line 2): 7 fields where the header has 6"),
        (
            "a,2026-11-20,1,1,1,\"x\"y",
            "in.csv, line 2, field 6: text stands after the closing quote",
        ),
        ("a,2026-11-20,1,1,1,\"x", "in.csv, line 2: a quoted field has no closing quote"),
    ];
    for (body, want) in table {
        assert_eq!(csv(BARS, format!("{HEAD}{body}").as_bytes()), Err(want.into()));
    }
    let late = format!("{HEAD}{good}\na,2026-11-20,1,1,1,\"two\nlines\"\n{good}a,x,1,1,1,x\n");
    let want = "in.csv, row 4 (line 7), column date: \"x\" is not a DATE (2026-11-20 or 20261120)";
    assert_eq!(csv(BARS, late.as_bytes()), Err(want.into()));
    let mut broken = format!("{HEAD}{good}a,2026-11-20,1,1,1,").into_bytes();
    broken.extend([b'a', 0xff]);
    let want = "in.csv, row 2 (line 3), column name: \"a\u{fffd}\" is not UTF-8";
    assert_eq!(csv(BARS, &broken), Err(want.into()));
}

#[test]
fn bad_headers_name_the_column() {
    let table: [(&[u8], &str); 8] = [
        (b"", "in.csv: it is empty; the first line must name the columns"),
        (
            b"symbol,date,close,volume,amount\n",
            "in.csv: column name is missing; add it, with nothing in it where it is NULL",
        ),
        (
            b"symbol,close,volume,amount,name\n",
            "in.csv: column date is missing; the table says NOT NULL",
        ),
        (b"symbol,date,close,volume,amount,name,x y\n", "in.csv: the table has no column \"x y\""),
        (b"symbol,date,close,volume,amount,name,CLOSE\n", "in.csv: column CLOSE is there twice"),
        (b"\xff\xfes\0y\0", "in.csv: it is UTF-16; CSV must be UTF-8"),
        (b"a,\xff\n", "in.csv: its header is not UTF-8"),
        (b"symbol,\"date\n", "in.csv, line 1: a quoted field has no closing quote"),
    ];
    for (bytes, want) in table {
        assert_eq!(csv(BARS, bytes), Err(want.into()));
    }
    let nested = csv("x INTEGER[]", b"x\n1\n");
    assert_eq!(nested, Err("in.csv: column x is INTEGER[], which CSV cannot hold".into()));
}

#[test]
fn records_longer_than_a_block() {
    let long = "y".repeat(700_000);
    for end in ["", "\n", "\r", "\r\n"] {
        let text = format!("x,y\n\"{long}\"\"\",1\r\n{long},2{end}");
        let got = csv("x VARCHAR, y INTEGER", text.as_bytes()).unwrap();
        assert_eq!(got, format!("{long}\"|1\n{long}|2"));
    }
}

#[test]
fn not_a_file() {
    let files = Files::new();
    let schema = schema(BARS);
    let mut rows = Rows::new(arrow_schema(&schema));
    let missing = read(&files.0.path().join("no.csv"), None, &schema, &mut rows).unwrap_err();
    assert_eq!(missing.kind(), lake_core::kind::Kind::NotFound);
    let directory = read(files.0.path(), None, &schema, &mut rows).unwrap_err();
    assert_eq!(directory.kind(), lake_core::kind::Kind::BadInput);
}

fn parquet_bytes(batch: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn column(array: ArrayRef) -> RecordBatch {
    let field = Field::new("x", array.data_type().clone(), true);
    RecordBatch::try_new(Arc::new(ArrowSchema::new(vec![field])), vec![array]).unwrap()
}

/// One column through a Parquet file and as a batch: both must say the same.
fn through(ty: &str, array: ArrayRef) -> Result<String, String> {
    let schema = schema(&format!("x {ty}"));
    let batch = column(array);
    let mut rows = Rows::new(arrow_schema(&schema));
    let direct = take(&batch, &schema, &mut rows).map(|()| shown(&rows.whole().unwrap()));
    let direct = direct.map_err(|e| e.to_string().replacen("batch", "in.parquet", 1));
    let files = Files::new();
    let path = files.put("in.parquet", &parquet_bytes(&batch));
    let mut rows = Rows::new(arrow_schema(&schema));
    let stored = read(&path, None, &schema, &mut rows).map_err(|e| said(&e, &files));
    let stored = stored.map(|()| shown(&rows.whole().unwrap()));
    match (&direct, &stored) {
        (Ok(a), Ok(b)) => assert_eq!(a, b),
        (Err(_), Err(_)) => {}
        differ => panic!("{differ:?}"),
    }
    stored
}

#[test]
fn casts_lose_nothing_or_are_refused() {
    let ns = |v: Vec<i64>| -> ArrayRef { Arc::new(TimestampNanosecondArray::from(v)) };
    let good: [(&str, ArrayRef, &str); 10] = [
        ("BIGINT", Arc::new(Int32Array::from(vec![Some(1), None])), "1\nNULL"),
        ("TINYINT", Arc::new(Int64Array::from(vec![-128, 127])), "-128\n127"),
        ("DOUBLE", Arc::new(Int64Array::from(vec![1 << 53])), "9007199254740992.0"),
        ("DOUBLE", Arc::new(Float32Array::from(vec![0.5, f32::NAN])), "0.5\nNaN"),
        ("FLOAT", Arc::new(Float64Array::from(vec![0.5, f64::NAN, -0.0])), "0.5\nNaN\n-0.0"),
        ("TIMESTAMP", ns(vec![1_000]), "1970-01-01T00:00:00.000001"),
        (
            "TIMESTAMP",
            Arc::new(TimestampMillisecondArray::from(vec![1]).with_timezone("+08:00")),
            "1970-01-01T00:00:00.001",
        ),
        ("DATE", Arc::new(TimestampMillisecondArray::from(vec![86_400_000])), "1970-01-02"),
        ("VARCHAR", Arc::new(LargeStringArray::from(vec!["a", ""])), "a\n"),
        (
            "DECIMAL(9,1)",
            Arc::new(Decimal128Array::from(vec![1250]).with_precision_and_scale(12, 2).unwrap()),
            "12.5",
        ),
    ];
    for (ty, array, want) in good {
        assert_eq!(through(ty, array).as_deref(), Ok(want), "{ty}");
    }
    let cell = |row: u64, why: &str| format!("in.parquet, row {row}, column x: {why}");
    let bad: [(&str, ArrayRef, String); 7] = [
        (
            "TINYINT",
            Arc::new(Int64Array::from(vec![1, 128])),
            cell(2, "128 cannot be TINYINT without loss"),
        ),
        (
            "DOUBLE",
            Arc::new(Int64Array::from(vec![(1 << 53) + 1])),
            cell(1, "9007199254740993 cannot be DOUBLE without loss"),
        ),
        (
            "FLOAT",
            Arc::new(Float64Array::from(vec![0.1])),
            cell(1, "0.1 cannot be FLOAT without loss"),
        ),
        (
            "TIMESTAMP",
            ns(vec![1_000, 1]),
            cell(2, "1970-01-01T00:00:00.000000001 cannot be TIMESTAMP without loss"),
        ),
        (
            "DECIMAL(9,1)",
            Arc::new(Decimal128Array::from(vec![1255]).with_precision_and_scale(12, 2).unwrap()),
            cell(1, "12.55 cannot be DECIMAL(9,1) without loss"),
        ),
        (
            "VARCHAR",
            Arc::new(Int64Array::from(vec![600519])),
            "in.parquet: column x is Int64, not VARCHAR".into(),
        ),
        (
            "BIGINT",
            Arc::new(Float64Array::from(vec![1.0])),
            "in.parquet: column x is Float64, not BIGINT".into(),
        ),
    ];
    for (ty, array, want) in bad {
        assert_eq!(through(ty, array), Err(want));
    }
}

#[test]
fn dictionaries_and_views_are_only_spellings() {
    let values = vec![Some("a"), None, Some("b"), Some("a")];
    let dictionary: DictionaryArray<arrow::datatypes::Int8Type> =
        values.clone().into_iter().collect();
    assert_eq!(through("VARCHAR", Arc::new(dictionary)).as_deref(), Ok("a\nNULL\nb\na"));
    assert_eq!(
        through("VARCHAR", Arc::new(StringViewArray::from(values))).as_deref(),
        Ok("a\nNULL\nb\na")
    );
    let list = ListArray::from_iter_primitive::<arrow::datatypes::Int32Type, _, _>(vec![
        Some(vec![Some(1), None]),
        None,
    ]);
    assert_eq!(through("INTEGER[]", Arc::new(list)).as_deref(), Ok("[1, ]\nNULL"));
}

#[test]
fn a_null_where_there_must_be_none() {
    let schema = schema("x BIGINT NOT NULL");
    let mut rows = Rows::new(arrow_schema(&schema));
    let batch = column(Arc::new(Int64Array::from(vec![Some(1), None])));
    let error = take(&batch, &schema, &mut rows).unwrap_err();
    let want = "batch, row 2, column x: it is NULL, but the column is NOT NULL";
    assert_eq!(error.to_string(), want);
}

#[test]
fn broken_parquet_never_panics() {
    let schema = schema("x VARCHAR");
    let batch = column(Arc::new(StringArray::from(vec!["a", "b", "abc"])));
    let whole = parquet_bytes(&batch);
    let files = Files::new();
    let attempt = |bytes: &[u8]| {
        let path = files.0.path().join("in.parquet");
        put(&path, bytes);
        let mut rows = Rows::new(arrow_schema(&schema));
        read(&path, Some(InputFormat::Parquet), &schema, &mut rows).map_err(|e| said(&e, &files))
    };
    assert_eq!(attempt(&whole), Ok(()));
    for end in 0..whole.len() {
        let error = attempt(&whole[..end]).unwrap_err();
        assert!(error.starts_with("in.parquet: not a Parquet file"), "{end}: {error}");
    }
    for at in 0..whole.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            if let Err(error) = attempt(&bytes) {
                assert!(error.starts_with("in.parquet"), "{error}");
            }
        }
    }
    assert!(
        attempt(b"symbol,date\n600519,2026-11-20\n").unwrap_err().contains("not a Parquet file")
    );
}

/// A quarter of a megabyte that would unpack to half a gigabyte.
#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    let batch = column(Arc::new(Int64Array::from_value(7, 1 << 20)));
    let mut bytes = Vec::new();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    (0..65).for_each(|_| writer.write(&batch).unwrap());
    writer.close().unwrap();
    assert!(bytes.len() < 300_000, "{}", bytes.len());
    let files = Files::new();
    let path = files.put("in.parquet", &bytes);
    let schema = schema("x BIGINT");
    let mut rows = Rows::new(arrow_schema(&schema));
    let error = said(&read(&path, None, &schema, &mut rows).unwrap_err(), &files);
    assert!(error.starts_with("in.parquet: it claims 68157440 values"), "{error}");
    assert_eq!(rows.count(), 0);
}

proptest! {
    #[test]
    fn dates_and_timestamps_as_chrono_has_them(
        days in -719_162i64..2_932_896, us in 0..time::DAY_US, east in -1439i64..1440
    ) {
        let date = chrono::NaiveDate::from_ymd_opt(1970, 1, 1).unwrap() + chrono::Duration::days(days);
        prop_assert_eq!(time::date(&date.format("%Y-%m-%d").to_string()), Ok(days as i32));
        prop_assert_eq!(time::date(&date.format("%Y%m%d").to_string()), Ok(days as i32));
        let at = date.and_hms_opt(0, 0, 0).unwrap() + chrono::Duration::microseconds(us);
        let text = at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string();
        prop_assert_eq!(time::timestamp(&text), Ok(days * time::DAY_US + us));
        let sign = if east < 0 { '-' } else { '+' };
        let zone = format!("{text}{sign}{:02}:{:02}", east.abs() / 60, east.abs() % 60);
        prop_assert_eq!(time::timestamp(&zone), Ok(days * time::DAY_US + us - east * 60_000_000));
        let clock = at.format("%H:%M:%S%.6f").to_string();
        prop_assert_eq!(time::time(&clock), Ok(us));
    }

    #[test]
    fn decimals_are_exact(unscaled in -9_999_999_999i128..=9_999_999_999, scale in 0u8..=10, zeros in 0usize..5) {
        let text = lake_core::value::decimal_text(unscaled, scale);
        let more = if scale > 0 { "0".repeat(zeros) } else { String::new() };
        prop_assert_eq!(text::decimal(&format!("{text}{more}"), 10, scale), Ok(unscaled));
        let shifted = format!("{unscaled}e-{scale}");
        prop_assert_eq!(text::decimal(&shifted, 10, scale), Ok(unscaled));
        if unscaled % 10 != 0 && scale > 0 {
            prop_assert!(text::decimal(&text, 10, scale - 1).is_err());
        }
    }

    #[test]
    fn numbers_as_rust_has_them(n in any::<i64>(), u in any::<u64>(), x in any::<f64>()) {
        prop_assert_eq!(text::integer::<i64>(&n.to_string(), &Type::Int64, 0, 0), Ok(n));
        prop_assert_eq!(text::integer::<u64>(&u.to_string(), &Type::UInt64, 0, 0), Ok(u));
        prop_assert_eq!(text::integer::<i8>(&n.to_string(), &Type::Int8, 0, 0).ok(), i8::try_from(n).ok());
        let got: f64 = text::float(&x.to_string(), &Type::Double).unwrap();
        prop_assert!(got.to_bits() == x.to_bits() || (got.is_nan() && x.is_nan()));
    }

    #[test]
    fn no_text_panics_a_parser(text in ".{0,24}") {
        let _ = (text::decimal(&text, 38, 10), text::blob(&text), text::boolean(&text));
        let _ = (time::date(&text), time::timestamp(&text), time::time(&text));
    }

    /// Any table of texts, written by the rules and read back.
    #[test]
    fn csv_reads_what_was_written(
        cells in prop::collection::vec(prop::collection::vec(prop::option::of("[a\",\r\n \u{e9}]{0,6}"), 3), 0..20),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"])
    ) {
        let quote = |cell: &Option<String>| match cell {
            None => String::new(),
            Some(text) => format!("\"{}\"", text.replace('"', "\"\"")),
        };
        let line = |row: &Vec<Option<String>>| row.iter().map(quote).collect::<Vec<_>>().join(",");
        let text: String = cells.iter().map(|row| line(row) + end).collect();
        let want: Vec<String> = cells
            .iter()
            .map(|row| row.iter().map(|c| c.clone().unwrap_or("NULL".into())).collect::<Vec<_>>().join("|"))
            .collect();
        let got = csv("a VARCHAR, b VARCHAR, c VARCHAR", format!("a,b,c{end}{text}").as_bytes());
        prop_assert_eq!(got, Ok(want.join("\n")));
    }
}

#[test]
fn odd_values() {
    for (text, micros) in [
        ("2026-11-20", 1_795_132_800_000_000),
        ("2026-11-20T15:00", 1_795_186_800_000_000),
        ("2026-11-20 15:00:00Z", 1_795_186_800_000_000),
        ("2026-11-20 23:00:00 +08", 1_795_186_800_000_000),
        ("2026-11-20 23:00:00.0000000+0800", 1_795_186_800_000_000),
    ] {
        assert_eq!(time::timestamp(text), Ok(micros), "{text}");
    }
    for text in [
        "",
        "2026",
        "2026-1-1",
        "2026-11-20T",
        "2026-11-20 24:00",
        "2026-11-20 23:59:60",
        "2026-11-20T15:00:00.",
        "2026-11-20T15",
        "0000-01-01",
        "2026-1120",
        "2026-11-20 15:00+8",
    ] {
        assert!(time::timestamp(text).unwrap_err().contains("is not a TIMESTAMP"), "{text}");
    }
    assert!(time::timestamp("2026-11-20 15:00:00.0000001").unwrap_err().contains("finer"));
    for text in ["", "-", ".", "1.2.3", "1e", "e5", "1_000", "0x10", "nan", "1e99999999999"] {
        assert!(text::decimal(text, 10, 2).unwrap_err().contains("is not"), "{text}");
    }
    assert!(text::decimal("1e40", 38, 0).unwrap_err().contains("does not fit"));
    assert_eq!(text::decimal("0e2147483647", 38, 0), Ok(0));
    assert_eq!(text::decimal("-0.00", 10, 2), Ok(0));
    assert_eq!(text::decimal(".5", 10, 2), Ok(50));
    assert_eq!(text::blob("3q2+7w=="), Ok(vec![0xde, 0xad, 0xbe, 0xef]));
    assert_eq!(text::blob("\\xDEadbeef"), Ok(vec![0xde, 0xad, 0xbe, 0xef]));
    assert!(text::blob("\\xabc").is_err() && text::blob("zz").is_err());
    assert_eq!(text::boolean("TRUE"), Ok(true));
    assert!(text::boolean("yes").is_err());
    let to = DataType::Timestamp(TimeUnit::Microsecond, None);
    assert_eq!(lake_segment::data_type(&Type::Timestamp), to);
}
