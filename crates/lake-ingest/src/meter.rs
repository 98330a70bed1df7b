//! How far an ingest is, for whoever looks on from another thread. Counted by the
//! chunk of rows and by the block of bytes, so that it costs nothing.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Clones count into the same place.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    bytes: AtomicU64,
    rows: AtomicU64,
    rejected: AtomicU64,
    phase: AtomicU64,
}

/// What is being done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// There may be more rows.
    #[default]
    Reading,
    /// All rows are there, and sorted and encoded.
    Writing,
    /// The files get their places and the log its entry; here it may have to wait.
    Committing,
}

/// What a meter shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Of the input as it lies there, packed or not.
    pub bytes: u64,
    /// Those rejected included.
    pub rows: u64,
    pub rejected: u64,
    pub phase: Phase,
}

impl Meter {
    pub fn read(&self) -> Reading {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Reading {
            bytes: of(&self.0.bytes),
            rows: of(&self.0.rows),
            rejected: of(&self.0.rejected),
            phase: match of(&self.0.phase) {
                0 => Phase::Reading,
                1 => Phase::Writing,
                _ => Phase::Committing,
            },
        }
    }

    /// Back to what it showed, as the work since then is done anew.
    pub(crate) fn rewind(&self, to: &Reading) {
        self.0.bytes.store(to.bytes, Ordering::Relaxed);
        self.0.rows.store(to.rows, Ordering::Relaxed);
        self.0.rejected.store(to.rejected, Ordering::Relaxed);
        self.enter(to.phase);
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.0.phase.store(phase as u64, Ordering::Relaxed);
    }

    pub(crate) fn add_bytes(&self, n: u64) {
        self.0.bytes.fetch_add(n, Ordering::Relaxed);
    }

    /// Rows that were read, and those of them that were rejected.
    pub(crate) fn add_rows(&self, rows: u64, rejected: u64) {
        self.0.rows.fetch_add(rows, Ordering::Relaxed);
        self.0.rejected.fetch_add(rejected, Ordering::Relaxed);
    }
}

/// A stream whose bytes are counted as they are read.
pub(crate) struct Metered<R> {
    pub(crate) stream: R,
    pub(crate) meter: Meter,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.stream.read(buffer)?;
        self.meter.add_bytes(n as u64);
        Ok(n)
    }
}

/// For files that are not read from front to back: each row stands for its share of
/// the file's bytes.
pub(crate) struct Share {
    meter: Meter,
    bytes: u64,
    rows: u64,
    done: u64,
    counted: u64,
}

impl Share {
    pub(crate) fn new(meter: Meter, bytes: u64, rows: u64) -> Share {
        Share { meter, bytes, rows, done: 0, counted: 0 }
    }

    pub(crate) fn add_rows(&mut self, rows: u64) {
        self.done = self.done.saturating_add(rows).min(self.rows);
        let part = u128::from(self.bytes) * u128::from(self.done) / u128::from(self.rows.max(1));
        let reached = u64::try_from(part).unwrap_or(self.bytes);
        self.meter.add_bytes(reached.saturating_sub(self.counted));
        self.counted = reached;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_the_whole_file() {
        for (bytes, rows, step) in [(1_000, 7, 1), (10, 1_000, 64), (u64::MAX, 3, 2), (5, 0, 1)] {
            let meter = Meter::default();
            let mut share = Share::new(meter.clone(), bytes, rows);
            let mut last = 0;
            for _ in 0..rows.div_ceil(step) + 1 {
                share.add_rows(step);
                let now = meter.read().bytes;
                assert!(now >= last && now <= bytes);
                last = now;
            }
            assert_eq!(last, if rows == 0 { 0 } else { bytes }, "{rows} rows by {step}");
        }
    }

    #[test]
    fn what_is_done_anew_counts_once() {
        let meter = Meter::default();
        meter.add_rows(10, 1);
        let before = meter.read();
        let mut stream = Metered { stream: &b"12345"[..], meter: meter.clone() };
        let _ = stream.read(&mut [0; 3]).unwrap();
        meter.add_rows(5, 5);
        meter.enter(Phase::Committing);
        let reading = Reading { bytes: 3, rows: 15, rejected: 6, phase: Phase::Committing };
        assert_eq!(meter.read(), reading);
        meter.rewind(&before);
        assert_eq!(meter.read(), before);
    }
}
