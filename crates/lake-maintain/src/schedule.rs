//! When a task is to run: cron expressions, and what is due by them. Pure; the present
//! time is passed in.
//!
//! An expression names minutes of a zone's wall clock, which skips an hour in spring and
//! repeats one in autumn. A run is then neither lost nor doubled:
//!
//! - Of an expression for certain hours, a minute that the clock skips stands for the
//!   moment after the gap (several of one gap for one moment), and of one that it shows
//!   twice the first counts.
//! - One for every hour (`*/5 * * * *`) goes by time that passes: it has no minute in a
//!   gap, and both of those shown twice.

mod cron;
mod next;
#[cfg(test)]
mod tests;

pub use cron::{BadCron, Cron};
pub use next::Zone;

/// A clock that was wrong by more than this is not believed: what was later than that from
/// now counts for nothing.
const AHEAD_US: i64 = 3_600_000_000;

/// Whether a task is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Now,
    /// In microseconds since 1970, UTC.
    At(i64),
    /// No minute of the schedule is to come.
    Never,
}

/// A task is due when a minute of its schedule has come since it started last, however
/// many have: missed runs are made up for by one. `since` is what stands for a start
/// that there never was, or came later; without it a task that never ran is due at once.
pub fn due(cron: &Cron, zone: &Zone, last: Option<i64>, since: Option<i64>, now: i64) -> Due {
    let believed = |at: &i64| *at <= now.saturating_add(AHEAD_US);
    let Some(from) = last.filter(believed).max(since.filter(believed)) else { return Due::Now };
    match cron.next_after(from, zone) {
        Some(at) if at <= now => Due::Now,
        Some(at) => Due::At(at),
        None => Due::Never,
    }
}
