//! CSV records (RFC 4180), split but not interpreted.
//!
//! Our own, because a field must say whether it was quoted (an empty unquoted
//! field is NULL, a quoted one is the empty string) and a record must say on
//! which line it stands. Lines end in LF, CRLF or CR. A quote inside an unquoted
//! field is text; after a closing quote comes a delimiter or the end of the line.

use std::borrow::Cow;
use std::ops::Range;

use super::pieces::MAX_RECORD;

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

impl BadCsv {
    /// The same where so many lines came before.
    pub(crate) fn after(mut self, lines: u64) -> BadCsv {
        let (BadCsv::Unclosed { line }
        | BadCsv::AfterQuote { line, .. }
        | BadCsv::TooLong { line }
        | BadCsv::Read { line, .. }) = &mut self;
        *line += lines;
        self
    }
}

/// Where in its record a field stands.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    bytes: Range<usize>,
    quoted: bool,
    /// Holds doubled quotes.
    doubled: bool,
}

impl Span {
    pub(crate) fn end(&self) -> usize {
        self.bytes.end
    }
}

/// One field of the current record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    raw: &'a [u8],
    /// The same, where that is known to be UTF-8.
    text: Option<&'a str>,
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
            None => {
                let text = self.text.or_else(|| std::str::from_utf8(self.raw).ok());
                text.map(Cow::Borrowed)
            }
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

/// The records of a piece of text that begins with one.
pub(crate) struct Records<'a> {
    bytes: &'a [u8],
    /// As much of them, from the first on, as is UTF-8.
    text: &'a str,
    /// Nothing comes behind them.
    ended: bool,
    dialect: Dialect,
    spans: Vec<Span>,
    /// The current record, and the line it begins on, from 1.
    at: Range<usize>,
    line: u64,
    next_line: u64,
}

enum Split {
    Record { len: usize, lines: u64 },
    More,
}

impl<'a> Records<'a> {
    pub(crate) fn new(bytes: &'a [u8], ended: bool, dialect: Dialect) -> Records<'a> {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(e) => std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or(""),
        };
        let (spans, at) = (Vec::new(), 0..0);
        Records { bytes, text, ended, dialect, spans, at, line: 0, next_line: 1 }
    }

    /// The line on which the current record begins.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The whole current record, with the end of its line.
    pub(crate) fn raw(&self) -> &'a [u8] {
        &self.bytes[self.at.clone()]
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = Field<'a>> {
        let (record, text) = (self.raw(), self.text.get(self.at.clone()));
        self.spans.iter().map(move |span| Field {
            raw: &record[span.bytes.clone()],
            text: text.and_then(|text| text.get(span.bytes.clone())),
            doubled: span.doubled.then_some(self.dialect.quote),
            quoted: span.quoted,
        })
    }

    /// Whether the current record is an empty line.
    pub(crate) fn is_blank(&self) -> bool {
        matches!(self.spans.as_slice(), [only] if only.bytes.is_empty() && !only.quoted)
    }

    /// How many bytes the records so far take, and how many lines.
    pub(crate) fn used(&self) -> (usize, u64) {
        (self.at.end, self.next_line - 1)
    }

    /// Goes to the next record if it is there whole.
    pub(crate) fn advance(&mut self) -> Result<bool, BadCsv> {
        if self.at.end == self.bytes.len() {
            return Ok(false);
        }
        self.line = self.next_line;
        let Split::Record { len, lines } = self.split()? else { return Ok(false) };
        self.at = self.at.end..self.at.end + len;
        self.next_line = self.line + lines;
        Ok(true)
    }

    fn split(&mut self) -> Result<Split, BadCsv> {
        self.spans.clear();
        let (bytes, ended, line) = (&self.bytes[self.at.end..], self.ended, self.next_line);
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
pub(crate) fn quoted(bytes: &[u8], start: usize, quote: u8) -> Option<(Span, u64)> {
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
