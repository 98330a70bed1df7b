//! What a person is told of an ingest: how far it is while it lasts, and a sentence
//! when it is done.

use std::time::Duration;

use lake_cli::{Console, Progress, Tally, human};
use lake_core::edit::Receipt;
use lake_core::id::Version;
use lake_ingest::{Meter, OnError, Options, Phase, Reading};
use lake_store::Stopwatch;

/// Rates of shorter work say more of the start than of the rows.
const RATES_AFTER: Duration = Duration::from_millis(100);

pub(crate) struct Report {
    meter: Meter,
    watch: Stopwatch,
}

/// How it ended.
pub(crate) struct Done<'a> {
    pub(crate) version: Version,
    pub(crate) receipts: &'a [Receipt],
    pub(crate) duplicate: bool,
}

impl Report {
    pub(crate) fn start(meter: &Meter) -> Report {
        Report { meter: meter.clone(), watch: Stopwatch::start() }
    }

    /// Shows how far it is as long as what this returns lives. `size`: the bytes of the
    /// input, where they are known; asked for only when somebody looks on.
    pub(crate) fn progress(
        &self,
        size: impl FnOnce() -> Option<u64>,
        console: &Console,
    ) -> Progress {
        let size = if console.shows_progress() { size() } else { None };
        let (meter, watch) = (self.meter.clone(), self.watch);
        console.progress(move || tally(&meter.read(), size, watch.elapsed()))
    }

    pub(crate) fn end(&self, done: &Done<'_>, options: &Options, console: &mut Console) {
        if !done.duplicate {
            let bytes = self.meter.read().bytes;
            console.summary(sentence(done, options, bytes, self.watch.elapsed()));
        }
        if options.dry_run {
            console.note("dry run: nothing was committed");
        } else if done.duplicate {
            let version = done.version;
            console.summary(format!("committed before, as version {version}: nothing was done"));
        }
    }
}

fn tally(reading: &Reading, size: Option<u64>, elapsed: Duration) -> Tally {
    Tally {
        elapsed,
        rows: reading.rows,
        rejected: reading.rejected,
        bytes: reading.bytes,
        share: size.filter(|size| *size > 0).map(|size| reading.bytes as f64 / size as f64),
        stage: match reading.phase {
            Phase::Reading => None,
            Phase::Writing => Some("writing"),
            Phase::Committing => Some("committing"),
        },
    }
}

/// `12.5 M rows in 4.3 s (2.9 M rows/s, 118 MB/s), 3 rejected, version 7`.
fn sentence(done: &Done<'_>, options: &Options, bytes: u64, elapsed: Duration) -> String {
    let sum = |of: fn(&Receipt) -> u64| done.receipts.iter().map(of).sum::<u64>();
    let (rows, rejected) = (sum(|r| r.rows_in), sum(|r| r.rows_rejected));
    let mut text = human::rough(rows) + if rows == 1 { " row" } else { " rows" };
    if done.receipts.len() > 1 {
        text += &format!(" of {} tables", done.receipts.len());
    }
    text += &format!(" in {}", human::duration(elapsed));
    if elapsed >= RATES_AFTER {
        let rows = human::rate(rows, elapsed).map(|n| human::rough(n as u64) + " rows/s");
        let bytes = human::rate(bytes, elapsed).map(|n| human::decimal_bytes(n) + "/s");
        let rates: Vec<String> = rows.into_iter().chain(bytes).collect();
        if !rates.is_empty() {
            text += &format!(" ({})", rates.join(", "));
        }
    }
    if rejected > 0 {
        text += &format!(", {} rejected", human::rough(rejected));
        if options.on_error == OnError::Quarantine && !options.dry_run {
            text += " (see lake-writer quarantine list)";
        }
    }
    if !options.dry_run {
        text += &format!(", version {}", done.version);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(rows_in: u64, rows_rejected: u64) -> Receipt {
        Receipt { rows_in, rows_rejected, ..Receipt::default() }
    }

    fn said(receipts: &[Receipt], options: &Options, bytes: u64, ms: u64) -> String {
        let done = Done { version: 7, receipts, duplicate: false };
        sentence(&done, options, bytes, Duration::from_millis(ms))
    }

    #[test]
    fn a_sentence_says_what_is_worth_saying() {
        let plain = Options::default();
        let keep = Options { on_error: OnError::Quarantine, ..plain.clone() };
        let dry = Options { dry_run: true, ..keep.clone() };
        let much = [receipt(12_500_000, 3)];
        assert_eq!(
            said(&much, &keep, 507_000_000, 4_300),
            "12.5 M rows in 4.3 s (2.9 M rows/s, 118 MB/s), \
             3 rejected (see lake-writer quarantine list), version 7"
        );
        assert_eq!(said(&much, &dry, 0, 4_300), "12.5 M rows in 4.3 s (2.9 M rows/s), 3 rejected");
        assert_eq!(said(&[receipt(1, 0)], &plain, 100, 2), "1 row in 2.0 ms, version 7");
        let two = [receipt(4, 0), receipt(5, 1)];
        assert_eq!(said(&two, &plain, 1, 2), "9 rows of 2 tables in 2.0 ms, 1 rejected, version 7");
        assert_eq!(said(&[], &plain, 0, 1_000), "0 rows in 1.0 s, version 7");
    }

    #[test]
    fn a_tally_knows_its_share_of_a_size() {
        let reading = Reading { bytes: 50, rows: 7, rejected: 1, phase: Phase::Reading };
        let of = |size| tally(&reading, size, Duration::from_secs(1));
        assert_eq!(of(Some(200)).share, Some(0.25));
        assert_eq!((of(Some(0)).share, of(None).share, of(None).stage), (None, None, None));
        let reading = Reading { phase: Phase::Committing, ..reading };
        let tally = tally(&reading, Some(50), Duration::from_secs(1));
        assert_eq!((tally.share, tally.stage), (Some(1.0), Some("committing")));
    }
}
