//! The portable views say what the engine's own say. (Older DuckDBs read them in the
//! tests of lake-query.)

#![allow(clippy::disallowed_methods, reason = "a test looks at the disk by itself")]

use duckdb::Connection;
use lake_core::schema::Field;
use lake_core::segment::Part;
use lake_core::state::Table;
use lake_core::types::Type;
use lake_core::value::{Range, Value};

use super::*;
use crate::fixture::{Lake, ints, of, rows, span};
use crate::is_view_file;

fn views(lake: &Lake) -> Result<Views> {
    let tables: Vec<&Table> = lake.state.tables().collect();
    Views::of(&lake.state, &tables, lake.root.path())
}

fn texts(connection: &Connection, sql: &str) -> Vec<Vec<String>> {
    let mut statement = connection.prepare(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    rows.map(|row| vec![row.unwrap()]).collect()
}

/// A stock DuckDB with the portable views.
fn portable(lake: &Lake) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    for statement in views(lake).unwrap().statements() {
        for word in ["lambda", "->", "bound_schema", "getvariable", "make_date"] {
            assert!(!statement.contains(word), "{word} is not for old DuckDBs: {statement}");
        }
        connection.execute_batch(statement).unwrap_or_else(|e| panic!("{statement}: {e}"));
    }
    connection
}

fn as_text(sql: &str) -> String {
    format!("SELECT CAST(_t AS VARCHAR) FROM ({sql}) _t")
}

/// Asserts that queries give the same in both spellings; returns how many rows each.
pub(crate) fn agree<const N: usize>(lake: &Lake, queries: [&str; N]) -> [usize; N] {
    let (portable, mut native) = (portable(lake), lake.mount());
    queries.map(|sql| {
        let sql = as_text(sql);
        let found = texts(&portable, &sql);
        assert_eq!(found, rows(&mut native, &sql).unwrap(), "{sql}");
        found.len()
    })
}

fn same(lake: &Lake, sql: &str) -> usize {
    agree(lake, [sql])[0]
}

#[test]
fn every_type_and_every_change_of_a_schema() {
    let columns = "symbol VARCHAR, d DATE, a BOOLEAN, b TINYINT, c SMALLINT, e INTEGER, f BIGINT, \
        g UTINYINT, h USMALLINT, i UINTEGER, j UBIGINT, k FLOAT, l DOUBLE, m DECIMAL(9,2), \
        n DECIMAL(38,10), o TIMESTAMP, p TIME, q BLOB, r INTEGER[], s STRUCT(x INTEGER, \"y z\" VARCHAR), \
        t MAP(VARCHAR, DOUBLE), filename VARCHAR, file_index INTEGER";
    let select = "SELECT 'A' AS symbol, DATE '2026-11-20' AS d, true AS a, -1::TINYINT AS b, \
        -2::SMALLINT AS c, -3::INTEGER AS e, -4::BIGINT AS f, 1::UTINYINT AS g, 2::USMALLINT AS h, \
        3::UINTEGER AS i, 18446744073709551615::UBIGINT AS j, 'nan'::FLOAT AS k, 1e300::DOUBLE AS l, \
        1.25::DECIMAL(9,2) AS m, 1.5::DECIMAL(38,10) AS n, TIMESTAMP '2026-11-20 15:00:00.000001' AS o, \
        TIME '23:59:59.999999' AS p, 'x'::BLOB AS q, [1, NULL]::INTEGER[] AS r, \
        {'x': 1, 'y z': 'w'}::STRUCT(x INTEGER, \"y z\" VARCHAR) AS s, MAP {'k': 1.5::DOUBLE} AS t, \
        'a.csv' AS filename, 7::INTEGER AS file_index";
    let mut lake = Lake::new("lake").keyed("all", columns);
    assert_eq!(same(&lake, "FROM \"all\""), 0);
    same(&lake, "DESCRIBE \"all\"");
    let day = |n| Some(Range::new(vec![Value::Date(n)], vec![Value::Date(n)]));
    lake.add("all", of("A"), day(20_777), None, select);
    same(&lake, "DESCRIBE \"all\"");
    assert_eq!(same(&lake, "FROM \"all\""), 1);
    lake.alter("all", |schema| {
        let (named, widened) = ("the b".to_owned(), Type::Int64);
        (schema.fields[3].name, schema.fields[3].ty) = (named, widened);
        schema.fields[0].name = "ticker".into();
        let (name, default) = ("it's".to_owned(), Some("'x'".to_owned()));
        let field = Field { id: 24, name, ty: Type::Varchar, not_null: false, default };
        schema.fields.push(field);
    });
    let newer = format!(
        "SELECT symbol AS ticker, * EXCLUDE (symbol, b), 5::BIGINT AS \"the b\", 'new' AS \"it's\" \
         FROM ({select})"
    );
    // Over the older one, so that ranks and masks come into it.
    lake.add("all", of("A"), day(20_777), None, &newer);
    lake.add("all", of("A"), day(20_777), None, &newer);
    let later = format!("SELECT * REPLACE ('B' AS ticker) FROM ({newer})");
    lake.add("all", Part::Packed, None, Some(span("B", "C")), &later);
    lake.hide("all", &["C"], None, None);
    same(&lake, "DESCRIBE \"all\"");
    assert_eq!(same(&lake, "FROM \"all\" ORDER BY ticker"), 2);
    assert_eq!(same(&lake, "FROM \"all\" WHERE ticker = 'B'"), 1);
}

