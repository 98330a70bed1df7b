//! A year of daily syncs with a compaction each night: how often a byte is written, how
//! many files there are, what a night takes.
//!
//! `just bench --bench year -- [SYMBOLS] [DAYS]`

// A measurement: it stops at the first thing that is wrong, and prints.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use lake_core::schema::TableDef;
use lake_core::segment::Part;
use lake_core::sqltype::parse_columns;
use lake_core::state::Table;
use lake_core::symbol::Symbol;
use lake_ingest::{Options, Writer, create_table};
use lake_log::{Access, InitOptions, Lake};
use lake_maintain::compact::{CompactOptions, compact};
use lake_maintain::policy::Policy;
use lake_store::Deadline;

const COLUMNS: &str = "symbol VARCHAR, date DATE, open DOUBLE, high DOUBLE, low DOUBLE, \
                       close DOUBLE, volume BIGINT, amount DOUBLE, turnover DOUBLE";
const MONTH: usize = 25;

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let symbols = numbers.first().copied().unwrap_or(5_000);
    let days = numbers.get(1).copied().unwrap_or(250);
    let dir = tempfile::tempdir().expect("a directory");
    Lake::init(dir.path(), &InitOptions { accept_unsafe_fs: true }).expect("init");
    let mut lake = Lake::open(dir.path(), Access::Write).expect("open");
    let names = |all: &[&str]| all.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let columns = parse_columns(COLUMNS).expect("columns");
    let (by, key) = (names(&["symbol"]), names(&["symbol", "date"]));
    let def = TableDef::new("bars", &columns, &by, &key, &names(&["date"])).expect("table");
    let _ = create_table(&mut lake, &def).expect("create");
    let mut writer = Writer::new(lake);
    let options = CompactOptions {
        policy: Policy::default(),
        memory: 512 << 20,
        deadline: Deadline::never(),
    };
    println!("{symbols} symbols, {days} days");
    let (mut came, mut merged) = (0u64, 0u64);
    let mut nights: Vec<Duration> = Vec::new();
    for day in 0..days {
        let rows = batch(symbols, day as i32);
        let options_of_day = Options::default();
        came += writer.ingest_batch("bars", &rows, &options_of_day).expect("day").receipt.bytes;
        let begin = Instant::now();
        merged += compact(writer.lake(), &[], &options, &()).expect("night").counts.bytes;
        nights.push(begin.elapsed());
        if day % MONTH == MONTH - 1 || day + 1 == days {
            let table = writer.lake().refresh().expect("state").table("bars").unwrap().clone();
            let month = &nights[nights.len().saturating_sub(MONTH)..];
            let most = month.iter().max().copied().unwrap_or_default();
            println!(
                "day {:4}: written {:4.2} times, {:2} files, {:2} of one symbol, {:5.1} bytes a \
                 row, longest night {:5.0} ms, mean {:5.0} ms",
                day + 1,
                (came + merged) as f64 / came as f64,
                table.segment_count(),
                files_of_one(&table),
                table.segments().map(|(_, s)| s.bytes).sum::<u64>() as f64
                    / table.segments().map(|(_, s)| s.rows).sum::<u64>() as f64,
                most.as_secs_f64() * 1e3,
                month.iter().sum::<Duration>().as_secs_f64() * 1e3 / month.len() as f64,
            );
        }
    }
}

/// The most that a symbol has to be looked for in.
fn files_of_one(table: &Table) -> usize {
    let one = vec![Symbol::new("000700").expect("symbol")];
    let may_hold = |(part, segment): &(&Part, &lake_core::segment::Segment)| match part {
        Part::Of(own) => *own == one,
        Part::Packed => {
            segment.symbols.as_ref().is_none_or(|span| span.first <= one && one <= span.last)
        }
    };
    table.segments().filter(may_hold).count()
}

/// One market day, with prices that walk.
fn batch(symbols: usize, day: i32) -> RecordBatch {
    let each = |f: &dyn Fn(i64) -> f64| {
        let values = (0..symbols as i64).map(|s| {
            // Numbers of no pattern that are the same in every run.
            let mixed = (s * 7_919 + i64::from(day) * 104_729).wrapping_mul(2_654_435_761);
            f(mixed.rem_euclid(1_000_003))
        });
        Arc::new(Float64Array::from_iter_values(values)) as ArrayRef
    };
    let price = |n: i64| (n % 9_000) as f64 / 100.0 + 10.0;
    let names = (0..symbols).map(|s| format!("{:06}", s * 7));
    let volumes = (0..symbols as i64).map(|s| (s * 31 + i64::from(day) * 17) * 1_009 % 99_999_989);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("symbol", Arc::new(StringArray::from_iter_values(names))),
        ("date", Arc::new(Date32Array::from(vec![20_454 + day; symbols]))),
        ("open", each(&price)),
        ("high", each(&|n| price(n + 37))),
        ("low", each(&|n| price(n + 71))),
        ("close", each(&|n| price(n + 113))),
        ("volume", Arc::new(Int64Array::from_iter_values(volumes))),
        ("amount", each(&|n| (n * 1_013) as f64)),
        ("turnover", each(&|n| (n % 10_000) as f64 / 10_000.0)),
    ];
    RecordBatch::try_from_iter(columns).expect("batch")
}
