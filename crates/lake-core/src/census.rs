//! What a file of many symbols says of each of them, so that a sync learns where to go
//! on without reading rows. It stands in the file, before its footer; the log says where.

use std::sync::Arc;

use crate::codec::{Decoded, Decoder, Encoder};
use crate::frame::Framed;
use crate::id::Version;
use crate::segment::{Segment, get_symbols, put_symbols};
use crate::symbol::Symbol;
use crate::value::Range;

/// The last change of a partition by its owner (compaction is none).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touch {
    pub version: Version,
    pub at_us: i64,
    pub producer: Option<Arc<str>>,
}

impl Touch {
    pub(crate) fn encode(&self, e: &mut Encoder) {
        e.num(self.version);
        e.int(self.at_us);
        e.option(self.producer.as_ref(), |e, p| e.text(p));
    }

    /// `name` makes one allocation of the many times that a producer is named.
    pub(crate) fn decode(
        d: &mut Decoder<'_>,
        name: impl FnOnce(&str) -> Arc<str>,
    ) -> Decoded<Touch> {
        let (version, at_us) = (d.num()?, d.int()?);
        Ok(Touch { version, at_us, producer: d.option(|d| d.text())?.map(name) })
    }
}

/// Where in its file the census stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    pub at: u64,
    pub len: u64,
}

/// One symbol's share of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub symbols: Vec<Symbol>,
    pub rows: u64,
    /// None: unknown.
    pub range: Option<Range>,
    /// The last commit that changed it. Version 0 stands for the one that the file's
    /// rank names, which is not known while it is written.
    pub touched: Touch,
}

// What a tally shares with the one before it is not said again: files hold thousands
// of symbols with the same days.
const SAME_ROWS: u8 = 1;
const SAME_RANGE: u8 = 2;
const SAME_TOUCH: u8 = 4;
const KNOWN: u8 = SAME_ROWS | SAME_RANGE | SAME_TOUCH;

/// Takes tallies in the order of their symbols.
#[derive(Debug, Default)]
pub struct Census {
    bytes: Encoder,
    last: Tally,
}

impl Census {
    pub fn push(&mut self, tally: Tally) {
        let (e, last) = (&mut self.bytes, &self.last);
        let same = |yes: bool, flag: u8| if yes { flag } else { 0 };
        let flags = same(tally.rows == last.rows, SAME_ROWS)
            | same(tally.range == last.range, SAME_RANGE)
            | same(tally.touched == last.touched, SAME_TOUCH);
        e.u8(flags);
        put_symbols(e, &tally.symbols);
        if flags & SAME_ROWS == 0 {
            e.num(tally.rows);
        }
        if flags & SAME_RANGE == 0 {
            e.option(tally.range.as_ref(), |e, range| range.encode(e));
        }
        if flags & SAME_TOUCH == 0 {
            tally.touched.encode(e);
        }
        self.last = tally;
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.0.is_empty()
    }

    /// The bytes to be written.
    pub fn seal(&self) -> Vec<u8> {
        Framed::Census.seal(&self.bytes.0)
    }
}

/// Reads the body of a frame.
#[derive(Clone, Debug)]
pub struct Tallies<'a> {
    d: Decoder<'a>,
    last: Tally,
}

impl<'a> Tallies<'a> {
    pub fn new(body: &'a [u8]) -> Tallies<'a> {
        Tallies { d: Decoder::new(body), last: Tally::default() }
    }

    /// One symbol's, and nothing of the others that takes time.
    pub fn find(mut self, symbols: &[Symbol]) -> Decoded<Option<Tally>> {
        while !self.d.is_empty() {
            let flags = self.flags()?;
            let mut wanted = symbols.iter();
            let texts =
                self.d.list(|d| d.text().map(|t| wanted.next().map(Symbol::as_str) == Some(t)))?;
            self.rest(flags)?;
            if texts.len() == symbols.len() && texts.iter().all(|same| *same) {
                return Ok(Some(Tally { symbols: symbols.to_vec(), ..self.last }));
            }
        }
        Ok(None)
    }

    fn read(&mut self) -> Decoded<Tally> {
        let flags = self.flags()?;
        let symbols = get_symbols(&mut self.d)?;
        if symbols <= self.last.symbols {
            return self.d.broken("tallies out of order");
        }
        self.last.symbols = symbols;
        self.rest(flags)?;
        Ok(self.last.clone())
    }

    fn flags(&mut self) -> Decoded<u8> {
        match self.d.u8()? {
            flags if flags & !KNOWN == 0 => Ok(flags),
            _ => self.d.broken("unknown flags of a tally"),
        }
    }

    /// What follows the symbols.
    fn rest(&mut self, flags: u8) -> Decoded<()> {
        let d = &mut self.d;
        if flags & SAME_ROWS == 0 {
            self.last.rows = d.num()?;
        }
        if flags & SAME_RANGE == 0 {
            self.last.range = d.option(Range::decode)?;
        }
        if flags & SAME_TOUCH == 0 {
            self.last.touched = Touch::decode(d, |name| Arc::from(name))?;
        }
        Ok(())
    }
}

impl Iterator for Tallies<'_> {
    type Item = Decoded<Tally>;

