//! Why maintenance stopped. What it did before stands.

use std::path::PathBuf;

use lake_core::entry::BadFile;
use lake_core::id::Version;
use lake_core::kind::Kind;
use lake_core::state::Conflict;
use lake_log::{LogError, store_kind};
use lake_segment::SegmentError;
use lake_store::StoreError;

pub type Result<T> = std::result::Result<T, MaintainError>;

#[derive(Debug, thiserror::Error)]
pub enum MaintainError {
    #[error("no table {0}")]
    NoTable(String),
    #[error(transparent)]
    Segment(#[from] SegmentError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was written is not what was read. Nothing was committed.
    #[error("compaction would not conserve all rows: {why}")]
    NotConserved { why: String, kept: String },
    #[error("cannot start threads: {0}")]
    Threads(String),
    #[error("stopped; what was committed before stands")]
    Stopped,
    #[error("another vacuum or undelete is at work")]
    Sweeping,
    #[error(
        "{files} files of {bytes} bytes are in no version of the log, beside {live} bytes that \
         are live: too large a share to be what killed writers left"
    )]
    TooMuch { files: u64, bytes: u64, live: u64 },
    #[error("{} is no backup of this lake, and not empty", .0.display())]
    NoBackup(PathBuf),
    #[error("{} holds version {there}, and this lake is at {here}", .path.display())]
    NewerBackup { path: PathBuf, there: Version, here: Version },
    #[error("{} is a lake with something in it", .0.display())]
    NotEmpty(PathBuf),
    #[error("{} lies in the lake {}", .path.display(), .lake.display())]
    Inside { path: PathBuf, lake: PathBuf },
    #[error("another backup to {} is at work", .0.display())]
    BackingUp(PathBuf),
    #[error("nothing called {0} is in the trash")]
    NoBatch(String),
    #[error("table {0} has no order column, so its rows have no age")]
    NoOrder(String),
    #[error("table {table} is ordered by {column}, which is {ty} and tells no age")]
    NoAge { table: String, column: String, ty: String },
    #[error("table {table} is ordered by {column}, a text: its rows cannot be cut there")]
    NoCut { table: String, column: String },
    #[error("the list of archived files {path} is damaged")]
    Archive { path: String, source: BadFile },
    #[error("the lake has a log that can be read")]
    HasLog,
    #[error("somebody writes to what is left of the lake")]
    AtWork,
    #[error("somebody changed what it was based on")]
    Conflict(#[source] Conflict),
}

impl MaintainError {
    pub fn kind(&self) -> Kind {
        match self {
            MaintainError::NoTable(_) | MaintainError::NoBatch(_) => Kind::NotFound,
            MaintainError::Sweeping | MaintainError::BackingUp(_) | MaintainError::AtWork => {
                Kind::Busy
            }
            MaintainError::NoBackup(_)
            | MaintainError::NewerBackup { .. }
            | MaintainError::Inside { .. }
            | MaintainError::NotEmpty(_) => Kind::BadInput,
            MaintainError::NoOrder(_)
            | MaintainError::NoAge { .. }
            | MaintainError::NoCut { .. } => Kind::BadInput,
            MaintainError::Archive { source, .. } if source.is_newer() => Kind::Newer,
            MaintainError::Archive { .. } => Kind::Damaged,
            MaintainError::HasLog => Kind::BadInput,
            MaintainError::TooMuch { .. } => Kind::No,
            MaintainError::Segment(SegmentError::Damaged { .. }) => Kind::Damaged,
            MaintainError::Segment(SegmentError::Encode(_)) => Kind::Bug,
            MaintainError::Segment(SegmentError::Store(error)) | MaintainError::Store(error) => {
                store_kind(error)
            }
            MaintainError::Log(error) => error.kind(),
            MaintainError::NotConserved { .. } | MaintainError::Threads(_) => Kind::Bug,
            MaintainError::Stopped => Kind::Interrupted,
            MaintainError::Conflict(_) => Kind::Conflict,
        }
    }

    pub fn hint(&self) -> Option<String> {
        match self {
            MaintainError::Log(error) => error.hint(),
            MaintainError::Segment(SegmentError::Damaged { .. }) => {
                Some("run lake-writer verify".into())
            }
            MaintainError::Sweeping => Some("try again when it is done".into()),
            MaintainError::NoBackup(_)
            | MaintainError::NewerBackup { .. }
            | MaintainError::Inside { .. } => {
                Some("nothing was done; give a directory of its own".into())
            }
            MaintainError::NotEmpty(_) => {
                Some("nothing was done; say --lake with a directory that is not there yet".into())
            }
            MaintainError::NoOrder(_) | MaintainError::NoCut { .. } => {
                Some("--by commit goes by when rows were stored".into())
            }
            MaintainError::NoAge { .. } => Some(
                "say --before with a value of that column, or --by commit to go by when rows were \
                 stored"
                    .into(),
            ),
            MaintainError::Archive { .. } => Some("restore it from a backup".into()),
            MaintainError::TooMuch { .. } => Some(
                "nothing was done. Is _lake/log whole, and not from an older backup? If so, say \
                 --max-share with a larger share"
                    .into(),
            ),
            MaintainError::HasLog => Some(
                "nothing was done; lake-writer verify says what is wrong, and repair repairs it"
                    .into(),
            ),
            MaintainError::NotConserved { kept, .. } if kept.is_empty() => {
                Some("nothing was committed, and no row is lost; report it".into())
            }
            MaintainError::NotConserved { kept, .. } => Some(format!(
                "nothing was committed, and no row is lost; report it with what is in {kept}, \
                 then remove that"
            )),
            MaintainError::AtWork => Some("stop all writers, then try again".into()),
            MaintainError::NoBatch(_) => Some("see: lake-writer undelete --list".into()),
            _ => None,
        }
    }
}
