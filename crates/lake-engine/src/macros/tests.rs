use std::sync::Arc;

use lake_core::segment::Part;
use lake_core::value::{Range, Value};

use super::computes_a_table;
use crate::fixture::{Lake, ints, of, rows};
use crate::sheet::Sheet;
use crate::{MACROS, Mounted};

const TICKS: &str = "symbol VARCHAR, ts TIMESTAMP, n INTEGER, price DOUBLE, volume BIGINT";

/// Bars of two symbols on four days, of which the last of B has no close; ticks, of which
/// two are of one moment; and what cannot be asked of.
fn lake() -> Lake {
    let columns = "symbol VARCHAR, Date DATE, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, volume BIGINT";
    let mut lake = Lake::new("lake")
        .with("Bars", columns, &["symbol"], &["symbol", "Date"], &["Date"])
        .with("ticks", TICKS, &["symbol"], &[], &["ts", "n"])
        .with("steps", "n INTEGER, close DOUBLE", &[], &["n"], &[])
        .with("notes", "n INTEGER, text VARCHAR", &[], &[], &[])
        .with("dates", "symbol VARCHAR, d DATE", &["symbol"], &["symbol", "d"], &[]);
    for (name, offset) in [("A", 0), ("B", 10)] {
        let select = format!(
            "SELECT '{name}' AS symbol, DATE '2026-01-29' + d::INT AS Date, (d + {offset})::DOUBLE AS open, \
             (d + 2 + {offset})::DOUBLE AS high, (d - 2 + {offset})::DOUBLE AS low, \
             CASE WHEN '{name}' = 'B' AND d = 3 THEN NULL ELSE (d + 1 + {offset})::DOUBLE END AS close, \
             100::BIGINT AS volume FROM range(4) t(d)"
        );
        lake.add("Bars", of(name), None, None, &select);
    }
    // A correction, so that rows are hidden.
    let one = "SELECT 'A' AS symbol, DATE '2026-02-01' AS Date, 3.0::DOUBLE AS open, 9.0::DOUBLE AS high, \
               1.0::DOUBLE AS low, 8.0::DOUBLE AS close, 50::BIGINT AS volume";
    lake.add("Bars", of("A"), None, None, one);
    let ticks = "SELECT 'A' AS symbol, TIMESTAMP '2026-01-29 09:30:00' + INTERVAL (s) SECONDS AS ts, n::INT AS n, \
                 p::DOUBLE AS price, 1::BIGINT AS volume FROM (VALUES (0, 1, 5), (0, 0, 4), (299, 0, 7), (300, 0, 6)) t(s, n, p)";
    lake.add("ticks", of("A"), None, None, ticks);
    let steps = "SELECT n::INT AS n, (n * n)::DOUBLE AS close FROM range(3) t(n)";
    lake.add("steps", Part::Of(Vec::new()), ints(0, 2), None, steps);
    lake
}

fn all(mounted: &mut Mounted, sql: &str) -> Vec<String> {
    let rows = rows(mounted, sql).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    rows.iter().map(|row| row.join(" ")).collect()
}

#[test]
fn they_know_the_tables_of_the_version_that_is_mounted_now() {
    let mut lake = lake();
    let mut mounted = lake.mount();
    let before = Arc::new(lake.state.clone());
    let older = "SELECT symbol, close FROM latest('Bars') ORDER BY symbol";
    assert_eq!(all(&mut mounted, older), ["A 8.0", "B NULL"]);
    let later = "SELECT 'B' AS symbol, DATE '2026-02-02' AS Date, 1.0::DOUBLE AS open, 1.0::DOUBLE AS high, \
                 1.0::DOUBLE AS low, 7.0::DOUBLE AS close, 50::BIGINT AS volume";
    lake.add("Bars", of("B"), None, None, later);
    lake.alter("Bars", |schema| schema.fields[5].name = "last".into());
    let mut lake = lake.with("more", "symbol VARCHAR, d DATE", &["symbol"], &["symbol", "d"], &[]);
    lake.add("more", of("C"), None, None, "SELECT 'C' AS symbol, DATE '2026-02-02' AS d");
    mounted.turn_to(Arc::new(lake.state.clone())).unwrap();
    let latest = "SELECT symbol, last FROM latest('Bars') ORDER BY symbol";
    assert_eq!(all(&mut mounted, latest), ["A 8.0", "B 7.0"]);
    assert_eq!(all(&mut mounted, "FROM latest('more')"), ["C 2026-02-02"]);
    mounted.turn_to(before).unwrap();
    assert!(rows(&mut mounted, "FROM latest('more')").is_err());
    assert_eq!(all(&mut mounted, older), ["A 8.0", "B NULL"]);
}

