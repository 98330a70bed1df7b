use duckdb::Connection;
use lake_core::schema::TableDef;
use lake_core::sqltype::parse_columns;
use lake_core::state::Table;

use super::*;

const BARS: &str = "symbol VARCHAR, d DATE, px DECIMAL(18,4), n BIGINT, ts TIMESTAMP";

/// A planner with the tables `bars` and `funds`.
fn planner() -> Connection {
    let planner = Connection::open_in_memory().unwrap();
    for (number, name) in [(0, "bars"), (1, "funds")] {
        let columns = parse_columns(BARS).unwrap();
        let by = ["symbol".to_owned()];
        let def = TableDef::new(name, &columns, &by, &[], &["d".into()]).unwrap();
        let table = Table { def, parts: Default::default() };
        planner.execute_batch(&stub(&crate::views::columns(&table), name, number)).unwrap();
    }
    planner
}

/// Each scan's condition, as people see it.
fn conds(planner: &Connection, sql: &str) -> Vec<String> {
    let wants = wants(planner, sql).unwrap_or_else(|| panic!("not planned: {sql}"));
    let names = ["symbol", "d", "px", "n", "ts"];
    let mut texts: Vec<String> = wants
        .iter()
        .map(|w| format!("{}: {}", ["bars", "funds"][w.stub as usize], w.cond.text(&names)))
        .collect();
    texts.sort();
    texts
}

#[test]
fn a_filter_is_understood() {
    let planner = planner();
    let table = [
        ("true", "true"),
        ("symbol = 'A'", "\"symbol\" = 'A'"),
        ("'A' = symbol", "\"symbol\" = 'A'"),
        ("symbol IN ('A', 'B')", "(\"symbol\" = 'A' OR \"symbol\" = 'B')"),
        ("symbol = 'A' AND d >= '2024-01-05'", "(\"d\" >= '2024-01-05' AND \"symbol\" = 'A')"),
        ("symbol = 'A' OR px > 3", "(\"px\" > '3.0000' OR \"symbol\" = 'A')"),
        ("symbol = 'A' OR px > random()", "true"),
        ("symbol = 'A' AND px > random()", "\"symbol\" = 'A'"),
        ("symbol LIKE '60%'", "\"symbol\" LIKE '60%'"),
        ("starts_with(symbol, '60')", "\"symbol\" LIKE '60%'"),
        (
            "d BETWEEN '2024-01-05' AND DATE '2024-01-07'",
            "(\"d\" >= '2024-01-05' AND \"d\" <= '2024-01-07')",
        ),
        ("symbol > 'A' AND symbol < 'C'", "(\"symbol\" > 'A' AND \"symbol\" < 'C')"),
        ("ts < TIMESTAMP '2024-01-05 10:00:00'", "\"ts\" < '2024-01-05T10:00:00'"),
        ("n = 5", "\"n\" = 5"),
        ("px = 3.5", "\"px\" = '3.5000'"),
        ("symbol::INT = 600519", "(CAST(\"symbol\" AS INTEGER) = CAST('600519' AS INTEGER))"),
        ("symbol <> 'A'", "(\"symbol\" <> 'A')"),
    ];
    for (filter, expected) in table {
        let found = conds(&planner, &format!("SELECT count(px) FROM bars WHERE {filter}"));
        assert_eq!(found, [format!("bars: {expected}")], "{filter}");
    }
}

#[test]
fn a_long_list_is_understood() {
    let planner = planner();
    let list: Vec<String> = (0..40).map(|i| format!("'S{i:02}'")).collect();
    let found = conds(&planner, &format!("FROM bars WHERE symbol IN ({})", list.join(", ")));
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("bars: \"symbol\" IN ('S00', 'S01',"), "{found:?}");
    assert!(found[0].ends_with("40 in all)"), "{found:?}");
    // Not in the list says nothing of the list.
    let found = conds(&planner, &format!("FROM bars WHERE symbol NOT IN ({})", list.join(", ")));
    assert_eq!(found, ["bars: true"]);
}

