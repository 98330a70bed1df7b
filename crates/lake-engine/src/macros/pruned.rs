//! Random calls over random lakes: what is pruned makes no difference.

use lake_core::segment::Part;
use lake_core::value::{Range, Value};
use proptest::prelude::*;

use crate::fixture::{Lake, of, rows, span};

/// Days after this one.
const FIRST: i32 = 20_000;
const DAY: i64 = 86_400_000_000;
const NAMES: [&str; 3] = ["A", "B", "C"];

#[derive(Clone, Debug)]
struct Step {
    ticks: bool,
    symbol: usize,
    packed: bool,
    from: i32,
    len: i32,
    value: i32,
    ranged: bool,
    /// A row more of each symbol, which has no time.
    untimed: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let odd = || prop::bool::weighted(0.2);
    (any::<bool>(), 0..3usize, odd(), 0..20, 1..6, 1..9, odd(), odd()).prop_map(
        |(ticks, symbol, packed, from, len, value, unranged, untimed)| Step {
            ticks,
            symbol,
            packed,
            from,
            len,
            value,
            ranged: !unranged,
            untimed,
        },
    )
}

fn lake(steps: &[Step]) -> Lake {
    let bars = "symbol VARCHAR, d DATE, open DOUBLE, close DOUBLE, volume BIGINT";
    let ticks = "symbol VARCHAR, ts TIMESTAMP, n INTEGER, price DOUBLE";
    let mut lake =
        Lake::new("lake").keyed("bars", bars).with("ticks", ticks, &["symbol"], &[], &["ts", "n"]);
    for step in steps {
        add(&mut lake, step);
    }
    lake
}

fn add(lake: &mut Lake, step: &Step) {
    let names = if step.packed { &NAMES[..] } else { &NAMES[step.symbol..=step.symbol] };
    let (min, max) = (FIRST + step.from, FIRST + step.from + step.len - 1);
    let value = step.value;
    let at = |day: i32| Value::Timestamp(i64::from(day) * DAY);
    let (table, mut select, range) = if step.ticks {
        // Rows of one time and number are equal, so that none is the only newest.
        let select = "SELECT symbol, make_timestamp(day * 86400000000) AS ts, n::INT AS n, \
             ((day * 7 + n * 3) % 11)::DOUBLE AS price FROM source, range(3) r(n)";
        let range = Range::new(vec![at(min), Value::Int(0)], vec![at(max), Value::Int(2)]);
        ("ticks", select.to_owned(), range)
    } else {
        let select = format!(
            "SELECT symbol, make_date(day::INT) AS d, {value}::DOUBLE AS open, \
             ({value} + day % 3)::DOUBLE AS close, 10::BIGINT AS volume FROM source"
        );
        let range = Range::new(vec![Value::Date(min)], vec![Value::Date(max)]);
        ("bars", select, range)
    };
    if step.ticks && step.untimed {
        select += " UNION ALL SELECT DISTINCT symbol, NULL::TIMESTAMP, 9, 5.0::DOUBLE FROM source";
    }
    let all = names.join("', '");
    let select = format!(
        "WITH source AS (SELECT symbol, day FROM unnest(['{all}']) s(symbol), \
         range({min}, {max} + 1) r(day)) {select} ORDER BY ALL"
    );
    let symbols = step.packed.then(|| span("A", "C"));
    let part = if step.packed { Part::Packed } else { of(names[0]) };
    lake.add(table, part, Some(range).filter(|_| step.ranged), symbols, &select);
}

fn query() -> impl Strategy<Value = String> {
    let filter = prop_oneof![
        3 => Just("true".to_owned()),
        2 => prop::sample::select(vec!["A", "B", "C", "D"]).prop_map(|s| format!("symbol = '{s}'")),
        1 => Just("symbol >= 'B'".to_owned()),
        1 => Just("symbol IN ('A', 'C')".to_owned()),
        1 => Just("lower(symbol) <> 'b'".to_owned()),
        1 => (0..9i32).prop_map(|v| format!("PRICE > {v}")),
        2 => (-2..26i32).prop_map(|d| format!("TIME >= make_date({})", FIRST + d)),
        2 => (-2..26i32).prop_map(|d| format!("TIME <= make_date({})", FIRST + d)),
    ];
    (0..12u8, any::<bool>(), filter, -2..26i32, 0..4u32).prop_map(
        |(shape, ticks, filter, day, n)| {
            let (table, time, price) =
                if ticks { ("ticks", "ts", "price") } else { ("bars", "d", "close") };
            let own = if shape == 11 { "a." } else { "" };
            let filter = filter
                .replace("TIME", &format!("{own}{time}"))
                .replace("PRICE", &format!("{own}{price}"));
            let day = format!("DATE '1970-01-01' + {}", FIRST + day);
            let all = "ORDER BY ALL";
            match shape {
                0 => format!("FROM latest({table}) WHERE {filter} {all}"),
                1 => format!("SELECT symbol, {price} FROM latest({table}) WHERE {filter} {all}"),
                2 => format!("SELECT count(*), sum({price}) FROM latest({table}) WHERE {filter}"),
                3 | 4 => format!("FROM asof({table}, {day}) WHERE {filter} {all}"),
                5 => format!("FROM resample({table}, '3 days') WHERE {} {all}", {
                    filter.replace(price, "close")
                }),
                6 => format!("FROM returns({table}) WHERE {filter} {all}"),
                7 => format!(
                    "SELECT a.symbol, b.ts, b.n, b.price FROM asof(bars, {day}) a \
                     LEFT JOIN latest(ticks) b USING (symbol) {all}"
                ),
                8 => format!(
                    "FROM {table} WHERE {filter} QUALIFY row_number() OVER (PARTITION BY symbol \
                     ORDER BY {time} DESC, {price}) <= {n} {all}"
                ),
                9 => format!(
                    "FROM (SELECT *, row_number() OVER (PARTITION BY symbol \
                     ORDER BY {time} NULLS FIRST, {price}) AS r FROM {table}) WHERE r < {n} {all}"
                ),
                10 => format!(
                    "SELECT symbol, {time}, before FROM (SELECT *, \
                     row_number() OVER w AS r, lag({price}) OVER w AS before FROM {table} \
                     WINDOW w AS (PARTITION BY symbol ORDER BY {time} DESC, {price})) \
                     WHERE r = 1 {all}"
                ),
                _ => format!(
                    "SELECT a.symbol, a.{time} FROM (SELECT *, row_number() OVER (ORDER BY \
                     {time} DESC, symbol, {price}) AS r FROM {table}) a LEFT JOIN \
                     bars b ON a.symbol = b.symbol AND a.r = 1 WHERE a.r <= {n} + 1 AND {} {all}",
                    filter.replace("symbol", "a.symbol")
                ),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_pruned_makes_no_difference(
        steps in prop::collection::vec(step(), 1..14),
        queries in prop::collection::vec(query(), 10),
    ) {
        let lake = lake(&steps);
        let (mut pruned, mut whole) = (lake.mount(), lake.mount());
        whole.prunes = false;
        for sql in &queries {
            let expected = rows(&mut whole, sql).map_err(|e| e.to_string());
            let found = rows(&mut pruned, sql).map_err(|e| e.to_string());
            prop_assert!(expected.is_ok(), "{}: {:?}", sql, expected);
            prop_assert_eq!(found, expected, "{}", sql);
        }
    }
}
