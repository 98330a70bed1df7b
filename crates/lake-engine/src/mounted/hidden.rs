//! Rows that masks hide.

use lake_core::schema::Field;
use lake_core::segment::{Part, Rank};
use lake_core::types::Type;
use lake_core::value::{Range, Value};

use crate::fixture::{Lake, ints, of, span, symbol};
use crate::{split, views};

const BARS: &str = "symbol VARCHAR, d INTEGER, px DOUBLE";

fn days(symbols: &str, from: i64, to: i64, px: i64) -> String {
    format!(
        "SELECT s AS symbol, d::INTEGER AS d, {px}::DOUBLE AS px \
         FROM range({from}, {}) t(d), (SELECT unnest([{symbols}]) s) ORDER BY ALL",
        to + 1
    )
}

fn view(lake: &Lake, table: &str) -> String {
    let root = lake.root.path().to_str().unwrap().to_owned();
    let table = lake.state.table(table).unwrap();
    views::view(table, &table.def.name, split::all(table), &root).unwrap().create
}

#[test]
fn a_hidden_row_hides_nothing() {
    let mut lake = Lake::new("lake").keyed("bars", BARS);
    lake.add("bars", of("A"), ints(1, 9), None, &days("'A'", 1, 9, 1));
    lake.add("bars", of("A"), ints(5, 12), None, &days("'A'", 5, 12, 2));
    lake.hide("bars", &["A"], Some(Value::Int(6)), Some(Value::Int(7)));
    // What comes later at an earlier place, as a compaction of older rows would.
    lake.rank = Rank { version: 1, order: 9 };
    lake.add("bars", of("A"), ints(7, 7), None, &days("'A'", 7, 7, 3));
    let rows = lake.rows("SELECT d, px FROM bars ORDER BY d");
    let found: Vec<String> = rows.iter().map(|r| r.join(":")).collect();
    let expected = [
        "1:1.0", "2:1.0", "3:1.0", "4:1.0", "5:2.0", "7:3.0", "8:2.0", "9:2.0", "10:2.0", "11:2.0",
    ];
    assert_eq!(found, [&expected[..], &["12:2.0"]].concat());
}

#[test]
fn null_lies_in_no_stretch_but_the_whole() {
    let columns = "symbol VARCHAR, d INTEGER, n INTEGER";
    let select = |n: i64| {
        format!(
            "SELECT s AS symbol, d, {n}::INT n FROM (VALUES ('A', NULL::INT), ('A', 1), ('A', 5), ('B', NULL), ('B', 5)) v(s, d)"
        )
    };
    let ends = [(None, Some(3)), (Some(3), None), (Some(0), Some(9)), (None, None)];
    let expected = [
        vec!["A:5", "A:NULL", "B:5", "B:NULL"],
        vec!["A:1", "A:NULL", "B:5", "B:NULL"],
        vec!["A:NULL", "B:5", "B:NULL"],
        vec!["B:5", "B:NULL"],
    ];
    for ((from, to), expected) in ends.into_iter().zip(expected) {
        let ends = (from.map(Value::Int), to.map(Value::Int));
        // In a pack and by its owner; in files of which each has its own stretches.
        let mut lake = Lake::new("lake").with("t", columns, &["symbol"], &[], &["d"]);
        lake.add("t", Part::Packed, None, Some(span("A", "B")), &select(1));
        lake.hide("t", &["A"], ends.0.clone(), ends.1.clone());
        let sql = "SELECT symbol || ':' || coalesce(d::VARCHAR, 'NULL') FROM t ORDER BY ALL";
        assert_eq!(lake.rows(sql).concat(), expected, "{from:?} {to:?}");
        if from.or(to).is_none() {
            continue;
        }
        let by_file = |n: i64| format!("FROM ({}) WHERE symbol = 'A'", select(n));
        lake.add("t", of("A"), None, None, &by_file(2));
        lake.hide("t", &["A"], ends.0, ends.1);
        let kept = (expected.len() - 2).to_string();
        let count = "SELECT n, count(*) FROM t WHERE symbol = 'A' GROUP BY 1 ORDER BY 1";
        assert_eq!(lake.rows(count), [["1", &kept], ["2", &kept]], "{from:?} {to:?}");
        lake.add("t", of("A"), None, None, &by_file(3));
        lake.hide("t", &["A"], Some(Value::Int(100)), Some(Value::Int(101)));
        assert_eq!(lake.rows(count), [["1", &kept], ["2", &kept], ["3", "3"]], "{from:?} {to:?}");
    }
}

