//! CSV records (RFC 4180), split but not interpreted.
//!
//! Our own, because a field must say whether it was quoted (an empty unquoted
//! field is NULL, a quoted one is the empty string) and a record must say on
//! which line it stands. Lines end in LF, CRLF or CR. A quote inside an unquoted
//! field is text; after a closing quote comes a comma or the end of the line.

use std::borrow::Cow;
use std::io::Read;
use std::ops::Range;

/// A longer record is more likely an unclosed quote than data.
pub(crate) const MAX_RECORD: usize = 64 << 20;
const BLOCK: usize = 256 << 10;

#[derive(Debug, thiserror::Error)]
pub enum BadCsv {
    #[error("line {line}: a quoted field has no closing quote")]
    Unclosed { line: u64 },
    #[error("line {line}, field {field}: text stands after the closing quote")]
    AfterQuote { line: u64, field: usize },
    #[error("line {line}: a record is longer than {} MiB", MAX_RECORD >> 20)]
    TooLong { line: u64 },
    #[error("cannot read on after line {line}")]
    Read { line: u64, source: std::io::Error },
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    bytes: Range<usize>,
    quoted: bool,
    /// Holds doubled quotes.
    doubled: bool,
}

/// One field of the current record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    raw: &'a [u8],
    quoted: bool,
    doubled: bool,
}

impl<'a> Field<'a> {
    pub(crate) fn is_null(&self) -> bool {
        self.raw.is_empty() && !self.quoted
    }

    pub(crate) fn len(&self) -> usize {
        self.raw.len()
    }

    pub(crate) fn bytes(&self) -> Cow<'a, [u8]> {
        if !self.doubled {
            return Cow::Borrowed(self.raw);
        }
        let mut bytes = Vec::with_capacity(self.raw.len());
        let mut rest = self.raw;
        while let Some((&b, tail)) = rest.split_first() {
            bytes.push(b);
            rest = if b == b'"' { tail.get(1..).unwrap_or(&[]) } else { tail };
        }
        Cow::Owned(bytes)
    }
}

pub(crate) struct Records<R> {
    input: R,
    buffer: Vec<u8>,
    /// What of `buffer` is not yet read: from the current record's end.
    at: usize,
    filled: usize,
    ended: bool,
    spans: Vec<Span>,
    /// The line the current record begins on, from 1, and the one after its end.
    line: u64,
    next_line: u64,
}

enum Split {
    Record { end: usize, lines: u64 },
    More,
}

impl<R: Read> Records<R> {
    pub(crate) fn new(input: R) -> Records<R> {
        Records {
            input,
            buffer: vec![0; BLOCK],
            at: 0,
            filled: 0,
            ended: false,
            spans: Vec::new(),
            line: 0,
            next_line: 1,
        }
    }

    /// The line on which the current record begins.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(crate) fn field(&self, i: usize) -> Field<'_> {
        let Span { bytes, quoted, doubled } = &self.spans[i];
        Field { raw: &self.buffer[bytes.clone()], quoted: *quoted, doubled: *doubled }
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        (0..self.spans.len()).map(|i| self.field(i))
    }

    /// Whether the current record is an empty line.
    pub(crate) fn is_blank(&self) -> bool {
        self.spans.len() == 1 && self.field(0).is_null()
    }

    /// The first bytes of the input, before any record is read.
    pub(crate) fn peek(&mut self, n: usize) -> Result<&[u8], BadCsv> {
        while self.filled < n && !self.ended {
            self.fill()?;
        }
        Ok(&self.buffer[self.at..self.filled.min(self.at + n)])
    }

    pub(crate) fn skip(&mut self, n: usize) {
        self.at += n;
    }

    /// Goes to the next record; false at the end of the input.
    pub(crate) fn advance(&mut self) -> Result<bool, BadCsv> {
        loop {
            self.line = self.next_line;
            if self.at == self.filled && self.ended {
                return Ok(false);
            }
            if self.at < self.filled
                && let Split::Record { end, lines } = self.split()?
            {
                self.at = end;
                self.next_line = self.line + lines;
                return Ok(true);
            }
            self.fill()?;
        }
    }

    /// Reads on, keeping what is not read yet.
    fn fill(&mut self) -> Result<(), BadCsv> {
        let kept = self.filled - self.at;
        if kept >= MAX_RECORD {
            return Err(BadCsv::TooLong { line: self.next_line });
        }
        self.buffer.copy_within(self.at..self.filled, 0);
        (self.at, self.filled) = (0, kept);
        if self.buffer.len() - kept < BLOCK {
            self.buffer.resize(2 * self.buffer.len(), 0);
        }
        loop {
            match self.input.read(&mut self.buffer[kept..]) {
                Ok(0) => self.ended = true,
                Ok(n) => self.filled += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(BadCsv::Read { line: self.next_line, source }),
            }
            return Ok(());
        }
    }

    fn split(&mut self) -> Result<Split, BadCsv> {
        self.spans.clear();
        let (bytes, line) = (&self.buffer[..self.filled], self.next_line);
        let (mut at, mut lines) = (self.at, 0);
        loop {
            let span = match bytes.get(at) {
                Some(b'"') => match quoted(bytes, at + 1) {
                    Some((span, newlines)) => {
                        at = span.bytes.end + 1;
                        lines += newlines;
                        span
                    }
                    None if self.ended => return Err(BadCsv::Unclosed { line: line + lines }),
                    None => return Ok(Split::More),
                },
                _ => {
                    let span = plain(bytes, at);
                    at = span.bytes.end;
                    span
                }
            };
            self.spans.push(span);
            let (stop, next) = (bytes.get(at), bytes.get(at + 1));
            // A CR, or a closing quote, may have its LF, or its twin, in the next block.
            if !self.ended && (stop.is_none() || (stop == Some(&b'\r') && next.is_none())) {
                return Ok(Split::More);
            }
            let end = match (stop, next) {
                (Some(b','), _) => {
                    at += 1;
                    continue;
                }
                (Some(b'\r'), Some(b'\n')) => at + 2,
                (Some(b'\r' | b'\n'), _) => at + 1,
                (None, _) => at,
                (Some(_), _) => {
                    let (line, field) = (line + lines, self.spans.len());
                    return Err(BadCsv::AfterQuote { line, field });
                }
            };
            return Ok(Split::Record { end, lines: lines + 1 });
        }
    }
}

/// The field that begins here, up to the comma, the end of the line or of what there is.
fn plain(bytes: &[u8], start: usize) -> Span {
    let rest = &bytes[start..];
    let stop = rest.iter().position(|b| matches!(b, b',' | b'\n' | b'\r'));
    let end = start + stop.unwrap_or(rest.len());
    Span { bytes: start..end, quoted: false, doubled: false }
}

/// The quoted field whose first byte is here, and the lines it spans. None: its
/// closing quote is not there (yet).
fn quoted(bytes: &[u8], start: usize) -> Option<(Span, u64)> {
    let (mut end, mut doubled, mut lines) = (start, false, 0);
    loop {
        match bytes.get(end)? {
            b'"' if bytes.get(end + 1) == Some(&b'"') => {
                doubled = true;
                end += 2;
            }
            b'"' => return Some((Span { bytes: start..end, quoted: true, doubled }, lines)),
            b => {
                lines += u64::from(*b == b'\n');
                end += 1;
            }
        }
    }
}
