use std::sync::Arc;

use lake_core::edit::Action;
use lake_core::id::TableId;
use lake_core::schema::Field;
use lake_core::segment::{Part, Rank};
use lake_core::state::State;
use lake_core::types::Type;
use lake_core::value::{Range, Value};

use super::{Between, Sides};
use crate::fixture::{Lake, ints, of, rows, span};
use crate::mounted::Mounted;
use crate::sheet::Sheet;

const BARS: &str = "symbol VARCHAR, d INTEGER, px DOUBLE";

/// A session with the changes as the table `changes`.
pub(super) fn changes(lake: &Lake, since: &State, until: &State, table: &str) -> Mounted {
    let [since, until] = [since, until].map(|state| Arc::new(state.clone()));
    let sheets = Sheet::all(&until).into_iter();
    let sheet = sheets.filter(|sheet| sheet.name == table).map(|sheet| sheet.since(&since));
    let mut sheet = sheet.last().unwrap().unwrap();
    sheet.name = "changes".into();
    let mut mounted = lake.mount();
    mounted.add_sheet(sheet).unwrap();
    mounted
}

/// Each change as `what@version:symbol:day:...`.
fn told(lake: &Lake, since: &State, until: &State, table: &str) -> Vec<String> {
    let rows = rows(&mut changes(lake, since, until, table), "FROM changes").unwrap();
    rows.iter().map(|r| format!("{}@{}:{}", r[0], r[1], r[2..].join(":"))).collect()
}

fn put(lake: &mut Lake, name: &str, days: std::ops::RangeInclusive<i64>, px: i64) {
    let (min, max) = (*days.start(), *days.end());
    let select = format!(
        "SELECT '{name}' AS symbol, d::INTEGER AS d, {px}::DOUBLE AS px FROM range({min}, {}) t(d)",
        max + 1
    );
    lake.add("bars", of(name), ints(min, max), None, &select);
}

fn remove_all(lake: &mut Lake, name: &str) {
    let table = lake.state.table("bars").unwrap();
    let segments = table.part(&of(name)).iter().map(|s| s.id).collect();
    let (table, part) = (table.def.id, of(name));
    lake.apply(vec![Action::Remove { table, part, segments }]);
}

#[test]
fn each_kind_of_change_with_its_version() {
    let mut lake = Lake::new("lake").keyed("bars", BARS);
    put(&mut lake, "A", 1..=4, 1);
    let since = lake.state.clone();
    put(&mut lake, "A", 3..=5, 2);
    put(&mut lake, "B", 1..=1, 1);
    put(&mut lake, "A", 5..=5, 3);
    lake.hide("bars", &["A"], Some(Value::Int(1)), Some(Value::Int(1)));
    // Equal values: written, but not changed.
    put(&mut lake, "A", 2..=2, 1);
    assert_eq!(
        told(&lake, &since, &lake.state, "bars"),
        [
            "delete@7:A:1:1.0",
            "update_before@3:A:3:1.0",
            "update_after@3:A:3:2.0",
            "update_before@3:A:4:1.0",
            "update_after@3:A:4:2.0",
            "insert@5:A:5:3.0",
            "insert@4:B:1:1.0",
        ]
    );
    assert_eq!(told(&lake, &lake.state, &lake.state, "bars"), [""; 0]);
    let none = State::empty("test");
    let all = told(&lake, &none, &since, "bars");
    assert_eq!((all.len(), &all[0][..]), (4, "insert@2:A:1:1.0"));
}

/// The files of what is the same in both versions are not even there.
#[test]
fn only_what_can_differ_is_read() {
    let mut lake = Lake::new("lake").keyed("bars", BARS);
    for name in ["A", "B", "C"] {
        lake.name("bars", of(name), ints(1, 9), None, 9);
    }
    lake.name("bars", Part::Packed, ints(1, 9), Some(span("D", "F")), 9);
    lake.name("bars", Part::Packed, ints(30, 39), Some(span("A", "C")), 9);
    put(&mut lake, "A", 10..=12, 1);
    let since = lake.state.clone();
    put(&mut lake, "A", 12..=13, 2);
    lake.name("bars", of("D"), ints(20, 29), None, 9);
    let only_there = lake.state.clone();
    remove_all(&mut lake, "D");
    assert_eq!(
        told(&lake, &since, &lake.state, "bars"),
        ["update_before@8:A:12:1.0", "update_after@8:A:12:2.0", "insert@8:A:13:2.0"]
    );
    assert!(lake.state.version > only_there.version);
    let mut mounted = changes(&lake, &since, &only_there, "bars");
    assert!(rows(&mut mounted, "FROM changes").is_err(), "a file that may differ is read");
    // Of what is asked for.
    assert_eq!(rows(&mut mounted, "FROM changes WHERE symbol = 'A'").unwrap().len(), 3);
}

