use lake_core::kind::Kind;
use lake_core::schema::Field;
use lake_core::segment::Part;
use lake_core::types::Type;

use crate::fixture::{Lake, ints, of, rows, span};

const BARS: &str = "symbol VARCHAR, d INTEGER, px DOUBLE";

fn bars(name: &str) -> Lake {
    Lake::new(name).keyed("bars", BARS)
}

fn put(lake: &mut Lake, name: &str, days: std::ops::RangeInclusive<i64>, px: f64) {
    let (min, max) = (*days.start(), *days.end());
    let name_sql = crate::literal::literal(name);
    let select = format!(
        "SELECT {name_sql} AS symbol, d::INTEGER AS d, {px:?}::DOUBLE AS px FROM range({min}, {}) t(d)",
        max + 1
    );
    lake.add("bars", of(name), ints(min, max), None, &select);
}

#[test]
fn nothing_in_a_path_is_a_pattern_or_a_value() {
    // Glob characters above the lake, and symbols that hive readers misread.
    let symbols = [
        "NULL",
        "null",
        "__HIVE_DEFAULT_PARTITION__",
        "A/B",
        "000001",
        "600519",
        "%41",
        "1e5",
        "x[1]*?",
        "x');DROP",
        "true",
        "2020-01-01",
        "a b+c",
        "\u{8305}\u{53f0}",
    ];
    for root in ["a[1]*", "quote'd \"x\"", "env=prod", "symbol=Z", "d=7"] {
        let mut lake = bars(root);
        symbols.iter().for_each(|s| put(&mut lake, s, 1..=2, 1.0));
        let mut mounted = lake.mount();
        let mut found: Vec<String> = rows(&mut mounted, "SELECT DISTINCT symbol FROM bars")
            .unwrap()
            .into_iter()
            .map(|mut row| row.remove(0))
            .collect();
        let mut expected = symbols.map(String::from).to_vec();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{root}");
        for symbol in symbols {
            let one = crate::literal::literal(symbol);
            let sql = format!("SELECT count(*), min(d), max(d) FROM bars WHERE symbol = {one}");
            assert_eq!(rows(&mut mounted, &sql).unwrap(), [["2", "1", "2"]], "{root} {symbol}");
        }
    }
}

#[test]
fn a_table_without_rows_has_its_columns() {
    let lake = bars("lake");
    assert_eq!(lake.rows("SELECT count(*), count(px) FROM bars"), [["0", "0"]]);
    let described = lake.rows("SELECT column_name, column_type FROM (DESCRIBE bars)");
    assert_eq!(described, [["symbol", "VARCHAR"], ["d", "INTEGER"], ["px", "DOUBLE"]]);
    assert_eq!(lake.rows("SHOW TABLES"), [["bars"]]);
}

#[test]
fn columns_are_those_of_the_newest_schema() {
    let mut lake = Lake::new("lake").keyed("t", "symbol VARCHAR, d INTEGER, a SMALLINT, b FLOAT");
    lake.add(
        "t",
        of("X"),
        ints(1, 1),
        None,
        "SELECT 'X' symbol, 1::INT d, 7::SMALLINT a, 1.5::FLOAT b",
    );
    lake.alter("t", |schema| {
        schema.fields[2].name = "wide".into();
        schema.fields[2].ty = Type::Int64;
        schema.fields.remove(3);
        schema.fields.insert(
            0,
            Field { id: 9, name: "b".into(), ty: Type::Varchar, not_null: false, default: None },
        );
    });
    let newer = "SELECT 'text' b, 'X' symbol, 2::INT d, 5000000000::BIGINT wide";
    lake.add("t", of("X"), ints(2, 2), None, newer);
    lake.add(
        "t",
        of("Y"),
        ints(1, 1),
        None,
        "SELECT NULL::VARCHAR b, 'Y' symbol, 1::INT d, 3::BIGINT wide",
    );
    // The newer schema's row hides one of the older schema.
    lake.add(
        "t",
        of("X"),
        ints(1, 1),
        None,
        "SELECT 'won' b, 'X' symbol, 1::INT d, 8::BIGINT wide",
    );
    let names = lake.rows("SELECT column_name, column_type FROM (DESCRIBE t)");
    let expected = [["b", "VARCHAR"], ["symbol", "VARCHAR"], ["d", "INTEGER"], ["wide", "BIGINT"]];
    assert_eq!(names, expected);
    assert_eq!(
        lake.rows("SELECT * FROM t ORDER BY symbol, d"),
        [["won", "X", "1", "8"], ["text", "X", "2", "5000000000"], ["NULL", "Y", "1", "3"]]
    );
}

