//! What keeps a lake small and whole.
//!
//! `compact` merges small segments into few: `policy` says which, from what the log
//! knows alone, and why; `run` does it. `vacuum` removes the files of versions that
//! nobody can open any more. `verify` checks that the lake is what its log says.

pub mod compact;
mod error;
pub mod policy;
pub mod vacuum;
pub mod verify;
#[cfg(test)]
mod yard;

pub use error::{MaintainError, Result};