/// A row of a big old file that shares no key with what is new is not compared.
#[test]
fn neighbours_are_read_by_the_keys_that_changed() {
    let mut lake = Lake::new("lake").keyed("bars", BARS);
    put(&mut lake, "A", 1..=1000, 1);
    let since = lake.state.clone();
    put(&mut lake, "A", 500..=500, 2);
    let between = Between {
        since: since.table("bars"),
        until: lake.state.table("bars").unwrap(),
        versions: (since.version, lake.state.version),
    };
    let root = lake.root.path().to_str().unwrap();
    let asked = Sides::of(&between, |all| all).asked(&between, "changes", root).unwrap();
    asked.setup.iter().for_each(|setting| setting.set(&lake.db).unwrap());
    for (side, px) in [(asked.sides.since, 1.0), (asked.sides.until, 2.0)] {
        let sql = format!("SELECT list((c1, c2)) = [(500, {px}::DOUBLE)] FROM ({})", side.unwrap());
        assert!(lake.db.query_row(&sql, [], |row| row.get::<_, bool>(0)).unwrap(), "{sql}");
    }
}

#[test]
fn files_written_anew_are_no_change() {
    for keyed in [true, false] {
        let key: &[&str] = if keyed { &["symbol", "d"] } else { &[] };
        let mut lake = Lake::new("lake").with("bars", BARS, &["symbol"], key, &["d"]);
        put(&mut lake, "A", 1..=4, 1);
        put(&mut lake, "A", 5..=6, 2);
        let since = lake.state.clone();
        remove_all(&mut lake, "A");
        lake.rank = Rank { version: 3, order: 0 };
        let both = "SELECT 'A' AS symbol, d::INTEGER AS d, (1 + (d > 4)::INT)::DOUBLE AS px FROM range(1, 7) t(d)";
        lake.add("bars", of("A"), ints(1, 6), None, both);
        assert_eq!(told(&lake, &since, &lake.state, "bars"), [""; 0]);
        // Written anew with a row more: nobody knows when that came.
        let before = lake.state.clone();
        remove_all(&mut lake, "A");
        let more = both.replace("range(1, 7)", "range(1, 8)");
        lake.add("bars", of("A"), ints(1, 7), None, &more);
        let version = lake.state.version;
        let expected = [format!("insert@{version}:A:7:2.0")];
        assert_eq!(told(&lake, &before, &lake.state, "bars"), expected);
        assert_eq!(told(&lake, &since, &lake.state, "bars"), expected);
    }
}

#[test]
fn without_a_key_rows_are_counted() {
    let mut lake = Lake::new("lake").with("bars", BARS, &["symbol"], &[], &["d"]);
    for _ in 0..2 {
        put(&mut lake, "A", 1..=2, 1);
    }
    let since = lake.state.clone();
    put(&mut lake, "A", 2..=3, 1);
    assert_eq!(told(&lake, &since, &lake.state, "bars"), ["insert@4:A:2:1.0", "insert@4:A:3:1.0"]);
    lake.hide("bars", &["A"], Some(Value::Int(1)), Some(Value::Int(2)));
    put(&mut lake, "A", 2..=2, 1);
    let expected = ["delete@6:A:1:1.0", "delete@6:A:1:1.0", "delete@6:A:2:1.0", "insert@4:A:3:1.0"];
    assert_eq!(told(&lake, &since, &lake.state, "bars"), expected);
    put(&mut lake, "A", 2..=2, 1);
    put(&mut lake, "A", 2..=2, 1);
    let now = told(&lake, &since, &lake.state, "bars");
    assert_eq!(now[2..], ["insert@8:A:2:1.0", "insert@4:A:3:1.0"]);
}

