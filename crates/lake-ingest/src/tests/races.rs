//! Two writers: one has begun, the other commits, and then the first goes on.

use lake_core::mask::Stretch;
use lake_core::value::Value;

use super::feeds::{Chunked, Meddling};
use super::*;
use crate::{Alteration, IngestError, OnError, Which, alter_table};

fn options(mode: Mode) -> Options {
    Options { mode: Some(mode), ..Options::default() }
}

/// The rows that count, by key.
fn rows(bench: &mut Bench) -> Vec<(String, i32, f64)> {
    let mut found = std::collections::BTreeMap::new();
    let snapshot = bench.writer.lake().snapshot(lake_log::At::Newest).unwrap();
    let root = bench.writer.lake().root();
    let table = snapshot.state().table("bars").unwrap();
    let input = |(part, segment)| lake_segment::MergeInput {
        path: table.path(part, segment),
        part,
        segment,
    };
    let inputs: Vec<_> = table.segments().map(input).collect();
    for batch in lake_segment::Merge::open(root, &table.def, &inputs, &Default::default()).unwrap()
    {
        for row in rows_of(&batch.unwrap()) {
            assert!(found.insert((row.0.clone(), row.1), row).is_none());
        }
    }
    found.into_values().collect()
}

fn own(rows: &[(&str, i32, f64)]) -> Vec<(String, i32, f64)> {
    rows.iter().map(|r| (r.0.to_owned(), r.1, r.2)).collect()
}

/// Ingests `ours` in a mode; `theirs` is committed after ours has begun. Returns how
/// often ours was read.
fn race(
    bench: &mut Bench,
    (ours, mode): (&[(&str, i32, f64)], Mode),
    (theirs, their_mode): (&[(&str, i32, f64)], Mode),
) -> (u32, Result<Ingested>) {
    let mut other = Writer::open(bench.path()).unwrap();
    let meddle = || drop(other.ingest_batch("bars", &bars(theirs), &options(their_mode)).unwrap());
    let feed = Meddling::new(vec![bars(ours)], meddle);
    let done = bench.writer.ingest("bars", &feed, &options(mode));
    (feed.opened(), done)
}

#[test]
fn an_append_sees_the_key_that_came_meanwhile() {
    let mut bench = Bench::keyed();
    let theirs = [("a", 1, 2.0)];
    let (tries, done) =
        race(&mut bench, (&[("a", 1, 1.0), ("b", 1, 1.0)], Mode::Append), (&theirs, Mode::Upsert));
    assert!(matches!(done, Err(IngestError::KeyExists { .. })), "{done:?}");
    assert_eq!((tries, rows(&mut bench)), (2, own(&theirs)));
    // A key elsewhere, and one of another symbol, are no reason.
    let (tries, done) =
        race(&mut bench, (&[("a", 5, 1.0)], Mode::Append), (&[("a", 9, 1.0)], Mode::Append));
    assert_eq!((tries, done.is_ok()), (1, true));
    let (tries, done) =
        race(&mut bench, (&[("a", 6, 1.0)], Mode::Append), (&[("c", 6, 1.0)], Mode::Append));
    assert_eq!((tries, done.is_ok()), (1, true));
}

/// The same where the key comes in a pack that others share.
#[test]
fn an_append_sees_the_key_that_came_in_a_pack() {
    let mut bench = Bench::keyed();
    let mut other = Writer::open(bench.path()).unwrap();
    let packed = Options { layout: Layout::Packed, ..Options::default() };
    let theirs = bars(&[("a", 1, 2.0), ("b", 1, 2.0)]);
    let meddle = || drop(other.ingest_batch("bars", &theirs, &packed).unwrap());
    let feed = Meddling::new(vec![bars(&[("a", 1, 1.0)])], meddle);
    let done = bench.writer.ingest("bars", &feed, &options(Mode::Append));
    assert!(matches!(done, Err(IngestError::KeyExists { .. })), "{done:?}");
    assert_eq!(feed.opened(), 2);
}

#[test]
fn ignore_leaves_what_came_meanwhile() {
    let mut bench = Bench::keyed();
    let ours = [("a", 1, 1.0), ("a", 2, 1.0)];
    let (tries, done) = race(&mut bench, (&ours, Mode::Ignore), (&[("a", 2, 9.0)], Mode::Upsert));
    let receipt = done.unwrap().receipt;
    assert_eq!((tries, receipt.rows_written, receipt.rows_superseded), (2, 1, 1));
    assert_eq!(rows(&mut bench), own(&[("a", 1, 1.0), ("a", 2, 9.0)]));
}

