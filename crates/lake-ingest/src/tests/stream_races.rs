//! Streams beside others: who alters their table, who is in their way, and who was
//! killed before them.

use std::os::unix::fs::MetadataExt;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use arrow::util::display::array_value_to_string;
use lake_core::kind::Kind;
use lake_core::layout;
use lake_core::types::Type;
use lake_log::Access;
use lake_store::{Guard, LockFile};

use super::script::*;
use super::*;
use crate::{Alteration, IngestError, OnError, StreamEnd, StreamOptions, alter_table};

fn every(rows: u64) -> StreamOptions {
    StreamOptions { checkpoint_rows: Some(rows), min_batch_rows: 1, ..StreamOptions::default() }
}

fn sent(rows: u64) -> StreamOptions {
    StreamOptions { producer: Some("sync".into()), ..every(rows) }
}

fn go(
    bench: &mut Bench,
    steps: Vec<Step>,
    stream: StreamOptions,
    tell: &mut dyn FnMut(&Ingested),
) -> (Vec<Ingested>, Result<StreamEnd>) {
    Script::new(steps).run(bench, Options::default(), stream, &AtomicBool::new(false), tell)
}

/// The rows as the newest schema has them, by date, without the symbol.
fn rows(bench: &mut Bench) -> Vec<String> {
    let snapshot = bench.writer.lake().snapshot(lake_log::At::Newest).unwrap();
    let root = bench.writer.lake().root();
    let table = snapshot.state().table("bars").unwrap();
    let input = |(part, segment)| lake_segment::MergeInput {
        path: table.path(part, segment),
        part,
        segment,
    };
    let inputs: Vec<_> = table.segments().map(input).collect();
    let mut rows = Vec::new();
    for batch in lake_segment::Merge::open(root, &table.def, &inputs, &Default::default()).unwrap()
    {
        let batch = batch.unwrap();
        let cell = |row| {
            let cells = batch.columns()[1..].iter();
            cells.map(|c| array_value_to_string(c, row).unwrap()).collect::<Vec<_>>().join(" ")
        };
        rows.extend((0..batch.num_rows()).map(cell));
    }
    rows.sort();
    rows
}

/// A stream of two chunks, the second read after the first checkpoint; `changes` are
/// made in between, while rows of the first still wait.
fn altered(bench: &mut Bench, changes: &[Alteration], options: Options) -> Result<StreamEnd> {
    let mut other = Lake::open(bench.path(), Access::Write).unwrap();
    let (go, wait) = wait();
    let script = Script::new(vec![days(0..3), wait, days(3..5)]);
    let tell = &mut |done: &Ingested| {
        if done.receipt.through_row == Some(2) {
            for change in changes {
                let _ = alter_table(&mut other, "bars", change).unwrap();
            }
            go.send(()).unwrap();
        }
    };
    script.run(bench, options, every(2), &AtomicBool::new(false), tell).1
}

#[test]
fn a_stream_goes_on_in_the_table_as_it_is_by_now() {
    let mut bench = Bench::new("symbol VARCHAR, date DATE, close FLOAT", &["symbol", "date"]);
    let changes = [
        Alteration::AddColumn {
            name: "currency".into(),
            ty: Type::Varchar,
            default: Some("CNY".into()),
            not_null: true,
        },
        Alteration::AddColumn {
            name: "note".into(),
            ty: Type::Int64,
            default: None,
            not_null: false,
        },
        Alteration::RenameColumn { from: "close".into(), to: "last".into() },
        Alteration::WidenColumn { name: "last".into(), ty: Type::Double },
    ];
    assert_eq!(altered(&mut bench, &changes, Options::default()).unwrap(), StreamEnd::Done);
    let want: Vec<_> = (0..5).map(|d| format!("1970-01-0{} {d}.0 CNY ", d + 1)).collect();
    assert_eq!(rows(&mut bench), want);
    let table = bench.table();
    let mut versions: Vec<_> = table.segments().map(|(_, s)| s.schema_version).collect();
    versions.sort_unstable();
    assert_eq!(versions, [1, 5, 5]);
}

