//! One run of a task: alone, written down, and whatever becomes of it told.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use lake_cli::Failure;
use lake_core::kind::Kind;
use lake_maintain::runs::{self, End, Ended, Run, Turn};
use lake_maintain::schedule::{self, Cron, Due, Zone};
use lake_store::{Root, clock, process};

use super::Task;
use super::work::{Work, work};
use crate::failure::of_store;

pub(crate) struct Job {
    pub(crate) lake: PathBuf,
    pub(crate) task: Task,
    /// It runs only if it is due still by the time it is its turn; None: whenever.
    pub(crate) due: Option<(Cron, Zone, Option<i64>)>,
    pub(crate) stop: Arc<AtomicBool>,
}

/// What became of it.
pub(crate) enum Ran {
    Ended(Box<Done>),
    /// Another process is at it, since before it was due.
    Busy,
    /// Another process has done it, or does so now.
    NotDue,
}

pub(crate) struct Done {
    pub(crate) run: Run,
    /// Why it failed.
    pub(crate) failure: Option<Failure>,
    /// What went wrong beside.
    pub(crate) warnings: Vec<String>,
}

impl Job {
    pub(crate) fn run(&self) -> Result<Ran, Failure> {
        let root = Root::open(&self.lake).map_err(of_store)?;
        let Some(mut turn) = Turn::take(&root, self.task.name()).map_err(of_store)? else {
            return self.held(&root);
        };
        let started_us = clock::now_us();
        if let Some((cron, zone, since)) = &self.due
            && schedule::due(cron, zone, turn.last_started(), *since, started_us) != Due::Now
        {
            return Ok(Ran::NotDue);
        }
        // A disk without room for the history is one that vacuum may make room on.
        let noted = turn.begin(started_us, process::host(), process::pid());
        let worked = guarded(|| work(self.task, &self.lake, &self.stop));
        let (end, failure) = ended(worked, clock::now_us());
        let (run, saved) = turn.end(end.clone());
        let lost = noted.err().into_iter().chain(saved.err());
        let warnings =
            lost.map(|e| format!("cannot write the history of {}: {e}", self.task.name()));
        let of_here =
            || Run { started_us, host: process::host(), pid: process::pid(), end: Some(end) };
        let run = run.unwrap_or_else(of_here);
        Ok(Ran::Ended(Box::new(Done { run, failure, warnings: warnings.collect() })))
    }
}

impl Job {
    /// Who is at it does what is due now, unless it began before that was due.
    fn held(&self, root: &Root) -> Result<Ran, Failure> {
        let Some((cron, zone, since)) = &self.due else { return Ok(Ran::Busy) };
        let last = runs::read(root, self.task.name()).map_err(of_store)?.pop();
        let begun = last.filter(|run| run.end.is_none()).map(|run| run.started_us);
        let is_late = begun.is_some_and(|at| {
            schedule::due(cron, zone, Some(at), *since, clock::now_us()) == Due::Now
        });
        Ok(if is_late { Ran::Busy } else { Ran::NotDue })
    }
}

/// Its panic is its failure, and nobody else's. The hook has told where.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    Failure::bug(format!("the task panicked: {text}"))
}

fn ended(worked: Result<Work, Failure>, at_us: i64) -> (End, Option<Failure>) {
    let (mut message, damaged, failure) = match worked {
        Ok(Work { message, damaged, failure }) => (message, damaged, failure),
        Err(failure) => (String::new(), 0, Some(failure)),
    };
    let how = match &failure {
        None => Ended::Done,
        Some(failure) if failure.kind == Kind::Interrupted => Ended::Stopped,
        Some(_) => Ended::Failed,
    };
    if let Some(failure) = &failure {
        let said = [&failure.message].into_iter().chain(&failure.causes).map(String::as_str);
        message = said.collect::<Vec<_>>().join(": ");
    }
    (End { at_us, how, message, damaged }, failure.filter(|_| how == Ended::Failed))
}

#[cfg(test)]
mod tests {
    use lake_log::{InitOptions, Lake};

    use super::*;

    #[test]
    fn a_panic_is_a_failure_like_others() {
        let failure = guarded::<Work>(|| panic!("no {}", "way")).unwrap_err();
        let (end, failure) = ended(Err(failure), 7);
        assert_eq!((end.how, end.message.as_str()), (Ended::Failed, "the task panicked: no way"));
        assert_eq!(failure.unwrap().kind, Kind::Bug);
    }

    #[test]
    fn what_another_has_done_meanwhile_is_not_due_when_it_is_its_turn() {
        let temp = tempfile::tempdir().unwrap();
        let lake = temp.path().join("lake");
        let options = InitOptions { accept_unsafe_fs: true };
        Lake::init(&lake, &options).unwrap();
        let rarely: Cron = "0 0 29 2 *".parse().unwrap();
        let job = |due| Job { lake: lake.clone(), task: Task::Drain, due, stop: Arc::default() };
        // Both have found it due.
        let both = [(); 2].map(|()| job(Some((rarely.clone(), Zone::UTC, None))));
        assert!(matches!(both[0].run().unwrap(), Ran::Ended(_)));
        assert!(matches!(both[1].run().unwrap(), Ran::NotDue));
        assert!(matches!(job(None).run().unwrap(), Ran::Ended(_)));
        let root = Root::open(&lake).unwrap();
        let mut turn = Turn::take(&root, "drain").unwrap().unwrap();
        assert!(matches!(both[0].run().unwrap(), Ran::NotDue));
        assert!(matches!(job(None).run().unwrap(), Ran::Busy));
        // Of a February before.
        turn.begin(1_500_000_000_000_000, String::new(), 0).unwrap();
        assert!(matches!(both[0].run().unwrap(), Ran::Busy));
    }

    #[test]
    fn a_stop_is_no_failure_and_what_was_found_is_kept_with_one() {
        let (end, failure) = ended(Err(Failure::new(Kind::Interrupted, "stopped")), 7);
        assert_eq!((end.how, failure), (Ended::Stopped, None));
        let damaged = Failure::new(Kind::Damaged, "some").because(&std::fmt::Error);
        let work = Work { message: "3 files".into(), damaged: 2, failure: Some(damaged) };
        let (end, _) = ended(Ok(work), 7);
        assert_eq!((end.how, end.damaged), (Ended::Failed, 2));
        assert!(end.message.starts_with("some: "), "{}", end.message);
    }
}
