//! What was done to a lake, in order, so that a test can rebuild what a power cut
//! may have left of it. While a root is recorded, its operations take turns, so
//! that the order of the list is the order on the disk.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::step::{At, Effect};

/// Paths are relative to the root; the root itself is empty. `ino` names a file
/// from its creation on and is never used again. Only what succeeded is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    Mkdir {
        path: PathBuf,
    },
    Rmdir {
        path: PathBuf,
    },
    Create {
        path: PathBuf,
        ino: u64,
    },
    Write {
        ino: u64,
        offset: u64,
        bytes: Vec<u8>,
    },
    /// In place, into a file that may be older than the recording (a hint).
    Overwrite {
        path: PathBuf,
        offset: u64,
        bytes: Vec<u8>,
    },
    SyncFile {
        ino: u64,
    },
    /// Of a file known by its path alone, like `Overwrite`.
    SyncPath {
        path: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Link {
        from: PathBuf,
        to: PathBuf,
    },
    Unlink {
        path: PathBuf,
    },
    SyncDir {
        path: PathBuf,
    },
    SyncFs,
}

struct Recording {
    root: PathBuf,
    ops: Vec<Op>,
}

static RECORDINGS: Mutex<Vec<Recording>> = Mutex::new(Vec::new());
static ACTIVE: AtomicUsize = AtomicUsize::new(0);

fn recordings() -> MutexGuard<'static, Vec<Recording>> {
    RECORDINGS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records what any thread does to the lake at [`crate::Root::path`], from now on.
pub fn record_start(root: &Path) {
    let mut all = recordings();
    all.retain(|one| one.root != root);
    all.push(Recording { root: root.to_path_buf(), ops: Vec::new() });
    ACTIVE.store(all.len(), Ordering::Release);
}

pub fn record_stop(root: &Path) -> Vec<Op> {
    let mut all = recordings();
    let found = all.iter().position(|one| one.root == root);
    let ops = found.map_or_else(Vec::new, |i| all.swap_remove(i).ops);
    ACTIVE.store(all.len(), Ordering::Release);
    ops
}

/// Held across the operation.
pub(crate) struct Tape(Option<(MutexGuard<'static, Vec<Recording>>, usize)>);

pub(crate) fn tape(at: &At<'_>) -> Tape {
    if ACTIVE.load(Ordering::Acquire) == 0 {
        return Tape(None);
    }
    let all = recordings();
    let found = all.iter().position(|one| one.root == at.root);
    Tape(found.map(|i| (all, i)))
}

impl Tape {
    pub(crate) fn push(&mut self, at: &At<'_>, effect: Effect<'_>) {
        let Some((all, i)) = &mut self.0 else {
            return;
        };
        if let (Some(recording), Some(op)) = (all.get_mut(*i), op_of(at, effect)) {
            recording.ops.push(op);
        }
    }
}

fn op_of(at: &At<'_>, effect: Effect<'_>) -> Option<Op> {
    let path = beneath(at);
    Some(match effect {
        Effect::None => return None,
        Effect::Mkdir => Op::Mkdir { path },
        Effect::Rmdir => Op::Rmdir { path },
        Effect::Create { ino } => Op::Create { path, ino },
        Effect::Write { ino, offset, bytes } => Op::Write { ino, offset, bytes: bytes.to_vec() },
        Effect::Overwrite { offset, bytes } => {
            Op::Overwrite { path, offset, bytes: bytes.to_vec() }
        }
        Effect::SyncFile { ino } => Op::SyncFile { ino },
        Effect::SyncPath => Op::SyncPath { path },
        Effect::Rename { to } => Op::Rename { from: path, to: beneath(&to) },
        Effect::Link { to } => Op::Link { from: path, to: beneath(&to) },
        Effect::Unlink => Op::Unlink { path },
        Effect::SyncDir => Op::SyncDir { path },
        Effect::SyncFs => Op::SyncFs,
    })
}

fn beneath(at: &At<'_>) -> PathBuf {
    match (at.dir, at.name) {
        ("", "") => PathBuf::new(),
        _ => at.path(),
    }
}