#[test]
fn a_filter_reaches_a_table_through_others() {
    let planner = planner();
    let a = "\"symbol\" = 'A'";
    let both = [format!("bars: {a}"), format!("funds: {a}")];
    for sql in [
        "FROM bars b JOIN funds f USING (symbol) WHERE f.symbol = 'A'",
        "SELECT * FROM bars b, funds f WHERE b.symbol = f.symbol AND b.symbol = 'A'",
        "FROM bars b LEFT JOIN funds f USING (symbol) WHERE b.symbol = 'A'",
        "FROM bars WHERE symbol = 'A' AND symbol IN (SELECT symbol FROM funds)",
        "WITH x AS (FROM bars), y AS (FROM funds) FROM x JOIN y USING (symbol) WHERE symbol = 'A'",
    ] {
        assert_eq!(conds(&planner, sql), both, "{sql}");
    }
    let or = "(\"symbol\" = 'A' OR \"symbol\" = 'B')";
    assert_eq!(
        conds(&planner, "FROM bars JOIN funds USING (symbol) WHERE funds.symbol IN ('A', 'B')"),
        [format!("bars: {or}"), format!("funds: {or}")]
    );
    let grouped = "FROM (SELECT symbol, max(d) m FROM bars GROUP BY symbol) WHERE symbol = 'A'";
    assert_eq!(conds(&planner, grouped), [format!("bars: {a}")]);
    let windowed = "FROM (SELECT *, row_number() OVER (PARTITION BY symbol ORDER BY d) r \
                    FROM bars) WHERE symbol = 'A' AND r = 1";
    assert_eq!(conds(&planner, windowed), [format!("bars: {a}")]);
}

#[test]
fn a_filter_stays_where_it_does_not_hold() {
    let planner = planner();
    for (sql, expected) in [
        // Rows that are not there count.
        ("FROM bars b LEFT JOIN funds f ON b.symbol = f.symbol AND b.symbol = 'A'", "bars: true"),
        (
            "SELECT * FROM bars b FULL JOIN funds f ON b.symbol = f.symbol AND f.symbol = 'A'",
            "bars: true",
        ),
        ("SELECT * FROM (SELECT max(symbol) s FROM bars) WHERE s = 'A'", "bars: true"),
        ("FROM (SELECT *, lag(d) OVER (ORDER BY d) l FROM bars) WHERE symbol = 'A'", "bars: true"),
        ("FROM (FROM bars LIMIT 3) WHERE symbol = 'A'", "bars: true"),
        (
            "FROM (SELECT symbol FROM bars UNION ALL SELECT 'A') WHERE symbol = 'A'",
            "bars: \"symbol\" = 'A'",
        ),
        (
            "FROM bars WHERE symbol = 'A' UNION ALL FROM bars WHERE symbol = 'B'",
            "bars: \"symbol\" = 'A'",
        ),
        ("FROM bars WHERE NOT EXISTS (SELECT 1 FROM funds WHERE symbol = 'A')", "bars: true"),
    ] {
        let found = conds(&planner, sql);
        assert_eq!(found[0], expected, "{sql}: {found:?}");
    }
}

