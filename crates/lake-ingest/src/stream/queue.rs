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
mod tests;
