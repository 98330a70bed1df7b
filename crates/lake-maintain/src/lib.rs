//! What keeps a lake small and whole.
//!
//! `compact` merges small segments into few: `policy` says which, from what the log
//! knows alone, and why; `run` does it. `vacuum` removes the files of versions that
//! nobody can open any more. `retain` takes old rows out of tables, `archive` keeps
//! them in files beside; `backup` copies a version.

pub mod archive;
pub mod backup;
pub mod compact;
mod error;
pub mod health;
pub mod policy;
pub mod retain;
pub mod runs;
pub mod schedule;
pub mod vacuum;
#[cfg(test)]
mod yard;

pub use error::{MaintainError, Result};
