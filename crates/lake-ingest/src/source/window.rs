//! The part of a text stream that is being read: what is not yet used stays, more
//! comes behind it.

use std::io::{self, Read};

use super::unpack::Stream;

pub(crate) const BLOCK: usize = 256 << 10;

pub(crate) struct Window {
    stream: Stream,
    buffer: Vec<u8>,
    at: usize,
    filled: usize,
    ended: bool,
    /// The last read gave less than there was room for: the next may have to wait.
    short: bool,
}

impl Window {
    pub(crate) fn new(stream: Stream) -> Window {
        Window { stream, buffer: vec![0; BLOCK], at: 0, filled: 0, ended: false, short: false }
    }

    /// What is read and not used.
    pub(crate) fn unused(&self) -> &[u8] {
        &self.buffer[self.at..self.filled]
    }

    /// What was used last, `len` bytes from `back` bytes before here.
    pub(crate) fn used(&self, back: usize) -> &[u8] {
        &self.buffer[self.at - back..self.at]
    }

    pub(crate) fn advance(&mut self, n: usize) {
        self.at += n;
    }

    /// Nothing comes behind what is there.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    pub(crate) fn may_wait(&self) -> bool {
        self.short && !self.ended
    }

    /// Reads once, keeping what is unused.
    pub(crate) fn fill(&mut self) -> io::Result<()> {
        let kept = self.filled - self.at;
        self.buffer.copy_within(self.at..self.filled, 0);
        (self.at, self.filled) = (0, kept);
        if self.buffer.len() - kept < BLOCK {
            self.buffer.resize(2 * self.buffer.len(), 0);
        }
        loop {
            match self.stream.read(&mut self.buffer[kept..]) {
                Ok(n) => {
                    self.ended = n == 0;
                    self.filled += n;
                    self.short = self.filled < self.buffer.len();
                    return Ok(());
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
}