#[test]
fn what_is_enough_is_known() {
    let planner = planner();
    let only = |sql: &str| {
        let wants = wants(&planner, sql).unwrap();
        assert_eq!(wants.len(), 1, "{sql}");
        (wants[0].only.clone(), wants[0].exact)
    };
    let top = |column, descending, rows| Top { column, descending, nulls_last: true, rows };
    let first = |column, descending, rows| Only::First(top(column, descending, rows));
    assert_eq!(only("FROM bars ORDER BY d DESC LIMIT 10"), (first(1, true, 10), true));
    assert_eq!(only("FROM bars ORDER BY d, n LIMIT 10 OFFSET 5"), (first(1, false, 15), true));
    let one = "SELECT px FROM bars WHERE symbol = 'A' ORDER BY d DESC LIMIT 1";
    assert_eq!(only(one), (first(1, true, 1), true));
    let unsure = "FROM bars WHERE symbol = 'A' AND px > random() ORDER BY d DESC LIMIT 1";
    assert_eq!(only(unsure), (first(1, true, 1), false));
    assert_eq!(only("FROM bars ORDER BY d + 1 DESC LIMIT 1").0, Only::All);
    assert_eq!(only("FROM bars LIMIT 10 OFFSET 2"), (Only::Some(12), true));
    assert_eq!(only("FROM bars LIMIT 10%").0, Only::All);

    let outline = |by: &[usize], ends: &[usize], counted: &[usize], counts| {
        let (by, ends, counted) = (by.to_vec(), ends.to_vec(), counted.to_vec());
        Only::Outline(Outline { by, ends, counted, counts, first: None })
    };
    assert_eq!(only("SELECT count(*) FROM bars").0, outline(&[], &[], &[], true));
    assert_eq!(only("SELECT min(d), max(d) FROM bars").0, outline(&[], &[1, 1], &[], false));
    assert_eq!(
        only("SELECT symbol, max(d) m FROM bars GROUP BY 1 ORDER BY m LIMIT 1").0,
        Only::Outline(Outline {
            by: vec![0],
            ends: vec![1],
            first: Some(top(1, true, 1)),
            ..Outline::default()
        })
    );
    assert_eq!(only("SELECT DISTINCT symbol FROM bars").0, outline(&[0], &[], &[], false));
    for sql in [
        "SELECT sum(d - DATE '2020-01-01') FROM bars",
        "SELECT count(*) FILTER (d > DATE '2020-01-01') FROM bars",
        "SELECT max(d + 1) FROM bars",
        "SELECT arg_max(px, d) FROM bars",
        "SELECT max(d), avg(px) FROM bars",
    ] {
        assert_eq!(only(sql).0, Only::All, "{sql}");
    }
    let newest = Only::FirstOfEach(top(1, true, 1), vec![0]);
    let window = "FROM bars QUALIFY row_number() OVER (PARTITION BY symbol ORDER BY d DESC) = 1";
    assert_eq!(only(window).0, newest);
    let one = window.replace("FROM", "SELECT symbol, px FROM");
    assert_eq!(only(&one).0, newest);
    let arg = "SELECT symbol, arg_max(bars, d), max(d) FROM bars GROUP BY symbol";
    assert_eq!(only(arg).0, newest);
    let twice = "SELECT a.px FROM bars a JOIN funds b USING (symbol) ORDER BY a.d LIMIT 1";
    let wants = wants(&planner, twice).unwrap();
    assert_eq!(wants.len(), 2);
    assert!(wants.iter().all(|w| w.only == Only::All));
}

#[test]
fn rows_are_taken_by_their_number() {
    let planner = planner();
    let only = |sql: &str| {
        let wants = wants(&planner, sql).unwrap();
        assert_eq!(wants.len(), 1, "{sql}");
        (wants[0].only.clone(), wants[0].exact)
    };
    let several = |tail: &str| {
        only(&format!(
            "FROM (SELECT *, row_number() OVER (PARTITION BY symbol ORDER BY d DESC, n) AS r \
             FROM bars WHERE symbol > 'A') {tail}"
        ))
    };
    let best = |rows| {
        (
            Only::FirstOfEach(Top { column: 1, descending: true, nulls_last: true, rows }, vec![0]),
            true,
        )
    };
    assert_eq!(several("WHERE r = 1 AND px > random()"), best(1));
    assert_eq!(several("WHERE 4 > r"), best(3));
    assert_eq!(several("WHERE r <= 4 AND d = DATE '2020-01-01'"), best(4));
    for tail in ["", "WHERE r > 1", "WHERE r < 1", "WHERE r <> 1", "WHERE r = 1 OR px > 1"] {
        assert_eq!(several(tail).0, Only::All, "{tail}");
    }
    let beside = "FROM (SELECT *, row_number() OVER w AS r, lag(px) OVER w FROM bars \
                  WINDOW w AS (PARTITION BY symbol ORDER BY d DESC, n)) WHERE r = 1";
    assert_eq!(only(beside).0, Only::All);
    let joined = "FROM bars JOIN (SELECT unnest(['A', 'B']) AS s) ON symbol < s QUALIFY \
                  row_number() OVER (PARTITION BY symbol ORDER BY d, n) = 1";
    assert_eq!(only(joined).0, Only::All);
    let unsure = "FROM bars WHERE px > random() QUALIFY \
                  row_number() OVER (PARTITION BY symbol ORDER BY d, n) = 1";
    assert!(!only(unsure).1);
}

#[test]
fn what_cannot_be_planned_is_nothing() {
    let planner = planner();
    for sql in ["selct", "SELECT * FROM nowhere", "PIVOT bars ON symbol USING sum(px)", ""] {
        let found = wants(&planner, sql).map(|wants| wants.len());
        assert!(found.is_none_or(|n| n == 0), "{sql}");
    }
}
