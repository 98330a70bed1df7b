//! Rules broken on purpose: a harness that does not notice is too weak.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// Syncing a directory does nothing and is not recorded.
    NoDirSync,
    /// Publishing replaces whoever was there first.
    RenameInsteadOfLink,
    /// A rule of an upper crate, which asks [`super::mutant`] for it.
    Rule(String),
}

impl Mutant {
    /// Every name is one: what is not of this crate is a rule of another.
    pub fn parse(name: &str) -> Mutant {
        match name {
            "no_dir_sync" => Mutant::NoDirSync,
            "rename_instead_of_link" => Mutant::RenameInsteadOfLink,
            other => Mutant::Rule(other.to_owned()),
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Mutant::NoDirSync => "no_dir_sync",
            Mutant::RenameInsteadOfLink => "rename_instead_of_link",
            Mutant::Rule(name) => name,
        }
    }
}

struct Entry {
    id: u64,
    thread: Option<ThreadId>,
    mutant: Mutant,
}

static ENTRIES: Mutex<Vec<Entry>> = Mutex::new(Vec::new());
static ACTIVE: AtomicUsize = AtomicUsize::new(0);
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

fn entries() -> MutexGuard<'static, Vec<Entry>> {
    ENTRIES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For the whole process, until [`clear_mutants`].
pub fn mutate(mutant: Mutant) {
    insert(None, mutant);
}

pub fn clear_mutants() {
    remove(|entry| entry.thread.is_none());
}

/// For the calling thread, until the guard is dropped.
pub fn mutate_here(mutant: Mutant) -> Broken {
    Broken(insert(Some(thread::current().id()), mutant))
}

/// Mends the rule when dropped.
#[derive(Debug)]
#[must_use]
pub struct Broken(u64);

impl Drop for Broken {
    fn drop(&mut self) {
        remove(|entry| entry.id == self.0);
    }
}

pub(super) fn is_on(name: &str) -> bool {
    if ACTIVE.load(Ordering::Acquire) == 0 {
        return false;
    }
    let me = thread::current().id();
    entries()
        .iter()
        .any(|entry| entry.mutant.name() == name && entry.thread.is_none_or(|id| id == me))
}

fn insert(thread: Option<ThreadId>, mutant: Mutant) -> u64 {
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    let mut all = entries();
    all.push(Entry { id, thread, mutant });
    ACTIVE.store(all.len(), Ordering::Release);
    id
}

fn remove(gone: impl Fn(&Entry) -> bool) {
    let mut all = entries();
    all.retain(|entry| !gone(entry));
    ACTIVE.store(all.len(), Ordering::Release);
}