#[test]
fn what_they_answer() {
    let lake = lake();
    let mut mounted = lake.mount();
    let mut ask = |sql: &str| all(&mut mounted, sql);
    let newest = ["A 2026-02-01 3.0 9.0 1.0 8.0 50", "B 2026-02-01 13.0 15.0 11.0 NULL 100"];
    for table in ["'Bars'", "'bars'", "Bars", "\"BARS\""] {
        assert_eq!(ask(&format!("FROM latest({table}) ORDER BY symbol")), newest, "{table}");
    }
    assert_eq!(ask("SELECT symbol FROM latest(bars) WHERE close = 8"), ["A"]);
    assert_eq!(
        ask("SELECT symbol, Date, close FROM asof('bars', DATE '2026-01-30') ORDER BY 1"),
        ["A 2026-01-30 2.0", "B 2026-01-30 12.0"]
    );
    assert_eq!(ask("SELECT count(*) FROM asof(bars, '2026-01-28')"), ["0"]);
    assert_eq!(ask("SELECT count(*) FROM asof(bars, NULL)"), ["0"]);
    assert_eq!(ask("SELECT price FROM asof(ticks, TIMESTAMP '2026-01-29 09:30:00')"), ["5.0"]);
    assert_eq!(
        ask("FROM resample('bars', '1 month') ORDER BY ALL"),
        [
            "A 2026-01-01 0.0 4.0 -2.0 3.0 300",
            "A 2026-02-01 3.0 9.0 1.0 8.0 50",
            "B 2026-01-01 10.0 14.0 8.0 13.0 300",
            "B 2026-02-01 13.0 15.0 11.0 NULL 100"
        ]
    );
    assert_eq!(
        ask("FROM resample(ticks, INTERVAL 5 MINUTES) ORDER BY ts"),
        ["A 2026-01-29T09:30:00 4.0 7.0 4.0 7.0 3", "A 2026-01-29T09:35:00 6.0 6.0 6.0 6.0 1"]
    );
    assert_eq!(
        ask(
            "SELECT symbol, Date, round(return, 3) FROM returns('bars') WHERE symbol = 'A' ORDER BY Date"
        ),
        ["A 2026-01-29 NULL", "A 2026-01-30 1.0", "A 2026-01-31 0.5", "A 2026-02-01 1.667"]
    );
    // Over zero there is none.
    assert_eq!(ask("FROM returns(steps) ORDER BY n"), ["0 0.0 NULL", "1 1.0 NULL", "2 4.0 3.0"]);
    assert_eq!(ask("FROM latest(steps)"), ["2 4.0"]);
    assert_eq!(ask("SELECT count(*) FROM latest('Ba' || 'rs')"), ["2"]);
    assert_eq!(ask("SELECT count(*) FROM latest(dates)"), ["0"]);
    let joined = "SELECT a.symbol, b.close - a.close FROM asof(bars, '2026-01-29') a \
                  ASOF JOIN bars b ON a.symbol = b.symbol AND b.date >= a.date WHERE a.symbol = 'A'";
    assert_eq!(ask(joined), ["A 0.0"]);
}

#[test]
fn what_cannot_be_asked_says_why() {
    let lake = lake();
    let mut mounted = lake.mount();
    for (sql, why) in [
        ("SELECT symbol FROM latest(notes)", "table notes has no column that orders its rows"),
        ("SELECT x FROM asof(notes, 1)", "table notes has no column that orders its rows"),
        ("SELECT x FROM resample(dates, '1 day')", "table dates has no column close or price"),
        ("SELECT x FROM returns(dates)", "table dates has no column close or price"),
        ("SELECT x FROM resample(steps, '1 day')", "which is INTEGER: bars need a DATE"),
        ("FROM latest(NULL)", "the name of a table is missing"),
        ("FROM resample(bars, 'often')", "Could not convert string 'often' to INTERVAL"),
        ("FROM resample(bars, '0 days')", "Period must be greater than 0"),
        ("FROM asof(bars, 'soon')", "soon"),
    ] {
        let error = rows(&mut mounted, sql).unwrap_err();
        assert_eq!(error.kind(), lake_core::kind::Kind::BadInput, "{sql}: {error:?}");
        assert!(error.to_string().contains(why), "{sql}: {error}");
    }
    let error = rows(&mut mounted, "FROM latest('nope')").unwrap_err();
    assert_eq!(error.hint().unwrap(), "the lake's tables are: Bars, ticks, steps, notes, dates");
    let mut empty = Lake::new("lake").mount();
    let error = rows(&mut empty, "FROM latest(bars)").unwrap_err();
    assert_eq!(error.hint().unwrap(), "the lake has no table yet");
}

/// Behind a macro a condition on the symbol prunes as it does without: the file of
/// another symbol is not opened. It is not there.
#[test]
fn a_filter_reaches_the_files() {
    let columns = "symbol VARCHAR, d DATE, close DOUBLE, volume BIGINT";
    let mut lake = Lake::new("lake").keyed("bars", columns);
    let select = "SELECT 'A' AS symbol, DATE '2026-01-01' + d::INT AS d, d::DOUBLE AS close, 1::BIGINT AS volume FROM range(5) t(d)";
    lake.add("bars", of("A"), None, None, select);
    lake.name("bars", of("B"), None, None, 5);
    let mut mounted = lake.mount();
    for call in
        ["latest(bars)", "asof(bars, '2026-01-03')", "resample(bars, '1 day')", "returns(bars)"]
    {
        let sql = format!("SELECT count(*) > 0 FROM {call} WHERE symbol = 'A'");
        assert_eq!(all(&mut mounted, &sql), ["true"], "{call}");
        assert!(rows(&mut mounted, &format!("FROM {call}")).is_err(), "{call}");
    }
}

