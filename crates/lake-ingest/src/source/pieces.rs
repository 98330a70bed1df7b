//! CSV as it is read: a window of it at a time, cut where records end, so that many
//! threads split and parse it.
//!
//! 1. Every piece begins with a record, and all but the last of a window end with one.
//!    Where text is no CSV a piece may end elsewhere, but not before the fault: whoever
//!    takes the pieces in order meets the same first error however they are cut.
//! 2. What the last piece has no whole record of stays, and begins the next window.
//! 3. A stream that breaks off does so after its whole records were handed out.

use std::io;
use std::ops::Range;

use super::records::{BadCsv, Dialect, Records, quoted};
use super::unpack::Stream;
use super::window::{BLOCK, Window};

/// A longer record is more likely an unclosed quote than data.
pub(crate) const MAX_RECORD: usize = 64 << 20;
/// Enough to be worth a thread's while.
const PIECE: usize = 512 << 10;
/// Read before it is cut, where nobody waits for rows; a window of 4 MiB has room for it.
const ENOUGH: usize = (4 << 20) - BLOCK;

pub(crate) struct Pieces {
    window: Window,
    pub(crate) dialect: Dialect,
    /// Rows are wanted as soon as they are there.
    eager: bool,
    /// The lines that are used.
    lines: u64,
    /// What is there was not looked at.
    fresh: bool,
    /// Why there is no more.
    broken: Option<io::Error>,
}

/// Some of the window's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) at: Range<usize>,
    /// Its last record is whole.
    pub(crate) ended: bool,
}

impl Pieces {
    pub(crate) fn new(stream: Stream, dialect: Dialect, eager: bool) -> Pieces {
        let window = Window::new(stream);
        Pieces { window, dialect, eager, lines: 0, fresh: false, broken: None }
    }

    /// The fields of the first record.
    pub(crate) fn header(&mut self) -> Result<Option<Vec<Vec<u8>>>, BadCsv> {
        while self.fill()? {
            let mut records = Records::new(self.bytes(), self.window.ended(), self.dialect);
            if records.advance()? {
                let fields = records.fields().map(|field| field.bytes().into_owned()).collect();
                let (len, lines) = records.used();
                self.advance(len, lines);
                self.fresh = true;
                return Ok(Some(fields));
            }
        }
        Ok(None)
    }

    /// What is there, and neither used nor seen before but for its beginning.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.window.unused()
    }

    /// The lines before these bytes.
    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    /// So much of them is used.
    pub(crate) fn advance(&mut self, len: usize, lines: u64) {
        self.window.advance(len);
        self.lines += lines;
    }

    /// The stream has a pause, so that the next read may have to wait.
    pub(crate) fn is_paused(&self) -> bool {
        self.eager && self.window.may_wait()
    }

    /// Reads more; false when there is no more record.
    pub(crate) fn fill(&mut self) -> Result<bool, BadCsv> {
        let line = self.lines + 1;
        let stale = if std::mem::take(&mut self.fresh) { 0 } else { self.bytes().len() };
        match self.broken.take() {
            Some(source) if self.bytes().len() == stale => {
                return Err(BadCsv::Read { line, source });
            }
            None => {}
            broken => {
                self.broken = broken;
                return Ok(true);
            }
        }
        if stale >= MAX_RECORD && !self.window.ended() {
            return Err(BadCsv::TooLong { line });
        }
        let enough = if self.eager { 1 } else { ENOUGH };
        while !self.window.ended() && self.bytes().len() < enough.max(stale + 1) {
            match self.window.fill() {
                Ok(()) => {}
                Err(source) if self.bytes().len() > stale => {
                    self.broken = Some(source);
                    break;
                }
                Err(source) => return Err(BadCsv::Read { line, source }),
            }
        }
        Ok(!self.bytes().is_empty())
    }

    /// Cuts what is there. The last piece is what is left, be it empty.
    pub(crate) fn cut(&self) -> Vec<Piece> {
        cut(self.bytes(), self.window.ended(), self.dialect, PIECE)
    }
}

