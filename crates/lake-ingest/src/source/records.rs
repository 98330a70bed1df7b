//! CSV records (RFC 4180), split but not interpreted.
//!
//! Our own, because a field must say whether it was quoted (an empty unquoted
//! field is NULL, a quoted one is the empty string) and a record must say on
//! which line it stands. Lines end in LF, CRLF or CR. A quote inside an unquoted
//! field is text; after a closing quote comes a delimiter or the end of the line.

use std::borrow::Cow;
use std::ops::Range;

use super::unpack::Stream;
use super::window::Window;

/// A longer record is more likely an unclosed quote than data.
pub(crate) const MAX_RECORD: usize = 64 << 20;

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

/// Where in its record a field stands.
#[derive(Clone, Debug)]
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
    /// The quote, where it holds doubled ones.
    doubled: Option<u8>,
    pub(crate) quoted: bool,
}

impl<'a> Field<'a> {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.raw.is_empty() && !self.quoted
    }

    /// As it stands in the input, without the quotes around it.
    pub(crate) fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Its text. None: it is not UTF-8.
    pub(crate) fn text(&self) -> Option<Cow<'a, str>> {
        match self.doubled {
            None => std::str::from_utf8(self.raw).ok().map(Cow::Borrowed),
            Some(_) => String::from_utf8(self.bytes().into_owned()).ok().map(Cow::Owned),
        }
    }

    pub(crate) fn bytes(&self) -> Cow<'a, [u8]> {
        let Some(quote) = self.doubled else { return Cow::Borrowed(self.raw) };
        let mut bytes = Vec::with_capacity(self.raw.len());
        let mut rest = self.raw;
        while let Some((&b, tail)) = rest.split_first() {
            bytes.push(b);
            rest = if b == quote { tail.get(1..).unwrap_or(&[]) } else { tail };
        }
        Cow::Owned(bytes)
    }
}

/// The two bytes with a meaning beside the ends of lines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) quote: u8,
}

pub(crate) struct Records {
    window: Window,
    dialect: Dialect,
    spans: Vec<Span>,
    /// The bytes of the current record, which is used.
    len: usize,
    /// The line the current record begins on, from 1, and the one after its end.
    line: u64,
    next_line: u64,
}

enum Split {
    Record { len: usize, lines: u64 },
    More,
}

impl Records {
    pub(crate) fn new(stream: Stream, dialect: Dialect) -> Records {
        let (window, spans) = (Window::new(stream), Vec::new());
        Records { window, dialect, spans, len: 0, line: 0, next_line: 1 }
    }

    /// The line on which the current record begins.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The whole current record, with the end of its line.
    pub(crate) fn raw(&self) -> &[u8] {
        self.window.used(self.len)
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        let record = self.raw();
        self.spans.iter().map(move |span| Field {
            raw: &record[span.bytes.clone()],
            doubled: span.doubled.then_some(self.dialect.quote),
            quoted: span.quoted,
        })
    }

    /// Whether the current record is an empty line.
    pub(crate) fn is_blank(&self) -> bool {
        matches!(self.spans.as_slice(), [only] if only.bytes.is_empty() && !only.quoted)
    }

    /// Goes to the next record if it is there whole, without reading.
    pub(crate) fn advance_here(&mut self) -> Result<bool, BadCsv> {
        self.line = self.next_line;
        if self.window.unused().is_empty() {
            return Ok(false);
        }
        let Split::Record { len, lines } = self.split()? else { return Ok(false) };
        self.window.advance(len);
        self.len = len;
        self.next_line = self.line + lines;
        Ok(true)
    }

    /// Reads more; false when there is no more record.
    pub(crate) fn fill(&mut self) -> Result<bool, BadCsv> {
        let line = self.next_line;
        if self.window.ended() {
            return Ok(false);
        }
        if self.window.unused().len() >= MAX_RECORD {
            return Err(BadCsv::TooLong { line });
        }
        self.window.fill().map_err(|source| BadCsv::Read { line, source })?;
        Ok(true)
    }

    pub(crate) fn may_wait(&self) -> bool {
        self.window.may_wait()
    }

    /// Goes to the next record; false at the end of the input.
    pub(crate) fn advance(&mut self) -> Result<bool, BadCsv> {
        loop {
            if self.advance_here()? {
                return Ok(true);
            }
            if !self.fill()? {
                return Ok(false);
            }
        }
    }

    fn split(&mut self) -> Result<Split, BadCsv> {
        self.spans.clear();
        let (bytes, ended, line) = (self.window.unused(), self.window.ended(), self.next_line);
        let Dialect { delimiter, quote } = self.dialect;
        let (mut at, mut lines) = (0, 0);
        loop {
            let span = match bytes.get(at) {
                Some(b) if *b == quote => match quoted(bytes, at + 1, quote) {
                    Some((span, newlines)) => {
                        at = span.bytes.end + 1;
                        lines += newlines;
                        span
                    }
                    None if ended => return Err(BadCsv::Unclosed { line: line + lines }),
                    None => return Ok(Split::More),
                },
                _ => {
                    let start = at;
                    at = plain(bytes, at, delimiter);
                    Span { bytes: start..at, quoted: false, doubled: false }
                }
            };
            self.spans.push(span);
            let (stop, next) = (bytes.get(at), bytes.get(at + 1));
            // A CR, or a closing quote, may have its LF, or its twin, in the next block.
            if !ended && (stop.is_none() || (stop == Some(&b'\r') && next.is_none())) {
                return Ok(Split::More);
            }
            let len = match (stop, next) {
                (Some(b), _) if *b == delimiter => {
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
            return Ok(Split::Record { len, lines: lines + 1 });
        }
    }
}

/// Where the field that begins here ends: at the delimiter, at the end of the line
/// or of what there is.
fn plain(bytes: &[u8], start: usize, delimiter: u8) -> usize {
    let stop = |b: &u8| *b == delimiter || *b == b'\n' || *b == b'\r';
    bytes[start..].iter().position(stop).map_or(bytes.len(), |n| start + n)
}

/// The quoted field whose first byte is here, and the lines it spans. None: its
/// closing quote is not there (yet).
fn quoted(bytes: &[u8], start: usize, quote: u8) -> Option<(Span, u64)> {
    let (mut end, mut doubled, mut lines) = (start, false, 0);
    loop {
        match *bytes.get(end)? {
            b if b == quote && bytes.get(end + 1) == Some(&quote) => {
                doubled = true;
                end += 2;
            }
            b if b == quote => {
                return Some((Span { bytes: start..end, quoted: true, doubled }, lines));
            }
            b => {
                lines += u64::from(b == b'\n');
                end += 1;
            }
        }
    }
}
