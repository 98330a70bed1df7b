use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};

use super::*;
use crate::source::Places;

const PATIENCE: Duration = Duration::from_secs(60);

fn chunk(rows: usize) -> Chunk {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![1; rows]));
    let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
    Chunk { batch, places: Places::new("test".into()) }
}

fn rows(got: Got) -> usize {
    match got {
        Got::Message(Message::Rows(chunk, _)) => chunk.batch.num_rows(),
        _ => panic!("rows were wanted"),
    }
}

/// Rows without end; it counts how often it is asked.
struct Endless(Arc<AtomicU64>, usize);

impl Source for Endless {
    fn next(&mut self, _: &mut dyn Rejects) -> Result<Option<Chunk>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Some(chunk(self.1)))
    }
}

#[test]
fn it_is_full_with_so_many_rows_or_bytes() {
    let size = chunk(10).batch.get_array_memory_size();
    for (most_rows, most_bytes) in [(30, usize::MAX), (u64::MAX, 3 * size)] {
        let (inlet, outlet) = queue(most_rows, most_bytes);
        let has_room = || inlet.0.has_room(&inlet.0.inside());
        for _ in 0..3 {
            assert!(has_room());
            inlet.put(Message::Rows(chunk(10), Vec::new()));
        }
        assert!(!has_room());
        assert_eq!(rows(outlet.take(PATIENCE)), 10);
        assert!(has_room());
        inlet.put(Message::Rows(chunk(10), Vec::new()));
        assert!(!has_room());
        assert_eq!(outlet.close().len(), 3);
        assert!(!inlet.wait_for_room());
    }
    // One that is larger than allowed passes, alone.
    let (inlet, outlet) = queue(0, 0);
    assert!(inlet.wait_for_room());
    inlet.put(Message::Rows(chunk(10), Vec::new()));
    assert!(!inlet.0.has_room(&inlet.0.inside()));
    assert_eq!(rows(outlet.take(PATIENCE)), 10);
    assert!(inlet.wait_for_room());
}

/// However long nothing is taken, no more is read than there is room for.
#[test]
fn the_reader_waits_for_room() {
    let asked = Arc::new(AtomicU64::new(0));
    let (inlet, outlet) = queue(40, usize::MAX);
    let source = Endless(asked.clone(), 10);
    let reader = thread::spawn(move || inlet.read(|| Ok(Box::new(source))));
    for taken in 0..50 {
        // Four are read for certain, and a fifth would be soon.
        while asked.load(Ordering::SeqCst) < taken + 4 {
            thread::yield_now();
        }
        (0..100).for_each(|_| thread::yield_now());
        assert_eq!(asked.load(Ordering::SeqCst), taken + 4);
        assert_eq!(rows(outlet.take(PATIENCE)), 10);
    }
    drop(outlet);
    reader.join().unwrap();
    assert!(asked.load(Ordering::SeqCst) <= 54);
}

#[test]
fn a_reader_that_panics_is_missed_after_what_it_has_read() {
    struct Panics(u32);
    impl Source for Panics {
        fn next(&mut self, _: &mut dyn Rejects) -> Result<Option<Chunk>> {
            self.0 += 1;
            assert!(self.0 < 3, "on purpose");
            Ok(Some(chunk(1)))
        }
    }
    let (inlet, outlet) = queue(100, usize::MAX);
    let reader = thread::spawn(move || inlet.read(|| Ok(Box::new(Panics(0)))));
    assert!(reader.join().is_err());
    assert_eq!(rows(outlet.take(PATIENCE)) + rows(outlet.take(PATIENCE)), 2);
    assert!(matches!(outlet.take(PATIENCE), Got::Gone));
}

#[test]
fn an_open_that_fails_is_the_only_message() {
    let (inlet, outlet) = queue(100, usize::MAX);
    inlet.read(|| Err(IngestError::Once));
    let first = outlet.take(PATIENCE);
    assert!(matches!(first, Got::Message(Message::Failed(IngestError::Once))));
    assert!(matches!(outlet.take(PATIENCE), Got::Gone));
}

#[test]
fn nothing_comes_when_nothing_does() {
    let (_inlet, outlet) = queue(1, 1);
    assert!(matches!(outlet.take(Duration::ZERO), Got::Nothing));
}
