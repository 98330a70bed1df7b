//! From the minutes of a wall clock to moments.

use std::fmt;

use chrono::{DateTime, Days, LocalResult, NaiveDate, NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

use super::Cron;

/// A wall clock, by its name: `UTC`, `Asia/Shanghai`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(Tz);

/// The 29th of February is at most so far from the next, in days.
const FARTHEST: u64 = 8 * 366;
/// A zone that moved over the date line left out a whole day.
const LONGEST_GAP: i64 = 24 * 60;

impl Zone {
    pub const UTC: Zone = Zone(Tz::UTC);

    /// None: there is no zone of that name.
    pub fn named(name: &str) -> Option<Zone> {
        name.parse().ok().map(Zone)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

impl Cron {
    /// The first of its moments after this one.
    pub fn next_after(&self, us: i64, zone: &Zone) -> Option<i64> {
        let after = DateTime::from_timestamp_micros(us)?;
        let today = zone.0.from_utc_datetime(&after.naive_utc()).date_naive();
        let first = |date: NaiveDate| {
            let moments = self.moments(date, &zone.0);
            moments.filter(|at| *at > us).min()
        };
        // From the day before, as a gap may end on the day after.
        let start = today.pred_opt()?;
        for days in 0..=FARTHEST + 1 {
            let date = start.checked_add_days(Days::new(days))?;
            if let Some(found) = first(date) {
                // Where the clock is put back over midnight the days overlap.
                let next = date.succ_opt().and_then(first);
                return Some(next.map_or(found, |next| next.min(found)));
            }
        }
        None
    }

    fn moments<'a>(&'a self, date: NaiveDate, zone: &'a Tz) -> impl Iterator<Item = i64> + 'a {
        let hours = self.hours.iter().filter(move |_| self.has_day(date));
        let minutes = hours.flat_map(|hour| self.minutes.iter().map(move |m| (hour, m)));
        let shown = minutes.filter_map(move |(hour, minute)| date.and_hms_opt(hour, minute, 0));
        shown.flat_map(|shown| self.at(shown, zone)).map(|at| at.timestamp_micros())
    }

    /// When the clock shows this.
    fn at(&self, shown: NaiveDateTime, zone: &Tz) -> impl Iterator<Item = DateTime<Tz>> {
        let (first, second) = match zone.from_local_datetime(&shown) {
            LocalResult::Single(at) => (Some(at), None),
            LocalResult::Ambiguous(first, second) => {
                (Some(first), self.is_every_hour().then_some(second))
            }
            LocalResult::None if self.is_every_hour() => (None, None),
            LocalResult::None => (after_gap(shown, zone), None),
        };
        first.into_iter().chain(second)
    }
}

fn after_gap(shown: NaiveDateTime, zone: &Tz) -> Option<DateTime<Tz>> {
    let later = |minutes| shown.checked_add_signed(TimeDelta::minutes(minutes));
    (1..=LONGEST_GAP).find_map(|m| zone.from_local_datetime(&later(m)?).earliest())
}
