//! When a file is complete: at once if it was moved in, or when its size and time
//! have not changed for the quiet period. How long it had lain still when it was
//! first seen so is told by its time; from then on only the monotonic clock counts.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use lake_store::Stat;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Microseconds since 1970.
    pub(crate) wall_us: i64,
    /// Since the watch began.
    pub(crate) up: Duration,
}

/// A file, and what it was like when it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) stat: Stat,
}

/// Files that are not complete yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) files: usize,
    /// When the next one is, if it stays as it is.
    pub(crate) next: Option<Duration>,
}

struct Still {
    stat: Stat,
    due: Duration,
}

pub(crate) struct Ripening {
    quiet: Duration,
    still: HashMap<String, Still>,
}

impl Ripening {
    pub(crate) fn new(quiet: Duration) -> Ripening {
        Ripening { quiet, still: HashMap::new() }
    }

    /// Those of a listing that are complete, in the order in which they were written.
    pub(crate) fn sort(
        &mut self,
        listing: Vec<Seen>,
        arrived: &HashSet<String>,
        now: Moment,
    ) -> (Vec<Seen>, Waiting) {
        let mut before = std::mem::take(&mut self.still);
        let mut ripe = Vec::new();
        let mut waiting = Waiting::default();
        for file in listing {
            let known = before.remove(&file.name).filter(|still| still.stat == file.stat);
            let still = known.unwrap_or_else(|| self.first_seen(file.stat, now));
            let left = still.due.saturating_sub(now.up);
            if left.is_zero() || arrived.contains(&file.name) {
                ripe.push(file);
                continue;
            }
            waiting.files += 1;
            waiting.next = Some(waiting.next.map_or(left, |next| next.min(left)));
            self.still.insert(file.name, still);
        }
        ripe.sort_by(|a, b| (a.stat.mtime_us, &a.name).cmp(&(b.stat.mtime_us, &b.name)));
        (ripe, waiting)
    }

    fn first_seen(&self, stat: Stat, now: Moment) -> Still {
        // A time in the future says nothing.
        let age = now.wall_us.saturating_sub(stat.mtime_us).max(0);
        let age = Duration::from_micros(age.unsigned_abs());
        Still { stat, due: now.up.saturating_add(self.quiet.saturating_sub(age)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000;
    const QUIET: Duration = Duration::from_secs(10);

    fn seen(name: &str, len: u64, mtime_s: i64) -> Seen {
        let stat = Stat {
            len,
            nlink: 1,
            is_dir: false,
            is_file: true,
            mtime_us: mtime_s.saturating_mul(S),
            dev: 1,
            ino: 1,
        };
        Seen { name: name.into(), stat }
    }

    /// What is complete at a second, and after how many the next may be.
    fn at(ripening: &mut Ripening, files: &[Seen], second: u64) -> (Vec<String>, Option<u64>) {
        at_wall(ripening, files, second, 1000 + second as i64)
    }

    fn at_wall(
        ripening: &mut Ripening,
        files: &[Seen],
        second: u64,
        wall: i64,
    ) -> (Vec<String>, Option<u64>) {
        let now = Moment { wall_us: wall * S, up: Duration::from_secs(second) };
        let (ripe, waiting) = ripening.sort(files.to_vec(), &HashSet::new(), now);
        assert_eq!(waiting.files, files.len() - ripe.len());
        (ripe.into_iter().map(|f| f.name).collect(), waiting.next.map(|d| d.as_secs()))
    }

    #[test]
    fn a_file_that_changes_is_not_complete() {
        let mut ripening = Ripening::new(QUIET);
        assert_eq!(at(&mut ripening, &[seen("a", 1, 1000)], 0), (vec![], Some(10)));
        assert_eq!(at(&mut ripening, &[seen("a", 2, 1009)], 9), (vec![], Some(10)));
        // As large as before, but written to.
        assert_eq!(at(&mut ripening, &[seen("a", 2, 1012)], 13), (vec![], Some(9)));
        assert_eq!(at(&mut ripening, &[seen("a", 2, 1012)], 21), (vec![], Some(1)));
        assert_eq!(at(&mut ripening, &[seen("a", 2, 1012)], 22), (vec!["a".into()], None));
    }

    #[test]
    fn what_lay_still_before_the_start_need_not_wait() {
        let mut ripening = Ripening::new(QUIET);
        let files = [seen("new", 1, 995), seen("old", 1, 990), seen("older", 1, 1)];
        assert_eq!(at(&mut ripening, &files, 0), (vec!["older".into(), "old".into()], Some(5)));
    }

    #[test]
    fn a_clock_that_steps_or_lies_decides_nothing() {
        let mut ripening = Ripening::new(QUIET);
        let files = [seen("a", 1, 1000), seen("future", 1, 9_000_000)];
        assert_eq!(at(&mut ripening, &files, 0), (vec![], Some(10)));
        assert_eq!(at_wall(&mut ripening, &files, 1, 9_999_999), (vec![], Some(9)));
        assert_eq!(at_wall(&mut ripening, &files, 9, -9_999_999), (vec![], Some(1)));
        let both = vec!["a".to_owned(), "future".to_owned()];
        assert_eq!(at_wall(&mut ripening, &files, 10, 0), (both, None));
        let extremes = [seen("min", 1, i64::MIN), seen("max", 1, i64::MAX)];
        let mut patient = Ripening::new(Duration::MAX);
        assert_eq!(at(&mut patient, &extremes, 5).0, Vec::<String>::new());
    }

    #[test]
    fn what_was_moved_in_is_complete_and_order_is_that_of_writing() {
        let mut ripening = Ripening::new(QUIET);
        let files = [seen("c", 1, 1000), seen("b", 1, 999), seen("a", 1, 1000), seen("x", 1, 998)];
        let arrived = ["a", "b", "c"].map(String::from).into();
        let now = Moment { wall_us: 1000 * S, up: Duration::ZERO };
        let (ripe, waiting) = ripening.sort(files.to_vec(), &arrived, now);
        assert_eq!(ripe.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["b", "a", "c"]);
        assert_eq!(waiting, Waiting { files: 1, next: Some(Duration::from_secs(8)) });
    }

    #[test]
    fn another_file_under_the_name_starts_anew() {
        let mut ripening = Ripening::new(QUIET);
        let mut file = seen("a", 1, 1000);
        assert_eq!(at(&mut ripening, &[file.clone()], 0).1, Some(10));
        assert_eq!(at(&mut ripening, &[], 4), (vec![], None));
        assert_eq!(at_wall(&mut ripening, &[file.clone()], 5, 1000).1, Some(10));
        file.stat.ino = 2;
        assert_eq!(at_wall(&mut ripening, &[file], 8, 1000).1, Some(10));
    }
}
