//! Every form an input may have: the same rows, the same refusals.

use super::*;
use InputFormat::{Arrow, Csv, Json, JsonLines, Tsv};

const COLUMNS: &str = "s VARCHAR, n BIGINT, d DECIMAL(20,4), at TIMESTAMP, ok BOOLEAN";

fn ok(rows: &[&str]) -> Result<Vec<String>, String> {
    Ok(rows.iter().map(|r| (*r).to_owned()).collect())
}

#[test]
fn json_is_exact_and_nested() {
    let rows = probe(COLUMNS, JsonLines).rows(
        b"{\"s\":\"\\u4e2d\\ud83d\\ude00\\n\",\"n\":9223372036854775807,\"d\":1.2345e3,\"ok\":true}\n\n\
          {\"d\":\"0.1\",\"n\":\"-1\",\"at\":\"2026-01-05T09:30:00+08:00\",\"s\":null}",
    );
    let want = [
        "\u{4e2d}\u{1f600}",
        "|9223372036854775807|1234.5000|NULL|true",
        "NULL|-1|0.1000|2026-01-05T01:30:00|NULL",
    ];
    assert_eq!(rows.unwrap(), want);
}

#[test]
fn json_values_nest_into_columns() {
    let columns = "l INTEGER[], t STRUCT(a BIGINT, b VARCHAR[]), m MAP(VARCHAR, DOUBLE)";
    let text = br#"[{"l":[1,null,3],"t":{"B":["x"],"a":1},"m":{"k":0.5,"j":null}},
        {"l":[],"t":null,"m":{}} , {"t":{}}]"#;
    let want = ["[1, , 3]|{a: 1, b: [x]}|{k: 0.5, j: }", "[]|NULL|{}", "NULL|{a: , b: }|NULL"];
    assert_eq!(probe(columns, Json).rows(text), ok(&want));
    let (rows, rejects) = probe(columns, JsonLines)
        .both(
            b"{\"l\":[1,\"x\",3]}\n{\"l\":[7]}\n{\"t\":{\"c\":1}}\n{\"m\":{\"a\":1,\"a\":2}}\n\
              {\"t\":{\"a\":1,\"a\":2}}\n{\"l\":{}}\n{\"m\":[1]}\n{\"t\":{\"b\":[1]}}\n{\"l\":[8]}\n",
        )
        .unwrap();
    assert_eq!(rows, ["2/2 [7]|NULL|NULL", "9/9 [8]|NULL|NULL"]);
    let whys: Vec<&str> = rejects.iter().map(|r| r.why.as_str()).collect();
    let want = [
        "has in item 2 \"x\", which is not an INTEGER",
        "has a field \"c\" that the type does not have",
        "has the key \"a\" twice",
        "has a field \"a\" twice",
        "is an object, not an array",
        "is an array, not an object",
        "has in \"b\" what has in item 1 1, which is a number, not a VARCHAR",
    ];
    assert_eq!(whys, want);
}

/// Each bad row is rejected for itself, with all that is known of it.
#[test]
fn rejects_name_row_line_column_value_and_record() {
    let mut csv = probe("s VARCHAR NOT NULL, n BIGINT", Csv);
    csv.symbols = vec![1];
    let text = b"s,n\na,1\n\nb,x\nc\n,3\n\"p\nq\",4\nd,9223372036854775808\ne,\xff\nz,9\n";
    let (rows, rejects) = csv.both(text).unwrap();
    assert_eq!(rows, ["1/2 a|1", "8/11 z|9"]);
    let rejects: Vec<String> =
        rejects.into_iter().map(|r| format!("{:?} {}", r.raw.clone(), r.into_error())).collect();
    let want = [
        r#""b,x" in, row 2 (line 4), column n: "x" is not a BIGINT"#,
        r#""c" in, row 3 (line 5): 1 fields where the header has 2"#,
        r#"",3" in, row 4 (line 6), column s: it is NULL, but the column is NOT NULL"#,
        r#""\"p\nq\",4" in, row 5 (line 7), column s: "p\nq" cannot be a partition value: it has a control character"#,
        r#""d,9223372036854775808" in, row 6 (line 9), column n: "9223372036854775808" does not fit BIGINT (-9223372036854775808 to 9223372036854775807)"#,
        "\"e,\u{fffd}\" in, row 7 (line 10), column n: \"\u{fffd}\" is not UTF-8",
    ];
    assert_eq!(rejects, want);
}