fn cut(bytes: &[u8], ended: bool, dialect: Dialect, size: usize) -> Vec<Piece> {
    let (mut pieces, mut from) = (Vec::new(), 0);
    while bytes.len() - from > 2 * size
        && let Some(end) = end_of_record(bytes, from, from + size, dialect)
    {
        pieces.push(Piece { at: from..end, ended: true });
        from = end;
    }
    pieces.push(Piece { at: from..bytes.len(), ended });
    pieces
}

/// Of the records from `from` on, the end of the first that ends behind `least`. None:
/// it is not there, or not surely.
fn end_of_record(bytes: &[u8], from: usize, least: usize, dialect: Dialect) -> Option<usize> {
    // Never within quotes.
    let mut at = from;
    loop {
        let start = at.max(least);
        let rest = bytes.get(start..)?;
        let line = start + rest.iter().position(|b| matches!(b, b'\n' | b'\r'))?;
        match opening(bytes, from, at..line, dialect) {
            Some(open) => at = quoted(bytes, open + 1, dialect.quote)?.0.end() + 1,
            None if bytes[line] == b'\n' => return Some(line + 1),
            None => return Some(line + 1 + usize::from(*bytes.get(line + 1)? == b'\n')),
        }
    }
}

/// The first quote that begins a field; others are text.
fn opening(bytes: &[u8], from: usize, at: Range<usize>, dialect: Dialect) -> Option<usize> {
    let Dialect { delimiter, quote } = dialect;
    // Most text has none, which is seen fast.
    if !bytes[at.clone()].contains(&quote) {
        return None;
    }
    let ends = |b: u8| b == delimiter || b == b'\n' || b == b'\r';
    let mut places = at;
    places.find(|i| bytes[*i] == quote && (*i == from || ends(bytes[*i - 1])))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIALECT: Dialect = Dialect { delimiter: b',', quote: b'"' };

    /// A record's line and fields.
    type Record = (u64, Vec<Vec<u8>>);

    /// All records of some pieces, the lines before the last of these, and how it ends.
    fn read(bytes: &[u8], pieces: &[Piece]) -> (Vec<Record>, u64, String) {
        let (mut all, mut before) = (Vec::new(), 0);
        for piece in pieces {
            let mut records = Records::new(&bytes[piece.at.clone()], piece.ended, DIALECT);
            loop {
                match records.advance() {
                    Ok(true) => {
                        let fields = records.fields().map(|f| f.bytes().into_owned());
                        all.push((before + records.line(), fields.collect()));
                    }
                    Ok(false) => break,
                    Err(e) => return (all, before, e.after(before).to_string()),
                }
            }
            before += records.used().1;
        }
        (all, before, String::new())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn however_it_is_cut_the_records_are_the_same(
            text in "[ab,\"\"\r\n\n]{0,80}",
            size in 0usize..16,
            ended in any::<bool>(),
        ) {
            let bytes = text.as_bytes();
            let pieces = cut(bytes, ended, DIALECT, size);
            let ends: Vec<usize> = pieces.iter().map(|p| p.at.end).collect();
            prop_assert!(ends.is_sorted() && ends.last() == Some(&bytes.len()));
            let whole = [Piece { at: 0..bytes.len(), ended }];
            let (got, want) = (read(bytes, &pieces), read(bytes, &whole));
            if want.2.is_empty() || got.2 != want.2 {
                prop_assert_eq!(got, want);
            } else {
                prop_assert_eq!(got.0, want.0);
            }
        }
    }

    #[test]
    fn text_is_cut_where_it_can_be() {
        let bytes = b"a,b\r\n\"c\nd\",e\r\nf,g\nh";
        let ends =
            |size| cut(bytes, true, DIALECT, size).iter().map(|p| p.at.end).collect::<Vec<_>>();
        assert_eq!(ends(1), [5, 14, 18, 19]);
        assert_eq!(ends(6), [14, 19]);
        assert_eq!(ends(100), [19]);
    }
}
