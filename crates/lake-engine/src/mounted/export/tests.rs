use lake_core::kind::Kind;

use super::*;
use crate::fixture::{Lake, rows};
use crate::session::{Engine, Options};

/// A mounted lake that may write in a directory.
fn mounted(lake: &Lake, drafts: &Path) -> Mounted {
    let options = Options { threads: Some(1), ..Options::default() };
    let engine = Engine::open(&options).unwrap().drafts_in(drafts).unwrap();
    engine.mount_state(lake.state.clone().into(), lake.root.path()).unwrap()
}

fn lake() -> Lake {
    let mut lake = Lake::new("lake").keyed("bars", "symbol VARCHAR, d INTEGER, px DOUBLE");
    let select = "SELECT 'X' AS symbol, d::INTEGER AS d, d / 2 AS px FROM range(1, 4) t(d)";
    lake.add("bars", crate::fixture::of("X"), crate::fixture::ints(1, 3), None, select);
    lake
}

#[test]
fn types_that_parquet_would_change() {
    for (ty, same) in [
        ("INTEGER", None),
        ("HUGEINT", Some("DECIMAL(38,0)")),
        ("UHUGEINT[]", Some("DECIMAL(38,0)[]")),
        ("MAP(HUGEINT, INTERVAL)", Some("MAP(DECIMAL(38,0), VARCHAR)")),
        ("STRUCT(INTERVAL INTEGER, \"BIT\" DATE)", None),
        (
            "STRUCT(a HUGEINT, \"x HUGEINT\" BIT)",
            Some("STRUCT(a DECIMAL(38,0), \"x HUGEINT\" VARCHAR)"),
        ),
        ("ENUM('HUGEINT', 'it''s BIT')", None),
        ("TIME WITH TIME ZONE", Some("VARCHAR")),
        ("TIMESTAMP WITH TIME ZONE", None),
        ("UNION(n INTEGER)", Some("VARCHAR")),
    ] {
        assert_eq!(stored(ty).as_deref(), same, "{ty}");
    }
}

#[test]
fn a_parquet_file_has_every_value() {
    let dir = tempfile::tempdir().unwrap();
    let lake = lake();
    let mut mounted = mounted(&lake, dir.path());
    let file = dir.path().join("it's.parquet");
    mounted.set("k", "v").unwrap();
    let sql = "SELECT *, sum(d) OVER () AS s, 1 AS D, getvariable('k') AS k, INTERVAL 1 DAY AS i, \
        {'h': 170141183460469231731687303715884105::HUGEINT} AS h FROM bars ORDER BY d -- end";
    assert_eq!(mounted.write_parquet(sql, &file, None).unwrap(), 3);
    let read = format!("SELECT * FROM {}", literal(file.to_str().unwrap()));
    let big = "{h: 170141183460469231731687303715884105}";
    let line = |d: &str, px: &str| ["X", d, px, "6", "1", "v", "1 day", big].map(String::from);
    let own = [line("1", "0.5"), line("2", "1.0"), line("3", "1.5")];
    assert_eq!(rows(&mut mounted, &read).unwrap(), own);
    let types = mounted.describe(&read).unwrap();
    assert_eq!((types[3].ty.as_str(), types[4].name.as_str()), ("DECIMAL(38,0)", "D_1"));

    let first = dir.path().join("first.parquet");
    assert_eq!(mounted.write_parquet("FROM bars", &first, Some(2)).unwrap(), 2);
    let none = dir.path().join("none.parquet");
    assert_eq!(mounted.write_parquet("FROM bars WHERE d > 9", &none, None).unwrap(), 0);
    let read = format!("SELECT count(*) FROM {}", literal(none.to_str().unwrap()));
    assert_eq!(rows(&mut mounted, &read).unwrap(), [["0"]]);
}

#[test]
fn a_database_has_its_tables_and_leaves_nothing_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let lake = lake();
    let mut mounted = mounted(&lake, dir.path());
    let file = dir.path().join("out.duckdb");
    let tables = [("bars", "FROM bars"), ("sums", "SELECT sum(d) AS s, 1::VARIANT AS v FROM bars")];
    assert_eq!(mounted.write_database(&tables, &file).unwrap(), 4);
    // A directory of its own above, as the disk is listed from beneath a root.
    let above = lake_store::Root::open(dir.path().parent().unwrap()).unwrap();
    let own = dir.path().file_name().unwrap().to_str().unwrap();
    let entries = above.dir(own).unwrap().list().unwrap();
    let names: Vec<_> = entries.into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["out.duckdb"]);
    let stock = duckdb::Connection::open(&file).unwrap();
    let sum: (i64, i64) = stock
        .query_row("SELECT sum(d)::BIGINT, (SELECT s::BIGINT FROM sums) FROM bars", [], |r| {
            Ok((r.get(0)?, r.get(1)?))
        })
        .unwrap();
    assert_eq!(sum, (6, 6));
    // A statement that fails leaves the engine usable.
    let again = dir.path().join("again.duckdb");
    let bad = [("bars", "SELECT 'x'::INTEGER FROM bars")];
    assert_eq!(mounted.write_database(&bad, &again).unwrap_err().kind(), Kind::BadInput);
    let third = dir.path().join("third.duckdb");
    assert_eq!(mounted.write_database(&tables[..1], &third).unwrap(), 3);
}

#[test]
fn nothing_else_can_be_written() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = lake();
    let mut mounted = mounted(&lake, dir.path());
    let outside = other.path().join("x.parquet");
    assert!(mounted.write_parquet("SELECT 1", &outside, None).is_err());
    assert!(!outside.exists());
    let file = dir.path().join("x.parquet");
    let into = literal(file.to_str().unwrap());
    for sql in [
        format!("COPY bars TO {into}"),
        format!("SELECT 1) TO {into} --"),
        "DROP VIEW bars".to_owned(),
    ] {
        assert_eq!(
            mounted.write_parquet(&sql, &file, None).unwrap_err().kind(),
            Kind::BadInput,
            "{sql}"
        );
        assert!(rows(&mut mounted, &sql).is_err(), "{sql}");
    }
    assert!(!file.exists());
}