/// A column of the same name is another column.
#[test]
fn a_column_that_is_dropped_under_a_stream_stays_so() {
    let mut bench = Bench::keyed();
    let changes = [
        Alteration::DropColumn { name: "close".into() },
        Alteration::AddColumn {
            name: "close".into(),
            ty: Type::Varchar,
            default: Some("none".into()),
            not_null: false,
        },
    ];
    assert_eq!(altered(&mut bench, &changes, Options::default()).unwrap(), StreamEnd::Done);
    let want: Vec<_> = (1..6).map(|d| format!("1970-01-0{d} none")).collect();
    assert_eq!(rows(&mut bench), want);
}

/// Rows that were good when they were read.
#[test]
fn a_rule_that_came_meanwhile_holds_for_what_waits() {
    let null = |day| {
        let nothing: ArrayRef = Arc::new(Float64Array::from(vec![None]));
        let mut columns = bars(&[("a", day, 0.0)]).columns().to_vec();
        columns[2] = nothing;
        let names = ["symbol", "date", "close"].into_iter().zip(columns);
        let named = names.map(|(n, c)| (n, c, true));
        Rows(RecordBatch::try_from_iter_with_nullable(named).unwrap())
    };
    let not_null = Alteration::SetNotNull { name: "close".into() };
    let check = Alteration::AddCheck { name: "sane".into(), condition: "close < 3".into() };
    for (on_error, want) in [(OnError::Abort, 2), (OnError::Skip, 3)] {
        for (change, why) in [(&not_null, "NOT NULL"), (&check, "sane")] {
            let mut bench = Bench::keyed();
            let mut other = Lake::open(bench.path(), Access::Write).unwrap();
            // Of the checkpoint after the first, one row breaks the one rule or the other.
            let broken = if why == "sane" { days(3..4) } else { null(3) };
            let steps = vec![days(0..2), days(2..3), broken];
            let options = Options { on_error, ..Options::default() };
            let tell = &mut |done: &Ingested| {
                if done.receipt.through_row == Some(2) {
                    let _ = alter_table(&mut other, "bars", change).unwrap();
                }
            };
            let script = Script::new(steps);
            let (told, end) =
                script.run(&mut bench, options, every(2), &AtomicBool::new(false), tell);
            assert_eq!(rows(&mut bench).len(), want, "{why}");
            match on_error {
                OnError::Abort => {
                    let error = end.unwrap_err();
                    let text = error.to_string();
                    let named = text.starts_with("script, row 4, column close: ");
                    assert!(named && text.contains(why), "{text}");
                    assert_eq!(error.kind(), Kind::BadInput);
                }
                _ => assert_eq!(told[1].receipt.rows_rejected, 1),
            }
        }
    }
}

/// Another holds the commit lock, and a power cut's leftover, which only who has the
/// lock may move, stands in the way.
#[allow(clippy::disallowed_methods)]
fn block(path: &Path) -> Guard {
    let lake = Lake::open(path, Access::Read).unwrap();
    let locks = lake.root().dir(layout::LOCKS).unwrap();
    let entry = layout::entry_name(lake.state().version + 1);
    std::fs::write(path.join(layout::epoch_dir(0)).join(entry), b"torn").unwrap();
    let lock = LockFile::new(&locks, layout::LOCK_COMMIT).unwrap();
    lock.try_exclusive(0).unwrap().unwrap()
}

/// How many names each file of a directory has, which others change meanwhile.
#[allow(clippy::disallowed_methods)]
fn links(dir: &Path) -> Vec<u64> {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    files.filter_map(|file| Some(file.metadata().ok()?.nlink())).collect()
}

fn until(so: impl Fn() -> bool) {
    while !so() {
        thread::yield_now();
    }
}

