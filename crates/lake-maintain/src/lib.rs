//! What keeps a lake small and whole.
//!
//! `compact` merges small segments into few: `policy` says which, from what the log
//! knows alone, and why; `run` does it. `vacuum` removes the files of versions that
//! nobody can open any more. `verify` checks that the lake is what its log
//! says, `repair` acts on what it found, and `rebuild` makes a log that was lost anew.

pub mod compact;
mod error;
pub mod policy;
pub mod rebuild;
pub mod repair;
pub mod vacuum;
pub mod verify;
#[cfg(test)]
mod yard;

pub use error::{MaintainError, Result};
