//! How the dates and times of an input are spelled, where it is not ISO 8601.

use std::sync::Arc;

use chrono::format::{Item, Parsed, StrftimeItems, parse};
use chrono::{NaiveDateTime, NaiveTime, Timelike};

use super::text::{Why, decimal};
use super::time::{self, DAY_US, TOO_FINE};

/// Midnight of 0001-01-01, and the last microsecond of 9999.
const FIRST_US: i128 = -62_135_596_800_000_000;
const LAST_US: i128 = 253_402_300_799_999_999;

/// What the options say of DATE and TIMESTAMP columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Formats {
    pub(crate) date: Format,
    pub(crate) timestamp: Format,
}

#[derive(Clone, Debug, Default)]
pub(crate) enum Format {
    #[default]
    Iso,
    /// A count since 1970; the digits of a second it has.
    Epoch(u8),
    Pattern(Arc<Pattern>),
}

#[derive(Debug)]
pub(crate) struct Pattern {
    text: String,
    items: Vec<Item<'static>>,
    /// Numbers run into each other, so that only one reading is meant.
    dense: bool,
}

impl Formats {
    pub(crate) fn new(date: Option<&str>, timestamp: Option<&str>) -> Result<Formats, String> {
        let of = |flag: &str, text: Option<&str>| match text {
            Some(text) => Format::new(text).ok_or_else(|| {
                format!("{flag} {text:?} is neither strftime (%Y%m%d) nor epoch-s, -ms, -us, -ns")
            }),
            None => Ok(Format::Iso),
        };
        let date = of("--date-format", date)?;
        Ok(Formats { date, timestamp: of("--timestamp-format", timestamp)? })
    }
}

impl Format {
    fn new(text: &str) -> Option<Format> {
        match text {
            "epoch-s" => return Some(Format::Epoch(0)),
            "epoch-ms" => return Some(Format::Epoch(3)),
            "epoch-us" => return Some(Format::Epoch(6)),
            "epoch-ns" => return Some(Format::Epoch(9)),
            _ => {}
        }
        let items: Vec<Item<'static>> = StrftimeItems::new(text).map(Item::to_owned).collect();
        let number = |item: &Item<'_>| matches!(item, Item::Numeric(..));
        let known = items.iter().any(|i| matches!(i, Item::Numeric(..) | Item::Fixed(_)))
            && !items.contains(&Item::Error);
        let dense = items.windows(2).any(|pair| number(&pair[0]) && number(&pair[1]));
        known.then(|| Format::Pattern(Arc::new(Pattern { text: text.into(), items, dense })))
    }

    /// Days since 1970.
    pub(crate) fn date(&self, text: &str) -> Result<i32, Why> {
        if let Format::Iso = self {
            return time::date(text);
        }
        match self.timestamp(text)? {
            us if us % DAY_US == 0 => Ok((us / DAY_US) as i32),
            _ => Err("has a time of day, which a DATE cannot hold".into()),
        }
    }

    /// Microseconds since 1970, in UTC where the text says a zone.
    pub(crate) fn timestamp(&self, text: &str) -> Result<i64, Why> {
        match self {
            Format::Iso => time::timestamp(text),
            Format::Epoch(digits) => epoch(text, *digits),
            Format::Pattern(pattern) => pattern.timestamp(text),
        }
    }
}

fn epoch(text: &str, digits: u8) -> Result<i64, Why> {
    let unit = ["seconds", "milliseconds", "microseconds", "nanoseconds"][usize::from(digits / 3)];
    let bad = |_| format!("is no count of {unit} since 1970");
    // In nanoseconds, so that what is finer than a microsecond is seen.
    let ns = decimal(text, 38, 9 - digits).map_err(bad)?;
    if ns % 1000 != 0 {
        return Err(TOO_FINE.into());
    }
    let us = ns / 1000;
    match (FIRST_US..=LAST_US).contains(&us) {
        true => Ok(us as i64),
        false => Err(format!("as {unit} since 1970 is outside the years 1 to 9999")),
    }
}

impl Pattern {
    fn timestamp(&self, text: &str) -> Result<i64, Why> {
        let bad = || format!("is not of the form {}", self.text);
        let mut parsed = Parsed::new();
        parse(&mut parsed, text, self.items.iter()).map_err(|_| bad())?;
        let at = self.resolve(&parsed).ok_or_else(bad)?;
        if self.dense && at.format_with_items(self.items.iter()).to_string() != text {
            return Err(bad());
        }
        let offset = i64::from(parsed.offset().unwrap_or(0)) * 1_000_000;
        let us = at.and_utc().timestamp_micros() - offset;
        if at.nanosecond() % 1000 != 0 {
            return Err(TOO_FINE.into());
        }
        match (FIRST_US..=LAST_US).contains(&i128::from(us)) {
            true => Ok(us),
            false => Err("is outside the years 1 to 9999".into()),
        }
    }

    /// The local time; without a time of day it is midnight.
    fn resolve(&self, parsed: &Parsed) -> Option<NaiveDateTime> {
        if parsed.timestamp().is_some() {
            return parsed.to_naive_datetime_with_offset(parsed.offset().unwrap_or(0)).ok();
        }
        let date = parsed.to_naive_date().ok()?;
        let timeless = parsed.hour_div_12().is_none() && parsed.hour_mod_12().is_none();
        let time = match timeless && parsed.minute().is_none() && parsed.second().is_none() {
            true => NaiveTime::MIN,
            false => parsed.to_naive_time().ok()?,
        };
        // A leap second has no place among microseconds since 1970.
        (time.nanosecond() < 1_000_000_000).then(|| date.and_time(time))
    }
}
