//! Wall time is information for people and never decides anything; spans are
//! measured by the monotonic clock.

use std::time::{Duration, Instant, SystemTime};

/// Microseconds since 1970, UTC.
pub fn now_us() -> i64 {
    let micros = |d: Duration| i64::try_from(d.as_micros()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => micros(since),
        Err(before) => -micros(before.duration()),
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A span that runs out. A span too long for the clock never does.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    pub fn after(span: Duration) -> Deadline {
        Deadline(Instant::now().checked_add(span))
    }

    pub fn never() -> Deadline {
        Deadline(None)
    }

    pub fn left(&self) -> Duration {
        self.0.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()))
    }

    pub fn passed(&self) -> bool {
        self.left().is_zero()
    }
}

pub fn pause(span: Duration) {
    std::thread::sleep(span);
}
