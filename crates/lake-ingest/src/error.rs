//! Why an ingest did not happen. Bad input names its file, row and column.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use lake_core::kind::Kind;
use lake_core::state::Conflict;
use lake_core::symbol::BadSymbol;
use lake_log::{LogError, store_kind};
use lake_segment::SegmentError;
use lake_store::StoreError;

use crate::source::BadCsv;
use crate::watch::WatchError;

pub type Result<T> = std::result::Result<T, IngestError>;

/// Where a row came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: Arc<str>,
    /// From 1, the header not counted.
    pub row: u64,
    /// The line of a text file on which the row begins, from 1.
    pub line: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, row {}", self.file, self.row)?;
        match self.line {
            Some(line) => write!(f, " (line {line})"),
            None => Ok(()),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error("no table {0}")]
    NoTable(String),
    #[error("cannot open {}", .path.display())]
    Open { path: PathBuf, source: std::io::Error },
    /// The file as a whole: its form, its header, its types.
    #[error("{file}: {why}")]
    File { file: Arc<str>, why: String },
    #[error("{file}, {source}")]
    Csv { file: Arc<str>, source: BadCsv },
    #[error("{place}: {why}")]
    Row { place: Place, why: String },
    #[error("{place}, column {column}: {text} {why}")]
    Cell { place: Place, column: String, text: String, why: String },
    #[error("{place}, column {column}: it is NULL, but the column is NOT NULL")]
    Null { place: Place, column: String },
    #[error("{place}, column {column}: {source}")]
    Symbol { place: Place, column: String, source: BadSymbol },
    #[error("{first} and row {} have the same key", second_row(.first, .second))]
    SameKey { first: Place, second: Place },
    #[error("{place}: table {table} has key {key} already")]
    KeyExists { place: Place, table: String, key: String },
    #[error("{0} rows of the input have the key of another one")]
    SameKeys(u64),
    #[error("table {0} has no key, so there is nothing to tell rows apart by")]
    NoKey(String),
    #[error("table {0} has no order, so there is no range to replace")]
    NoOrder(String),
    #[error("the order column of table {0} is NULL in a row, so there is no range to replace")]
    NullOrder(String),
    #[error("values can only be kept by an upsert")]
    KeepNulls,
    #[error("table {0} is named twice")]
    TableTwice(String),
    #[error("the input can be read once, and the commit was refused")]
    Once,
    #[error("producer {0} has sent batches with --seq, whose rows are not numbered")]
    NotAStream(String),
    #[error(
        "the receipt of producer {producer}'s last batch ({seq}) is no longer kept, so it cannot \
         be said which of its rows are committed"
    )]
    Forgotten { producer: String, seq: u64 },
    #[error("another stream of this producer is running")]
    TwoStreams,
    /// Others were in the way, to the end.
    #[error("rows {first} to {last} could not be committed (tries: {tries})")]
    Checkpoint { first: u64, last: u64, tries: u32, source: Box<IngestError> },
    #[error("the receiver of receipts is gone")]
    Stopped,
    #[error("the reading thread ended without a word")]
    Reader,
    #[error(transparent)]
    Sql(lake_sql::SqlError),
    #[error("no quarantined rows are called {0}")]
    NoQuarantine(String),
    #[error("the batch that {0} is of is not committed")]
    Uncommitted(String),
    #[error("there is no column {column} in table {table}")]
    NoColumn { table: String, column: String },
    #[error("table {table}: {why}")]
    Alter { table: String, why: String },
    #[error("tag {0:?} cannot be: 1 to 64 letters, digits, _ - and ., not a number or a time")]
    BadTag(String),
    #[error("too many rows for one commit: {0}")]
    TooMuch(&'static str),
    #[error("table {0} exists already with other settings")]
    OtherTable(String),
    #[error("the commit was refused, {tries} times")]
    Conflict { tries: u32, source: Conflict },
    #[error(transparent)]
    Segment(SegmentError),
    #[error(transparent)]
    Watch(WatchError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("cannot combine the rows")]
    Arrow(#[from] arrow::error::ArrowError),
}

fn second_row(first: &Place, second: &Place) -> String {
    match first.file == second.file {
        true => second.row.to_string(),
        false => format!("{} of {}", second.row, second.file),
    }
}

impl From<StoreError> for IngestError {
    fn from(error: StoreError) -> IngestError {
        IngestError::Log(LogError::Store(error))
    }
}

impl From<SegmentError> for IngestError {
    fn from(error: SegmentError) -> IngestError {
        match error {
            SegmentError::Store(error) => error.into(),
            other => IngestError::Segment(other),
        }
    }
}

impl IngestError {
    pub fn kind(&self) -> Kind {
        match self {
            IngestError::NoTable(_) | IngestError::NoQuarantine(_) => Kind::NotFound,
            IngestError::Once | IngestError::TwoStreams | IngestError::Uncommitted(_) => {
                Kind::Conflict
            }
            IngestError::Checkpoint { source, .. } => source.kind(),
            IngestError::Reader => Kind::Bug,
            IngestError::Stopped => Kind::ClosedPipe,
            IngestError::Open { source, .. } => match source.kind() {
                std::io::ErrorKind::NotFound => Kind::NotFound,
                std::io::ErrorKind::Other => Kind::BadInput,
                _ => Kind::Denied,
            },
            IngestError::Csv { source: BadCsv::Read { .. }, .. } => Kind::Denied,
            IngestError::Conflict { source, .. } => match source {
                Conflict::Rule(_) | Conflict::SegmentTwice(_) => Kind::Bug,
                Conflict::NoTag(_) | Conflict::NoVersion(_) => Kind::NotFound,
                _ => Kind::Conflict,
            },
            IngestError::Segment(SegmentError::Damaged { .. }) => Kind::Damaged,
            IngestError::Segment(SegmentError::Store(error)) => store_kind(error),
            IngestError::Segment(SegmentError::Encode(_)) | IngestError::Arrow(_) => Kind::Bug,
            IngestError::Log(error) => error.kind(),
            IngestError::Watch(error) => error.kind(),
            _ => Kind::BadInput,
        }
    }

    pub fn hint(&self) -> Option<String> {
        Some(match self {
            IngestError::NoTable(_) => "lake-writer status lists the tables".into(),
            IngestError::KeyExists { .. } => {
                "--mode upsert replaces the rows that are there".into()
            }
            IngestError::SameKey { .. } | IngestError::SameKeys(_) => {
                "--mode upsert keeps the last one".into()
            }
            IngestError::NoOrder(_) => "use --mode replace, or a table with --order-by".into(),
            IngestError::Once => "nothing was done; send the rows again".into(),
            IngestError::NoQuarantine(_) => "lake-writer quarantine list names them".into(),
            IngestError::Uncommitted(_) => "its writer may be at work; if it was killed, send the \
                batch again and throw these rows away: lake-writer quarantine drop"
                .into(),
            IngestError::NoKey(_) => "use --mode append".into(),
            IngestError::NotAStream(_) => "use another name for the stream".into(),
            IngestError::Forgotten { .. } => {
                "use a new name, and --first-row for the first row that is not in the table".into()
            }
            IngestError::TwoStreams => {
                "end the other one, then start this again: it skips what is committed".into()
            }
            IngestError::Checkpoint { first, .. } => {
                format!("rows before {first} are committed; send the rest again")
            }
            IngestError::TooMuch(_) => "give the input in several files, one a call".into(),
            IngestError::Conflict { .. } => "nothing was done; try again".into(),
            IngestError::Segment(SegmentError::Damaged { .. }) => "run lake-writer verify".into(),
            IngestError::Log(error) => return error.hint(),
            IngestError::Watch(error) => return error.hint(),
            _ => return None,
        })
    }
}
