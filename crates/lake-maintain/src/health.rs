//! What is worth a person's look: rules as data over what is known of a lake. Pure: who
//! calls gathers the [`Vitals`] and says the limits.

mod notices;
mod rules;
#[cfg(test)]
mod tests;

pub use notices::{Event, Notice, Told, notices};
pub use rules::{RULES, Rule};

use crate::runs::{Ended, Run};

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Count,
    /// A part of a whole, from 0 to 1.
    Share,
    /// Seconds.
    Age,
}

impl Unit {
    pub fn word(self) -> &'static str {
        match self {
            Unit::Count => "count",
            Unit::Share => "share",
            Unit::Age => "seconds",
        }
    }
}

/// The newest known of a lake. None: it could not be learnt, or there is nothing to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vitals {
    /// Rows that wait in the spool.
    pub spool_rows: Option<u64>,
    /// Bytes of the disk, used and in all.
    pub disk: Option<(u64, u64)>,
    /// The most increments that hold one symbol's rows, and whose.
    pub increments: Option<(u64, String)>,
    /// How old the oldest increment is, and of which table.
    pub increment_age_s: Option<(f64, String)>,
    /// For how long the oldest version that is read has been outdated.
    pub lease: Option<(f64, u64)>,
    /// Rows that were put in quarantine within a day.
    pub rejected_rows: Option<u64>,
    /// Files that a compaction found damaged, and that are as they were; and the first.
    pub damaged: Option<(u64, Option<String>)>,
    /// Tables of which evidence of a merge is kept that would have lost rows.
    pub unproven: Option<Vec<String>>,
    /// The runs of every task, the newest last.
    pub tasks: Vec<(String, Vec<Run>)>,
    /// Microseconds since 1970, UTC.
    pub now_us: i64,
}

/// The task whose success matters most.
const COMPACT: &str = "compact";
/// Failures are counted of so much time, and of so many runs of a task at most.
const WINDOW_US: i64 = 24 * 3_600_000_000;
const WINDOW_RUNS: usize = 100;

impl Vitals {
    fn runs(&self, task: &str) -> &[Run] {
        self.tasks.iter().find(|(name, _)| name == task).map_or(&[], |(_, runs)| runs)
    }

    /// The share of runs that failed, and how many did of how many.
    fn failures(&self) -> Option<(f64, String)> {
        let since = self.now_us.saturating_sub(WINDOW_US);
        let counts = |run: &&Run| {
            run.started_us >= since && !matches!(run.ended(), None | Some(Ended::Stopped))
        };
        let newest = |runs: &'_ [Run]| {
            let runs = runs.iter().rev().filter(counts).take(WINDOW_RUNS);
            runs.fold((0u64, 0u64), |(failed, all), run| {
                (failed + u64::from(run.failed()), all + 1)
            })
        };
        let each = self.tasks.iter().map(|(_, runs)| newest(runs));
        let (failed, all) = each.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        (all > 0).then(|| (failed as f64 / all as f64, format!("{failed} of {all} runs")))
    }

    /// The longest row of newest runs that all failed, and of which task.
    fn failed_in_a_row(&self) -> Option<(u64, Option<String>)> {
        let row = |runs: &[Run]| {
            let ended = runs.iter().rev().filter(|run| run.end.is_some());
            let failed = ended.clone().take_while(|run| run.failed()).count() as u64;
            ended.take(1).next().map(|_| failed)
        };
        let each = self.tasks.iter().filter_map(|(name, runs)| Some((row(runs)?, name)));
        let (failed, name) = each.max_by_key(|(failed, _)| *failed)?;
        Some((failed, (failed > 0).then(|| format!("task {name}"))))
    }

    /// Seconds since compaction succeeded, or was first tried.
    fn compaction_age(&self) -> Option<f64> {
        let runs = self.runs(COMPACT);
        let done = runs.iter().rev().find(|run| run.ended() == Some(Ended::Done));
        let since = match done.and_then(|run| run.end.as_ref()) {
            Some(end) => end.at_us,
            None => runs.first()?.started_us,
        };
        Some(self.now_us.saturating_sub(since).max(0) as f64 / 1e6)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Ok,
    Alert,
    /// What it takes is not known.
    Unknown,
    /// Switched off.
    Off,
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Alert => "alert",
            State::Unknown => "unknown",
            State::Off => "off",
        }
    }
}

/// A number and what it is of, in words.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    pub value: f64,
    pub of: Option<String>,
}

/// What a rule found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub rule: &'static Rule,
    pub state: State,
    pub measure: Option<Measure>,
    pub limit: Option<f64>,
}

/// Every rule's finding, in their order. `limit` says where a rule's limit lies; None
/// switches it off.
pub fn judge(vitals: &Vitals, limit: impl Fn(&Rule) -> Option<f64>) -> Vec<Finding> {
    let judged = |rule: &'static Rule| {
        let (measure, limit) = ((rule.measure)(vitals), limit(rule));
        let state = match (&measure, limit) {
            (_, None) => State::Off,
            (None, Some(_)) => State::Unknown,
            (Some(measure), Some(limit)) if measure.value > limit => State::Alert,
            (Some(_), Some(_)) => State::Ok,
        };
        Finding { rule, state, measure, limit }
    };
    RULES.iter().map(judged).collect()
}