#[test]
fn json_rejects() {
    let table: [(&[u8], &str); 16] = [
        (b"{", "not JSON at byte 2: a name in quotes is expected"),
        (b"[1]", "it is an array, not an object"),
        (
            b"{\"x\":1}",
            "column x: the table has no such column; --map SOURCE=TARGET gives it another name",
        ),
        (b"{\"n\":1,\"N\":2}", "column n: it is there twice"),
        (b"{\"s\":1}", "column s: \"1\" is a number, not a VARCHAR"),
        (b"{\"ok\":1}", "column ok: \"1\" is a number, not a BOOLEAN"),
        (b"{\"n\":true}", "column n: is a boolean, not a BIGINT"),
        (b"{\"n\":1.5}", "column n: \"1.5\" is not a BIGINT"),
        (b"{\"n\":01}", "not JSON at byte 7: this is no number"),
        (b"{\"n\":+1}", "not JSON at byte 6: a value is expected"),
        (b"{\"n\":[1]}", "column n: is an array, not a BIGINT"),
        (b"{\"n\":1}}", "not JSON at byte 8: something stands after the value"),
        (b"{\"s\":\"\\ud800\"}", "not JSON at byte 13: half a surrogate pair stands alone"),
        (b"{\"s\":\"\x01\"}", "not JSON at byte 7: a control character stands in a string"),
        (b"{\"s\":\"\xff\"}", "it is not UTF-8"),
        (b"{\"d\":1.23456}", "column d: \"1.23456\" has more than the 4 decimals of DECIMAL(20,4)"),
    ];
    for (line, want) in table {
        let text = [b"{\"n\":1}\n", line, b"\n{\"n\":3}\n"].concat();
        let (rows, rejects) = probe(COLUMNS, JsonLines).both(&text).unwrap();
        assert_eq!(rows.len(), 2, "{want}");
        assert!(rows[1].starts_with("3/3 "), "{want}");
        let [reject] = rejects.as_slice() else { panic!("{want}: {rejects:?}") };
        assert_eq!(reject.raw, String::from_utf8_lossy(line));
        let said = reject.clone().into_error().to_string();
        let place = if want.starts_with("column") {
            "in, row 2 (line 2), "
        } else {
            "in, row 2 (line 2): "
        };
        assert!(
            said == format!("{place}{want}") || said == format!("in, row 2 (line 2): {want}"),
            "{said} / {want}"
        );
    }
}

#[test]
fn json_arrays_are_whole_or_refused() {
    let table: [(&[u8], &str); 8] = [
        (b"[{\"n\":1},\n{\"n\":2}", "in: line 2: the array has no closing bracket"),
        (b"[{\"n\":1}\n{\"n\":2}]", "in: line 2: a comma or ] is expected"),
        (b"[{\"n\":1},]", "in: line 1: a value is expected"),
        (b"[{\"n\":1}] x", "in: line 1: something stands after the array"),
        (b"[{\"n\":1", "in: line 1: it ends in the middle of a value"),
        (b"[", "in: line 1: the array has no closing bracket"),
        (b"7", "in: line 1: an object is expected"),
        (b"[,]", "in: line 1: a value is expected"),
    ];
    for (text, want) in table {
        assert_eq!(probe("n BIGINT", Json).rows(text), Err(want.into()));
    }
    let rows = probe("n BIGINT", Json).rows(b" {\"n\":1}{\"n\":\n2}\n{}");
    assert_eq!(rows, ok(&["1", "2", "NULL"]));
    assert_eq!(probe("n BIGINT", Json).rows(b" [ ] "), ok(&[]));
}

