//! What a meter shows while rows are read and when they are committed.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;

use arrow::datatypes::SchemaRef;
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;

use super::feeds::{Chunked, Meddling};
use super::*;
use crate::source::{Chunk, Rejects, Source};
use crate::{Feed, FileFeed, Meter, OnError, Phase, Reading, SourceOptions};

#[allow(clippy::disallowed_methods)]
fn put(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn parquet(rows: &RecordBatch) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), None).unwrap();
    writer.write(rows).unwrap();
    writer.into_inner().unwrap()
}

fn arrow_stream(rows: &RecordBatch) -> Vec<u8> {
    let mut writer = arrow::ipc::writer::StreamWriter::try_new(Vec::new(), &rows.schema()).unwrap();
    writer.write(rows).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn every_form_of_file_is_counted_as_it_lies_there() {
    let text = "symbol,date,close\na,2026-11-20,1\nb,2026-11-20,x\nc,2026-11-20,3\n";
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(text.as_bytes()).unwrap();
    let json = "{\"symbol\":\"a\",\"date\":\"2026-11-20\",\"close\":1}\n";
    let rows = bars(&[("p", 1, 1.0), ("q", 2, 2.0)]);
    for (name, bytes, counts) in [
        ("a.csv", text.as_bytes().to_vec(), (3, 1)),
        ("a.csv.gz", gzip.finish().unwrap(), (3, 1)),
        ("a.csv.zst", zstd::encode_all(text.as_bytes(), 3).unwrap(), (3, 1)),
        ("a.jsonl", json.as_bytes().to_vec(), (1, 0)),
        ("a.parquet", parquet(&rows), (2, 0)),
        ("a.arrows", arrow_stream(&rows), (2, 0)),
    ] {
        let mut bench = Bench::keyed();
        let meter = Meter::default();
        let source = SourceOptions { meter: meter.clone(), ..SourceOptions::default() };
        let path = put(bench.path(), name, &bytes);
        let feed = FileFeed::new(vec![path.clone(), path], source);
        let size = feed.size().unwrap();
        assert_eq!(size, 2 * bytes.len() as u64, "{name}");
        let options =
            Options { on_error: OnError::Skip, meter: meter.clone(), ..Options::default() };
        let receipt = bench.writer.ingest("bars", &feed, &options).unwrap().receipt;
        let Reading { bytes, rows, rejected, phase } = meter.read();
        assert_eq!((bytes, phase), (size, Phase::Committing), "{name}");
        assert_eq!((rows, rejected), (2 * counts.0, 2 * counts.1), "{name}");
        assert_eq!((rows, rejected), (receipt.rows_in, receipt.rows_rejected), "{name}");
    }
    let gone = FileFeed::new(vec!["no.csv".into()], SourceOptions::default());
    assert_eq!(gone.size(), None);
}

/// Notes what the meter shows when the next chunk is asked for.
struct Looking {
    rows: Chunked,
    meter: Meter,
    seen: Arc<Mutex<Vec<Reading>>>,
}

struct Looked(Box<dyn Source>, Meter, Arc<Mutex<Vec<Reading>>>);

impl Feed for Looking {
    fn open(&self, def: &TableDef, schema: &SchemaRef) -> Result<Box<dyn Source>> {
        let source = self.rows.open(def, schema)?;
        Ok(Box::new(Looked(source, self.meter.clone(), self.seen.clone())))
    }
}

impl Source for Looked {
    fn next(&mut self, rejects: &mut dyn Rejects) -> Result<Option<Chunk>> {
        self.2.lock().unwrap().push(self.1.read());
        self.0.next(rejects)
    }
}

#[test]
fn a_chunk_is_counted_before_the_next_is_read() {
    let mut bench = Bench::keyed();
    let meter = Meter::default();
    let seen = Arc::<Mutex<Vec<Reading>>>::default();
    let rows = Chunked(vec![bars(&[("a", 1, 1.0), ("a", 2, 1.0)]), bars(&[("b", 1, 1.0)])]);
    let feed = Looking { rows, meter: meter.clone(), seen: seen.clone() };
    let options = Options { dry_run: true, meter: meter.clone(), ..Options::default() };
    let _ = bench.writer.ingest("bars", &feed, &options).unwrap();
    let looked = seen.lock().unwrap();
    assert_eq!(looked.iter().take(3).map(|r| r.rows).collect::<Vec<_>>(), [0, 2, 3]);
    assert!(looked.iter().take(3).all(|r| r.phase == Phase::Reading));
    assert_eq!((meter.read().rows, meter.read().phase), (3, Phase::Writing));
}

#[test]
fn rows_that_are_read_again_count_once() {
    let mut bench = Bench::keyed();
    let mut other = Writer::open(bench.path()).unwrap();
    let theirs = bars(&[("a", 2, 9.0)]);
    let meddle = || drop(other.ingest_batch("bars", &theirs, &Options::default()).unwrap());
    let feed = Meddling::new(vec![bars(&[("a", 1, 1.0), ("a", 2, 1.0)])], meddle);
    let mode = Some(Mode::Ignore);
    let options = Options { mode, ..Options::default() };
    let _ = bench.ingest(&[("z", 1, 1.0)], None).unwrap();
    let _ = bench.writer.ingest("bars", &feed, &options).unwrap();
    assert_eq!((feed.opened(), options.meter.read().rows), (2, 2));
}