#[test]
fn a_stretch_may_be_of_another_type_than_the_file() {
    let mut lake = Lake::new("lake").with(
        "t",
        "symbol VARCHAR, d DATE, n INTEGER",
        &["symbol"],
        &["symbol", "d"],
        &["d"],
    );
    let range = |min, max| Some(Range::new(vec![Value::Date(min)], vec![Value::Date(max)]));
    let select = "SELECT s AS symbol, make_date(n::INT) d, n::INT n FROM range(10, 20) t(n), (VALUES ('A'), ('B')) v(s) ORDER BY ALL";
    lake.add("t", Part::Packed, range(10, 19), Some(span("A", "B")), select);
    let one = format!("SELECT * REPLACE ('C' AS symbol) FROM ({select}) WHERE symbol = 'A'");
    lake.add("t", of("C"), range(10, 19), None, &one);
    lake.hide("t", &["A"], Some(Value::Date(11)), Some(Value::Date(12)));
    lake.hide("t", &["C"], Some(Value::Date(11)), Some(Value::Date(12)));
    lake.alter("t", |schema| schema.fields[1].ty = Type::Timestamp);
    // Of the newer type: from within day 14 to the end of day 15.
    let day = 86_400_000_000;
    let ends = (Value::Timestamp(14 * day + 1), Value::Timestamp(16 * day - 1));
    for name in ["A", "C"] {
        lake.hide("t", &[name], Some(ends.0.clone()), Some(ends.1.clone()));
    }
    let sql = "SELECT list(n ORDER BY n) FROM t GROUP BY symbol ORDER BY symbol";
    let (some, all) = ("[10, 13, 14, 16, 17, 18, 19]", "[10, 11, 12, 13, 14, 15, 16, 17, 18, 19]");
    assert_eq!(lake.rows(sql), [[some], [all], [some]]);
}

#[test]
fn masks_of_a_kind_of_files_cost_one_scan() {
    let mut lake = Lake::new("lake").keyed("bars", BARS);
    for n in 0..6 {
        let name = format!("S{n}");
        lake.add("bars", of(&name), ints(1, 9), None, &days(&format!("'{name}'"), 1, 9, 1));
    }
    for day in 20..24 {
        let select = days("'S0', 'S1', 'S2'", day, day, 2);
        lake.add("bars", Part::Packed, ints(day, day), Some(span("S0", "S2")), &select);
    }
    let before = view(&lake, "bars");
    assert_eq!(before.matches("read_parquet").count(), 2);
    assert!(!before.contains("JOIN") && !before.contains("WHERE"), "{before}");
    // Each file has other masks; one of each kind has none.
    for n in 0..5 {
        let (from, to) = (Some(Value::Int(n + 1)), Some(Value::Int(n + 2)));
        lake.hide("bars", &[&format!("S{n}")], from, to);
    }
    for day in 20..23 {
        lake.hide("bars", &["S0", "S2"], Some(Value::Int(day)), Some(Value::Int(day)));
        lake.hide("bars", &["S1"], Some(Value::Int(22)), Some(Value::Int(22)));
    }
    let after = view(&lake, "bars");
    assert_eq!(after.matches("read_parquet").count(), 4);
    // Those without are read as before, but that they are fewer.
    let text = |s: &str| {
        s.rsplit("FROM read_parquet")
            .next()
            .unwrap()
            .split("explicit")
            .next()
            .unwrap()
            .split_once(')')
            .unwrap()
            .1
            .to_owned()
    };
    let scans = |view: &str| view.split(" UNION ALL ").map(text).collect::<Vec<_>>();
    let after = scans(&after);
    assert!(scans(&before).iter().all(|scan| after.contains(scan)), "{after:?}");
    let sql = "SELECT symbol, count(*) FILTER (d < 20), list(d ORDER BY d) FILTER (d >= 20) FROM bars GROUP BY 1 ORDER BY 1";
    let packed = [("S0", "[23]"), ("S1", "[20, 21, 23]"), ("S2", "[23]")];
    let mut expected: Vec<Vec<&str>> = packed.map(|(s, d)| vec![s, "7", d]).to_vec();
    expected.extend([["S3", "7", "NULL"], ["S4", "7", "NULL"], ["S5", "9", "NULL"]].map(Vec::from));
    assert_eq!(lake.rows(sql), expected);
}

