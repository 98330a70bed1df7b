//! Whole ingests into throw-away lakes, against what a map of keys would hold.

mod blocks;
mod feeds;
mod meter;
mod model;
mod modes;
mod oracle;
mod races;
mod rejects;
mod retry;
mod script;
mod spool;
mod stream_races;
mod streams;
mod traces;
mod trouble;

use std::path::Path;
use std::sync::Arc;

use arrow::array::*;
use arrow::compute::concat_batches;
use lake_core::edit::ProducerSeq;
use lake_core::schema::TableDef;
use lake_core::sqltype::parse_columns;
use lake_core::state::Table;
use lake_log::{InitOptions, Lake};
use lake_segment::{SegmentReader, Verify};

use crate::{Creation, Ingested, Layout, Mode, Options, Result, Writer, create_table};

const COLUMNS: &str = "symbol VARCHAR, date DATE, close DOUBLE";

struct Bench {
    dir: tempfile::TempDir,
    writer: Writer,
}

impl Bench {
    fn new(columns: &str, key: &[&str]) -> Bench {
        // In memory where there is such a place: nothing here loses its power.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let _ = Lake::init(dir.path(), &InitOptions { accept_unsafe_fs: true }).unwrap();
        let mut writer = Writer::open(dir.path()).unwrap();
        let def = table("bars", columns, &["symbol"], key, &["date"]);
        let made = create_table(writer.lake(), &def).unwrap();
        assert_eq!(made, Creation::Created(1));
        Bench { dir, writer }
    }

    fn keyed() -> Bench {
        Bench::new(COLUMNS, &["symbol", "date"])
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn table(&mut self) -> Table {
        self.writer.lake().refresh().unwrap().table("bars").unwrap().clone()
    }

    fn ingest(&mut self, rows: &[(&str, i32, f64)], mode: Option<Mode>) -> Result<Ingested> {
        let options = Options { mode, ..Options::default() };
        self.writer.ingest_batch("bars", &bars(rows), &options)
    }

    /// The rows of each live segment, in the order in which they win.
    fn segments(&mut self) -> Vec<Vec<(String, i32, f64)>> {
        let table = self.table();
        let mut segments: Vec<_> = table.segments().collect();
        segments.sort_by_key(|(_, s)| s.rank);
        let root = self.writer.lake().root();
        let read = |(part, segment)| {
            let path = table.path(part, segment);
            let reader = SegmentReader::open(root, &path, segment, Verify::Hash, None).unwrap();
            let batches: Vec<_> = reader.map(|b| b.unwrap()).collect();
            rows_of(&concat_batches(&batches[0].schema(), &batches).unwrap())
        };
        segments.into_iter().map(read).collect()
    }

    /// Files under the directory of the lake, with these words in their paths.
    fn files(&self, words: &str) -> Vec<String> {
        let mut found = Vec::new();
        walk(self.path(), &mut found);
        found.retain(|path| path.contains(words));
        found
    }
}

#[allow(clippy::disallowed_methods)]
fn walk(dir: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => walk(&path, found),
            false => found.push(path.to_string_lossy().into_owned()),
        }
    }
}

fn table(name: &str, columns: &str, part: &[&str], key: &[&str], order: &[&str]) -> TableDef {
    let own = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
    let columns = parse_columns(columns).unwrap();
    TableDef::new(name, &columns, &own(part), &own(key), &own(order)).unwrap()
}

fn bars(rows: &[(&str, i32, f64)]) -> RecordBatch {
    let symbols = StringArray::from_iter_values(rows.iter().map(|r| r.0));
    let dates = Date32Array::from_iter_values(rows.iter().map(|r| r.1));
    let closes = Float64Array::from_iter_values(rows.iter().map(|r| r.2));
    RecordBatch::try_from_iter([
        ("symbol", Arc::new(symbols) as ArrayRef),
        ("date", Arc::new(dates)),
        ("close", Arc::new(closes)),
    ])
    .unwrap()
}

fn rows_of(batch: &RecordBatch) -> Vec<(String, i32, f64)> {
    let symbols = batch.column(0).as_string::<i32>();
    let dates = batch.column(1).as_primitive::<arrow::datatypes::Date32Type>();
    let closes = batch.column(2).as_primitive::<arrow::datatypes::Float64Type>();
    let row = |i| (symbols.value(i).to_owned(), dates.value(i), closes.value(i));
    (0..batch.num_rows()).map(row).collect()
}

fn producer(seq: u64) -> Option<ProducerSeq> {
    Some(ProducerSeq { producer: "sync".into(), seq })
}