#[test]
fn names_and_nulls_of_csv() {
    let mut tsv = probe("a VARCHAR, b BIGINT", Tsv);
    assert_eq!(tsv.rows(b"b\ta\n1\tx,y\n"), ok(&["x,y|1"]));
    tsv.options.delimiter = Some(b'|');
    tsv.options.quote = b'\'';
    tsv.options.nulls = vec!["NA".into(), "-".into()];
    tsv.options.columns = Some(vec!["a".into(), "b".into()]);
    assert_eq!(tsv.rows(b"'NA'|-\nNA|2\n'it''s'|3\n"), ok(&["NA|NULL", "NULL|2", "it's|3"]));
    tsv.options.quote = b'|';
    assert!(tsv.rows(b"").unwrap_err().contains("two ASCII characters"));
    let mut arrow = probe("a VARCHAR", Arrow);
    arrow.options.columns = Some(vec!["a".into()]);
    assert!(arrow.rows(b"").unwrap_err().contains("--columns"));
}

#[test]
fn renames() {
    let mut csv = probe("symbol VARCHAR, px DOUBLE", Csv);
    let map = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(s, t)| ((*s).to_owned(), (*t).to_owned())).collect::<Vec<_>>()
    };
    let text = b"Code,Close,note\n1,2,x\n";
    csv.options.map = map(&[("code", "symbol"), ("Close", "px")]);
    assert!(csv.rows(text).unwrap_err().contains("no column \"note\""));
    csv.options.select_mapped_only = true;
    assert_eq!(csv.rows(text), ok(&["1|2.0"]));
    for (pairs, want) in [
        (
            &[("code", "symbol"), ("last", "px")][..],
            "in: --map names \"last\", which the input does not have; it has Code, Close, note",
        ),
        (
            &[("code", "symbol"), ("Close", "symbol")][..],
            "in: --map names the table's column \"symbol\" twice",
        ),
        (
            &[("code", "symbol"), ("CODE", "px")][..],
            "in: --map names the input's column \"CODE\" twice",
        ),
        (
            &[("code", "symbol")][..],
            "in: column px is missing; add it, with nothing in it where it is NULL",
        ),
    ] {
        csv.options.map = map(pairs);
        assert_eq!(csv.rows(text), Err(want.into()));
    }
    csv.options.select_mapped_only = false;
    csv.options.map = map(&[("close", "px")]);
    let both = csv.rows(b"symbol,close,PX\na,1,2\n");
    assert_eq!(both, Err("in: columns \"close\" and \"PX\" are both for \"px\"".into()));
    let mut json = probe("px DOUBLE", JsonLines);
    json.options.map = map(&[("close", "px"), ("vol", "volume")]);
    let error = json.rows(b"{\"close\":1}").unwrap_err();
    assert_eq!(error, "in: --map names \"vol\", which the input does not have; it has close");
}

#[test]
fn columns_that_are_newer_than_the_input() {
    let mut csv = probe("a VARCHAR, b BIGINT, c DATE NOT NULL", Csv);
    csv.optional = vec![2, 3];
    assert!(
        csv.rows(b"a\nx\n").unwrap_err().contains("column c is missing; the table says NOT NULL")
    );
    csv.defaults = vec![(3, "2026-01-02")];
    csv.options.date_format = Some("%d/%m/%Y".into());
    assert_eq!(csv.rows(b"a\nx\n"), ok(&["x|NULL|2026-01-02"]));
    csv.options.format = Some(JsonLines);
    let rows = csv.rows(b"{\"a\":\"x\",\"c\":\"01/02/2026\"}\n{\"b\":1}");
    assert_eq!(rows, ok(&["x|NULL|2026-02-01", "NULL|1|2026-01-02"]));
    csv.options.format = Some(Arrow);
    assert_eq!(csv.rows(&ipc(&named("a", vec!["x"]), false)), ok(&["x|NULL|2026-01-02"]));
    csv.defaults = vec![(3, "soon")];
    assert!(csv.rows(&ipc(&named("a", vec!["x"]), false)).unwrap_err().contains("its default"));
}

