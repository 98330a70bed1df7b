//! What each task does: the same as the command of its name.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lake_cli::{Failure, human};
use lake_core::kind::Kind;
use lake_log::{Access, Lake};
use lake_maintain::MaintainError;
use lake_maintain::compact::{self, CompactOptions, Compacted, Left, Watch};
use lake_maintain::policy::Policy;
use lake_maintain::vacuum::{self, Meter, Options};
use lake_store::Deadline;

use super::Task;
use crate::commands::retain as due;
use crate::failure::{of_log, of_maintain};
use crate::settings::Merging;
use crate::{alerts, settings};

/// What a task has done.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// In words.
    pub(super) message: String,
    pub(super) damaged: u64,
    /// Why it is a failure all the same.
    pub(super) failure: Option<Failure>,
}

impl Work {
    fn done(message: String) -> Work {
        Work { message, ..Work::default() }
    }
}

pub(super) fn work(task: Task, lake: &Path, stop: &Arc<AtomicBool>) -> Result<Work, Failure> {
    match task {
        Task::Drain => drain(lake),
        Task::Retain => retain(lake, stop),
        Task::Compact => compact(lake, stop),
        Task::Vacuum => vacuum(lake, stop),
        Task::Health => health(lake),
    }
}

fn drain(lake: &Path) -> Result<Work, Failure> {
    let mut lake = Lake::open(lake, Access::Write).map_err(of_log)?;
    let (drained, refused) = lake.drain().map_err(of_log)?;
    let failure = (refused > 0).then(|| {
        Failure::new(
            Kind::No,
            format!("{refused} transactions of the spool can never be committed"),
        )
        .hint("lake-writer vacuum moves them to the trash")
    });
    Ok(Work { message: format!("{drained} transactions committed"), failure, damaged: 0 })
}

/// What lake.toml says of the age of rows, and of rejected ones.
fn retain(path: &Path, stop: &Arc<AtomicBool>) -> Result<Work, Failure> {
    let mut lake = Lake::open(path, Access::Write).map_err(of_log)?;
    let done = due::carry_out(path, &mut lake, &Stopping(stop.clone()))?;
    let files = done.tables.iter().map(|one| one.segments_removed + one.segments_masked).sum();
    let message = match (done.tables.len(), done.rejected) {
        (0, 0) => "lake.toml has an age for nothing".to_owned(),
        (tables, rejected) => format!(
            "old rows went from {} files of {tables} tables, {} files of rejected rows",
            human::count(files),
            human::count(rejected)
        ),
    };
    Ok(Work { message, failure: done.failed, damaged: 0 })
}

struct Stopping(Arc<AtomicBool>);

impl Watch for Stopping {
    fn merged(&self, _rows: u64) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
}

fn compact(lake: &Path, stop: &Arc<AtomicBool>) -> Result<Work, Failure> {
    let Merging { memory, jobs } = settings::merging(lake, None, None)?;
    let mut lake = compact::open(lake).map_err(of_maintain)?;
    let options = CompactOptions { policy: Policy::default(), memory, deadline: Deadline::never() };
    let watch = Stopping(stop.clone());
    let done = compact::on_threads(jobs, || compact::compact(&mut lake, &[], &options, &watch));
    Ok(compacted(&done.map_err(of_maintain)?))
}

fn compacted(done: &Compacted) -> Work {
    let counts = &done.counts;
    let message = match done.units {
        0 => "nothing to merge".to_owned(),
        _ => format!(
            "{} files became {}, {} rows",
            human::count(counts.segments_removed),
            human::count(counts.segments),
            human::count(counts.rows_in)
        ),
    };
    let damaged = done.left.iter().filter_map(|(table, left)| match left {
        Left::Damaged { path, why } => Some(format!("table {table}: {path}: {why}")),
        Left::Busy | Left::Conflict(_) | Left::Late => None,
    });
    let causes: Vec<String> = damaged.collect();
    let damaged = causes.len() as u64;
    let failure = (damaged > 0).then(|| Failure {
        causes,
        ..Failure::new(Kind::Damaged, "some files could not be merged")
            .hint("the rest was merged; lake-writer verify --deep tells what is damaged")
    });
    Work { message, damaged, failure }
}

fn vacuum(path: &Path, stop: &Arc<AtomicBool>) -> Result<Work, Failure> {
    let grace = settings::vacuum_grace(path, None)?;
    let mut lake = Lake::open(path, Access::Write).map_err(of_log)?;
    let options = Options { grace, max_share: None, dry_run: false };
    let meter = Meter::until(stop.clone(), Deadline::never());
    let done = vacuum::run(&mut lake, &options, &meter).map_err(of_maintain)?;
    if done.cut.is_some() {
        return Err(of_maintain(MaintainError::Stopped));
    }
    Ok(Work::done(format!(
        "{} files to the trash, {} deleted from it",
        human::count(done.superseded.files + done.orphans.files),
        human::count(done.emptied.files)
    )))
}

/// The alerts are its result, not its failure; that nobody could be told of them is.
fn health(lake: &Path) -> Result<Work, Failure> {
    let (checked, mut failures) = alerts::check_and_tell(lake)?;
    let alerts: Vec<&str> = alerts::standing(&checked).map(|finding| finding.rule.name).collect();
    let message = match alerts.len() {
        0 => "no alert".to_owned(),
        1 => format!("alert: {}", alerts[0]),
        n => format!("{n} alerts: {}", alerts.join(", ")),
    };
    let failure = (!failures.is_empty()).then(|| {
        let mut failure = failures.remove(0);
        for other in failures {
            failure.causes.push(other.message);
            failure.causes.extend(other.causes);
        }
        failure
    });
    Ok(Work { message, damaged: 0, failure })
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn writer(lake: &Path, args: &[&str]) {
        let lake = ["--format".into(), "json".into(), "--lake".into(), lake.into()];
        let args = std::iter::once("lake-writer").chain(args.iter().copied());
        let code = crate::run(args.map(OsString::from).chain(lake));
        assert_eq!(format!("{code:?}"), format!("{:?}", std::process::ExitCode::SUCCESS));
    }

    #[test]
    fn a_compaction_that_is_told_to_stop_does() {
        let temp = tempfile::tempdir().unwrap();
        let (lake, file) = (temp.path().join("lake"), temp.path().join("a.csv"));
        std::fs::write(&file, "a,b\n1,2\n").unwrap();
        writer(&lake, &["init"]);
        writer(&lake, &["create", "t", "--schema", "a BIGINT, b BIGINT", "--key", "a"]);
        for _ in 0..6 {
            writer(&lake, &["ingest", "t", file.to_str().unwrap()]);
        }
        let stop = Arc::new(AtomicBool::new(true));
        let stopped = work(Task::Compact, &lake, &stop).unwrap_err();
        assert_eq!(stopped.kind, Kind::Interrupted);
        stop.store(false, Ordering::Relaxed);
        let done = work(Task::Compact, &lake, &stop).unwrap();
        assert!(done.message.ends_with("files became 1, 6 rows"), "{}", done.message);
    }
}
