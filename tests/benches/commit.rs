//! What a durable commit of one row costs: one, eight and twenty long-lived
//! writer processes, each with its own symbol, beside the same syncs without a
//! lake (segment, its directory, entry, the log's directory).
//!
//! `cargo bench -p lake-tests --bench commit [-- COMMITS]`

// A measurement: it stops at the first thing that is wrong, prints, and takes
// the raw cost without the lake's own layers.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use lake_core::schema::TableDef;
use lake_core::sqltype::parse_columns;
use lake_ingest::{Options, Writer, create_table};
use lake_log::{Access, InitOptions, Lake};

const ROUNDS: usize = 5;

fn main() {
    let args: Vec<String> = std::env::args().filter(|a| a != "--bench").collect();
    if let [_, role, path, name, count] = &args[..] {
        return child(role, Path::new(path), name, count.parse().expect("a count"));
    }
    let total: usize = args.get(1).map_or(2_000, |n| n.parse().expect("a count"));
    println!("{total} one-row commits a run, {ROUNDS} runs, raw and lake in turn; medians");
    println!("processes      raw/s     lake/s   p50 ms    p99 ms   slowest   entries");
    for processes in [1, 8, 20] {
        let mut rounds: Vec<[Run; 2]> = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push(["raw", "lake"].map(|role| run(role, processes, total / processes)));
        }
        let middle = |role: usize, f: fn(&Run) -> f64| {
            let mut all: Vec<f64> = rounds.iter().map(|r| f(&r[role])).collect();
            all.sort_by(f64::total_cmp);
            all[ROUNDS / 2]
        };
        println!(
            "{processes:>9} {:>10.0} {:>10.0} {:>8.2} {:>9.2} {:>9.1} {:>9.0}",
            middle(0, |r| r.per_second),
            middle(1, |r| r.per_second),
            middle(1, |r| r.p50),
            middle(1, |r| r.p99),
            middle(1, |r| r.slowest),
            middle(1, |r| r.entries),
        );
    }
    lone(total);
}

struct Run {
    per_second: f64,
    p50: f64,
    p99: f64,
    slowest: f64,
    entries: f64,
}

