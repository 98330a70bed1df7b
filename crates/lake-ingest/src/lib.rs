//! From files or batches to one commit.
//!
//! `source` reads rows and checks them against the table; `block` holds as many as
//! memory allows, with the places they came from; `split` parts them by symbol, sorts
//! them and decides equal keys; `layout` says which files they
//! make; `make` is the way of one table's rows through all that, `ingest` that of a
//! transaction to its commit. `stored`, `fill` and `overlap` read what is there already.
//! `alter`, `delete`, `restore` and `tag` are the other changes an owner makes; `watch`
//! ingests what arrives in a directory, `retry` what `quarantine` keeps.

mod alter;
mod block;
mod clusters;
mod create;
mod delete;
mod error;
mod feed;
mod fill;
mod ingest;
mod kit;
mod layout;
mod make;
mod meter;
mod options;
mod overlap;
pub mod quarantine;
mod rejects;
mod restore;
mod retry;
mod rules;
mod source;
mod split;
mod sqlfeed;
mod stored;
mod stream;
mod tag;
mod unarchive;
pub mod watch;

pub use alter::{Alteration, alter_table};
pub use create::{Creation, create_table};
pub use delete::{Deletion, Which};
pub use error::{IngestError, Place, Result};
pub use feed::{FileFeed, OnceFeed};
pub use ingest::{Feed, Ingested, IngestedMany, Job, Writer};
pub use meter::{Meter, Phase, Reading};
pub use options::{Layout, Mode, OnError, Options};
pub use restore::{Restored, restore};
pub use retry::Retried;
pub use source::{
    BadCsv, Chunk, Input, InputFormat, Reject, Rejects, Source, SourceOptions, expand, infer,
    is_guarded, value_of,
};
pub use sqlfeed::{SqlFeed, infer_all};
pub use stream::{Stream, StreamEnd, StreamOptions, committed_through};
pub use tag::tag;

/// How many threads encode segments; to be said before the first ingest.
pub fn set_workers(threads: usize) -> std::result::Result<(), String> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build_global().map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests;
