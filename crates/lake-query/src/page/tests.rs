// Tests look at the disk as people do.
#![allow(clippy::disallowed_methods)]

use lake_cli::Failure;
use lake_cli::render::Cell;
use lake_engine::{Column, Engine, Mounted, Options};
use lake_log::{Access, At, InitOptions, Lake};

use super::*;

fn mounted() -> Mounted {
    let dir = tempfile::tempdir().unwrap();
    Lake::init(dir.path(), &InitOptions { accept_unsafe_fs: true }).unwrap();
    let mut lake = Lake::open(dir.path(), Access::Read).unwrap();
    let snapshot = lake.snapshot(At::Newest).unwrap();
    let options = Options { threads: Some(2), ..Options::default() };
    Engine::open(&options).unwrap().mount(snapshot, lake.root().path()).unwrap()
}

#[derive(Default)]
struct Sheet(Vec<Vec<String>>);

impl Paper for Sheet {
    fn begin(&mut self, _: &[Column]) -> Result<(), Failure> {
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), Failure> {
        let text = |cell: &Cell<'_>| match cell {
            Cell::Null => "NULL".to_owned(),
            other => other.plain().into_owned(),
        };
        self.0.push(cells.iter().map(text).collect());
        Ok(())
    }
}

/// All pages, one after the other; each token is spelled and read back.
fn pages(mounted: &mut Mounted, plan: &Plan, limit: u64) -> Vec<Vec<Vec<String>>> {
    let mut all = Vec::new();
    let mut place: Option<Place> = None;
    loop {
        let sql = plan.after(place.as_ref(), limit).unwrap();
        let mut query = mounted.query(&sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        let mut sheet = Sheet::default();
        let (rows, next) = plan.read(&mut query, place.as_ref(), limit, &mut sheet).unwrap();
        assert_eq!(rows, sheet.0.len() as u64);
        all.push(sheet.0);
        let Some(next) = next else { return all };
        assert!(all.len() < 100, "the pages have no end");
        assert_eq!(rows, limit, "a page that is not the last is full");
        let token = Token { lake: "x".into(), version: 1, question: 2, place: next };
        place = Some(Token::decode(&token.encode().unwrap()).unwrap().place);
    }
}

fn whole(mounted: &mut Mounted, plan: &Plan) -> Vec<Vec<String>> {
    let mut all = pages(mounted, plan, 1_000_000);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

/// A few values of each type that can order a page.
const TYPES: [(&str, &[&str]); 20] = [
    ("BOOLEAN", &["true", "false"]),
    ("TINYINT", &["-128", "0", "127"]),
    ("BIGINT", &["-9223372036854775808", "7", "9223372036854775807"]),
    ("UBIGINT", &["0", "18446744073709551615"]),
    ("HUGEINT", &["-1", "0", "170141183460469231731687303715884105727"]),
    ("UHUGEINT", &["0", "340282366920938463463374607431768211455"]),
    ("FLOAT", &["'-inf'", "'-0'", "0", "0.1", "'nan'", "'inf'"]),
    ("DOUBLE", &["'-0'", "0", "5e-324", "0.1", "1.7976931348623157e308", "'nan'", "'-inf'"]),
    ("DECIMAL(18,4)", &["-1.5", "0.0001", "12345678901234.5678"]),
    ("DECIMAL(38,38)", &["'0.12345678901234567890123456789012345678'", "0"]),
    ("DATE", &["'-infinity'", "'-0044-03-15'", "'2026-11-20'", "'infinity'"]),
    ("TIME", &["'00:00:00'", "'15:00:00.000001'", "'24:00:00'"]),
    ("TIMESTAMP", &["'-infinity'", "'0044-03-15 (BC) 01:00:00'", "'2026-11-20 15:00:00.123456'"]),
    ("TIMESTAMP_NS", &["'2026-11-20 15:00:00.123456789'", "'1970-01-01'"]),
    ("TIMESTAMP_S", &["'2026-11-20 15:00:00'", "'1970-01-01'"]),
    ("VARCHAR", &["''", "'it''s'", "'a' || chr(0) || 'b'", "'\u{8305}'", "'NULL'", "'a\\n'"]),
    ("BLOB", &["''", "'\\x00\\xFF\\x5C'", "'a''b'"]),
    ("UUID", &["'00000000-0000-0000-0000-000000000001'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"]),
    ("ENUM('z', 'it''s', 'a')", &["'z'", "'it''s'", "'a'"]),
    ("TIME_NS", &["'15:00:00.123456789'", "'00:00:00'"]),
];

/// Rows with duplicates and NULLs in two columns of these types, and a third that is
/// no order's.
fn table(random: &mut Random, types: [usize; 2], rows: usize) -> String {
    let mut lines = Vec::new();
    for _ in 0..rows {
        let mut value = |at: usize| {
            let (ty, values) = TYPES[types[at]];
            match random.below(values.len() + 1) {
                0 => format!("CAST(NULL AS {ty})"),
                n => format!("CAST({} AS {ty})", values[n - 1]),
            }
        };
        let (a, b) = (value(0), value(1));
        let rest = ["[1]", "[2, NULL]", "[]", "NULL"][random.below(4)];
        lines.push(format!("({a}, {b}, CAST({rest} AS INTEGER[]))"));
    }
    format!("SELECT * FROM (VALUES {}) AS t(a, b, rest)", lines.join(", "))
}

#[test]
fn pages_put_together_are_the_whole() {
    let mut mounted = mounted();
    let mut random = Random(7);
    for (i, _) in TYPES.iter().enumerate() {
        for order in ["a", "a desc", "a desc, b", "b, a desc"] {
            let other = random.below(TYPES.len());
            let sql = table(&mut random, [i, other], 12);
            let source = Source::Sql(&sql);
            let plan = Plan::new(&mut mounted, &source, &order.parse().unwrap()).unwrap();
            let expected = whole(&mut mounted, &plan);
            assert_eq!(expected.len(), 12);
            for limit in [1, 5, 12] {
                let all = pages(&mut mounted, &plan, limit);
                assert_eq!(all.len() as u64, 12_u64.div_ceil(limit));
                let mut all = all.concat();
                let mut same = expected.clone();
                // Both zeros are one value, in any order.
                let zero = |rows: &mut Vec<Vec<String>>| {
                    rows.iter_mut()
                        .flatten()
                        .filter(|v| *v == "-0.0")
                        .for_each(|v| *v = "0.0".into());
                };
                zero(&mut all);
                zero(&mut same);
                assert_eq!(all, same, "{} by {order}, {limit} a page: {sql}", TYPES[i].0);
            }
        }
    }
}

#[test]
fn the_order_is_what_was_asked_and_null_is_last() {
    let mut mounted = mounted();
    let sql = "FROM (VALUES (1, 'x'), (NULL, 'y'), (3, 'y'), (3, 'x')) AS t(a, b) -- end";
    for (order, expected) in [
        ("a", [["1", "x"], ["3", "?"], ["3", "?"], ["NULL", "y"]]),
        ("A desc, b desc", [["3", "y"], ["3", "x"], ["1", "x"], ["NULL", "y"]]),
        ("b, a desc", [["3", "x"], ["1", "x"], ["3", "y"], ["NULL", "y"]]),
    ] {
        let plan = Plan::new(&mut mounted, &Source::Sql(sql), &order.parse().unwrap()).unwrap();
        let all = pages(&mut mounted, &plan, 1).concat();
        for (row, expected) in all.iter().zip(expected) {
            assert_eq!(row[0], expected[0], "{order}");
            assert!(expected[1] == "?" || row[1] == expected[1], "{order}");
        }
    }
}

#[test]
fn what_cannot_be_paged_is_refused() {
    let mut mounted = mounted();
    let mut refused = |sql: &str, order: &str| {
        let plan = Plan::new(&mut mounted, &Source::Sql(sql), &order.parse().unwrap());
        plan.err().unwrap_or_else(|| panic!("{sql} by {order}")).message
    };
    assert!(refused("SELECT 1 AS a", "b").contains("no column \"b\""));
    assert!(refused("SELECT 1 AS a, 2 AS A", "\"a\",a").contains("twice"));
    assert!(refused("SELECT 1 AS b, 2 AS b", "b").contains("several"));
    for value in ["[1]", "INTERVAL 1 DAY", "{'x': 1}", "MAP {1: 2}", "NULL"] {
        let message = refused(&format!("SELECT {value} AS a"), "a");
        assert!(message.contains("cannot page by"), "{message}");
    }
    assert!(refused("SELECT 1 AS a) UNION (SELECT 2", "a").contains("syntax error"));
}

#[test]
fn numbered_pages_have_the_same_order() {
    let mut mounted = mounted();
    let sql = "SELECT i // 3 AS a, i AS b FROM range(10) t(i)";
    let order = "a desc".parse().unwrap();
    let plan = Plan::new(&mut mounted, &Source::Sql(sql), &order).unwrap();
    let expected = whole(&mut mounted, &plan);
    let mut all = Vec::new();
    for page in 1..=4 {
        let mut sheet = Sheet::default();
        let mut query = mounted.query(&plan.numbered(page, 3).unwrap()).unwrap();
        plan.read(&mut query, None, 3, &mut sheet).unwrap();
        all.extend(sheet.0);
    }
    assert_eq!(all, expected);
    assert!(plan.numbered(u64::MAX, u64::MAX).is_err());
}
