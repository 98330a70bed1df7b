//! The inputs of a merge by what comes next of them: a heap whose two first are at hand.

use std::cmp::Ordering;

use super::cursor::Cursor;

/// Most keys are no longer than this, so that comparing two inputs looks at neither.
const WORDS: usize = 4;

pub(super) struct Heads(Vec<Head>);

/// A cursor with what decides between two: moved about and compared in place.
struct Head {
    /// The key's first bytes, zeros behind a shorter one.
    start: [u64; WORDS],
    len: usize,
    /// An input that is not opened yet goes first, because its row may.
    turn: (bool, usize),
    cursor: Box<Cursor>,
}

impl Head {
    fn new(cursor: Box<Cursor>) -> Head {
        let (start, len, turn) = ([0; WORDS], 0, (false, 0));
        let mut head = Head { start, len, turn, cursor };
        head.look();
        head
    }

    fn look(&mut self) {
        let key = self.cursor.key();
        self.start = [0; WORDS];
        for (word, bytes) in self.start.iter_mut().zip(key.chunks(8)) {
            let mut padded = [0; 8];
            padded[..bytes.len()].copy_from_slice(bytes);
            *word = u64::from_be_bytes(padded);
        }
        self.len = key.len();
        self.turn = (self.cursor.is_open(), self.cursor.place);
    }

    fn precedes(&self, other: &Head) -> bool {
        let keys = self.start.cmp(&other.start).then_with(|| {
            if self.len.max(other.len) <= 8 * WORDS {
                self.len.cmp(&other.len)
            } else {
                self.cursor.key().cmp(other.cursor.key())
            }
        });
        keys.then_with(|| self.turn.cmp(&other.turn)) == Ordering::Less
    }
}

impl Heads {
    pub(super) fn new(cursors: impl Iterator<Item = Cursor>) -> Heads {
        let mut heads = Heads(cursors.map(|c| Head::new(Box::new(c))).collect());
        for at in (0..heads.0.len() / 2).rev() {
            heads.sink(at);
        }
        heads
    }

    pub(super) fn first(&self) -> Option<&Cursor> {
        self.0.first().map(|head| head.cursor.as_ref())
    }

    /// [`Heads::settle`] is due when its key has changed.
    pub(super) fn first_mut(&mut self) -> Option<&mut Cursor> {
        self.0.first_mut().map(|head| head.cursor.as_mut())
    }

    pub(super) fn second(&self) -> Option<&Cursor> {
        let second = match (self.0.get(1), self.0.get(2)) {
            (Some(a), Some(b)) => Some(if b.precedes(a) { b } else { a }),
            (one, _) => one,
        };
        second.map(|head| head.cursor.as_ref())
    }

    pub(super) fn remove_first(&mut self) {
        if !self.0.is_empty() {
            self.0.swap_remove(0);
            self.sink(0);
        }
    }

    /// Moves the first, whose key has grown, to where it belongs.
    pub(super) fn settle(&mut self) {
        if let Some(first) = self.0.first_mut() {
            first.look();
            self.sink(0);
        }
    }

    fn sink(&mut self, mut at: usize) {
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let Some(a) = self.0.get(left) else { return };
            let least = match self.0.get(right) {
                Some(b) if b.precedes(a) => right,
                _ => left,
            };
            if !self.0[least].precedes(&self.0[at]) {
                return;
            }
            self.0.swap(at, least);
            at = least;
        }
    }
}