fn named(name: &str, texts: Vec<&str>) -> RecordBatch {
    RecordBatch::try_from_iter([(name, Arc::new(StringArray::from(texts)) as ArrayRef)]).unwrap()
}

pub(super) fn ipc(batch: &RecordBatch, file: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    if file {
        let mut w = arrow::ipc::writer::FileWriter::try_new(&mut bytes, &batch.schema()).unwrap();
        w.write(batch).unwrap();
        w.finish().unwrap();
    } else {
        let mut w = arrow::ipc::writer::StreamWriter::try_new(&mut bytes, &batch.schema()).unwrap();
        w.write(batch).unwrap();
        w.finish().unwrap();
    }
    bytes
}

#[test]
fn rows_of_arrow_are_rejected_one_by_one() {
    let mut source = probe("s VARCHAR NOT NULL, n TINYINT", Arrow);
    source.symbols = vec![1];
    let texts = vec![Some("a"), None, Some("b"), Some(""), Some("c"), Some("d")];
    let numbers = vec![Some(1), Some(2), Some(300), Some(400), None, Some(6)];
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("n", Arc::new(Int64Array::from(numbers)) as ArrayRef, true),
        ("s", Arc::new(StringArray::from(texts)) as ArrayRef, true),
    ]);
    for file in [false, true] {
        let (rows, rejects) = source.both(&ipc(batch.as_ref().unwrap(), file)).unwrap();
        assert_eq!(rows, ["1 a|1", "5 c|NULL", "6 d|6"]);
        let said: Vec<String> =
            rejects.iter().map(|r| format!("{} {}", r.raw, r.clone().into_error())).collect();
        let want = [
            "{\"n\":2} in, row 2, column s: it is NULL, but the column is NOT NULL",
            "{\"n\":300,\"s\":\"b\"} in, row 3, column n: \"300\" cannot be TINYINT without loss",
            "{\"n\":400,\"s\":\"\"} in, row 4, column s: \"\" cannot be a partition value: ",
        ];
        assert_eq!(said[..2], want[..2]);
        assert!(said[2].starts_with(want[2]), "{}", said[2]);
    }
}

#[test]
fn dates_and_times_as_they_are_told() {
    let table = [
        ("%Y%m%d", "20260105", Ok("2026-01-05T00:00:00")),
        ("%Y%m%d", "2026105", Err("is not of the form %Y%m%d")),
        ("%d.%m.%Y %H:%M", "5.1.2026 9:30", Ok("2026-01-05T09:30:00")),
        ("%Y-%m-%dT%H:%M:%S%z", "2026-01-05T09:30:00+0800", Ok("2026-01-05T01:30:00")),
        ("%Y-%m-%d %H:%M:%S%.f", "2026-01-05 09:30:00.1234567", Err("is finer than a microsecond")),
        ("%H:%M", "09:30", Err("is not of the form %H:%M")),
        ("epoch-s", "1767576600.5", Ok("2026-01-05T01:30:00.500")),
        ("epoch-ms", "1767576600123", Ok("2026-01-05T01:30:00.123")),
        ("epoch-us", "-1", Ok("1969-12-31T23:59:59.999999")),
        ("epoch-ns", "1000", Ok("1970-01-01T00:00:00.000001")),
        ("epoch-ns", "1", Err("is finer than a microsecond")),
        (
            "epoch-ms",
            "1767576600123456",
            Err("as milliseconds since 1970 is outside the years 1 to 9999"),
        ),
        ("epoch-ms", "now", Err("is no count of milliseconds since 1970")),
    ];
    for (format, text, want) in table {
        let mut csv = probe("x TIMESTAMP", Csv);
        csv.options.timestamp_format = Some(format.into());
        let got = csv.rows(format!("x\n{text}\n").as_bytes());
        match want {
            Ok(want) => assert_eq!(got, ok(&[want]), "{format}"),
            Err(why) => assert!(got.as_ref().is_err_and(|e| e.ends_with(why)), "{format}: {got:?}"),
        }
    }
    let mut csv = probe("x DATE", Csv);
    csv.options.date_format = Some("%d/%m/%y".into());
    assert_eq!(csv.rows(b"x\n05/01/26\n"), ok(&["2026-01-05"]));
    assert!(csv.rows(b"x\n2026-01-05\n").is_err());
    csv.options.date_format = Some("soon".into());
    assert!(csv.rows(b"x\n1\n").unwrap_err().contains("--date-format \"soon\""));
}

