//! Failing on purpose. Without the cargo feature `fault` nothing of this is
//! compiled but empty functions; with it every operation of this crate asks here
//! first, is counted, and can be failed, torn, stopped, killed or recorded.
//!
//! A `Plan` is armed for a scope: the process (twin binaries), the calling
//! thread, or one root (in-process sweeps, whatever threads work on that lake).
//! The names of operations are in `OPS`.

#[cfg(feature = "fault")]
mod mutant;
#[cfg(feature = "fault")]
mod plan;
#[cfg(feature = "fault")]
mod record;
#[cfg(test)]
#[cfg(feature = "fault")]
mod tests;
#[cfg(feature = "fault")]
mod text;

#[cfg(feature = "fault")]
pub use self::{
    mutant::{Broken, Mutant, clear_mutants, mutate, mutate_here},
    plan::{Armed, Mode, OPS, OpFilter, Plan, arm, arm_at, arm_here, count, disarm},
    record::{Op, record_start, record_stop},
    text::parse,
};

#[cfg(feature = "fault")]
pub(crate) use self::{plan::enter, record::tape};

#[cfg(test)]
#[cfg(feature = "fault")]
pub(crate) use self::tests::child_role;

/// What becomes of the operation that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "fault"), allow(dead_code))]
pub(crate) enum Verdict {
    Go,
    Fail(i32),
    /// It happens, and then this errno is reported.
    After(i32),
    Tear,
    Stop,
}

/// Whether a rule of an upper crate is to be broken: `txn_lookup`, `fence`,
/// `boundary` and the like.
#[cfg(feature = "fault")]
pub fn mutant(name: &str) -> bool {
    mutant::is_on(name)
}

#[cfg(not(feature = "fault"))]
#[inline(always)]
pub fn mutant(_name: &str) -> bool {
    false
}

pub(crate) fn no_dir_sync() -> bool {
    mutant("no_dir_sync")
}

pub(crate) fn rename_instead_of_link() -> bool {
    mutant("rename_instead_of_link")
}

/// Files are told apart by a number of our own: the kernel's are used again.
#[cfg(feature = "fault")]
pub(crate) fn next_ino() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[cfg(not(feature = "fault"))]
#[inline(always)]
pub(crate) fn next_ino() -> u64 {
    0
}

#[cfg(not(feature = "fault"))]
#[inline(always)]
pub(crate) fn enter(_op: &'static str, _at: &crate::step::At<'_>) -> Verdict {
    Verdict::Go
}

#[cfg(not(feature = "fault"))]
pub(crate) struct Tape;

#[cfg(not(feature = "fault"))]
#[inline(always)]
pub(crate) fn tape(_at: &crate::step::At<'_>) -> Tape {
    Tape
}

#[cfg(not(feature = "fault"))]
impl Tape {
    #[inline(always)]
    pub(crate) fn push(&mut self, _at: &crate::step::At<'_>, _effect: crate::step::Effect<'_>) {}
}
