//! Inputs without an end: where they are cut, what is told, and what stays.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use lake_core::kind::Kind;

use super::script::*;
use super::*;
use crate::{IngestError, OnError, StreamEnd, StreamOptions};

fn every(rows: u64) -> StreamOptions {
    StreamOptions { checkpoint_rows: Some(rows), min_batch_rows: 1, ..StreamOptions::default() }
}

fn go(
    bench: &mut Bench,
    steps: Vec<Step>,
    stream: StreamOptions,
) -> (Vec<Ingested>, Result<StreamEnd>) {
    with(bench, steps, Options::default(), stream)
}

fn with(
    bench: &mut Bench,
    steps: Vec<Step>,
    options: Options,
    stream: StreamOptions,
) -> (Vec<Ingested>, Result<StreamEnd>) {
    Script::new(steps).run(bench, options, stream, &AtomicBool::new(false), &mut |_| {})
}

/// How often each row is stored, in a table without a key.
fn stored(bench: &mut Bench) -> BTreeMap<i32, usize> {
    let mut days = BTreeMap::new();
    for (_, day, _) in bench.segments().concat() {
        *days.entry(day).or_default() += 1;
    }
    days
}

fn once(days: std::ops::Range<i32>) -> BTreeMap<i32, usize> {
    days.map(|day| (day, 1)).collect()
}

fn unkeyed() -> Bench {
    Bench::new(COLUMNS, &[])
}

#[test]
fn rows_are_cut_by_their_numbers_whatever_the_chunks() {
    let mut bench = unkeyed();
    let steps = vec![days(0..5), days(5..6), days(6..17), days(17..18)];
    let (told, end) = go(&mut bench, steps, every(4));
    assert_eq!((through(&told), end.unwrap()), (vec![4, 8, 12, 16, 18], StreamEnd::Done));
    assert!(told.iter().all(|t| t.receipt.rows_in <= 4 && !t.duplicate));
    assert_eq!(stored(&mut bench), once(0..18));
}

#[test]
fn bad_rows_have_numbers_too() {
    let mut bench = unkeyed();
    let steps = vec![Bad, days(0..3), Bad, Bad, Bad, days(3..5), Bad];
    let options = Options { on_error: OnError::Skip, ..Options::default() };
    let (told, end) = with(&mut bench, steps, options, every(3));
    assert_eq!((through(&told), end.unwrap()), (vec![3, 6, 9, 10], StreamEnd::Done));
    let counts: Vec<_> =
        told.iter().map(|t| (t.receipt.rows_in, t.receipt.rows_rejected)).collect();
    assert_eq!(counts, [(3, 1), (3, 2), (3, 1), (1, 1)]);
    assert_eq!(stored(&mut bench), once(0..5));
}

/// A stream of bad rows alone goes on as well, and is resumed after them.
#[test]
fn bad_rows_alone_are_checkpoints() {
    let mut bench = unkeyed();
    let options = Options { on_error: OnError::Quarantine, ..Options::default() };
    let stream = || StreamOptions { producer: Some("p".into()), ..every(2) };
    let bad = || (0..5).map(|_| Bad).collect::<Vec<_>>();
    let (told, end) = with(&mut bench, bad(), options.clone(), stream());
    assert_eq!((through(&told), end.unwrap()), (vec![2, 4, 5], StreamEnd::Done));
    assert_eq!(bench.files("/_lake/quarantine/").len(), 3);
    let mut steps = bad();
    steps.push(days(0..1));
    let (told, _) = with(&mut bench, steps, options, stream());
    assert_eq!((through(&told), told[0].receipt.rows_in), (vec![6], 1));
}

/// Whole checkpoints before a bad row stay; nothing of its own, nor what comes later.
/// It is told at once, not when the next rows come.
#[test]
fn a_bad_row_ends_the_stream_before_its_checkpoint() {
    for (row, want) in [(6, vec![2, 4]), (5, vec![2, 4]), (4, vec![2]), (1, vec![])] {
        let mut bench = unkeyed();
        let (_never, wait) = wait();
        let steps = vec![days(0..row - 1), Bad, wait, days(row..20)];
        let (told, end) = go(&mut bench, steps, every(2));
        assert_eq!(through(&told), want, "row {row}");
        let error = end.unwrap_err();
        assert_eq!(error.to_string(), format!("script, row {row}: it is bad"));
        assert_eq!(error.kind(), Kind::BadInput);
        assert_eq!(stored(&mut bench), once(0..want.len() as i32 * 2));
    }
}

