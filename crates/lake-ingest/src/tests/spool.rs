//! A commit that nobody could make in time: it is durable, and made once.

use lake_core::kind::Kind;
use lake_core::layout;
use lake_core::types::Type;
use lake_log::{Access, At};
use lake_store::LockFile;

use super::*;
use crate::{Alteration, OnError, alter_table, tag};

/// Ingests while another holds the commit lock and a power cut's leftover, which only
/// who has the lock may move, stands in the way.
#[allow(clippy::disallowed_methods)]
pub(super) fn stuck(bench: &mut Bench, batch: &RecordBatch, options: &Options) {
    let mut writer = Writer::open(bench.path()).unwrap();
    let root = writer.lake().root().clone();
    let version = writer.lake().refresh().unwrap().version + 1;
    let entry = format!("{}/{}", layout::epoch_dir(0), layout::entry_name(version));
    std::fs::write(bench.path().join(entry), b"torn").unwrap();
    let locks = root.dir(layout::LOCKS).unwrap();
    let lock = LockFile::new(&locks, layout::LOCK_COMMIT).unwrap();
    let _held = lock.try_exclusive(0).unwrap().unwrap();
    let error = writer.ingest_batch("bars", batch, options).unwrap_err();
    assert_eq!(error.kind(), Kind::Spooled, "{error}");
}

fn spooled(bench: &Bench) -> usize {
    bench.files("/_lake/spool/").len()
}

fn row(day: i32) -> Vec<(String, i32, f64)> {
    vec![("a".into(), day, 1.0)]
}

#[test]
fn the_next_writer_commits_it_once() {
    let mut bench = Bench::keyed();
    let sane = Alteration::AddCheck { name: "sane".into(), condition: "close < 5".into() };
    let _ = alter_table(bench.writer.lake(), "bars", &sane).unwrap();
    let options =
        Options { producer: producer(1), on_error: OnError::Quarantine, ..Options::default() };
    let batch = bars(&[("a", 1, 1.0), ("a", 2, 9.0)]);
    stuck(&mut bench, &batch, &options);
    assert_eq!((spooled(&bench), bench.segments().len()), (1, 0));
    assert_eq!(bench.files("/_lake/quarantine/").len(), 1);
    let next = bench.ingest(&[("a", 3, 1.0)], None).unwrap();
    assert_eq!((next.version, spooled(&bench)), (3, 0));
    let mut segments = bench.segments();
    segments.sort_by_key(|rows| rows[0].1);
    assert_eq!(segments, [row(1), row(3)]);
    // Its owner asks again, and is told what was done.
    let again = bench.writer.ingest_batch("bars", &batch, &options).unwrap();
    assert_eq!((again.duplicate, again.version, again.receipt.rows_rejected), (true, 3, 1));
    assert_eq!(bench.writer.lake().drain().unwrap(), (0, 0));
    assert_eq!(bench.segments().len(), 2);
}

/// Its owner is gone, the schema is another, and the log was truncated since.
#[test]
fn drain_commits_it_once_however_late() {
    let mut bench = Bench::keyed();
    stuck(&mut bench, &bars(&[("a", 1, 1.0)]), &Options::default());
    let mut lake = Lake::open(bench.path(), Access::Write).unwrap();
    // What is no addition of rows takes nothing along.
    for i in 0..4 {
        let (name, ty) = (format!("c{i}"), Type::Int64);
        let add = Alteration::AddColumn { name, ty, default: Some("7".into()), not_null: true };
        let _ = alter_table(&mut lake, "bars", &add).unwrap();
    }
    let newest = tag(&mut lake, "here", Some(At::Newest)).unwrap().unwrap();
    assert_eq!((newest, spooled(&bench)), (5, 1));
    assert_eq!(lake.raise_floor(newest).unwrap(), newest);
    let boundary = lake.truncate().unwrap();
    assert!(boundary <= 1, "the log since {boundary} is too short to look for it");
    assert_eq!(lake.drain().unwrap(), (1, 0));
    assert_eq!((spooled(&bench), lake.drain().unwrap()), (0, (0, 0)));
    let table = bench.table();
    let found: Vec<_> = table.segments().map(|(_, s)| (s.schema_version, s.rows)).collect();
    assert_eq!((found, bench.segments()), (vec![(1, 1)], vec![row(1)]));
}