/// Lets go when a commit has given up and asks for the lock to see what it did.
fn free_after_a_refusal(lake: &Path, held: Guard) -> thread::JoinHandle<()> {
    let spool = lake.join(layout::SPOOL);
    thread::spawn(move || {
        until(|| !links(&spool).is_empty());
        until(|| links(&spool).is_empty());
        drop(held);
    })
}

/// Appends to a table with a key look at what is stored, and are not left in the spool.
fn appends() -> Options {
    Options { mode: Some(Mode::Append), ..Options::default() }
}

#[test]
fn a_refused_checkpoint_is_tried_with_half_of_its_rows() {
    let mut bench = Bench::keyed();
    let freed = free_after_a_refusal(bench.path(), block(bench.path()));
    let script = Script::new(vec![days(0..5), days(5..40)]);
    let stop = AtomicBool::new(false);
    let (told, end) = script.run(&mut bench, appends(), sent(8), &stop, &mut |_| {});
    freed.join().unwrap();
    assert_eq!(end.unwrap(), StreamEnd::Done);
    // Four of four rows, and then the eight that were asked for.
    assert_eq!(through(&told), [4, 8, 12, 16, 24, 32, 40]);
    assert!(told.iter().all(|t| !t.duplicate));
    let state = bench.writer.lake().refresh().unwrap();
    assert_eq!(state.producers.last_seq("sync"), Some(7));
    assert_eq!(rows(&mut bench).len(), 40);
}

/// The first try takes all the time there is, or is all there are.
#[test]
fn a_checkpoint_that_is_refused_to_the_end_ends_the_stream() {
    let short = || StreamOptions { batch_timeout: Duration::from_millis(1500), ..sent(2) };
    let once = || StreamOptions { retries: 0, ..sent(2) };
    for stream in [short(), once()] {
        let mut bench = Bench::keyed();
        let path = bench.path().to_owned();
        let (first, wait) = wait();
        let script = Script::new(vec![days(0..2), wait, days(2..4)]);
        let stream = StreamOptions { first_row: 101, ..stream };
        let stop = AtomicBool::new(false);
        let tell = &mut |_: &Ingested| {
            drop(free_after_a_refusal(&path, block(&path)));
            first.send(()).unwrap();
        };
        let (told, end) = script.run(&mut bench, appends(), stream, &stop, tell);
        assert_eq!(through(&told), [102]);
        let error = end.unwrap_err();
        assert_eq!(error.kind(), Kind::Busy);
        let want = "rows 103 to 104 could not be committed (tries: 1)";
        assert_eq!(error.to_string(), want);
        assert!(error.hint().unwrap().contains("before 103"), "{:?}", error.hint());
        // It goes on where it was.
        let script = Script::new(vec![days(0..4)]);
        let stream = StreamOptions { first_row: 101, ..sent(2) };
        let (told, _) = script.run(&mut bench, appends(), stream, &stop, &mut |_| {});
        assert_eq!((through(&told), rows(&mut bench).len()), (vec![104], 4));
    }
}

/// A batch that looks at nothing goes to the spool, from where it is committed as it is.
#[test]
fn a_checkpoint_in_the_spool_is_waited_for() {
    let mut bench = Bench::new(COLUMNS, &[]);
    let held = block(bench.path());
    let spool = bench.path().join(layout::SPOOL);
    let script = Script::new(vec![days(0..20)]);
    let (told, end) = thread::scope(|scope| {
        scope.spawn(move || {
            // One that is to stay has no other name, as that of who passes by has.
            until(|| links(&spool) == [1]);
            drop(held);
        });
        script.run(&mut bench, Options::default(), sent(8), &AtomicBool::new(false), &mut |_| {})
    });
    assert_eq!((through(&told), end.unwrap()), (vec![8, 16, 20], StreamEnd::Done));
    assert!(told.iter().all(|t| !t.duplicate));
    assert_eq!((rows(&mut bench).len(), bench.files("/_lake/spool/").len()), (20, 0));
}

