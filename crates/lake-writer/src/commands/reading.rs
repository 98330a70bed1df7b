//! What reads a whole lake, with the way it shows how far it is and ends in order.

use std::time::Duration;

use lake_cli::{Console, Tally};
use lake_maintain::verify::Meter;
use lake_store::Stopwatch;

use crate::stop::Signals;

/// Works with a meter that is shown and that a signal stops. `stage` says what it is at,
/// before and once it is known how many files there are.
pub(super) fn read<T>(
    console: &Console,
    stage: [&'static str; 2],
    work: impl FnOnce(&Meter) -> T,
) -> (T, Duration) {
    let signals = Signals::hold();
    lake_store::process::raise_file_limit();
    let (meter, clock) = (Meter::default(), Stopwatch::start());
    let (stopped, shown) = (meter.clone(), meter.clone());
    signals.watch(move || stopped.stop());
    let progress = console.progress(move || {
        let (files, due) = shown.files();
        Tally {
            elapsed: clock.elapsed(),
            rows: shown.rows(),
            share: (due > 0).then(|| files as f64 / due as f64),
            stage: Some(stage[usize::from(due > 0)]),
            ..Tally::default()
        }
    });
    let done = work(&meter);
    drop(progress);
    (done, clock.elapsed())
}
