//! What a caller may ask of an ingest.

use lake_core::edit::ProducerSeq;

use crate::meter::Meter;

/// What to do with a key that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Refuse it; without a key, every row is new.
    Append,
    /// The later commit wins.
    Upsert,
    /// The stored row stays.
    Ignore,
    /// Of each symbol, the stored rows between the batch's smallest and largest order
    /// value are replaced by the batch's.
    ReplaceRange,
    /// Of each symbol, all stored rows are replaced.
    Replace,
}

/// What to do with a row that the table cannot hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// Store nothing.
    #[default]
    Abort,
    /// Leave it out and count it.
    Skip,
    /// Leave it out, count it and keep it for a person to look at.
    Quarantine,
}

/// Which files an ingest makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// A file a symbol, unless they are many.
    #[default]
    Auto,
    PerSymbol,
    Packed,
}

#[derive(Clone, Debug)]
pub struct Options {
    /// None: upsert for a table with a key, append for one without.
    pub mode: Option<Mode>,
    /// Upsert only: a NULL leaves the stored value.
    pub keep_nulls: bool,
    /// Ignore only: of rows of the batch with one key the last stays, not the first.
    pub last_wins: bool,
    /// Commits once, however often it is sent.
    pub producer: Option<ProducerSeq>,
    pub on_error: OnError,
    pub layout: Layout,
    /// Bytes of rows to hold at a time; beyond, they go to staged files.
    pub memory: usize,
    /// Check everything, commit nothing.
    pub dry_run: bool,
    /// The producer's last row that this commit makes durable, for its receipt.
    pub through_row: Option<u64>,
    /// Counts its rows and says what it does.
    pub meter: Meter,
}

const MEMORY: usize = 1 << 30;

impl Default for Options {
    fn default() -> Options {
        Options {
            mode: None,
            keep_nulls: false,
            last_wins: false,
            producer: None,
            on_error: OnError::Abort,
            layout: Layout::Auto,
            memory: MEMORY,
            dry_run: false,
            through_row: None,
            meter: Meter::default(),
        }
    }
}