#[test]
fn both_versions_have_the_columns_of_the_later() {
    let mut lake = Lake::new("lake").keyed("t", "symbol VARCHAR, d INTEGER, a SMALLINT, b FLOAT");
    let row = |d: i64, a: i64| {
        format!("SELECT 'X' AS symbol, {d}::INT AS d, {a}::SMALLINT AS a, 1::FLOAT AS b")
    };
    lake.add("t", of("X"), ints(1, 1), None, &row(1, 7));
    lake.add("t", of("X"), ints(2, 2), None, &row(2, 7));
    let since = lake.state.clone();
    lake.alter("t", |schema| {
        schema.fields[2].name = "_change".into();
        schema.fields[2].ty = Type::Int64;
        schema.fields.remove(3);
        let (ty, default) = (Type::Varchar, Some("none".to_owned()));
        schema.fields.push(Field { id: 9, name: "_version".into(), ty, not_null: false, default });
    });
    assert_eq!(told(&lake, &since, &lake.state, "t"), [""; 0]);
    let newer = "SELECT 'X' symbol, 1::INT d, 7::BIGINT \"_change\", 'none' \"_version\"";
    lake.add("t", of("X"), ints(1, 1), None, newer);
    assert_eq!(told(&lake, &since, &lake.state, "t"), [""; 0]);
    let other = newer.replace("1::INT", "2::INT").replace("'none'", "NULL::VARCHAR");
    lake.add("t", of("X"), ints(2, 2), None, &other);
    assert_eq!(
        told(&lake, &since, &lake.state, "t"),
        ["update_before@6:X:2:7:none", "update_after@6:X:2:7:NULL"]
    );
}

#[test]
fn values_of_every_type_are_compared() {
    let columns = "d INTEGER, f DOUBLE, l VARCHAR[], s STRUCT(a INTEGER), m MAP(VARCHAR, INTEGER), b BLOB, z DECIMAL(9,2)";
    for key in [&["d"][..], &[]] {
        let mut lake = Lake::new("lake").with("t", columns, &[], key, &["d"]);
        let row = |l: &str| {
            format!(
                "SELECT 1::INT d, 'nan'::DOUBLE f, {l}::VARCHAR[] l, {{'a': NULL::INT}} s, \
                 MAP {{'k': 1::INT}} m, '\\x01'::BLOB b, NULL::DECIMAL(9,2) z"
            )
        };
        let none = || Part::Of(Vec::new());
        lake.add("t", none(), ints(1, 1), None, &row("['x', NULL]"));
        let since = lake.state.clone();
        let segments = lake.state.table("t").unwrap().segments().map(|(_, s)| s.id).collect();
        lake.apply(vec![Action::Remove { table: TableId(1), part: none(), segments }]);
        lake.add("t", none(), ints(1, 1), None, &row("['x', NULL]"));
        assert_eq!(told(&lake, &since, &lake.state, "t"), [""; 0]);
        lake.add("t", none(), ints(1, 1), None, &row("['x', 'y']"));
        let changed = told(&lake, &since, &lake.state, "t");
        assert_eq!(changed.len(), if key.is_empty() { 1 } else { 2 }, "{changed:?}");
        assert!(changed.last().unwrap().contains("[x, y]"), "{changed:?}");
    }
}

/// Ranges of two types, as after a column was widened, have no order.
#[test]
fn a_neighbour_may_have_a_key_of_another_type() {
    let mut lake = Lake::new("lake").keyed("t", "symbol VARCHAR, d DATE, n INTEGER");
    let range = |min: Value, max: Value| Some(Range::new(vec![min], vec![max]));
    let old = "SELECT 'A' symbol, make_date(n::INT) d, n::INT n FROM range(10, 20) t(n)";
    lake.add("t", of("A"), range(Value::Date(10), Value::Date(19)), None, old);
    let since = lake.state.clone();
    lake.alter("t", |schema| schema.fields[1].ty = Type::Timestamp);
    let day = 86_400_000_000;
    let new = "SELECT 'A' symbol, make_timestamp(12 * 86400000000) d, 0::INT n";
    let at = Value::Timestamp(12 * day);
    lake.add("t", of("A"), range(at.clone(), at), None, new);
    assert_eq!(
        told(&lake, &since, &lake.state, "t"),
        ["update_before@4:A:1970-01-13T00:00:00:12", "update_after@4:A:1970-01-13T00:00:00:0"]
    );
}

/// A pack that hides other symbols' rows in each version, and a file that it overlaps.
#[test]
fn one_file_has_other_masks_in_each_version() {
    let mut lake = Lake::new("lake").keyed("bars", BARS);
    let pack = "SELECT s AS symbol, d::INT AS d, 1::DOUBLE AS px FROM (VALUES ('A'), ('B')) v(s), range(1, 5) t(d) ORDER BY ALL";
    lake.add("bars", Part::Packed, ints(1, 4), Some(span("A", "B")), pack);
    put(&mut lake, "A", 3..=3, 2);
    let one = Some(Value::Int(1));
    lake.hide("bars", &["B"], one.clone(), one.clone());
    let since = lake.state.clone();
    lake.hide("bars", &["A"], one.clone(), one);
    assert_eq!(told(&lake, &since, &lake.state, "bars"), ["delete@5:A:1:1.0"]);
}
