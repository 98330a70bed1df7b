//! What is armed, and the decision at each operation.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use super::Verdict;
use crate::clock::pause;
use crate::step::At;

/// The name of every operation, as plans filter and errors show them.
pub const OPS: &[&str] = &[
    "allocate",
    "close",
    "create",
    "create_root",
    "link",
    "list",
    "lock",
    "lock_query",
    "mkdir",
    "open_dir",
    "open_hint",
    "open_lock",
    "open_read",
    "read_part",
    "open_root",
    "open_slot",
    "overwrite",
    "random",
    "read",
    "read_hint",
    "remove_dir",
    "rename",
    "replace",
    "space",
    "stat",
    "sync_dir",
    "sync_file",
    "sync_fs",
    "sync_slot",
    "unlink",
    "write",
    "write_hint",
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The n-th matching operation since arming, from 1.
    pub at: u64,
    pub ops: OpFilter,
    /// Only paths (relative to the root) that contain this.
    pub path: Option<String>,
    pub mode: Mode,
    /// Also every matching operation after the n-th. A sticky EINTR never ends.
    pub sticky: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpFilter {
    All,
    Only(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The operation does not happen; this errno is reported.
    Fail(i32),
    /// The operation happens, and then this errno is reported.
    FailAfter(i32),
    /// Half the bytes of a write reach the file, then as `Stop`.
    Tear,
    /// This and every later operation in the scope fails as [`crate::Kind::Stopped`],
    /// as if the process had died.
    Stop,
    /// SIGKILL to ourselves.
    Kill,
    /// SIGSTOP to ourselves; after SIGCONT the operation goes on.
    Pause,
}

impl Plan {
    /// The n-th operation of any kind.
    pub fn nth(at: u64, mode: Mode) -> Plan {
        Plan { at, ops: OpFilter::All, path: None, mode, sticky: false }
    }

    /// Counts and never acts.
    pub fn count_only() -> Plan {
        Plan::nth(u64::MAX, Mode::Stop)
    }

    pub fn only(mut self, ops: &[&str]) -> Plan {
        self.ops = OpFilter::Only(ops.iter().map(|&op| op.to_owned()).collect());
        self
    }

    pub fn beneath(mut self, path: &str) -> Plan {
        self.path = Some(path.to_owned());
        self
    }

    fn matches(&self, op: &str, at: &At<'_>) -> bool {
        let op_fits = match &self.ops {
            OpFilter::All => true,
            OpFilter::Only(ops) => ops.iter().any(|one| one == op),
        };
        op_fits && self.path.as_ref().is_none_or(|part| at.path().to_string_lossy().contains(part))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Scope {
    Process,
    Thread(ThreadId),
    Root(PathBuf),
}

struct Entry {
    id: u64,
    scope: Scope,
    plan: Plan,
    seen: u64,
    fired: bool,
    stopped: bool,
}

static ENTRIES: Mutex<Vec<Entry>> = Mutex::new(Vec::new());
/// Spares the lock while nothing is armed.
static ARMED: AtomicUsize = AtomicUsize::new(0);
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

fn entries() -> MutexGuard<'static, Vec<Entry>> {
    ENTRIES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Arms for the whole process, in place of what was armed for it.
pub fn arm(plan: Plan) {
    insert(Scope::Process, plan);
}

/// Disarms the process; the guards of the other scopes disarm themselves.
pub fn disarm() {
    remove(|entry| entry.scope == Scope::Process);
}

/// Matching operations since [`arm`], also after it fired.
pub fn count() -> u64 {
    entries().iter().find(|e| e.scope == Scope::Process).map_or(0, |e| e.seen)
}

/// Arms for the calling thread, until the guard is dropped.
pub fn arm_here(plan: Plan) -> Armed {
    Armed(insert(Scope::Thread(thread::current().id()), plan))
}

/// Arms for whatever works on the lake at [`crate::Root::path`], or on one beneath, until
/// the guard is dropped.
pub fn arm_at(root: &Path, plan: Plan) -> Armed {
    Armed(insert(Scope::Root(root.to_path_buf()), plan))
}

/// Disarms when dropped.
#[derive(Debug)]
#[must_use]
pub struct Armed(u64);

impl Armed {
    pub fn count(&self) -> u64 {
        self.look(|entry| entry.seen).unwrap_or(0)
    }

    /// Whether the n-th operation was reached: a sweep ends when it was not.
    pub fn fired(&self) -> bool {
        self.look(|entry| entry.fired).unwrap_or(false)
    }

    fn look<T>(&self, get: impl Fn(&Entry) -> T) -> Option<T> {
        entries().iter().find(|entry| entry.id == self.0).map(get)
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        remove(|entry| entry.id == self.0);
    }
}

fn insert(scope: Scope, plan: Plan) -> u64 {
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    let mut all = entries();
    all.retain(|entry| entry.scope != scope);
    all.push(Entry { id, scope, plan, seen: 0, fired: false, stopped: false });
    ARMED.store(all.len(), Ordering::Release);
    id
}

fn remove(gone: impl Fn(&Entry) -> bool) {
    let mut all = entries();
    all.retain(|entry| !gone(entry));
    ARMED.store(all.len(), Ordering::Release);
}

pub(crate) fn enter(op: &'static str, at: &At<'_>) -> Verdict {
    assert!(OPS.contains(&op), "{op} is missing in OPS");
    if ARMED.load(Ordering::Acquire) == 0 {
        return Verdict::Go;
    }
    let mode = entries().iter_mut().find_map(|entry| entry.decide(op, at));
    match mode {
        None => Verdict::Go,
        Some(Mode::Fail(errno)) => Verdict::Fail(errno),
        Some(Mode::FailAfter(errno)) => Verdict::After(errno),
        Some(Mode::Tear) => Verdict::Tear,
        Some(Mode::Stop) => Verdict::Stop,
        Some(Mode::Kill) => {
            signal(Signal::KILL);
            Verdict::Stop
        }
        Some(Mode::Pause) => {
            signal(Signal::STOP);
            Verdict::Go
        }
    }
}

impl Entry {
    fn decide(&mut self, op: &str, at: &At<'_>) -> Option<Mode> {
        let concerned = match &self.scope {
            Scope::Process => true,
            Scope::Thread(id) => *id == thread::current().id(),
            Scope::Root(root) => at.root.starts_with(root),
        };
        if !concerned {
            return None;
        }
        if self.stopped {
            return Some(Mode::Stop);
        }
        if !self.plan.matches(op, at) {
            return None;
        }
        self.seen += 1;
        let due = self.seen == self.plan.at || (self.plan.sticky && self.seen > self.plan.at);
        if !due {
            return None;
        }
        self.fired = true;
        self.stopped = matches!(self.plan.mode, Mode::Stop | Mode::Tear);
        Some(self.plan.mode)
    }
}

fn signal(signal: Signal) {
    // Cannot fail for ourselves. The signal may be taken by another thread first,
    // which stops this one a moment later, so this one waits for it.
    let _ = kill_process(getpid(), signal);
    pause(Duration::from_millis(20));
}
