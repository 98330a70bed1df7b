//! What keeps a lake small and whole.
//!
//! `compact` merges small segments into few: `policy` says which, from what the log
//! knows alone, and why; `run` does it. `vacuum` removes the files of versions that
//! nobody can open any more.

pub mod compact;
mod error;
pub mod health;
pub mod policy;
pub mod runs;
pub mod schedule;
pub mod vacuum;
#[cfg(test)]
mod yard;

pub use error::{MaintainError, Result};