fn table() -> impl Strategy<Value = Vec<(Option<String>, Option<i64>, Option<i64>)>> {
    let text = prop::option::of("[a-z\",|\u{4e2d}\u{6587} \n]{0,5}");
    let cent = prop::option::of(-1_000_000i64..1_000_000);
    prop::collection::vec((text, prop::option::of(any::<i64>()), cent), 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// One table, written in every form and packing, is read back as it was.
    #[test]
    fn all_forms_say_the_same(rows in table(), packing in 0..3, gbk in any::<bool>()) {
        let columns = "s VARCHAR, n BIGINT, d DECIMAL(20,2)";
        let decimal = |c: i64| lake_core::value::decimal_text(i128::from(c), 2);
        let null = || "NULL".to_owned();
        let want: Vec<String> = rows.iter().flat_map(|(s, n, c)| {
            let n = n.map_or_else(null, |n| n.to_string());
            let row = [s.clone().unwrap_or_else(null), n, c.map_or_else(null, decimal)].join("|");
            row.split('\n').map(str::to_owned).collect::<Vec<_>>()
        }).collect();
        let mut csv = String::from("s,n,d\n");
        let mut lines = String::new();
        for (s, n, c) in &rows {
            let s2 = s.as_ref().map_or(String::new(), |s| format!("\"{}\"", s.replace('"', "\"\"")));
            let (n2, c2) = (n.map_or(String::new(), |n| n.to_string()), c.map_or(String::new(), decimal));
            csv += &format!("{s2},{n2},{c2}\n");
            let s = s.as_ref().map_or("null".into(), |s| format!("\"{}\"", s.replace('"', "\\\"").replace('\n', "\\n")));
            let (n, c) = (n.map_or("null".into(), |n| n.to_string()), c.map_or("null".into(), decimal));
            lines += &format!("{{\"s\":{s},\"n\":{n},\"d\":{c}}}\n");
        }
        let array = format!("[{}]", lines.trim_end().replace("}\n{", "},\n{"));
        let encode = |text: &str| match gbk {
            true => encoding_rs::GBK.encode(text).0.into_owned(),
            false => text.as_bytes().to_vec(),
        };
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("s", Arc::new(rows.iter().map(|r| r.0.clone()).collect::<StringArray>()) as ArrayRef, true),
            ("n", Arc::new(rows.iter().map(|r| r.1).collect::<Int64Array>()) as ArrayRef, true),
            ("d", Arc::new(rows.iter().map(|r| r.2.map(i128::from)).collect::<Decimal128Array>()
                .with_precision_and_scale(20, 2).unwrap()) as ArrayRef, true),
        ]).unwrap();
        for (form, bytes) in [
            (Csv, encode(&csv)), (JsonLines, encode(&lines)), (Json, encode(&array)),
            (Arrow, ipc(&batch, false)), (Arrow, ipc(&batch, true)),
        ] {
            let bytes = match packing {
                0 => bytes,
                1 => super::streams::gzip(&bytes),
                _ => zstd::encode_all(&bytes[..], 3).unwrap(),
            };
            let mut probe = probe(columns, form);
            probe.options.encoding = gbk.then(|| "gbk".into());
            let mut source = probe.open(std::io::Cursor::new(bytes)).unwrap();
            let mut got = Vec::new();
            while let Some(chunk) = source.next(&mut Abort).unwrap() {
                got.extend(shown(&chunk.batch).split('\n').map(str::to_owned));
            }
            prop_assert_eq!(&got, &want, "{:?}", form);
        }
    }
}