#[test]
fn a_cut_of_all_files_is_a_condition() {
    let mut lake = Lake::new("lake").keyed("bars", BARS);
    for name in ["A", "B"] {
        lake.add("bars", of(name), ints(1, 9), None, &days(&format!("'{name}'"), 1, 9, 1));
    }
    lake.hide("bars", &[], None, Some(Value::Int(4)));
    let text = view(&lake, "bars");
    assert!(!text.contains("JOIN") && text.contains("IS NOT TRUE"), "{text}");
    assert_eq!(lake.rows("SELECT min(d), count(*) FROM bars"), [["5", "10"]]);
}

#[test]
fn a_partition_of_two_columns_is_named_by_both() {
    let columns = "kind VARCHAR, symbol VARCHAR, d INTEGER";
    let (part, key) = (["kind", "symbol"], ["kind", "symbol", "d"]);
    let mut lake = Lake::new("lake").with("t", columns, &part, &key, &["d"]);
    let select = "SELECT k AS kind, s AS symbol, d::INT d FROM (VALUES ('x'), ('y')) a(k), (VALUES ('A'), ('B')) b(s), range(3) t(d) ORDER BY ALL";
    let mut symbols = span("x", "y");
    symbols.first.push(symbol("A"));
    symbols.last.push(symbol("B"));
    lake.add("t", Part::Packed, ints(0, 2), Some(symbols), select);
    lake.hide_parts("t", &[&["x", "B"], &["y", "A"]], Some(Value::Int(1)), None);
    let sql = "SELECT kind || symbol, list(d ORDER BY d) FROM t GROUP BY 1 ORDER BY 1";
    let all = "[0, 1, 2]";
    assert_eq!(lake.rows(sql), [["xA", all], ["xB", "[0]"], ["yA", "[0]"], ["yB", all]]);
}

#[test]
fn columns_may_be_called_as_ours_and_be_renamed() {
    let columns = "symbol VARCHAR, d INTEGER, filename VARCHAR, File_Index INTEGER, u INTEGER";
    let mut lake = Lake::new("lake").keyed("t", columns);
    let select = |n: i64| {
        format!(
            "SELECT 'A' symbol, d::INT d, 'f{n}' filename, {n}::INT File_Index, {n}::INT u FROM range(1, 6) t(d)"
        )
    };
    for n in 1..=3 {
        lake.add("t", of("A"), ints(1, 5), None, &select(n));
        let at = Some(Value::Int(n));
        lake.hide("t", &["A"], at.clone(), at);
    }
    lake.alter("t", |schema| schema.fields[1].name = "day".into());
    let rows = lake.rows("SELECT day, filename, File_Index, u FROM t ORDER BY day");
    assert_eq!(
        rows,
        [
            ["1", "f3", "3", "3"],
            ["2", "f3", "3", "3"],
            ["4", "f3", "3", "3"],
            ["5", "f3", "3", "3"]
        ]
    );
}

#[test]
fn rows_older_than_a_column_have_its_default() {
    let mut lake = Lake::new("lake").keyed("bars", BARS);
    lake.add("bars", of("A"), ints(1, 1), None, &days("'A'", 1, 1, 1));
    let field = |id, name: &str, ty, text: Option<&str>| Field {
        id,
        name: name.into(),
        ty,
        not_null: false,
        default: text.map(str::to_owned),
    };
    let decimal = Type::Decimal { precision: 9, scale: 2 };
    lake.alter("bars", |schema| {
        schema.fields.extend([
            field(4, "lot", decimal, Some("1.5")),
            field(5, "note", Type::Varchar, Some("it's")),
            field(6, "none", Type::Int32, None),
        ]);
    });
    let newer = days("'A'", 2, 2, 1);
    let newer = format!("SELECT *, NULL::DECIMAL(9,2) lot, 'x' note, 3::INT none FROM ({newer})");
    lake.add("bars", of("A"), ints(2, 2), None, &newer);
    assert_eq!(
        lake.rows("SELECT d, lot, note, none FROM bars ORDER BY d"),
        [["1", "1.50", "it's", "NULL"], ["2", "NULL", "x", "3"]]
    );
    assert_eq!(lake.rows("SELECT d FROM bars WHERE lot = 1.5"), [["1"]]);
}