/// A mask of these ends, in a pack (where it has an owner), in two files of which each
/// has its own, and together with one that has no ends of its type.
fn masked(ty: &str, values: &[&str], from: Value, to: Value) {
    let columns = format!("symbol VARCHAR, d {ty}, n INTEGER");
    let mut lake = Lake::new("lake").with("t", &columns, &["symbol"], &[], &["d"]);
    let rows: Vec<String> = values
        .iter()
        .enumerate()
        .flat_map(|(n, v)| ["A", "B"].map(|s| format!("('{s}', {v}::{ty}, {n}::INTEGER)")))
        .collect();
    let select = format!("FROM (VALUES {}) v(symbol, d, n)", rows.join(", "));
    let one = |s: &str| format!("SELECT * FROM ({select}) WHERE symbol = '{s}'");
    lake.add("t", Part::Packed, None, Some(span("A", "B")), &select);
    lake.hide("t", &["A"], Some(from.clone()), Some(to.clone()));
    lake.add("t", of("A"), None, None, &one("A"));
    lake.hide("t", &["A"], Some(from.clone()), None);
    lake.add("t", of("B"), None, None, &one("B"));
    lake.hide("t", &["B"], None, Some(to.clone()));
    let sql = "SELECT symbol, n, count(*) AS c FROM t GROUP BY ALL ORDER BY ALL";
    let some = same(&lake, sql);
    assert!(some > 0 && some <= 2 * values.len(), "{ty}: {some}");
    lake.hide("t", &["B"], Some(to.clone()), Some(to));
    same(&lake, sql);
    lake.hide("t", &[], Some(from.clone()), Some(from));
    same(&lake, sql);
}

#[test]
fn ends_of_stretches_are_of_any_type() {
    let decimal = |unscaled| Value::Decimal { unscaled, scale: 2 };
    let text = |text: &str| Value::Text(text.into());
    masked("INTEGER", &["1", "2", "3", "NULL"], Value::Int(2), Value::Int(2));
    masked("UBIGINT", &["1", "18446744073709551615"], Value::UInt(2), Value::UInt(u64::MAX));
    masked("BOOLEAN", &["true", "false"], Value::Bool(true), Value::Bool(true));
    masked("DECIMAL(9,2)", &["-1.25", "1.00", "7"], decimal(-125), decimal(100));
    let days = ["'-infinity'", "'2026-11-20'", "'0044-03-15 (BC)'", "'infinity'"];
    masked("DATE", &days, Value::Date(-735_530), Value::Date(20_777));
    masked("DATE", &days, Value::Date(20_777), Value::Date(i32::MAX));
    let times = ["'-infinity'", "'2026-11-20 15:00:00.000001'", "'1969-12-31 23:59:59.999999'"];
    masked("TIMESTAMP", &times, Value::Timestamp(-1), Value::Timestamp(-1));
    masked("TIMESTAMP", &times, Value::Timestamp(-i64::MAX), Value::Timestamp(-2));
    masked("TIME", &["'00:00'", "'23:59:59.999999'"], Value::Time(1), Value::Time(86_400_000_000));
    let texts = ["''", "'a''b'", "'a' || chr(9) || 'b'", "'a' || chr(10) || '%25'", "'z'"];
    masked("VARCHAR", &texts, text("a\t"), text("a\n%26"));
    masked("VARCHAR", &texts, text(""), text(""));
}

