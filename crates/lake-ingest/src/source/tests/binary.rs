//! Arrow and Parquet: the same values or refused, and no file believed.

use super::*;

/// One column through a Parquet file and as a batch: both must say the same.
fn through(ty: &str, array: ArrayRef) -> Result<String, String> {
    let schema = schema(&format!("x {ty}"));
    let batch = column(array);
    let direct = take(&batch, &schema).map(|b| shown(&b));
    let direct = direct.map_err(|e| e.to_string().replacen("batch", "in.parquet", 1));
    let files = Files::new();
    let path = files.put("in.parquet", &parquet_bytes(&batch));
    let stored = read(&path, &schema).map(|b| shown(&b)).map_err(|e| said(&e, &files));
    match (&direct, &stored) {
        (Ok(a), Ok(b)) => assert_eq!(a, b),
        (Err(a), Err(b)) => assert_eq!(a, b),
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
            cell(2, "\"128\" cannot be TINYINT without loss"),
        ),
        (
            "DOUBLE",
            Arc::new(Int64Array::from(vec![(1 << 53) + 1])),
            cell(1, "\"9007199254740993\" cannot be DOUBLE without loss"),
        ),
        (
            "FLOAT",
            Arc::new(Float64Array::from(vec![0.1])),
            cell(1, "\"0.1\" cannot be FLOAT without loss"),
        ),
        (
            "TIMESTAMP",
            ns(vec![1_000, 1]),
            cell(2, "\"1970-01-01T00:00:00.000000001\" cannot be TIMESTAMP without loss"),
        ),
        (
            "DECIMAL(9,1)",
            Arc::new(Decimal128Array::from(vec![1255]).with_precision_and_scale(12, 2).unwrap()),
            cell(1, "\"12.55\" cannot be DECIMAL(9,1) without loss"),
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
    let batch = column(Arc::new(Int64Array::from(vec![Some(1), None])));
    let error = take(&batch, &schema).unwrap_err();
    let want = "batch, row 2, column x: it is NULL, but the column is NOT NULL";
    assert_eq!(error.to_string(), want);
}

#[test]
fn broken_parquet_never_panics() {
    quiet();
    let schema = schema("x VARCHAR");
    let batch = column(Arc::new(StringArray::from(vec!["a", "b", "abc"])));
    let whole = parquet_bytes(&batch);
    let files = Files::new();
    let attempt = |bytes: &[u8]| {
        let path = files.0.path().join("in.parquet");
        put(&path, bytes);
        read(&path, &schema).map(|_| ()).map_err(|e| said(&e, &files))
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
        ::parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    (0..65).for_each(|_| writer.write(&batch).unwrap());
    writer.close().unwrap();
    assert!(bytes.len() < 300_000, "{}", bytes.len());
    let files = Files::new();
    let path = files.put("in.parquet", &bytes);
    let schema = schema("x BIGINT");
    let error = said(&read(&path, &schema).unwrap_err(), &files);
    assert!(error.starts_with("in.parquet: it claims 68157440 values"), "{error}");
}