    /// Nothing follows an error.
    fn next(&mut self) -> Option<Decoded<Tally>> {
        if self.d.is_empty() {
            return None;
        }
        let tally = self.read();
        if tally.is_err() {
            self.d = Decoder::new(&[]);
        }
        Some(tally)
    }
}

impl Tally {
    /// With the commit named that a segment's rank stands for.
    pub fn of(mut self, segment: &Segment) -> Tally {
        if self.touched.version == 0 {
            self.touched.version = segment.rank.version;
            self.touched.at_us = segment.at_us;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    fn tally(symbol: &str, rows: u64, days: Option<(i32, i32)>, touched: Touch) -> Tally {
        let key = |day| vec![Value::Date(day)];
        let range = days.map(|(first, last)| Range::new(key(first), key(last)));
        Tally { symbols: vec![Symbol::new(symbol).unwrap()], rows, range, touched }
    }

    fn sealed(tallies: &[Tally]) -> Vec<u8> {
        let mut census = Census::default();
        tallies.iter().for_each(|tally| census.push(tally.clone()));
        census.seal()
    }

    fn read(bytes: &[u8]) -> Decoded<Vec<Tally>> {
        let (body, _) = Framed::Census.open(bytes).unwrap();
        Tallies::new(body).collect()
    }

    #[test]
    fn it_says_what_it_was_told() {
        let by = |version| Touch { version, at_us: -5, producer: Some("p".into()) };
        let all = [
            tally("000001", 0, None, Touch::default()),
            tally("000002", 7, Some((1, 9)), by(3)),
            tally("000003", 7, Some((1, 9)), by(3)),
            tally("A", 8, Some((1, 9)), by(4)),
            tally("B", 8, None, Touch::default()),
        ];
        assert_eq!(read(&sealed(&all)).unwrap(), all);
        assert_eq!(read(&Census::default().seal()).unwrap(), []);
        let day: Vec<Tally> = (0..5000)
            .map(|n| tally(&format!("{n:06}"), 1, Some((20_000, 20_000)), Touch::default()))
            .collect();
        let bytes = sealed(&day);
        assert!(bytes.len() < 5000 * 10, "{} bytes", bytes.len());
        assert_eq!(read(&bytes).unwrap(), day);
        let (body, _) = Framed::Census.open(&bytes).unwrap();
        for one in [&day[0], &day[17], &day[4999]] {
            assert_eq!(Tallies::new(body).find(&one.symbols).unwrap().as_ref(), Some(one));
        }
        assert_eq!(Tallies::new(body).find(&[Symbol::new("00001").unwrap()]), Ok(None));
    }

    #[test]
    fn what_is_no_census_is_refused() {
        let twice = [("B", 1), ("B", 1)].map(|(s, n)| tally(s, n, None, Touch::default()));
        assert!(read(&sealed(&twice)).is_err());
        let back = [("B", 1), ("A", 1)].map(|(s, n)| tally(s, n, None, Touch::default()));
        assert!(read(&sealed(&back)).is_err());
        let body = sealed(&[tally("A", 3, Some((1, 2)), Touch::default())]).split_off(24);
        for at in 1..body.len() {
            let cut: Vec<_> = Tallies::new(&body[..at]).collect();
            assert!(cut.len() == 1 && cut[0].is_err(), "{at}");
        }
    }
}