#[test]
fn a_path_is_no_pattern() {
    let day = "SELECT 'A' AS symbol, 1::INTEGER AS d";
    for name in ["a[1]*?{x}'s", "[!a]", "a\nb", "a=b", "a\\b", "it''s %41"] {
        let mut lake = Lake::new(name).keyed("bars", "symbol VARCHAR, d INTEGER");
        lake.add("bars", of("A"), ints(1, 1), None, day);
        lake.add("bars", of("A"), ints(1, 1), None, day);
        lake.add("bars", of("A"), ints(1, 2), None, day);
        lake.add("bars", of("B'/*"), ints(1, 2), None, "SELECT 'B''/*' AS symbol, 1::INTEGER AS d");
        lake.hide("bars", &["B'/*"], Some(Value::Int(2)), None);
        assert_eq!(same(&lake, "FROM bars ORDER BY ALL"), 2, "{name}");
    }
    let lake = Lake::new("a\\b[1]").keyed("bars", "symbol VARCHAR, d INTEGER");
    let error = views(&lake).unwrap_err();
    assert!(matches!(error, EngineError::Pattern(_)), "{error}");
}

#[test]
fn it_says_what_it_shows() {
    let lake = Lake::new("it's").keyed("bars", "symbol VARCHAR, d INTEGER");
    let info = "SELECT version || ' ' || (mounted_at > TIMESTAMP '2026-01-01') || ' ' || lake \
        FROM lake_info";
    let root = lake.root.path().to_str().unwrap();
    assert_eq!(texts(&portable(&lake), info), [[format!("1 true {root}")]]);
    let lake = lake.keyed("LAKE_INFO", "symbol VARCHAR, d INTEGER");
    assert_eq!(texts(&portable(&lake), "SELECT column_name FROM (DESCRIBE lake_info)").len(), 2);
}

#[test]
fn a_file_of_views_alone() {
    let mut lake = Lake::new("lake").keyed("bars", "symbol VARCHAR, d INTEGER");
    lake.add(
        "bars",
        of("A"),
        ints(1, 9),
        None,
        "SELECT 'A' AS symbol, range::INTEGER AS d FROM range(1, 10)",
    );
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    views(&lake).unwrap().write(&file("it's.duckdb")).unwrap();
    assert!(is_view_file(&file("it's.duckdb")).unwrap());
    let names: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["it's.duckdb"]);

    std::fs::rename(file("it's.duckdb"), file("b.duckdb")).unwrap();
    let connection = Connection::open(file("b.duckdb")).unwrap();
    let storage =
        "SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = 'b'";
    assert_eq!(texts(&connection, storage), [["v1.0.0+"]]);
    assert_eq!(texts(&connection, "SELECT count(*) || '' FROM bars"), [["9"]]);
    connection.execute_batch("CREATE TABLE mine AS FROM bars").unwrap();
    drop(connection);
    assert!(!is_view_file(&file("b.duckdb")).unwrap());

    drop(Connection::open(file("c.duckdb")).unwrap());
    std::fs::write(file("d.duckdb"), "no database at all").unwrap();
    for other in ["c.duckdb", "d.duckdb", "none.duckdb"] {
        assert!(!is_view_file(&file(other)).unwrap(), "{other}");
    }
    assert!(!file("none.duckdb").exists());
}

#[test]
fn a_file_that_is_gone_is_damage() {
    let mut lake = Lake::new("lake").keyed("bars", "symbol VARCHAR, d INTEGER");
    let path = lake.name("bars", of("A"), ints(1, 9), None, 9);
    let dir = tempfile::tempdir().unwrap();
    let error = views(&lake).unwrap().write(&dir.path().join("a.duckdb")).unwrap_err();
    assert!(matches!(&error, EngineError::Damaged { path: p, .. } if *p == path), "{error:?}");
}
