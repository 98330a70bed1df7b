//! The history of the tasks' runs, and that no task runs twice at once.
//!
//! - Whoever runs a task holds its byte of `locks/tasks` for as long: the kernel frees it
//!   with its process, so that none that died keeps others from running.
//! - A task's runs are a file of lines of JSON, the newest last, replaced as a whole by
//!   who holds the lock. A process killed at any moment leaves the history before or
//!   after, and a run without an end.
//! - A run without an end goes on while the lock is held; else it was killed.
//! - It keeps so many runs, and the last that succeeded whenever that was.

mod line;
#[cfg(test)]
mod tests;

use lake_core::frame::hash;
use lake_core::layout;
use lake_store::{Dir, Guard, Kind, LockFile, Root, StoreError};

type Result<T> = std::result::Result<T, StoreError>;

/// Runs that a history holds: more than a day of one each five minutes.
const KEPT: usize = 300;
/// Of a text in it, in characters.
const LONGEST: usize = 500;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Done,
    Failed,
    /// By a signal, in order.
    Stopped,
    /// With its process; whoever reads the history finds that.
    Killed,
}

/// What is told of a run that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    pub at_us: i64,
    pub how: Ended,
    /// What it did, or why it could not.
    pub message: String,
    /// Files that it found damaged or missing.
    pub damaged: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub started_us: i64,
    /// For people.
    pub host: String,
    pub pid: u32,
    /// None: it goes on.
    pub end: Option<End>,
}

impl Run {
    pub fn ended(&self) -> Option<Ended> {
        self.end.as_ref().map(|end| end.how)
    }

    /// Whether it counts as one that did not do its work.
    pub fn failed(&self) -> bool {
        matches!(self.ended(), Some(Ended::Failed | Ended::Killed))
    }

    fn kill(&mut self) {
        self.end.get_or_insert_with(|| End {
            at_us: self.started_us,
            how: Ended::Killed,
            message: "the process ended before the run did".into(),
            damaged: 0,
        });
    }
}

/// The runs of a task, the newest last.
pub fn read(root: &Root, task: &str) -> Result<Vec<Run>> {
    // Asked before: a run that ends meanwhile is read with its end.
    let is_held = is_held(root, task)?;
    let mut runs = load(root, task)?;
    let newest = runs.pop();
    runs.iter_mut().for_each(Run::kill);
    runs.extend(newest.map(|mut run| {
        if !is_held {
            run.kill();
        }
        run
    }));
    Ok(runs)
}

fn load(root: &Root, task: &str) -> Result<Vec<Run>> {
    let path = format!("{}/{}", layout::TASKS, layout::runs_name(task));
    let bytes = root.read_opt(&path)?.unwrap_or_default();
    // What is no run is from a disk that lost power, or from another's hand.
    Ok(String::from_utf8_lossy(&bytes).lines().filter_map(line::read).collect())
}

fn byte(task: &str) -> u64 {
    // Within what can be locked.
    hash(task.as_bytes()) >> 2
}

fn is_held(root: &Root, task: &str) -> Result<bool> {
    match LockFile::new(&root.dir(layout::LOCKS)?, layout::LOCK_TASKS) {
        Ok(file) => file.is_locked(byte(task)),
        Err(none) if none.kind == Kind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The right to run a task, and to write its history.
#[derive(Debug)]
pub struct Turn {
    dir: Dir,
    task: String,
    runs: Vec<Run>,
    _alone: Guard,
}

impl Turn {
    /// None while another has it, in this process or any.
    pub fn take(root: &Root, task: &str) -> Result<Option<Turn>> {
        let locks = root.dir(layout::LOCKS)?;
        LockFile::create(&locks, layout::LOCK_TASKS)?;
        let file = LockFile::new(&locks, layout::LOCK_TASKS)?;
        let Some(alone) = file.try_exclusive(byte(task))? else { return Ok(None) };
        let dir = root.make_dir(layout::TASKS)?;
        let mut runs = load(root, task)?;
        runs.iter_mut().for_each(Run::kill);
        Ok(Some(Turn { dir, task: task.to_owned(), runs, _alone: alone }))
    }

    /// When the last run before this one started.
    pub fn last_started(&self) -> Option<i64> {
        self.runs.last().map(|run| run.started_us)
    }

    /// Writes down that a run starts.
    pub fn begin(&mut self, at_us: i64, host: String, pid: u32) -> Result<()> {
        self.runs.push(Run { started_us: at_us, host, pid, end: None });
        self.save()
    }

    /// Writes down how it ended.
    pub fn end(mut self, mut end: End) -> (Option<Run>, Result<()>) {
        end.message = end.message.chars().take(LONGEST).collect();
        if let Some(run) = self.runs.last_mut() {
            run.end = Some(end);
        }
        let saved = self.save();
        (self.runs.pop(), saved)
    }

    fn save(&mut self) -> Result<()> {
        self.forget();
        let text: String = self.runs.iter().map(line::write).collect();
        replace(&self.dir, &layout::runs_name(&self.task), text.as_bytes())
    }

    fn forget(&mut self) {
        let more = self.runs.len().saturating_sub(KEPT);
        let done = |run: &Run| run.ended() == Some(Ended::Done);
        let newest = self.runs.iter().rposition(done).filter(|at| *at < more);
        let kept = newest.map(|at| self.runs[at].clone());
        self.runs.splice(..more, kept);
    }
}

/// Puts a file of the tasks' in the place of the one before. Only for who holds a lock:
/// the name beside it is always the same, so that nothing piles up.
pub fn replace(dir: &Dir, name: &str, bytes: &[u8]) -> Result<()> {
    let fresh = format!("{name}.new");
    dir.unlink(&fresh)?;
    let mut file = dir.create(&fresh)?;
    file.write_all_at_once(bytes)?;
    file.sync()?;
    file.close()?;
    dir.replace(&fresh, dir, name)?;
    dir.sync()
}