#[test]
fn a_reader_that_fails_takes_nothing_back_and_leaves_nothing_half() {
    for (last, kind) in [(Fail, Kind::Conflict), (Panic, Kind::Bug)] {
        let mut bench = unkeyed();
        let (told, end) = go(&mut bench, vec![days(0..3), days(3..5), last], every(2));
        assert_eq!((through(&told), end.unwrap_err().kind()), (vec![2, 4], kind));
        assert_eq!(stored(&mut bench), once(0..4));
    }
}

#[test]
fn equal_keys_of_one_checkpoint_count_once_and_the_later_wins() {
    let mut bench = Bench::keyed();
    let rows = |rows: &[(&str, i32, f64)]| Rows(bars(rows));
    let steps = vec![
        rows(&[("a", 1, 1.0), ("b", 1, 1.0)]),
        rows(&[("a", 1, 2.0)]),
        rows(&[("c", 1, 1.0), ("a", 1, 3.0), ("b", 1, 2.0)]),
        rows(&[("a", 1, 4.0)]),
    ];
    let (told, _) = go(&mut bench, steps, every(6));
    let counts = |t: &Ingested| {
        let r = &t.receipt;
        (r.through_row, r.rows_in, r.rows_written, r.rows_superseded)
    };
    let told: Vec<_> = told.iter().map(counts).collect();
    assert_eq!(told, [(Some(6), 6, 3, 3), (Some(7), 1, 1, 0)]);
    let mut first: Vec<_> = bench.segments().concat().into_iter().filter(|r| r.2 != 4.0).collect();
    first.sort_by(|a, b| a.0.cmp(&b.0));
    let want = [("a", 1, 3.0), ("b", 1, 2.0), ("c", 1, 1.0)];
    assert_eq!(first, want.map(|(s, d, c)| (s.to_owned(), d, c)));
}

/// Without checkpoints by number or time it is memory that says when.
#[test]
fn what_waits_is_bounded_by_memory() {
    let mut bench = unkeyed();
    let steps = (0..4).map(|i| days(i * 1000..(i + 1) * 1000)).collect();
    let options = Options { memory: 64 << 10, ..Options::default() };
    let stream = StreamOptions { producer: Some("p".into()), ..StreamOptions::default() };
    let (told, _) = with(&mut bench, steps, options, stream);
    assert_eq!(through(&told), [1000, 2000, 3000, 4000]);
    assert_eq!(stored(&mut bench), once(0..4000));
}

/// Rows that have waited are committed though no other comes, and so are those that a
/// whole checkpoint left over.
#[test]
fn rows_wait_no_longer_than_the_interval() {
    let mut bench = unkeyed();
    let (six, wait) = wait();
    let steps = vec![days(0..6), wait, days(6..8)];
    let interval = Some(Duration::from_millis(1));
    let stream = StreamOptions { checkpoint_interval: interval, ..every(4) };
    let stop = AtomicBool::new(false);
    let tell = &mut |done: &Ingested| {
        if done.receipt.through_row == Some(6) {
            six.send(()).unwrap();
        }
    };
    let (told, end) = Script::new(steps).run(&mut bench, Options::default(), stream, &stop, tell);
    assert_eq!((through(&told), end.unwrap()), (vec![4, 6, 8], StreamEnd::Done));
}