/// No file is there but those that can hold what is asked for.
#[test]
fn newest_rows_need_the_newest_files() {
    let columns = "symbol VARCHAR, d INTEGER, n INTEGER, px DOUBLE";
    let mut lake = Lake::new("lake").keyed("bars", columns).with(
        "ticks",
        columns,
        &["symbol"],
        &[],
        &["d", "n"],
    );
    for (table, name) in [("bars", "A"), ("bars", "B"), ("ticks", "A"), ("ticks", "B")] {
        let range = |min, max| match table {
            "bars" => ints(min, max),
            _ => {
                let ends = [min, max].map(|d| vec![Value::Int(d), Value::Int(0)]);
                let [min, max] = ends;
                Some(Range::new(min, max))
            }
        };
        lake.name(table, of(name), range(1, 3), None, 3);
        let select = format!(
            "SELECT '{name}' AS symbol, d::INT AS d, 0::INT AS n, d::DOUBLE AS px FROM range(4, 7) t(d)"
        );
        lake.add(table, of(name), range(4, 6), None, &select);
        lake.add(table, of(name), range(7, 9), None, &select.replace("4, 7", "7, 10"));
    }
    let mut mounted = lake.mount();
    for table in ["bars", "ticks"] {
        for sql in [
            format!("SELECT symbol, d FROM asof({table}, 6) ORDER BY ALL"),
            format!("SELECT symbol, d FROM asof({table}, 6) WHERE px > 5 ORDER BY ALL"),
        ] {
            assert_eq!(all(&mut mounted, &sql), ["A 6", "B 6"], "{sql}");
        }
        let sql = format!("FROM latest({table})");
        let query = mounted.query(&sql).unwrap();
        assert_eq!((query.segments_read, query.segments_total), (2, 6), "{sql}");
    }
    let sql = "FROM latest(ticks) WHERE symbol = 'B' AND px > 5";
    assert_eq!(mounted.query(sql).unwrap().readings[0].files.len(), 1);
}

#[test]
fn a_table_of_another_version_is_one_too() {
    let lake = lake();
    let first = Arc::new(lake.state.clone());
    let mut mounted = lake.mount();
    assert_eq!(all(&mut mounted, "SELECT count(*) FROM latest(bars)"), ["2"]);
    for (name, since) in [("bars@9", None), ("bars@5..9", Some(&first))] {
        let sheet = Sheet::all(&first).remove(0);
        let mut sheet =
            since.map_or(Ok(sheet), |since| Sheet::all(&first).remove(0).since(since)).unwrap();
        sheet.name = name.into();
        mounted.add_sheet(sheet).unwrap();
    }
    for sql in ["FROM latest('bars@9')", "FROM latest(\"Bars@9\")", "FROM latest('bars' || '@9')"] {
        assert_eq!(all(&mut mounted, sql).len(), 2, "{sql}");
    }
    assert_eq!(all(&mut mounted, "FROM changes(Bars, 5, 9)"), [""; 0]);
    let error = rows(&mut mounted, "FROM latest('bars@5..9')").unwrap_err();
    assert!(error.to_string().contains("is what changed in a table"), "{error}");
}

#[test]
fn a_name_in_the_text_is_told_from_one_that_is_computed() {
    for sql in [
        "FROM latest('bars')",
        "FROM LATEST ( bars )",
        "FROM \"asof\"(\"bars\", '2026-01-01')",
        "SELECT latest FROM bars ASOF JOIN x USING (a)",
        "SELECT max(latest), returns FROM bars",
        "FROM latest('bars@2026-11-20 15:00')",
        "FROM changes(bars, $since)",
    ] {
        assert!(!computes_a_table(sql), "{sql}");
    }
    for sql in [
        "FROM latest('ba' || 'rs')",
        "FROM latest(getvariable('t'))",
        "FROM latest(t := 'bars')",
        "FROM latest/* ( */('ba' || 'rs')",
        "FROM latest --\n($t)",
        "FROM \"latest\" (lower('BARS'))",
        "FROM latest(E'b\\x61rs')",
        "FROM latest(",
        "FROM latest('bars",
    ] {
        assert!(computes_a_table(sql), "{sql}");
    }
}

/// What is shown to people is what can be run.
#[test]
fn their_examples_run() {
    let columns = "symbol VARCHAR, d DATE, close DOUBLE";
    let lake = Lake::new("lake").keyed("bars", columns);
    let mut mounted = lake.mount();
    let mut between = Sheet::all(&Arc::new(lake.state.clone())).remove(0);
    between.name = "bars@41..45".into();
    mounted.add_sheet(between).unwrap();
    for of_it in MACROS {
        assert!(of_it.usage.starts_with(of_it.name) && of_it.example.contains(of_it.name));
        rows(&mut mounted, of_it.example).unwrap_or_else(|e| panic!("{}: {e}", of_it.example));
    }
}
