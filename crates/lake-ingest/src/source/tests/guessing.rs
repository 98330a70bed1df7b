//! Types of a table that does not exist yet: by all rows, and only where nothing
//! would be lost.

use super::*;

fn types(name: &str, bytes: &[u8], options: &SourceOptions) -> String {
    let files = Files::new();
    let path = files.put(name, bytes);
    match infer(&path, options) {
        Ok(columns) => {
            let one = |c: &lake_core::sqltype::Column| format!("{} {}", c.name, c.ty);
            columns.iter().map(one).collect::<Vec<_>>().join(", ")
        }
        Err(error) => said(&error, &files),
    }
}

#[test]
fn texts() {
    let table = [
        (&["1", "-2", "0"][..], "BIGINT"),
        (&["000001", "1"], "VARCHAR"),
        (&["+5"], "VARCHAR"),
        (&["-0"], "DOUBLE"),
        (&["9223372036854775808"], "VARCHAR"),
        (&["1", "1.5", "1e-3"], "DOUBLE"),
        (&["9007199254740993", "1.5"], "VARCHAR"),
        (&["01.5"], "VARCHAR"),
        (&["1e999"], "VARCHAR"),
        (&["1.", "2"], "VARCHAR"),
        (&["nan", "1.5"], "VARCHAR"),
        (&["true", "false"], "BOOLEAN"),
        (&["TRUE"], "VARCHAR"),
        (&["true", "1"], "VARCHAR"),
        (&["2026-01-05", "2026-12-31"], "DATE"),
        (&["2026-02-30"], "VARCHAR"),
        (&["20260105"], "BIGINT"),
        (&["2026-01-05 09:30:00", "2026-01-05"], "TIMESTAMP"),
        (&["2026-01-05T09:30:00Z"], "TIMESTAMP"),
        (&["", ""], "VARCHAR"),
        (&["\"\"", "1"], "VARCHAR"),
        (&["1", "", "2"], "BIGINT"),
    ];
    for (values, want) in table {
        let text: String = values.iter().map(|v| format!("{v},x\n")).collect();
        let got = types("in.csv", format!("c,d\n{text}").as_bytes(), &SourceOptions::default());
        assert_eq!(got, format!("c {want}, d VARCHAR"), "{values:?}");
    }
    let late = format!("c\n{}x\n", "1\n".repeat(100_000));
    assert_eq!(types("in.csv", late.as_bytes(), &SourceOptions::default()), "c VARCHAR");
}

#[test]
fn with_options() {
    let mut options = SourceOptions {
        date_format: Some("%Y%m%d".into()),
        nulls: vec!["-".into()],
        map: vec![("trade_date".into(), "date".into()), ("v".into(), "volume".into())],
        ..SourceOptions::default()
    };
    let text = b"trade_date,v,w\n20260105,-,1\n-,7,2\n";
    assert_eq!(types("in.csv", text, &options), "date DATE, volume BIGINT, w BIGINT");
    options.select_mapped_only = true;
    assert_eq!(types("in.csv", text, &options), "date DATE, volume BIGINT");
    assert!(types("in.csv", b"a,b\n1,2\n", &options).contains("it has a, b"));
    assert!(
        types("in.csv", b"v,trade_date\n1\n", &options)
            .starts_with("in.csv, row 1 (line 2): 1 fields")
    );
}

#[test]
fn of_json() {
    let text = br#"{"a":1,"t":"2026-01-05","l":[1,2.5],"o":{"x":null,"y":true}}
        {"b":"000001","a":2,"t":null,"l":[],"n":18446744073709551616}
        {"m":1}{"m":"x"}"#;
    let want = "a BIGINT, t DATE, l DOUBLE[], o STRUCT(\"x\" VARCHAR, \"y\" BOOLEAN), \
        b VARCHAR, n VARCHAR, m VARCHAR";
    assert_eq!(types("in.json", text, &SourceOptions::default()), want);
    let error = types("in.jsonl", b"{\"a\":1}\n{\"a\":", &SourceOptions::default());
    assert!(error.starts_with("in.jsonl, row 2 (line 2): not JSON"), "{error}");
}

#[test]
fn of_arrow_and_parquet() {
    let batch = RecordBatch::try_from_iter([
        ("a", Arc::new(Int32Array::from(vec![1])) as ArrayRef),
        ("t", Arc::new(TimestampNanosecondArray::from(vec![1000]).with_timezone("UTC"))),
        ("d", Arc::new(Decimal128Array::from(vec![1]).with_precision_and_scale(9, 2).unwrap())),
        ("v", Arc::new(StringViewArray::from(vec!["x"]))),
    ])
    .unwrap();
    let want = "a INTEGER, t TIMESTAMP, d DECIMAL(9,2), v VARCHAR";
    assert_eq!(types("in.parquet", &parquet_bytes(&batch), &SourceOptions::default()), want);
    assert_eq!(
        types("in.arrow", &super::forms::ipc(&batch, true), &SourceOptions::default()),
        want
    );
    let duration = column(Arc::new(DurationSecondArray::from(vec![1])));
    let bytes = super::forms::ipc(&duration, false);
    let error = types("x", &bytes, &SourceOptions::default());
    assert!(error.contains("column x is Duration"), "{error}");
}

/// What was inferred is what can be read.
#[test]
fn patterns() {
    let files = Files::new();
    for name in ["b.csv", "a.csv", "c[1].csv"] {
        files.put(name, b"n\n1\n");
    }
    let path = |name: &str| files.0.path().join(name);
    let names = |patterns: &[&str]| {
        let patterns: Vec<PathBuf> = patterns.iter().map(|p| path(p)).collect();
        expand(&patterns).map(|found| {
            let name = |p: &PathBuf| p.file_name().unwrap().to_string_lossy().into_owned();
            found.iter().map(name).collect::<Vec<_>>()
        })
    };
    assert_eq!(names(&["*.csv", "a.csv"]).unwrap(), ["a.csv", "b.csv", "c[1].csv"]);
    assert_eq!(names(&["c[1].csv"]).unwrap(), ["c[1].csv"]);
    assert!(names(&["*.txt"]).unwrap_err().to_string().ends_with("*.txt: no file matches it"));
}