/// What comes while a commit runs makes up the next one, as far as that may reach.
#[test]
fn a_pause_of_the_input_is_a_checkpoint() {
    for (most, want) in [(None, vec![2, 5, 6]), (Some(2), vec![2, 4, 5, 6])] {
        let mut bench = unkeyed();
        let (two, first) = wait();
        let (five, second) = wait();
        let (all_read, read) = wait();
        let Wait(read) = read else { unreachable!() };
        let say = Do(Box::new(move || all_read.send(()).unwrap()));
        let steps =
            vec![days(0..2), first, days(2..3), days(3..4), days(4..5), say, second, days(5..6)];
        let stream = StreamOptions { batch_commit: true, checkpoint_rows: most, ..every(9) };
        let stop = AtomicBool::new(false);
        let tell = &mut |done: &Ingested| match done.receipt.through_row {
            Some(2) => {
                two.send(()).unwrap();
                read.recv().unwrap();
            }
            Some(5) => five.send(()).unwrap(),
            _ => {}
        };
        let (told, _) = Script::new(steps).run(&mut bench, Options::default(), stream, &stop, tell);
        assert_eq!(through(&told), want);
        assert_eq!(stored(&mut bench), once(0..6));
    }
}

fn one_by_one(rows: i32) -> Vec<Step> {
    (0..rows).map(|day| days(day..day + 1)).collect()
}

/// What was read is committed, and no more is read.
#[test]
fn a_stop_empties_the_queue() {
    let mut bench = unkeyed();
    let script = Script::new(one_by_one(50));
    let (asked, stop) = (script.asked.clone(), AtomicBool::new(false));
    let stream = StreamOptions { queue_rows: 2, ..every(1) };
    let tell = &mut |_: &Ingested| {
        while asked.load(Ordering::SeqCst) < 3 {
            thread::yield_now();
        }
        stop.store(true, Ordering::SeqCst);
    };
    let (told, end) = script.run(&mut bench, Options::default(), stream, &stop, tell);
    assert_eq!((through(&told), end.unwrap()), (vec![1, 2, 3], StreamEnd::Stopped));
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    assert_eq!(stored(&mut bench), once(0..3));
}

/// The next checkpoint is not made before its time, except to stop; and meanwhile no
/// more is read than there is room for.
#[test]
fn a_throttle_holds_back_until_it_is_stopped() {
    let mut bench = unkeyed();
    let script = Script::new((0..50).map(|n| days(n * 1000..(n + 1) * 1000)).collect());
    let (asked, stop) = (script.asked.clone(), AtomicBool::new(false));
    let stream = StreamOptions { queue_rows: 2000, throttle: Some(1), ..every(1000) };
    thread::scope(|scope| {
        scope.spawn(|| {
            // One committed, one in hand, two in the queue.
            while asked.load(Ordering::SeqCst) < 4 {
                thread::yield_now();
            }
            (0..10_000).for_each(|_| thread::yield_now());
            stop.store(true, Ordering::SeqCst);
        });
        let mut early = 0;
        let tell = &mut |done: &Ingested| {
            let first = done.receipt.through_row == Some(1000);
            early += u32::from(!first && !stop.load(Ordering::SeqCst));
        };
        let (told, end) = script.run(&mut bench, Options::default(), stream, &stop, tell);
        assert_eq!((early, end.unwrap()), (0, StreamEnd::Stopped));
        assert_eq!(through(&told), [1000, 2000, 3000, 4000]);
    });
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

/// Rows whose numbers begin anew would be taken for ones that are committed.
#[test]
fn rows_out_of_order_are_refused() {
    struct Twice(Vec<RecordBatch>);
    impl crate::Feed for Twice {
        fn open(
            &self,
            def: &TableDef,
            schema: &arrow::datatypes::SchemaRef,
        ) -> Result<Box<dyn crate::Source>> {
            super::feeds::Chunked(self.0.clone()).open(def, schema)
        }
    }
    let mut bench = unkeyed();
    let batches = vec![bars(&[("a", 1, 1.0)]), bars(&[("a", 2, 1.0)])];
    let stop = AtomicBool::new(false);
    let stream = crate::Stream {
        writer: &mut bench.writer,
        table: "bars",
        options: Options::default(),
        stream: every(10),
        stop: &stop,
    };
    let error = stream.run(Box::new(Twice(batches)), &mut |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("row 1: its number is not above"), "{error}");
    assert!(matches!(error, IngestError::Row { .. }) && bench.segments().is_empty());
}