/// What was to be left alone has gone meanwhile, by each kind of delete.
#[test]
fn ignore_brings_a_row_that_was_deleted_meanwhile() {
    let stretch = || Stretch { from: Some(Value::Date(2)), to: Some(Value::Date(2)) };
    let key = bars(&[("a", 2, 0.0)]).project(&[0, 1]).unwrap();
    let keys = Chunked(vec![key]);
    for which in [
        Which::Where("close = 5"),
        Which::Range { owners: None, stretch: stretch() },
        Which::Keys(&keys),
    ] {
        let mut bench = Bench::keyed();
        let _ = bench.ingest(&[("a", 1, 4.0), ("a", 2, 5.0)], None).unwrap();
        let mut other = Writer::open(bench.path()).unwrap();
        let meddle = || drop(other.delete("bars", &which, false).unwrap());
        let feed =
            Meddling::new(vec![bars(&[("a", 1, 1.0), ("a", 2, 1.0), ("a", 3, 1.0)])], meddle);
        let _ = bench.writer.ingest("bars", &feed, &options(Mode::Ignore)).unwrap();
        assert_eq!(feed.opened(), 2);
        assert_eq!(rows(&mut bench), own(&[("a", 1, 4.0), ("a", 2, 1.0), ("a", 3, 1.0)]));
    }
}

#[test]
fn values_are_kept_of_the_newest_row() {
    let mut bench = Bench::keyed();
    let _ = bench.ingest(&[("a", 1, 1.0)], None).unwrap();
    let mut other = Writer::open(bench.path()).unwrap();
    let theirs = bars(&[("a", 1, 2.0)]);
    let meddle = || drop(other.ingest_batch("bars", &theirs, &Options::default()).unwrap());
    let nothing: ArrayRef = Arc::new(Float64Array::from(vec![None]));
    let mut columns = bars(&[("a", 1, 0.0)]).columns().to_vec();
    columns[2] = nothing;
    let names = ["symbol", "date", "close"].into_iter().zip(columns).map(|(n, c)| (n, c, true));
    let ours = RecordBatch::try_from_iter_with_nullable(names).unwrap();
    let feed = Meddling::new(vec![ours], meddle);
    let keep = Options { keep_nulls: true, ..Options::default() };
    let _ = bench.writer.ingest("bars", &feed, &keep).unwrap();
    assert_eq!((feed.opened(), rows(&mut bench)), (2, own(&[("a", 1, 2.0)])));
}

/// Neither looked at the other's rows: whoever commits later wins as a whole.
#[test]
fn of_two_that_look_at_nothing_the_later_wins() {
    let mut bench = Bench::keyed();
    let _ = bench.ingest(&[("a", 1, 1.0), ("a", 2, 1.0), ("a", 9, 1.0)], None).unwrap();
    let ours = [("a", 1, 5.0), ("a", 3, 5.0)];
    let theirs = [("a", 2, 7.0), ("a", 3, 7.0), ("b", 2, 7.0)];
    let (tries, done) = race(&mut bench, (&ours, Mode::ReplaceRange), (&theirs, Mode::Upsert));
    assert_eq!((tries, done.is_ok()), (1, true));
    let want = [("a", 1, 5.0), ("a", 3, 5.0), ("a", 9, 1.0), ("b", 2, 7.0)];
    assert_eq!(rows(&mut bench), own(&want));
    let (tries, done) = race(&mut bench, (&[("a", 2, 8.0)], Mode::Upsert), (&ours, Mode::Replace));
    assert_eq!((tries, done.is_ok()), (1, true));
    let want = [("a", 1, 5.0), ("a", 2, 8.0), ("a", 3, 5.0), ("b", 2, 7.0)];
    assert_eq!(rows(&mut bench), own(&want));
}

/// The doomed row is upserted after the delete has begun: it goes all the same.
#[test]
fn a_delete_sees_the_rows_that_came_meanwhile() {
    let mut bench = Bench::keyed();
    let _ = bench.ingest(&[("a", 1, 1.0), ("a", 2, 1.0)], None).unwrap();
    let mut other = Writer::open(bench.path()).unwrap();
    let theirs = bars(&[("a", 1, 2.0), ("a", 3, 2.0)]);
    let meddle = || drop(other.ingest_batch("bars", &theirs, &Options::default()).unwrap());
    let keys = bars(&[("a", 1, 0.0)]).project(&[0, 1]).unwrap();
    let feed = Meddling::new(vec![keys], meddle);
    let done = bench.writer.delete("bars", &Which::Keys(&feed), false).unwrap();
    assert_eq!((feed.opened(), done.rows_deleted), (2, Some(1)));
    assert_eq!(rows(&mut bench), own(&[("a", 2, 1.0), ("a", 3, 2.0)]));
    assert_eq!(bench.files("/warehouse/").len(), 3);
}

