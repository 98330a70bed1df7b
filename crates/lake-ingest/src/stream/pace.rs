//! How much is committed at a time, and how long is waited in between. Nothing here
//! looks at a clock.

use std::time::Duration;

use lake_store::random;

/// So many successes in a row, and a checkpoint takes twice the rows again.
const GROWS_AFTER: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The rows of a checkpoint: half as many after each refusal, for what is smaller is
/// sooner made and less in the way of others.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    most: u64,
    least: u64,
    rows: u64,
    successes: u32,
}

impl Pace {
    /// `most`: None is without end. At least one row, whatever is asked for.
    pub(super) fn new(most: Option<u64>, least: u64) -> Pace {
        let most = most.unwrap_or(u64::MAX).max(1);
        Pace { most, least: least.clamp(1, most), rows: most, successes: 0 }
    }

    /// The most that the next checkpoint takes.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// So many were refused, and nothing of them was done.
    pub(super) fn refused(&mut self, rows: u64) {
        self.successes = 0;
        self.rows = (rows / 2).max(self.least).min(self.rows);
    }

    pub(super) fn committed(&mut self) {
        self.successes += 1;
        if self.successes == GROWS_AFTER {
            self.successes = 0;
            self.rows = self.rows.saturating_mul(2).min(self.most);
        }
    }
}

/// The pauses between the tries of one checkpoint: each about twice the one before.
#[derive(Debug)]
pub(super) struct Pauses {
    left: u32,
    next: Duration,
}

impl Pauses {
    pub(super) fn new(retries: u32) -> Pauses {
        Pauses { left: retries, next: FIRST_PAUSE }
    }

    /// None: it has been tried often enough, or the time is up before the pause is.
    pub(super) fn next(&mut self, time_left: Duration) -> Option<Duration> {
        let pause = self.next / 2 + random::jitter(self.next / 2);
        self.left = self.left.checked_sub(1)?;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        (pause < time_left).then_some(pause)
    }
}

/// What so many rows take at so many a second.
pub(super) fn time_of(rows: u64, per_second: u64) -> Duration {
    let per_second = u128::from(per_second.max(1));
    let micros = u128::from(rows) * 1_000_000 / per_second;
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn half_after_a_refusal_and_double_after_successes() {
        let mut pace = Pace::new(Some(1000), 100);
        assert_eq!(pace.rows(), 1000);
        let mut seen = Vec::new();
        for _ in 0..5 {
            pace.refused(pace.rows());
            seen.push(pace.rows());
        }
        assert_eq!(seen, [500, 250, 125, 100, 100]);
        seen.clear();
        for _ in 0..5 * GROWS_AFTER {
            pace.committed();
            seen.push(pace.rows());
        }
        seen.dedup();
        assert_eq!(seen, [100, 200, 400, 800, 1000]);
    }

    /// The stream had no more rows at hand than it tried.
    #[test]
    fn what_was_tried_is_halved_not_what_might_have_been() {
        let mut pace = Pace::new(None, 10);
        assert_eq!(pace.rows(), u64::MAX);
        pace.refused(64);
        assert_eq!(pace.rows(), 32);
        pace.refused(4);
        assert_eq!(pace.rows(), 10);
    }

    /// A refusal in between begins the count anew.
    #[test]
    fn successes_count_in_a_row() {
        let mut pace = Pace::new(Some(64), 1);
        pace.refused(64);
        for _ in 0..10 {
            (1..GROWS_AFTER).for_each(|_| pace.committed());
            assert_eq!(pace.rows(), 32);
            pace.refused(64);
        }
    }

    proptest! {
        #[test]
        fn always_between_least_and_most(
            most in proptest::option::of(0..5000u64),
            least in 0..5000u64,
            steps in proptest::collection::vec(proptest::option::of(0..6000u64), 0..200),
        ) {
            let mut pace = Pace::new(most, least);
            let most = most.unwrap_or(u64::MAX).max(1);
            let least = least.max(1).min(most);
            for step in steps {
                let before = pace.rows();
                match step {
                    Some(rows) => {
                        pace.refused(rows);
                        prop_assert!(pace.rows() <= before);
                        prop_assert!(pace.rows() <= (rows / 2).max(least));
                    }
                    None => {
                        pace.committed();
                        prop_assert!(pace.rows() >= before);
                    }
                }
                prop_assert!((least..=most).contains(&pace.rows()));
            }
            (0..GROWS_AFTER * 64).for_each(|_| pace.committed());
            prop_assert_eq!(pace.rows(), most);
        }
    }

    #[test]
    fn pauses_grow_and_end() {
        let mut pauses = Pauses::new(8);
        let mut longest = FIRST_PAUSE;
        for _ in 0..8 {
            let pause = pauses.next(Duration::MAX).unwrap();
            assert!(longest / 2 <= pause && pause <= longest, "{pause:?} of {longest:?}");
            longest = (longest * 2).min(LONGEST_PAUSE);
        }
        assert_eq!(pauses.next(Duration::MAX), None);
        assert_eq!(Pauses::new(0).next(Duration::MAX), None);
        // A pause that the time does not reach to is no use.
        assert_eq!(Pauses::new(8).next(FIRST_PAUSE / 2), None);
    }

    #[test]
    fn the_time_of_rows() {
        assert_eq!(time_of(500, 1000), Duration::from_millis(500));
        assert_eq!(time_of(3, 2), Duration::from_millis(1500));
        assert_eq!(time_of(0, 7), Duration::ZERO);
        assert_eq!(time_of(7, 0), Duration::from_secs(7));
        assert_eq!(time_of(u64::MAX, 1), Duration::from_micros(u64::MAX));
        assert_eq!(time_of(1, u64::MAX), Duration::ZERO);
    }
}
