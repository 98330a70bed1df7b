//! Dates and times from text: ISO 8601 with `T` or a blank, and `20261120`.

use lake_core::types::Type;

use super::text::Why;

pub(crate) const DAY_US: i64 = 86_400_000_000;

/// Reads digits and marks from the front.
struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    /// Exactly `n` digits.
    fn digits(&mut self, n: usize) -> Option<i64> {
        let (head, tail) = self.0.split_at_checked(n)?;
        let value = head
            .iter()
            .try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))?;
        self.0 = tail;
        Some(value)
    }

    fn mark(&mut self, marks: &[u8]) -> bool {
        match self.0.split_first() {
            Some((b, tail)) if marks.contains(b) => {
                self.0 = tail;
                true
            }
            _ => false,
        }
    }

    fn done<T>(&self, value: T) -> Option<T> {
        self.0.is_empty().then_some(value)
    }

    /// `2026-11-20` or `20261120`, as days since 1970.
    fn date(&mut self) -> Option<i64> {
        let year = self.digits(4)?;
        let dashed = self.mark(b"-");
        let month = self.digits(2)?;
        if dashed && !self.mark(b"-") {
            return None;
        }
        let day = self.digits(2)?;
        days(year, month, day)
    }

    /// `15:00`, `15:00:00`, `15:00:00.123456`, as microseconds. The outer None: no
    /// time; the inner: finer than a microsecond.
    fn clock(&mut self) -> Option<Option<i64>> {
        let hour = self.digits(2)?;
        if !self.mark(b":") {
            return None;
        }
        let minute = self.digits(2)?;
        let second = if self.mark(b":") { self.digits(2)? } else { 0 };
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let whole = ((hour * 60 + minute) * 60 + second) * 1_000_000;
        if !self.mark(b".") {
            return Some(Some(whole));
        }
        let (mut micros, mut unit, mut exact) = (0, 100_000, true);
        let mut count = 0;
        while let Some(digit) = self.digits(1) {
            micros += digit * unit;
            exact &= unit > 0 || digit == 0;
            unit /= 10;
            count += 1;
        }
        (count > 0).then_some(exact.then_some(whole + micros))
    }

    /// `Z`, `+08`, `+08:00`, `+0800`, as microseconds east; nothing is UTC.
    fn zone(&mut self) -> Option<i64> {
        if self.0.is_empty() || self.mark(b"Zz") {
            return Some(0);
        }
        let east = self.mark(b"+");
        if !east && !self.mark(b"-") {
            return None;
        }
        let hours = self.digits(2)?;
        let colon = self.mark(b":");
        let minutes = if colon || !self.0.is_empty() { self.digits(2)? } else { 0 };
        if hours > 23 || minutes > 59 {
            return None;
        }
        let offset = (hours * 60 + minutes) * 60_000_000;
        Some(if east { offset } else { -offset })
    }
}

/// Days since 1970-01-01 of a date that exists (proleptic Gregorian).
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1 || !(1..=length).contains(&day) {
        return None;
    }
    // Years begin in March, so that the day added in a leap year is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let in_year = (153 * month + 2) / 5 + day - 1;
    let (century, of_century) = (year.div_euclid(100), year.rem_euclid(100));
    Some(century * 146_097 / 4 + of_century * 1_461 / 4 + in_year - 719_468)
}

fn not_a<T>(ty: Type) -> Result<T, Why> {
    Err(match ty {
        Type::Date => "is not a DATE (2026-11-20 or 20261120)".into(),
        Type::Time => "is not a TIME (15:00:00.123456)".into(),
        _ => "is not a TIMESTAMP (2026-11-20 15:00:00.123456, with or without a zone)".into(),
    })
}

pub(crate) const TOO_FINE: &str = "is finer than a microsecond";

/// Days since 1970. A timestamp will do where it is midnight.
pub(crate) fn date(text: &str) -> Result<i32, Why> {
    let mut scan = Scan(text.as_bytes());
    if let Some(days) = scan.date().and_then(|days| scan.done(days)) {
        return Ok(days as i32);
    }
    match timestamp(text) {
        Ok(us) if us % DAY_US == 0 => Ok((us / DAY_US) as i32),
        Ok(_) => Err("has a time of day, which a DATE cannot hold".into()),
        Err(_) => not_a(Type::Date),
    }
}

/// Microseconds since 1970; a zone is converted to UTC. A date is its midnight.
pub(crate) fn timestamp(text: &str) -> Result<i64, Why> {
    let mut scan = Scan(text.as_bytes());
    let parse = |scan: &mut Scan<'_>| {
        let days = scan.date()?;
        if scan.0.is_empty() {
            return Some(Some(days * DAY_US));
        }
        if !scan.mark(b"T ") {
            return None;
        }
        let clock = scan.clock()?;
        scan.mark(b" ");
        let east = scan.zone()?;
        scan.done(clock.map(|us| days * DAY_US + us - east))
    };
    match parse(&mut scan) {
        Some(Some(us)) => Ok(us),
        Some(None) => Err(TOO_FINE.into()),
        None => not_a(Type::Timestamp),
    }
}

/// Microseconds since midnight.
pub(crate) fn time(text: &str) -> Result<i64, Why> {
    let mut scan = Scan(text.as_bytes());
    match scan.clock().and_then(|us| scan.done(us)) {
        Some(Some(us)) => Ok(us),
        Some(None) => Err(TOO_FINE.into()),
        None => not_a(Type::Time),
    }
}
