//! What opening a lake, and refreshing an opened one, costs. Segments are only
//! named in the log: no file stands behind them.
//!
//! `cargo bench -p lake-tests --bench open`

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

use lake_core::edit::{Action, Cause};
use lake_core::id::{SegmentId, TableId};
use lake_core::schema::TableDef;
use lake_core::segment::{Part, Rank, Segment, SegmentKind};
use lake_core::sqltype::parse_columns;
use lake_core::symbol::Symbol;
use lake_core::value::{Range, Value};
use lake_log::{Access, At, Draft, InitOptions, Lake, Outcome};

const TABLE: TableId = TableId(1);
const SYMBOLS: usize = 5_000;

fn main() {
    for segments in [5_000, 100_000] {
        let dir = tempfile::tempdir().expect("a directory");
        fill(dir.path(), segments);
        let open = median(31, || {
            let begin = Instant::now();
            let lake = Lake::open(dir.path(), Access::Write).expect("open");
            let took = begin.elapsed();
            assert_eq!(lake.state().segment_count(), segments);
            took
        });
        let mut writer = Lake::open(dir.path(), Access::Write).expect("open");
        let mut reader = Lake::open(dir.path(), Access::Read).expect("open");
        let (mut day, mut leased) = (1_000, Vec::new());
        let refresh = median(101, || {
            day += 1;
            add(&mut writer, &["S00001".to_owned()], day);
            let begin = Instant::now();
            reader.refresh().expect("refresh");
            begin.elapsed()
        });
        let held = median(101, || {
            day += 1;
            leased.push(reader.snapshot(At::Newest).expect("lease"));
            add(&mut writer, &["S00001".to_owned()], day);
            let begin = Instant::now();
            reader.refresh().expect("refresh");
            begin.elapsed()
        });
        println!(
            "{segments:>7} segments: open {:>7.2} ms, refresh after one commit {:>6.1} us, \
             while an older snapshot is held {:>6.1} us",
            open.as_secs_f64() * 1e3,
            refresh.as_secs_f64() * 1e6,
            held.as_secs_f64() * 1e6,
        );
    }
}

fn median(n: usize, mut measure: impl FnMut() -> Duration) -> Duration {
    let mut all: Vec<_> = (0..n).map(|_| measure()).collect();
    all.sort();
    all[n / 2]
}

fn fill(path: &Path, segments: usize) {
    Lake::init(path, &InitOptions::default()).expect("init");
    let mut lake = Lake::open(path, Access::Write).expect("open");
    let columns = parse_columns("symbol VARCHAR, day DATE, close DOUBLE").expect("columns");
    let key = ["symbol".to_owned(), "day".to_owned()];
    let def = TableDef::new("bars", &columns, &key[..1], &key, &[]).expect("table");
    let draft = lake.begin().expect("begin");
    let mut txn = draft.transaction(Cause::Create);
    txn.actions.push(Action::CreateTable(TableDef { id: TABLE, ..def }));
    commit(&mut lake, txn);
    let names: Vec<_> = (0..SYMBOLS).map(|s| format!("S{s:05}")).collect();
    for day in 0..segments / SYMBOLS {
        for wide in names.chunks(SYMBOLS / 20) {
            add(&mut lake, wide, day as i32);
        }
    }
}

fn add(lake: &mut Lake, names: &[String], day: i32) {
    let draft = lake.begin().expect("begin");
    let mut txn = draft.transaction(Cause::Ingest);
    for (n, name) in (0..).zip(names) {
        let part = Part::Of(vec![Symbol::new(name).expect("symbol")]);
        let segments = vec![segment(&draft, n, day)];
        txn.actions.push(Action::Add { table: TABLE, part, segments });
    }
    commit(lake, txn);
}

fn segment(draft: &Draft, n: u32, day: i32) -> Segment {
    let at = || vec![Value::Date(day)];
    Segment {
        id: SegmentId { txn: draft.id, n },
        kind: SegmentKind::Increment,
        schema_version: 1,
        rows: 1,
        bytes: 1_500,
        hash: 7,
        sum: None,
        range: Some(Range::new(at(), at())),
        symbols: None,
        rank: Rank::default(),
        masks: Vec::new(),
        at_us: 0,
        census: None,
        added: 0,
    }
}

fn commit(lake: &mut Lake, txn: lake_core::edit::Transaction) {
    match lake.commit(txn).expect("commit") {
        Outcome::Committed { .. } => {}
        other => panic!("{other:?}"),
    }
}
