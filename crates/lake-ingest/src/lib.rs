//! From files or batches to one commit.
//!
//! `source` reads rows and checks them against the table; `rows` holds them with
//! the places they came from; `split` parts them by symbol, sorts them and lets the
//! last of equal keys win; `stage` writes a segment a symbol and brings the files
//! into place; `ingest` is the way from the one to the other, and to the commit.

mod absent;
mod create;
mod error;
mod ingest;
mod rows;
mod source;
mod split;
mod stage;

pub use create::{Creation, create_table};
pub use error::{IngestError, Place, Result};
pub use ingest::{Ingested, Input, Mode, Options, Writer};
pub use source::{BadCsv, InputFormat};

#[cfg(test)]
mod tests;
