//! What queries over a lake cost, beside the same rows as a table of DuckDB, as one
//! sorted set of Parquet files, and through a glob over the lake's files.
//!
//! `cargo bench --profile release -p lake-engine --bench read -- LAKE TABLE [glob]`
//!
//! The table has columns symbol, date and close.

// A measurement: it stops at the first thing that is wrong, and prints.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

use std::path::Path;
use std::time::{Duration, Instant};

use duckdb::Connection;
use lake_engine::{Engine, Mounted, Options};
use lake_log::{Access, At, Lake};

const RUNS: usize = 15;

fn main() {
    let args: Vec<String> = std::env::args().filter(|a| a != "--bench").collect();
    let [_, dir, table, rest @ ..] = args.as_slice() else {
        println!("read: give a lake's directory and a table");
        return;
    };
    let dir = Path::new(dir);
    let begin = Instant::now();
    let mut lake = Lake::open(dir, Access::Read).expect("open");
    let snapshot = lake.snapshot(At::Newest).expect("snapshot");
    let engine = Engine::open(&Options::default()).expect("engine");
    let mut mounted = engine.mount(snapshot, lake.root().path()).expect("mount");
    println!("open and mount {:.1} ms", millis(begin.elapsed()));

    let scratch = tempfile::tempdir().expect("scratch");
    let files = scratch.path().to_str().expect("UTF-8").to_owned();
    let copy = format!(
        "COPY (FROM {table} ORDER BY symbol, date) TO '{files}/packed' \
         (FORMAT parquet, COMPRESSION zstd, FILE_SIZE_BYTES '100MB')"
    );
    let rival = Connection::open_in_memory().expect("duckdb");
    let every = format!("{}/warehouse/{table}/**/*.parquet", dir.display());
    let hive = "hive_partitioning = true, hive_types = {'symbol': VARCHAR}";
    let glob = |more: &str| {
        rival.execute_batch(&format!(
            "CREATE VIEW globbed AS FROM read_parquet('{every}', union_by_name = true{more});"
        ))
    };
    // A lake of packs alone has no directory that names a symbol.
    glob(&format!(", {hive}")).or_else(|_| glob("")).expect("glob");
    rival.execute_batch(&copy.replace(&format!("FROM {table}"), "FROM globbed")).expect("copy");
    rival
        .execute_batch(&format!(
            "CREATE VIEW packed AS FROM read_parquet('{files}/packed/*.parquet'); \
             CREATE TABLE native AS FROM packed;"
        ))
        .expect("rivals");

    let with_glob = rest.iter().any(|word| word == "glob");
    println!(
        "{:34} {:>9} {:>9} {:>9} {:>9}  ms, median of {RUNS}",
        "", "lake", "native", "packed", "glob"
    );
    for (name, sql) in queries(&rival) {
        let ours = median(RUNS, || drain(&mut mounted, &sql.replace("{T}", table)));
        let of = |view: &str, runs| median(runs, || run(&rival, &sql.replace("{T}", view)));
        let glob = if with_glob { of("globbed", 3) } else { 0.0 };
        println!(
            "{name:34} {ours:9.2} {:9.2} {:9.2} {glob:9.2}",
            of("native", RUNS),
            of("packed", RUNS)
        );
    }
}

fn queries(rival: &Connection) -> Vec<(&'static str, String)> {
    let list = |sql: &str| -> Vec<String> {
        let mut statement = rival.prepare(sql).expect("prepare");
        let rows = statement.query_map([], |row| row.get(0)).expect("query");
        rows.collect::<Result<_, _>>().expect("rows")
    };
    let symbols = list("SELECT DISTINCT symbol FROM native ORDER BY 1");
    let one = &symbols[symbols.len() / 2];
    let fifty: Vec<String> = symbols
        .iter()
        .step_by((symbols.len() / 50).max(1))
        .take(50)
        .map(|s| format!("'{s}'"))
        .collect();
    let days = list("SELECT DISTINCT CAST(date AS VARCHAR) FROM native ORDER BY 1");
    let (from, to) = (&days[days.len() / 2], &days[(days.len() / 2 + 249).min(days.len() - 1)]);
    let last = &days[days.len() - 1];
    vec![
        ("one symbol", format!("FROM {{T}} WHERE symbol = '{one}'")),
        (
            "one symbol, a year",
            format!("FROM {{T}} WHERE symbol = '{one}' AND date BETWEEN '{from}' AND '{to}'"),
        ),
        (
            "50 symbols, 250 days",
            format!(
                "FROM {{T}} WHERE symbol IN ({}) AND date BETWEEN '{from}' AND '{to}'",
                fifty.join(", ")
            ),
        ),
        ("average of all", "SELECT avg(close) FROM {T}".into()),
        ("average by symbol", "SELECT symbol, avg(close) FROM {T} GROUP BY symbol".into()),
        ("one day of all", format!("FROM {{T}} WHERE date = '{last}'")),
        (
            "latest row of each symbol",
            "FROM {T} QUALIFY row_number() OVER (PARTITION BY symbol ORDER BY date DESC) = 1"
                .into(),
        ),
        ("newest 100 rows", "FROM {T} ORDER BY date DESC LIMIT 100".into()),
        (
            "newest 100 of a symbol",
            format!("FROM {{T}} WHERE symbol = '{one}' ORDER BY date DESC LIMIT 100"),
        ),
        ("any 10 rows", "FROM {T} LIMIT 10".into()),
        ("count", "SELECT count(*) FROM {T}".into()),
        ("last day by symbol", "SELECT symbol, max(date) FROM {T} GROUP BY symbol".into()),
        (
            "a regular expression",
            "SELECT avg(close) FROM {T} WHERE regexp_matches(symbol, '07$')".into(),
        ),
    ]
}

fn drain(mounted: &mut Mounted, sql: &str) {
    let mut query = mounted.query(sql).expect("query");
    for batch in query.rows().expect("rows") {
        batch.expect("batch");
    }
}

fn run(connection: &Connection, sql: &str) {
    let mut statement = connection.prepare(sql).expect("prepare");
    for batch in statement.stream_arrow([]).expect("run") {
        batch.expect("batch");
    }
}

fn median(runs: usize, mut run: impl FnMut()) -> f64 {
    run();
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let begin = Instant::now();
            run();
            begin.elapsed()
        })
        .collect();
    times.sort();
    millis(times[runs / 2])
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
