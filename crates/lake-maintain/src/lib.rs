//! What keeps a lake small and whole.
//!
//! `compact` merges small segments into few: `policy` says which, from what the log
//! knows alone, and why; `run` does it. `vacuum` removes the files of versions that
//! nobody can open any more. `retain` takes old rows out of tables, `archive` keeps
//! them in files beside; `backup` copies a version. `verify` checks that the lake is what
//! its log says, `repair` acts on what it found, and `rebuild` makes a lost log anew.

pub mod archive;
pub mod backup;
pub mod compact;
mod error;
pub mod health;
pub mod policy;
pub mod rebuild;
pub mod repair;
pub mod retain;
pub mod runs;
pub mod schedule;
pub mod vacuum;
pub mod verify;
#[cfg(test)]
mod yard;

pub use error::{MaintainError, Result};
