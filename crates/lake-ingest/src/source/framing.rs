//! Where each JSON record begins and ends, found without reading what is in it, so
//! that a broken record costs itself alone.

use std::io;

use super::unpack::Stream;
use super::window::Window;

/// A longer record is more likely a missing bracket than data.
pub(crate) const MAX_RECORD: usize = 16 << 20;

/// How records stand in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One a line.
    Lines,
    /// In one array, or one after the other.
    Values,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum BadFrame {
    #[error("line {line}: {why}")]
    Form { line: u64, why: String },
    #[error("cannot read on after line {line}")]
    Read { line: u64, source: io::Error },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    /// Before the first element of the array, before a further one, after one.
    First,
    Next,
    Comma,
    /// Values without an array around them.
    Bare,
    /// After the array.
    End,
}

pub(crate) struct Frames {
    window: Window,
    layout: Layout,
    state: State,
    /// The current record, which is used.
    len: usize,
    line: u64,
    next_line: u64,
    scan: Scan,
}

/// How far the next value was looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    at: usize,
    depth: u32,
    in_text: bool,
    escaped: bool,
}

impl Frames {
    pub(crate) fn new(stream: Stream, layout: Layout) -> Frames {
        Frames {
            window: Window::new(stream),
            layout,
            state: State::Start,
            len: 0,
            line: 1,
            next_line: 1,
            scan: Scan::default(),
        }
    }

    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    pub(crate) fn record(&self) -> &[u8] {
        self.window.used(self.len)
    }

    pub(crate) fn may_wait(&self) -> bool {
        self.window.may_wait()
    }

    /// Reads more; false when there is no more record.
    pub(crate) fn fill(&mut self) -> Result<bool, BadFrame> {
        let line = self.next_line;
        if self.window.ended() {
            return match self.state {
                State::First | State::Next | State::Comma => {
                    self.bad("the array has no closing bracket")
                }
                _ => Ok(false),
            };
        }
        if self.window.unused().len() >= MAX_RECORD {
            return self.bad(&format!("a record is longer than {} MiB", MAX_RECORD >> 20));
        }
        self.window.fill().map_err(|source| BadFrame::Read { line, source })?;
        Ok(true)
    }

    fn bad<T>(&self, why: &str) -> Result<T, BadFrame> {
        Err(BadFrame::Form { line: self.next_line, why: why.into() })
    }

    /// Goes to the next record if it is there whole, without reading.
    pub(crate) fn advance_here(&mut self) -> Result<bool, BadFrame> {
        match self.layout {
            Layout::Lines => Ok(self.next_row()),
            Layout::Values => self.next_value(),
        }
    }

    fn next_row(&mut self) -> bool {
        loop {
            let unused = self.window.unused();
            let end = unused[self.scan.at..].iter().position(|b| *b == b'\n');
            let len = match end {
                Some(n) => self.scan.at + n + 1,
                None if self.window.ended() && !unused.is_empty() => unused.len(),
                None => {
                    self.scan.at = unused.len();
                    return false;
                }
            };
            let blank = unused[..len].iter().all(u8::is_ascii_whitespace);
            self.take(len);
            if !blank {
                return true;
            }
        }
    }

    /// Makes the next `len` bytes the current record.
    fn take(&mut self, len: usize) {
        let lines = self.window.unused()[..len].iter().filter(|b| **b == b'\n').count();
        self.window.advance(len);
        (self.len, self.scan) = (len, Scan::default());
        self.line = self.next_line;
        self.next_line += lines as u64;
    }

    fn next_value(&mut self) -> Result<bool, BadFrame> {
        loop {
            if self.scan.at > 0 || self.scan.depth > 0 {
                return self.scan_value();
            }
            let blanks = self.window.unused().iter().take_while(|b| b.is_ascii_whitespace());
            let blanks = blanks.count();
            self.take(blanks);
            let Some(&byte) = self.window.unused().first() else { return Ok(false) };
            let (state, step) = match (self.state, byte) {
                (State::Start, b'[') => (State::First, 1),
                (State::First | State::Comma, b']') => (State::End, 1),
                (State::Comma, b',') => (State::Next, 1),
                (State::Comma, _) => return self.bad("a comma or ] is expected"),
                (State::End, _) => return self.bad("something stands after the array"),
                (State::Start | State::Bare, b'{') => (State::Bare, 0),
                (State::Start | State::Bare, _) => return self.bad("an object is expected"),
                (State::First | State::Next, b',' | b']' | b'}' | b':') => {
                    return self.bad("a value is expected");
                }
                (state, _) => (state, 0),
            };
            self.state = state;
            self.take(step);
            if step == 0 {
                return self.scan_value();
            }
        }
    }

    /// Looks on for the end of the value that begins here.
    fn scan_value(&mut self) -> Result<bool, BadFrame> {
        let unused = self.window.unused();
        let scan = &mut self.scan;
        let mut end = None;
        while let Some(&byte) = unused.get(scan.at) {
            let nested = scan.depth > 0 || scan.in_text;
            match byte {
                _ if scan.escaped => scan.escaped = false,
                b'\\' if scan.in_text => scan.escaped = true,
                b'"' => scan.in_text = !scan.in_text,
                _ if scan.in_text => {}
                b'{' | b'[' => scan.depth += 1,
                b',' | b']' | b'}' if !nested => {
                    end = Some(scan.at);
                    break;
                }
                b'}' | b']' => scan.depth -= 1,
                b if !nested && b.is_ascii_whitespace() => {
                    end = Some(scan.at);
                    break;
                }
                _ => {}
            }
            scan.at += 1;
            if byte == b'}' && scan.depth == 0 && !scan.in_text {
                end = Some(scan.at);
                break;
            }
        }
        match end {
            Some(len) => {
                self.take(len);
                if self.state != State::Bare {
                    self.state = State::Comma;
                }
                Ok(true)
            }
            None if self.window.ended() => self.bad("it ends in the middle of a value"),
            None => Ok(false),
        }
    }
}
