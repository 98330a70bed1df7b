//! Runs what is due, each task in a thread of its own, until it is told to stop.
//!
//! What is due is asked of the history, which all processes share: of several crews one
//! runs a task, and the others find it done.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use lake_cli::Failure;
use lake_maintain::runs;
use lake_maintain::schedule::{Due, due};
use lake_store::{Root, clock};

use super::job::guarded;
use super::plan::{Entry, Plan};
use super::{Job, Ran, Task};

/// The clock is looked at so often: it may be set, and the machine may sleep.
const GLANCE: Duration = Duration::from_secs(30);

enum Event {
    Stop,
    Ended(Task, Result<Ran, Failure>),
}

pub(crate) struct Crew {
    lake: PathBuf,
    plan: Plan,
    /// Stands for the start of what never ran.
    since: Option<i64>,
    stop: Arc<AtomicBool>,
    send: Sender<Event>,
    events: Receiver<Event>,
    at_work: BTreeSet<Task>,
    /// When a task was tried last: what came of it, it is not tried again before its
    /// next time.
    tried: BTreeMap<Task, i64>,
}

impl Crew {
    pub(crate) fn new(lake: &Path, plan: Plan, makes_up: bool) -> Crew {
        let (send, events) = channel();
        Crew {
            lake: lake.to_owned(),
            plan,
            since: (!makes_up).then(clock::now_us),
            stop: Arc::default(),
            send,
            events,
            at_work: BTreeSet::new(),
            tried: BTreeMap::new(),
        }
    }

    /// Nothing new is begun after it is called, and a compaction ends early.
    pub(crate) fn stopper(&self) -> impl FnOnce() + Send + 'static {
        let (stop, send) = (self.stop.clone(), self.send.clone());
        move || {
            stop.store(true, Ordering::Relaxed);
            let _ = send.send(Event::Stop);
        }
    }

    /// `tell` hears how each ended; what it fails with ends all.
    pub(crate) fn run(
        mut self,
        once: bool,
        tell: &mut dyn FnMut(Task, Result<Ran, Failure>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let (mut broken, mut begun) = (None, false);
        loop {
            let wait = match self.is_stopped() || once && begun {
                true => GLANCE,
                false => self.begin(),
            };
            begun = true;
            if self.at_work.is_empty() && (once || self.is_stopped()) {
                return broken.map_or(Ok(()), Err);
            }
            if let Ok(Event::Ended(task, ran)) = self.events.recv_timeout(wait) {
                self.at_work.remove(&task);
                if let Err(failure) = tell(task, ran) {
                    broken.get_or_insert(failure);
                    self.stop.store(true, Ordering::Relaxed);
                }
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Begins what is due, and says when to look again.
    fn begin(&mut self) -> Duration {
        let now = clock::now_us();
        let mut wait = GLANCE;
        for entry in self.plan.entries.clone() {
            if !entry.enabled || self.at_work.contains(&entry.task) {
                continue;
            }
            match due(
                &entry.at,
                &self.plan.zone,
                self.last(entry.task),
                self.not_before(entry.task),
                now,
            ) {
                Due::Now => self.start(&entry, now),
                Due::At(at) => {
                    let left = u64::try_from(at.saturating_sub(now)).unwrap_or(0);
                    wait = wait.min(Duration::from_micros(left));
                }
                Due::Never => {}
            }
        }
        wait
    }

    /// None also if it cannot be learnt: then the run itself says why.
    fn last(&self, task: Task) -> Option<i64> {
        let root = Root::open(&self.lake).ok()?;
        Some(runs::read(&root, task.name()).ok()?.last()?.started_us)
    }

    fn not_before(&self, task: Task) -> Option<i64> {
        self.since.max(self.tried.get(&task).copied())
    }

    fn start(&mut self, entry: &Entry, now: i64) {
        let task = entry.task;
        self.tried.insert(task, now);
        self.at_work.insert(task);
        let job = Job {
            lake: self.lake.clone(),
            task,
            due: Some((entry.at.clone(), self.plan.zone, self.since)),
            stop: self.stop.clone(),
        };
        let send = self.send.clone();
        let run = move || {
            let _ = send.send(Event::Ended(task, guarded(|| job.run())));
        };
        if let Err(error) = thread::Builder::new().name(task.name().into()).spawn(run) {
            let failure = Failure::bug(format!("cannot start a thread: {error}"));
            let _ = self.send.send(Event::Ended(task, Err(failure)));
        }
    }
}