#[test]
fn a_column_may_be_called_like_a_virtual_one() {
    let columns = "symbol VARCHAR, d INTEGER, File_Index INTEGER, filename VARCHAR";
    let mut lake = Lake::new("lake").keyed("t", columns);
    for n in 0..4 {
        let sql = format!("SELECT 'X' symbol, 1::INT d, {}::INT File_Index, 'f' filename", 9 - n);
        lake.add("t", of("X"), ints(1, 1), None, &sql);
    }
    assert_eq!(lake.rows("FROM t"), [["X", "1", "6", "f"]]);
}

#[test]
fn packed_segments_are_read_and_hidden() {
    let mut lake = bars("lake");
    let select = "SELECT s AS symbol, d::INT d, 1.0::DOUBLE px FROM range(3) t(d), (VALUES ('A'), ('B'), ('C')) v(s) ORDER BY ALL";
    lake.add("bars", Part::Packed, ints(0, 2), Some(span("A", "C")), select);
    put(&mut lake, "B", 2..=3, 2.0);
    put(&mut lake, "D", 0..=0, 4.0);
    let sql = "SELECT symbol, count(*), sum(px) FROM bars GROUP BY 1 ORDER BY 1";
    let all = [["A", "3", "3.0"], ["B", "4", "6.0"], ["C", "3", "3.0"], ["D", "1", "4.0"]];
    assert_eq!(lake.rows(sql), all);
    // A pack above an older segment: the pack wins.
    let newer = "SELECT s AS symbol, 3::INT d, 9.0::DOUBLE px FROM (VALUES ('B'), ('C')) v(s)";
    lake.add("bars", Part::Packed, ints(3, 3), Some(span("B", "C")), newer);
    let all = [["A", "3", "3.0"], ["B", "4", "13.0"], ["C", "4", "12.0"], ["D", "1", "4.0"]];
    assert_eq!(lake.rows(sql), all);
}

#[test]
fn only_the_tables_that_are_named_are_filled() {
    let mut lake = bars("lake").keyed("other", BARS);
    put(&mut lake, "X", 1..=1, 1.0);
    let mut mounted = lake.mount();
    let query = mounted.query("SELECT 1").unwrap();
    assert_eq!((query.segments_read, query.segments_total), (0, 0));
    drop(query);
    assert_eq!(mounted.query("FROM \"BARS\"").unwrap().segments_total, 1);
    let mut mounted = lake.mount();
    let hidden = "SELECT count(*) FROM query('FROM ba' || 'rs')";
    assert_eq!(rows(&mut mounted, hidden).unwrap(), [["1"]]);
}

#[test]
fn errors_say_what_to_do() {
    let mut lake = bars("lake");
    put(&mut lake, "X", 1..=1, 1.0);
    let mut mounted = lake.mount();
    let error = rows(&mut mounted, "SELECT * FROM nope").unwrap_err();
    assert_eq!(error.kind(), Kind::BadInput);
    assert_eq!(error.hint().unwrap(), "the lake's tables are: bars");
    let error = rows(&mut mounted, "SELECT nope FROM bars").unwrap_err();
    assert!(error.to_string().contains("LINE 1: SELECT nope FROM bars"), "{error}");
    let error = rows(&mut mounted, "SELECT $1").unwrap_err();
    assert_eq!(error.kind(), Kind::BadInput, "{error}");
    let error = rows(&mut mounted, "SELECT * FROM read_text('/etc/hostname')").unwrap_err();
    assert_eq!(error.kind(), Kind::BadInput);
    let secret = lake.root.path().join("_lake/LAKE");
    let sql = format!("SELECT * FROM read_text('{}')", secret.display());
    assert_eq!(rows(&mut mounted, &sql).unwrap_err().kind(), Kind::BadInput);

    let table = lake.state.table("bars").unwrap();
    let (part, segment) = table.segments().next().unwrap();
    let path = table.path(part, segment);
    let (dir, name) = path.rsplit_once('/').unwrap();
    lake.root.dir(dir).unwrap().unlink(name).unwrap();
    let error = rows(&mut lake.mount(), "SELECT sum(px) FROM bars").unwrap_err();
    assert_eq!(error.kind(), Kind::Damaged);
    assert_eq!(error.to_string(), format!("{path} is missing or damaged"));
}

