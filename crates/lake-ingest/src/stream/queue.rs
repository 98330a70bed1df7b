//! Chunks on their way from the thread that reads to the one that commits. The reader
//! waits while there are enough of them, and so does whoever writes to its input.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{IngestError, Result};
use crate::source::{Chunk, Reject, Rejects, Source};

pub(super) enum Message {
    Rows(Chunk, Vec<Reject>),
    /// The input ended, with the rejects after its last row.
    End(Vec<Reject>),
    Failed(IngestError),
}

/// What there is to be taken.
pub(super) enum Got {
    Message(Message),
    Nothing,
    /// The reader is gone without a last word.
    Gone,
}

struct Inside {
    messages: VecDeque<Message>,
    rows: u64,
    bytes: usize,
    reader_gone: bool,
    closed: bool,
}

struct Shared {
    inside: Mutex<Inside>,
    changed: Condvar,
    most_rows: u64,
    most_bytes: usize,
}

/// The reader's end.
pub(super) struct Inlet(Arc<Shared>);

/// The other end.
pub(super) struct Outlet(Arc<Shared>);

/// A queue that is full with so many rows or bytes, and takes a chunk unless it is.
pub(super) fn queue(most_rows: u64, most_bytes: usize) -> (Inlet, Outlet) {
    let (messages, reader_gone, closed) = (VecDeque::new(), false, false);
    let inside = Mutex::new(Inside { messages, rows: 0, bytes: 0, reader_gone, closed });
    let shared = Arc::new(Shared { inside, changed: Condvar::new(), most_rows, most_bytes });
    (Inlet(shared.clone()), Outlet(shared))
}

impl Shared {
    /// Nothing is left half done inside, whoever panics.
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self, inside: &Inside) -> bool {
        let full = inside.rows >= self.most_rows || inside.bytes >= self.most_bytes;
        inside.messages.is_empty() || !full
    }
}

impl Inlet {
    /// Waits until more may be read; false when nobody wants it.
    pub(super) fn wait_for_room(&self) -> bool {
        let mut inside = self.0.inside();
        while !inside.closed && !self.0.has_room(&inside) {
            inside = self.0.changed.wait(inside).unwrap_or_else(PoisonError::into_inner);
        }
        !inside.closed
    }

    pub(super) fn put(&self, message: Message) {
        let mut inside = self.0.inside();
        if !inside.closed {
            let (rows, bytes) = weight(&message);
            inside.rows += rows;
            inside.bytes += bytes;
            inside.messages.push_back(message);
            self.0.changed.notify_all();
        }
    }

    /// Reads to the end, as far ahead as there is room.
    pub(super) fn read(self, open: impl FnOnce() -> Result<Box<dyn Source>>) {
        let mut source = match open() {
            Ok(source) => source,
            Err(error) => return self.put(Message::Failed(error)),
        };
        while self.wait_for_room() {
            let mut rejects = Collected::default();
            let message = match source.next(&mut rejects) {
                Ok(Some(chunk)) => Message::Rows(chunk, rejects.list),
                Ok(None) => Message::End(rejects.list),
                Err(error) => Message::Failed(error),
            };
            let last = !matches!(message, Message::Rows(..));
            self.put(message);
            if last {
                return;
            }
        }
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        self.0.inside().reader_gone = true;
        self.0.changed.notify_all();
    }
}

impl Outlet {
    pub(super) fn take(&self, patience: Duration) -> Got {
        let nothing = |inside: &mut Inside| inside.messages.is_empty() && !inside.reader_gone;
        let waited = self.0.changed.wait_timeout_while(self.0.inside(), patience, nothing);
        let (mut inside, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let Some(message) = inside.messages.pop_front() else {
            return if inside.reader_gone { Got::Gone } else { Got::Nothing };
        };
        let (rows, bytes) = weight(&message);
        inside.rows -= rows;
        inside.bytes -= bytes;
        self.0.changed.notify_all();
        Got::Message(message)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.inside().messages.is_empty()
    }

    /// What is there. Nothing comes after it.
    pub(super) fn close(&self) -> VecDeque<Message> {
        let mut inside = self.0.inside();
        inside.closed = true;
        (inside.rows, inside.bytes) = (0, 0);
        self.0.changed.notify_all();
        std::mem::take(&mut inside.messages)
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

fn weight(message: &Message) -> (u64, usize) {
    let of = |rejects: &[Reject]| rejects.iter().map(Reject::size).sum::<usize>();
    match message {
        Message::Rows(chunk, rejects) => {
            let rows = chunk.batch.num_rows() + rejects.len();
            (rows as u64, chunk.batch.get_array_memory_size() + of(rejects))
        }
        Message::End(rejects) => (rejects.len() as u64, of(rejects)),
        Message::Failed(_) => (0, 0),
    }
}

#[derive(Default)]
struct Collected {
    list: Vec<Reject>,
    bytes: usize,
}

impl Rejects for Collected {
    fn reject(&mut self, reject: Reject) -> Result<()> {
        self.bytes += reject.size();
        self.list.push(reject);
        Ok(())
    }

    fn waiting(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
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
}