/// Its rows are durable and its number is taken, whatever is sent under it later.
#[test]
fn a_checkpoint_that_stays_in_the_spool_is_not_doubled() {
    let mut bench = Bench::new(COLUMNS, &[]);
    let held = block(bench.path());
    let short = StreamOptions { batch_timeout: Duration::from_millis(50), ..sent(8) };
    let (told, end) = go(&mut bench, vec![days(0..20)], short, &mut |_| {});
    assert_eq!((told.len(), end.unwrap_err().kind()), (0, Kind::Spooled));
    assert_eq!(bench.files("/_lake/spool/").len(), 1);
    drop(held);
    let (told, end) = go(&mut bench, vec![days(0..20)], sent(5), &mut |_| {});
    assert_eq!((through(&told).last(), end.unwrap()), (Some(&20), StreamEnd::Done));
    let _ = bench.writer.lake().drain().unwrap();
    assert_eq!(rows(&mut bench).len(), 20);
}

/// A batch of our producer, as one that was killed before us may have left it.
fn send(path: &Path, days: std::ops::Range<i32>) {
    let mut writer = Writer::open(path).unwrap();
    let through_row = Some(days.end as u64);
    let batch = bars(&days.map(|day| ("a", day, 0.0)).collect::<Vec<_>>());
    let options = Options { producer: producer(1), through_row, ..Options::default() };
    assert!(!writer.ingest_batch("bars", &batch, &options).unwrap().duplicate);
}

/// Killed with a batch that somebody else commits after its successor has looked.
#[test]
fn what_a_dead_one_left_is_skipped() {
    for left in [1, 2, 3, 7] {
        let mut bench = Bench::new(COLUMNS, &[]);
        let path = bench.path().to_owned();
        let theirs = Do(Box::new(move || send(&path, 0..left)));
        let (told, end) = go(&mut bench, vec![theirs, days(0..6)], sent(2), &mut |_| {});
        assert_eq!(end.unwrap(), StreamEnd::Done, "{left}");
        assert!(told[0].duplicate && told[1..].iter().all(|t| !t.duplicate), "{left}");
        assert_eq!(told[0].receipt.through_row, Some(left as u64));
        assert_eq!(rows(&mut bench).len(), left.max(6) as usize, "{left}");
    }
}

#[test]
fn of_two_streams_of_one_producer_the_second_ends() {
    let mut bench = Bench::new(COLUMNS, &[]);
    let (go_on, wait) = wait();
    let steps = vec![days(0..2), wait, days(2..4)];
    let path = bench.path().to_owned();
    let tell = &mut |_: &Ingested| {
        let mut writer = Writer::open(&path).unwrap();
        let through_row = Some(4);
        let options = Options { producer: producer(2), through_row, ..Options::default() };
        let batch = bars(&[("a", 9, 0.0)]);
        let _ = writer.ingest_batch("bars", &batch, &options).unwrap();
        go_on.send(()).unwrap();
    };
    let (told, end) = go(&mut bench, steps, sent(2), tell);
    let error = end.unwrap_err();
    assert!(matches!(error, IngestError::TwoStreams) && told.len() == 1, "{error}");
    assert_eq!((error.kind(), rows(&mut bench).len()), (Kind::Conflict, 3));
}

/// Its batches have numbers of their own, which say nothing of rows.
#[test]
fn a_producer_of_batches_is_no_stream() {
    let mut bench = Bench::new(COLUMNS, &[]);
    let options = Options { producer: producer(1), ..Options::default() };
    let _ = bench.writer.ingest_batch("bars", &bars(&[("a", 9, 0.0)]), &options).unwrap();
    let (told, end) = go(&mut bench, vec![days(0..2)], sent(2), &mut |_| {});
    assert!(told.is_empty() && matches!(end, Err(IngestError::NotAStream(_))));
}