fn run(role: &str, processes: usize, each: usize) -> Run {
    let dir = tempfile::tempdir().expect("a directory");
    new_lake(dir.path());
    let mut children: Vec<_> = (0..processes)
        .map(|p| {
            Command::new(std::env::current_exe().expect("this program"))
                .args([role, &dir.path().to_string_lossy(), &format!("S{p:02}"), &each.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("a writer process")
        })
        .collect();
    let mut outputs: Vec<_> =
        children.iter_mut().map(|c| BufReader::new(c.stdout.take().expect("stdout"))).collect();
    let mut line = String::new();
    for output in &mut outputs {
        output.read_line(&mut line).expect("ready");
    }
    let begin = Instant::now();
    for child in &mut children {
        child.stdin.take().expect("stdin").write_all(b"go\n").expect("go");
    }
    let mut took = Vec::new();
    for output in outputs {
        took.extend(output.lines().map(|l| l.expect("a line").parse::<f64>().expect("ms")));
    }
    let elapsed = begin.elapsed().as_secs_f64();
    for mut child in children {
        assert!(child.wait().expect("its end").success(), "a commit failed");
    }
    assert_eq!(took.len(), processes * each);
    took.sort_by(f64::total_cmp);
    let lake = Lake::open(dir.path(), Access::Read).expect("open");
    if role == "lake" {
        assert_eq!(lake.state().segment_count(), took.len(), "none lost, none doubled");
    }
    Run {
        per_second: took.len() as f64 / elapsed,
        p50: took[took.len() / 2],
        p99: took[took.len() * 99 / 100],
        slowest: took[took.len() - 1],
        entries: (lake.state().version - 1) as f64,
    }
}

fn child(role: &str, path: &Path, name: &str, count: usize) {
    let mut writer = Writer::open(path).expect("open");
    let mut raw = Raw::new(path, name);
    let batches: Vec<_> = (0..count).map(|day| one_row(name, day as i32)).collect();
    let mut took = Vec::with_capacity(count);
    println!("ready");
    std::io::stdin().read_line(&mut String::new()).expect("go");
    for batch in &batches {
        let begin = Instant::now();
        if role == "lake" {
            writer.ingest_batch("bars", batch, &Options::default()).expect("commit");
        } else {
            raw.commit();
        }
        took.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    let text: String = took.iter().map(|ms| format!("{ms}\n")).collect();
    std::io::stdout().write_all(text.as_bytes()).expect("the times");
}

/// One writer alone, commit by commit beside its raw syncs and the encode.
fn lone(count: usize) {
    let dir = tempfile::tempdir().expect("a directory");
    new_lake(dir.path());
    let mut writer = Writer::open(dir.path()).expect("open");
    let mut raw = Raw::new(dir.path(), "S00");
    let (mut all, mut syncs) = (Vec::new(), Vec::new());
    for day in 0..count {
        let begin = Instant::now();
        raw.commit();
        syncs.push(begin.elapsed().as_secs_f64() * 1e3);
        let batch = one_row("S00", day as i32);
        let begin = Instant::now();
        writer.ingest_batch("bars", &batch, &Options::default()).expect("commit");
        all.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    let middle = |mut v: Vec<f64>| {
        v.sort_by(f64::total_cmp);
        v[v.len() / 2]
    };
    let (all, syncs) = (middle(all), middle(syncs));
    println!("lone commit {all:.3} ms, its four syncs {syncs:.3} ms: {:.2} times", all / syncs);
}

/// The same writes and syncs as a commit's, in the same places, and no more.
struct Raw {
    staging: PathBuf,
    symbol: PathBuf,
    log: PathBuf,
    next: u64,
}

impl Raw {
    fn new(path: &Path, name: &str) -> Raw {
        let make = |dir: String| {
            let dir = path.join(dir);
            std::fs::create_dir_all(&dir).expect("a directory");
            dir
        };
        Raw {
            staging: make(format!("raw/{name}/staging")),
            symbol: make(format!("raw/{name}/symbol")),
            log: make(format!("raw/{name}/log")),
            next: 0,
        }
    }

    fn commit(&mut self) {
        self.next += 1;
        let stage = |name: &str, len: usize| {
            let path = self.staging.join(name);
            let mut file = File::create_new(&path).expect("create");
            file.write_all(&vec![7; len]).expect("write");
            file.sync_data().expect("sync");
            path
        };
        let sync = |dir: &Path| File::open(dir).expect("open").sync_all().expect("sync");
        let segment = stage("segment", 2_500);
        std::fs::rename(segment, self.symbol.join(self.next.to_string())).expect("rename");
        sync(&self.symbol);
        let entry = stage("entry", 250);
        std::fs::hard_link(&entry, self.log.join(self.next.to_string())).expect("link");
        sync(&self.log);
        std::fs::remove_file(entry).expect("unlink");
    }
}

fn new_lake(path: &Path) {
    Lake::init(path, &InitOptions::default()).expect("init");
    let columns = "symbol VARCHAR, date DATE, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, \
                   volume BIGINT, amount DOUBLE, turnover DOUBLE";
    let names = |list: &[&str]| list.iter().map(|n| n.to_string()).collect::<Vec<_>>();
    let columns = parse_columns(columns).expect("columns");
    let key = names(&["symbol", "date"]);
    let def = TableDef::new("bars", &columns, &key[..1], &key, &key[1..]).expect("a table");
    let mut lake = Lake::open(path, Access::Write).expect("open");
    let _ = create_table(&mut lake, &def).expect("create");
}

fn one_row(symbol: &str, day: i32) -> RecordBatch {
    let number = |x: f64| Arc::new(Float64Array::from(vec![x])) as ArrayRef;
    let price = 10.0 + f64::from(day % 100) / 100.0;
    RecordBatch::try_from_iter([
        ("symbol", Arc::new(StringArray::from(vec![symbol])) as ArrayRef),
        ("date", Arc::new(Date32Array::from(vec![day])) as ArrayRef),
        ("open", number(price)),
        ("high", number(price + 0.2)),
        ("low", number(price - 0.2)),
        ("close", number(price + 0.1)),
        ("volume", Arc::new(Int64Array::from(vec![12_000 + i64::from(day)])) as ArrayRef),
        ("amount", number(price * 12_000.0)),
        ("turnover", number(0.5)),
    ])
    .expect("a batch")
}
