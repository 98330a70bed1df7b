//! What storing rows costs: a bulk load from Parquet, market days and upserts by a
//! writer that lives on, in both layouts.
//!
//! `just bench --bench ingest -- [SYMBOLS] [DAYS]`

// A measurement: it stops at the first thing that is wrong, and prints.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use lake_core::schema::TableDef;
use lake_core::sqltype::parse_columns;
use lake_ingest::{FileFeed, Layout, Mode, Options, SourceOptions, Writer, create_table};
use lake_log::{Access, InitOptions, Lake};
use parquet::arrow::ArrowWriter;

const COLUMNS: &str = "symbol VARCHAR, date DATE, open DOUBLE, high DOUBLE, low DOUBLE, \
                       close DOUBLE, volume BIGINT, amount DOUBLE, turnover DOUBLE";

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let symbols = numbers.first().copied().unwrap_or(5_000);
    let days = numbers.get(1).copied().unwrap_or(2_500);
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("all.parquet");
    write(&file, symbols, days);
    println!("{symbols} symbols x {days} days");
    for (name, layout) in [("packed", Layout::Packed), ("per-symbol", Layout::PerSymbol)] {
        let lake = dir.path().join(name);
        let mut writer = open(&lake);
        let options = Options { layout, ..Options::default() };
        let feed = FileFeed::new(vec![file.clone()], SourceOptions::default());
        let begin = Instant::now();
        let done = writer.ingest("bars", &feed, &options).expect("bulk").receipt;
        let took = begin.elapsed().as_secs_f64();
        println!(
            "{name:>10}: bulk {took:6.2} s, {:5.2} M rows/s, {} MB in {} files",
            done.rows_in as f64 / took / 1e6,
            done.bytes / 1_000_000,
            done.segments
        );
        let mut day = days as i32;
        let (middle, most) = times(15, || {
            day += 1;
            let rows = batch((0..symbols).map(|s| (s, day)));
            let begin = Instant::now();
            writer.ingest_batch("bars", &rows, &options).expect("day");
            begin.elapsed()
        });
        println!("{name:>10}: a market day   median {middle:7.1} ms, slowest {most:7.1}");
        let (middle, most) = times(15, || {
            day += 1;
            let rows = batch((0..symbols.min(100)).flat_map(|s| (0..250).map(move |d| (s, d))));
            let options = Options { mode: Some(Mode::Upsert), ..options.clone() };
            let begin = Instant::now();
            writer.ingest_batch("bars", &rows, &options).expect("upsert");
            begin.elapsed()
        });
        println!("{name:>10}: 25,000 upserts median {middle:7.1} ms, slowest {most:7.1}");
    }
}

fn open(path: &Path) -> Writer {
    Lake::init(path, &InitOptions::default()).expect("init");
    let mut lake = Lake::open(path, Access::Write).expect("open");
    let columns = parse_columns(COLUMNS).expect("columns");
    let own = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
    let key = own(&["symbol", "date"]);
    let def = TableDef::new("bars", &columns, &key[..1], &key, &key[1..]).expect("table");
    let _ = create_table(&mut lake, &def).expect("create");
    Writer::new(lake)
}

/// Prices that walk in cents, as real ones do.
fn batch(rows: impl Iterator<Item = (usize, i32)>) -> RecordBatch {
    let rows: Vec<(usize, i32)> = rows.collect();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let price = |row: &(usize, i32), more: f64| {
        let walk = (f64::from(row.1) / 40.0 + row.0 as f64).sin() * 3.0;
        ((10.0 + walk + more) * 100.0).round() / 100.0
    };
    let prices = |more| -> ArrayRef {
        Arc::new(rows.iter().map(|row| Some(price(row, more))).collect::<Float64Array>())
    };
    let names = rows.iter().map(|(s, _)| Some(format!("{s:06}"))).collect::<StringArray>();
    let dates = rows.iter().map(|(_, d)| Some(16_436 + d)).collect::<Date32Array>();
    let volumes = rows.iter().map(|_| Some((random() % 1_000_000) as i64)).collect::<Int64Array>();
    let turnover =
        rows.iter().map(|_| Some((random() % 10_000) as f64 / 1e4)).collect::<Float64Array>();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("symbol", Arc::new(names)),
        ("date", Arc::new(dates)),
        ("open", prices(0.0)),
        ("high", prices(0.05)),
        ("low", prices(-0.05)),
        ("close", prices(0.01)),
        ("volume", Arc::new(volumes)),
        ("amount", prices(9_990.0)),
        ("turnover", Arc::new(turnover)),
    ];
    RecordBatch::try_from_iter(columns).expect("batch")
}

fn write(path: &Path, symbols: usize, days: usize) {
    let file = File::create(path).expect("file");
    let empty = batch(std::iter::empty());
    let mut writer = ArrowWriter::try_new(file, empty.schema(), None).expect("writer");
    for first in (0..symbols).step_by(100) {
        let some = first..(first + 100).min(symbols);
        let rows = some.flat_map(|s| (0..days as i32).map(move |d| (s, d)));
        writer.write(&batch(rows)).expect("write");
    }
    writer.close().expect("close");
}

fn times(runs: usize, mut run: impl FnMut() -> Duration) -> (f64, f64) {
    let mut times: Vec<f64> = (0..runs).map(|_| run().as_secs_f64() * 1e3).collect();
    times.sort_by(f64::total_cmp);
    (times[runs / 2], times[runs - 1])
}