#[test]
fn a_stretch_of_every_type() {
    let decimal = |unscaled| Value::Decimal { unscaled, scale: 2 };
    // Values in order, as SQL, and one of them with its place.
    for (ty, values, (place, value)) in [
        ("BOOLEAN", "false, true", (2, Value::Bool(true))),
        ("TINYINT", "-7, -1, 3", (2, Value::Int(-1))),
        ("UBIGINT", "1, 2, 18446744073709551615", (3, Value::UInt(u64::MAX))),
        ("DECIMAL(38,2)", "-0.02, -0.01, 5", (2, decimal(-1))),
        (
            "VARCHAR",
            "'a', 'it''s,' || chr(9) || chr(10), 'j'",
            (2, Value::Text("it's,\t\n".into())),
        ),
        ("DATE", "'1969-12-30', '1969-12-31', '1970-01-01'", (2, Value::Date(-1))),
        ("DATE", "'1969-12-30', 'infinity'", (2, Value::Date(i32::MAX))),
        ("TIMESTAMP", "'1970-01-01', '1970-01-01 00:00:00.000001'", (2, Value::Timestamp(1))),
        ("TIMESTAMP", "'1970-01-01', 'infinity'", (2, Value::Timestamp(i64::MAX))),
        ("TIME", "'00:00', '00:00:01.5', '24:00'", (2, Value::Time(1_500_000))),
    ] {
        let columns = format!("symbol VARCHAR, d {ty}, n INTEGER");
        let mut lake = Lake::new("lake").with("t", &columns, &["symbol"], &[], &["d"]);
        let select = |symbols: &str| {
            format!(
                "SELECT s AS symbol, unnest([{values}])::{ty} AS d, \
                 unnest(range(1, len([{values}]) + 1))::INT AS n FROM (SELECT unnest([{symbols}]) s)"
            )
        };
        lake.add("t", Part::Packed, None, Some(span("A", "C")), &select("'A', 'B', 'C'"));
        lake.add("t", of("D"), None, None, &select("'D'"));
        lake.add("t", of("E"), None, None, &select("'E'"));
        let value = Some(value);
        lake.hide("t", &["A"], value.clone(), value.clone());
        lake.hide("t", &["B"], value.clone(), None);
        lake.hide("t", &["D"], None, value.clone());
        // As the only stretch of its kind of files it is a condition, else in a list.
        for alone in [true, false] {
            if !alone {
                lake.hide("t", &["E"], value.clone(), value.clone());
            }
            let tests = [
                ("A", format!("n <> {place}")),
                ("B", format!("n < {place}")),
                ("C", "true".into()),
                ("D", format!("n > {place}")),
                ("E", if alone { "true".into() } else { format!("n <> {place}") }),
            ];
            for (name, test) in tests {
                let of_it = format!("FROM t WHERE symbol = '{name}'");
                let numbers = format!(
                    "SELECT n FROM (SELECT unnest(range(1, len([{values}]) + 1)) n) WHERE {test} ORDER BY n"
                );
                let found = lake.rows(&format!("SELECT n {of_it} ORDER BY n"));
                assert_eq!(found, lake.rows(&numbers), "{ty} {values} {name} {alone}");
            }
        }
    }
}

#[test]
fn of_contested_files_only_some_have_masks() {
    let mut lake = Lake::new("lake").keyed("bars", BARS);
    for (n, (from, to)) in [(1, 9), (5, 8), (7, 12), (4, 6)].into_iter().enumerate() {
        lake.add("bars", of("A"), ints(from, to), None, &days("'A'", from, to, n as i64));
    }
    lake.hide("bars", &["A"], Some(Value::Int(10)), Some(Value::Int(11)));
    let sql = "SELECT list(d ORDER BY d), list(px::INT ORDER BY d) FROM bars";
    assert_eq!(
        lake.rows(sql),
        [["[1, 2, 3, 4, 5, 6, 7, 8, 9, 12]", "[0, 0, 0, 3, 3, 3, 2, 2, 2, 2]"]]
    );
}