/// A row that is hidden while its file is rewritten does not come back.
#[test]
fn a_rewrite_does_not_bring_back_what_was_hidden_meanwhile() {
    let mut bench = Bench::keyed();
    let packed = Options { layout: Layout::Packed, ..Options::default() };
    let batch = bars(&[("a", 1, 1.0), ("a", 2, 1.0), ("b", 1, 1.0), ("b", 2, 1.0)]);
    let _ = bench.writer.ingest_batch("bars", &batch, &packed).unwrap();
    let mut other = Writer::open(bench.path()).unwrap();
    let theirs = bars(&[("b", 2, 3.0)]);
    let meddle = || drop(other.ingest_batch("bars", &theirs, &options(Mode::Replace)).unwrap());
    let keys = bars(&[("a", 1, 0.0)]).project(&[0, 1]).unwrap();
    let feed = Meddling::new(vec![keys], meddle);
    let _ = bench.writer.delete("bars", &Which::Keys(&feed), false).unwrap();
    assert_eq!(rows(&mut bench), own(&[("a", 2, 1.0), ("b", 2, 3.0)]));
}

/// What stays of a pack is written later than a row that came meanwhile in a file of
/// its own, and is older all the same.
#[test]
fn a_rewrite_does_not_make_rows_newer() {
    let mut bench = Bench::keyed();
    let packed = Options { layout: Layout::Packed, ..Options::default() };
    let batch = bars(&[("a", 1, 1.0), ("a", 2, 1.0), ("b", 1, 1.0)]);
    let _ = bench.writer.ingest_batch("bars", &batch, &packed).unwrap();
    let mut other = Writer::open(bench.path()).unwrap();
    let theirs = bars(&[("a", 2, 3.0)]);
    let meddle = || drop(other.ingest_batch("bars", &theirs, &Options::default()).unwrap());
    let keys = bars(&[("b", 1, 0.0)]).project(&[0, 1]).unwrap();
    let feed = Meddling::new(vec![keys], meddle);
    let _ = bench.writer.delete("bars", &Which::Keys(&feed), false).unwrap();
    assert_eq!(rows(&mut bench), own(&[("a", 1, 1.0), ("a", 2, 3.0)]));
}

#[test]
fn a_check_that_came_meanwhile_counts() {
    let sane = Alteration::AddCheck { name: "sane".into(), condition: "close < 5".into() };
    for on_error in [OnError::Abort, OnError::Skip] {
        let mut bench = Bench::keyed();
        let mut other = Writer::open(bench.path()).unwrap();
        let meddle = || assert!(alter_table(other.lake(), "bars", &sane).is_ok());
        let feed = Meddling::new(vec![bars(&[("a", 1, 9.0), ("a", 2, 1.0)])], meddle);
        let done = bench.writer.ingest("bars", &feed, &Options { on_error, ..Options::default() });
        assert_eq!(feed.opened(), 2);
        match on_error {
            OnError::Abort => assert!(done.is_err() && rows(&mut bench).is_empty()),
            _ => assert_eq!((done.unwrap().receipt.rows_rejected, rows(&mut bench).len()), (1, 1)),
        }
    }
}

/// A rule and bad rows come at the same time, again and again: where the rule holds
/// there is no bad row.
#[test]
fn a_check_and_bad_rows_exclude_each_other() {
    let bench = Bench::keyed();
    let sane = Alteration::AddCheck { name: "sane".into(), condition: "close < 5".into() };
    let gone = Alteration::DropCheck { name: "sane".into() };
    std::thread::scope(|scope| {
        let bad = scope.spawn(|| {
            let mut writer = Writer::open(bench.path()).unwrap();
            for day in 0..30 {
                let _ = writer.ingest_batch("bars", &bars(&[("a", day, 9.0)]), &Options::default());
                let _ = writer.delete("bars", &Which::Where("close > 5"), false);
            }
        });
        let mut lake = Lake::open(bench.path(), lake_log::Access::Write).unwrap();
        while !bad.is_finished() {
            let _ = alter_table(&mut lake, "bars", &sane);
            let _ = alter_table(&mut lake, "bars", &gone);
        }
    });
    let mut bench = bench;
    let newest = bench.writer.lake().refresh().unwrap().version;
    for version in 2..=newest {
        let snapshot = bench.writer.lake().snapshot(lake_log::At::Version(version)).unwrap();
        let table = snapshot.state().table("bars").unwrap();
        let rows: u64 = table.segments().map(|(_, s)| s.rows).sum();
        assert!(table.schema().checks.is_empty() || rows == 0, "version {version}");
    }
}
