//! What a cron expression says: five fields, each a set of numbers.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate};

use super::Zone;

/// `*/5 * * * *`, `30 2 * * mon-fri`, `@hourly`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    pub(super) minutes: Set,
    pub(super) hours: Set,
    days: Set,
    months: Set,
    weekdays: Set,
    /// Both of days and weekdays are named: either will do.
    either: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCron {
    #[error(
        "{0:?} is not five fields (minute, hour, day of the month, month, day of the week), nor \
         @hourly, @daily, @weekly, @monthly or @yearly"
    )]
    Shape(String),
    #[error("{text:?} is no {field}: {why}")]
    Field { field: &'static str, text: String, why: String },
    #[error("{0:?} names a day that no year has")]
    Never(String),
}

/// Numbers below 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Set(u64);

impl Set {
    pub(super) fn has(self, n: u32) -> bool {
        n < 64 && self.0 >> n & 1 == 1
    }

    pub(super) fn iter(self) -> impl Iterator<Item = u32> {
        (0..64).filter(move |n| self.has(*n))
    }

    pub(super) fn len(self) -> u32 {
        self.0.count_ones()
    }
}

struct Field {
    name: &'static str,
    first: u32,
    last: u32,
    /// Of the numbers from `first` on.
    names: &'static [&'static str],
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// Sunday is 0 and 7.
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const SUNDAY: u32 = 7;

const MINUTE: Field = Field { name: "minute", first: 0, last: 59, names: &[] };
const HOUR: Field = Field { name: "hour", first: 0, last: 23, names: &[] };
const DAY: Field = Field { name: "day of the month", first: 1, last: 31, names: &[] };
const MONTH: Field = Field { name: "month", first: 1, last: 12, names: &MONTHS };
const WEEKDAY: Field = Field { name: "day of the week", first: 0, last: SUNDAY, names: &WEEKDAYS };

const NICKNAMES: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

impl FromStr for Cron {
    type Err = BadCron;

    fn from_str(text: &str) -> Result<Cron, BadCron> {
        let text = text.trim();
        let nickname = NICKNAMES.iter().find(|(name, _)| text.eq_ignore_ascii_case(name));
        let spelled = nickname.map_or(text, |(_, spelled)| *spelled);
        let fields: Vec<&str> = spelled.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(BadCron::Shape(text.into()));
        };
        let mut weekdays = WEEKDAY.read(weekday)?;
        if weekdays.has(SUNDAY) {
            weekdays = Set((weekdays.0 | 1) & !(1 << SUNDAY));
        }
        let cron = Cron {
            text: text.into(),
            minutes: MINUTE.read(minute)?,
            hours: HOUR.read(hour)?,
            days: DAY.read(day)?,
            months: MONTH.read(month)?,
            weekdays,
            either: !day.starts_with('*') && !weekday.starts_with('*'),
        };
        match cron.next_after(0, &Zone::UTC) {
            Some(_) => Ok(cron),
            None => Err(BadCron::Never(text.into())),
        }
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Cron {
    pub(super) fn has_day(&self, date: NaiveDate) -> bool {
        let day = self.days.has(date.day());
        let weekday = self.weekdays.has(date.weekday().num_days_from_sunday());
        let fits = if self.either { day || weekday } else { day && weekday };
        fits && self.months.has(date.month())
    }

    pub(super) fn is_every_hour(&self) -> bool {
        self.hours.len() == HOUR.last + 1
    }
}

impl Field {
    fn read(&self, text: &str) -> Result<Set, BadCron> {
        let mut set = 0;
        for part in text.split(',') {
            let (first, last, step) = self.part(part).map_err(|why| BadCron::Field {
                field: self.name,
                text: part.into(),
                why,
            })?;
            (first..=last).step_by(step).for_each(|n| set |= 1 << n);
        }
        Ok(Set(set))
    }

    /// First, last and step of `*`, `7`, `1-5`, `*/5`, `10-30/5`, `10/5`.
    fn part(&self, part: &str) -> Result<(u32, u32, usize), String> {
        let (range, step) = match part.split_once('/') {
            None => (part, None),
            Some((range, step)) => (range, Some(step)),
        };
        let step: Option<usize> = match step.map(number) {
            None => None,
            Some(Some(step)) if step > 0 => Some(step as usize),
            Some(_) => return Err("after / comes a number, at least 1".into()),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.first, self.last.min(self.whole())),
            Some((first, last)) => self.range(first, last)?,
            None => {
                let only = self.number(range)?;
                (only, if step.is_some() { self.whole() } else { only })
            }
        };
        Ok((first, last, step.unwrap_or(1)))
    }

    /// The last number that is not another spelling of the first.
    fn whole(&self) -> u32 {
        if self.last == SUNDAY { SUNDAY - 1 } else { self.last }
    }

    fn range(&self, first: &str, last: &str) -> Result<(u32, u32), String> {
        let (first, mut last) = (self.number(first)?, self.number(last)?);
        if self.last == SUNDAY && last == 0 && first > 0 {
            last = SUNDAY;
        }
        match first <= last {
            true => Ok((first, last)),
            false => Err(format!("{first} comes after {last}")),
        }
    }

    fn number(&self, text: &str) -> Result<u32, String> {
        let named = self.names.iter().position(|name| text.eq_ignore_ascii_case(name));
        let read = named.map(|at| at as u32 + self.first).or_else(|| number(text));
        read.filter(|n| (self.first..=self.last).contains(n)).ok_or_else(|| {
            let names = match self.names {
                [first, .., last] => format!(" or {first} to {last}"),
                _ => String::new(),
            };
            format!("it takes {} to {}{names}", self.first, self.last)
        })
    }
}

/// Digits alone: no sign.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
