//! The commit log that many processes share: one sequence of versions for the
//! lake, each one immutable entry published by `link(2)`.
//!
//! Locks are hints that save work; the log is the truth. Were every lock lost,
//! no row would be lost or doubled: the name of a version can be linked once,
//! and whoever links it has looked for its own transactions in every version
//! before. The steps W1-W9 and R1-R6 of the comments are those of FORMAT.md.

mod at;
mod audit;
mod boundary;
mod census;
mod checkpoint;
mod commit;
mod error;
mod files;
mod fold;
mod init;
mod lake;
pub mod mend;
mod recover;
mod replay;
mod replica;
mod session;
mod snapshot;
mod spool;
mod truncate;

#[cfg(test)]
mod tests;

pub use at::{At, BadAt};
pub use audit::{Audit, Flaw, Witness, audit};
pub use boundary::Slots;
pub use census::Census;
pub use commit::Outcome;
pub use error::{LogError, Result, store_kind};
pub use init::{Created, InitOptions};
pub use lake::{Access, Lake, Leftovers};
pub use replica::{Replica, Signed};
pub use session::Draft;
pub use snapshot::Snapshot;
pub use spool::Waiting;