#[test]
fn a_running_query_is_interrupted() {
    let mut mounted = bars("lake").mount();
    let interrupt = mounted.interrupt();
    let (started, waits) = std::sync::mpsc::channel();
    let helper = std::thread::spawn(move || {
        // Until the query says that it is over: one interrupt may come too early.
        while waits.try_recv().is_err() {
            interrupt.interrupt();
            std::thread::yield_now();
        }
    });
    let forever = "SELECT count(*) FROM range(10000000000) a, range(10000000000) b WHERE a <> b";
    let mut query = mounted.query("SELECT 1").map(drop).and_then(|()| rows(&mut mounted, forever));
    while query.as_ref().is_err_and(|e| e.kind() != Kind::Interrupted) {
        query = rows(&mut mounted, forever);
    }
    started.send(()).unwrap();
    helper.join().unwrap();
    assert_eq!(query.unwrap_err().kind(), Kind::Interrupted);
}

#[test]
fn values_of_every_type() {
    let mut mounted = bars("lake").mount();
    for (sql, ty, text) in [
        ("NULL", "NULL", "NULL"),
        ("sum(1::BIGINT)", "HUGEINT", "1"),
        (
            "170141183460469231731687303715884105727::HUGEINT",
            "HUGEINT",
            "170141183460469231731687303715884105727",
        ),
        ("[1::HUGEINT]", "HUGEINT[]", "[1]"),
        ("1.50::DECIMAL(10, 2)", "DECIMAL(10,2)", "1.50"),
        ("7::DECIMAL(38, 0)", "DECIMAL(38,0)", "7"),
        ("0.1::FLOAT", "FLOAT", "0.1"),
        ("0.1::DOUBLE + 0.2::DOUBLE", "DOUBLE", "0.30000000000000004"),
        ("DATE '2026-11-20'", "DATE", "2026-11-20"),
        ("DATE 'infinity'", "DATE", "infinity"),
        ("TIMESTAMP '2026-11-20 15:00:00.123456'", "TIMESTAMP", "2026-11-20T15:00:00.123456"),
        ("TIMESTAMP_NS '2026-11-20 15:00:00.5'", "TIMESTAMP_NS", "2026-11-20T15:00:00.500000000"),
        ("TIME '15:00'", "TIME", "15:00:00"),
        ("TIMETZ '15:00:00+02'", "TIME WITH TIME ZONE", "15:00:00+02"),
        ("INTERVAL 1 DAY", "INTERVAL", "1 day"),
        ("'\\x00a'::BLOB", "BLOB", "[0, 97]"),
        ("'101'::BIT", "BIT", "101"),
        (
            "'00000000-0000-0000-0000-000000000001'::UUID",
            "UUID",
            "00000000-0000-0000-0000-000000000001",
        ),
        ("'b'::ENUM('a', 'b')", "ENUM", "b"),
        ("[1, NULL, 3]", "INTEGER[]", "[1, NULL, 3]"),
        ("array_value(1, 2)", "INTEGER[]", "[1, 2]"),
        ("{'a': 1, 'b': ['x']}", "STRUCT(\"a\" INTEGER, \"b\" VARCHAR[])", "{a: 1, b: [x]}"),
        ("MAP {DATE '2026-01-01': 1.5::DOUBLE}", "MAP(DATE, DOUBLE)", "{2026-01-01: 1.5}"),
        ("union_value(n := 1)", "UNION", "1"),
        ("1::VARIANT", "VARIANT", "1"),
        (
            "123456789012345678901234567890123456789012::BIGNUM",
            "BIGNUM",
            "123456789012345678901234567890123456789012",
        ),
        (
            "340282366920938463463374607431768211455::UHUGEINT",
            "UHUGEINT",
            "340282366920938463463374607431768211455",
        ),
        ("'{\"a\": 1}'::JSON", "JSON", "{\"a\": 1}"),
    ] {
        let sql = format!("SELECT {sql} AS \"v\" UNION ALL SELECT NULL;");
        let mut query = mounted.query(&sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        assert_eq!(query.rows().unwrap().columns[0].ty.name, ty, "{sql}");
        assert_eq!(query.rows().unwrap().columns[0].name, "v", "{sql}");
        drop(query);
        assert_eq!(rows(&mut mounted, &sql).unwrap()[0][0], text, "{sql}");
        assert_eq!(rows(&mut mounted, &sql).unwrap()[1][0], "NULL", "{sql}");
    }
}

/// How many segments a query reads.
fn read(mounted: &mut crate::Mounted, sql: &str) -> usize {
    rows(mounted, sql).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    mounted.query(sql).unwrap().segments_read
}

#[test]
fn only_files_that_may_hold_wanted_rows_are_read() {
    let mut lake = bars("lake");
    for symbol in ["000001", "000002", "600519", "600520", "X"] {
        put(&mut lake, symbol, 1..=10, 1.0);
        put(&mut lake, symbol, 11..=20, 2.0);
    }
    let select =
        "SELECT s AS symbol, 21::INT d, 1.0::DOUBLE px FROM (VALUES ('600519'), ('X')) v(s)";
    lake.add("bars", Part::Packed, ints(21, 21), Some(span("600519", "X")), select);
    let mut mounted = lake.mount();
    for (filter, segments) in [
        ("true", 11),
        ("symbol = '600519'", 3),
        ("symbol = '600519' AND d < 5", 1),
        ("symbol = '000001'", 2),
        ("symbol = 'A'", 1),
        ("symbol = 'zz'", 0),
        ("symbol IN ('000001', 'X') AND d >= 11", 3),
        ("symbol LIKE '600%'", 5),
        ("symbol LIKE '%19'", 3),
        ("TRY_CAST(symbol AS INT) = 600519", 3),
        ("regexp_matches(symbol, '^0')", 4),
        ("regexp_matches(symbol, '^0.*[12]$')", 5),
        ("d BETWEEN 5 AND 7", 5),
        ("d > 20", 1),
        ("d > 21", 0),
        ("d = 3 OR symbol = 'X'", 7),
        ("px > 0", 11),
        ("symbol IN (SELECT symbol FROM bars WHERE symbol = 'X')", 3),
    ] {
        let sql = format!("SELECT sum(px) FROM bars WHERE {filter}");
        assert_eq!(read(&mut mounted, &sql), segments, "{filter}");
    }
    // The newest rows are in the newest files.
    assert_eq!(read(&mut mounted, "FROM bars ORDER BY d DESC LIMIT 2"), 1);
    assert_eq!(read(&mut mounted, "FROM bars WHERE symbol = 'X' ORDER BY d DESC LIMIT 10"), 2);
    assert_eq!(read(&mut mounted, "FROM bars WHERE symbol = '000001' ORDER BY d DESC LIMIT 10"), 1);
    assert_eq!(read(&mut mounted, "FROM bars WHERE symbol = '000001' ORDER BY d LIMIT 11"), 2);
    assert_eq!(read(&mut mounted, "FROM bars WHERE px > 1 ORDER BY d DESC LIMIT 1"), 11);
    assert_eq!(read(&mut mounted, "FROM bars LIMIT 3"), 1);
    // Of the pack the log does not know the symbols.
    assert_eq!(read(&mut mounted, "SELECT count(*) FROM bars"), 1);
    assert_eq!(read(&mut mounted, "SELECT max(d) FROM bars WHERE symbol = '000001'"), 0);
    let latest = "FROM bars QUALIFY row_number() OVER (PARTITION BY symbol ORDER BY d DESC) = 1";
    assert_eq!(read(&mut mounted, latest), 6);
    // A view's own name is no stub.
    for qualified in ["main.bars", "memory.bars", "memory.main.bars", "MEMORY.\"bars\""] {
        let one = format!("FROM {qualified} WHERE symbol = 'X'");
        assert_eq!(read(&mut mounted, &one), 11, "{qualified}");
        let both = format!("FROM bars WHERE symbol = 'X' UNION ALL FROM {qualified}");
        assert_eq!(read(&mut mounted, &both), 11, "{qualified}");
    }
}

#[test]
fn the_log_answers_for_files_that_are_not_there() {
    let mut lake = bars("lake");
    for symbol in ["A", "B'\u{8305}"] {
        lake.name("bars", of(symbol), ints(1, 10), None, 10);
        lake.name("bars", of(symbol), ints(15, 15), None, 1);
    }
    let mut mounted = lake.mount();
    for (sql, expected) in [
        ("SELECT count(*), min(d), max(d) FROM bars", vec!["22 1 15"]),
        (
            "SELECT symbol, max(d), count(d) FROM bars GROUP BY ALL ORDER BY ALL",
            vec!["A 15 11", "B'\u{8305} 15 11"],
        ),
        ("SELECT DISTINCT symbol FROM bars WHERE symbol > 'A'", vec!["B'\u{8305}"]),
        ("SELECT max(d) FROM bars WHERE regexp_matches(symbol, 'A')", vec!["15"]),
        ("SELECT count(DISTINCT symbol) FROM bars", vec!["2"]),
        ("SELECT max(d) + 1 FROM bars WHERE symbol = 'nobody'", vec!["NULL"]),
    ] {
        let found: Vec<String> = rows(&mut mounted, sql)
            .unwrap_or_else(|e| panic!("{sql}: {e:?}"))
            .iter()
            .map(|row| row.join(" "))
            .collect();
        assert_eq!(found, expected, "{sql}");
    }
    for sql in [
        "SELECT count(*) FROM bars WHERE d > 3",
        "SELECT count(DISTINCT d) FROM bars",
        "SELECT max(px) FROM bars",
    ] {
        assert_eq!(rows(&mut mounted, sql).unwrap_err().kind(), Kind::Damaged, "{sql}");
    }
}

/// A file of which some rows are wanted counts for none that are certain.
#[test]
fn first_rows_up_to_a_day_may_lie_in_two_files() {
    let mut lake = bars("lake");
    for from in [1, 11, 21] {
        put(&mut lake, "A", from..=from + 9, 1.0);
    }
    let mut mounted = lake.mount();
    let sql =
        |day| format!("SELECT min(d) FROM (FROM bars WHERE d <= {day} ORDER BY d DESC LIMIT 5)");
    for (day, least, files) in [(12, "8", 2), (20, "16", 1), (30, "26", 1)] {
        assert_eq!(rows(&mut mounted, &sql(day)).unwrap(), [[least]], "{day}");
        assert_eq!(mounted.query(&sql(day)).unwrap().segments_read, files, "{day}");
    }
}

#[test]
fn an_older_version_is_another_table() {
    let mut lake = bars("lake");
    put(&mut lake, "A", 1..=1, 1.0);
    let first = std::sync::Arc::new(lake.state.clone());
    put(&mut lake, "A", 2..=2, 2.0);
    let mut sheets = crate::sheet::Sheet::all(&first);
    sheets[0].name = "bars@2".into();
    let mut mounted = lake.mount();
    mounted.add_sheet(sheets.remove(0)).unwrap();
    let sql = "SELECT count(*), (SELECT count(*) FROM \"bars@2\"), \
               (SELECT count(*) FROM \"bars@2\" WHERE d > 1) FROM bars";
    assert_eq!(rows(&mut mounted, sql).unwrap(), [["2", "1", "0"]]);
}

#[test]
fn versions_whose_names_differ_by_case_are_not_mixed_up() {
    let mut lake = bars("lake");
    put(&mut lake, "A", 1..=1, 1.0);
    let mut mounted = lake.mount();
    let of = |lake: &Lake, name: &str| {
        let mut sheet =
            crate::sheet::Sheet::all(&std::sync::Arc::new(lake.state.clone())).remove(0);
        sheet.name = name.into();
        sheet
    };
    mounted.add_sheet(of(&lake, "bars@eod")).unwrap();
    let count = |mounted: &mut crate::Mounted, name: &str| {
        rows(mounted, &format!("SELECT count(*) FROM \"{name}\"")).map(|rows| rows[0][0].clone())
    };
    for same in ["bars@eod", "BARS@eod"] {
        assert_eq!(count(&mut mounted, same).unwrap(), "1", "{same}");
    }
    let both = r#"SELECT count(*) FROM "bars@eod", "bars@EOD""#;
    let error = rows(&mut mounted, both).unwrap_err();
    assert!(error.to_string().contains("one name"), "{error}");
}

#[test]
fn facts_are_tables() {
    let mut lake = bars("lake");
    put(&mut lake, "A", 1..=1, 1.0);
    let mut mounted = lake.mount().with_facts(Box::new(|name, _| {
        let files = || crate::Fact {
            columns: vec![("path".into(), "VARCHAR"), ("rows".into(), "UBIGINT")],
            rows: r#"[{"path":"it's","rows":7},{"path":null,"rows":8}]"#.into(),
        };
        let damaged = || crate::EngineError::Damaged { path: "log".into(), detail: "rot".into() };
        if name == "history" { Err(damaged()) } else { Ok((name == "files").then(files)) }
    }));
    let sql = "FROM lake.files ORDER BY rows";
    assert_eq!(rows(&mut mounted, sql).unwrap(), [["it's", "7"], ["NULL", "8"]]);
    let joined = "SELECT count(*) FROM bars, LAKE.Files f WHERE f.rows > bars.d";
    assert_eq!(rows(&mut mounted, joined).unwrap(), [["2"]]);
    assert_eq!(rows(&mut mounted, "FROM lake.nothing").unwrap_err().kind(), Kind::BadInput);
    assert_eq!(rows(&mut mounted, "FROM lake.history").unwrap_err().kind(), Kind::Damaged);
}
