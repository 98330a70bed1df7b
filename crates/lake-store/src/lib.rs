//! The only door to the disk, the locks, the clock and the randomness.
//!
//! - Everything lies beneath one opened [`Root`]; no path leaves it and no
//!   symbolic link is followed ([`Kind::Escape`]).
//! - Whatever reached the disk stays there only after a sync; the orders that
//!   matter are spelled once, in [`publish_new`].
//! - Locks are open-file-description byte locks ([`LockFile`]): the kernel frees
//!   them with their holder, and no pid or clock decides anything.
//! - A failed write or sync poisons its file: it is never retried.
//! - No error is swallowed, except that of removing our own leftover after the
//!   outcome is already settled.
//!
//! What is not here: any knowledge of names, formats or versions.

// The lint that sends everybody to this crate must let the crate itself pass.
#![allow(clippy::disallowed_methods)]

pub mod clock;
mod dir;
mod error;
pub mod fault;
mod file;
mod hint;
mod lock;
mod mount;
mod probe;
pub mod process;
mod publish;
pub mod random;
mod root;
mod slot;
mod step;

#[cfg(test)]
mod tests;

pub use clock::{Deadline, Stopwatch};
/// A file opened for reading.
pub type ReadFile = std::fs::File;

pub use dir::{Dir, Entry, Link, Stat};
pub use error::{Kind, Result, StoreError};
pub use file::NewFile;
pub use hint::{HINT_LEN, Hint};
pub use lock::{Guard, LockFile, Waiter};
pub use mount::judge_mount;
pub use probe::{Finding, probe};
pub use publish::publish_new;
pub use root::{Root, Space};
pub use slot::{overwrite, rewrite};
