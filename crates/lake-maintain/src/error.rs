//! Why maintenance stopped. What it did before stands.

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
    #[error("compaction would not conserve all rows: {0}")]
    NotConserved(String),
    #[error("stopped; what was committed before stands")]
    Stopped,
    #[error("another vacuum or undelete is at work")]
    Sweeping,
    #[error(
        "{files} files of {bytes} bytes are in no version of the log, beside {live} bytes that \
         are live: too large a share to be what killed writers left"
    )]
    TooMuch { files: u64, bytes: u64, live: u64 },
    #[error("nothing called {0} is in the trash")]
    NoBatch(String),
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
            MaintainError::Sweeping | MaintainError::AtWork => Kind::Busy,
            MaintainError::HasLog => Kind::BadInput,
            MaintainError::TooMuch { .. } => Kind::No,
            MaintainError::Segment(SegmentError::Damaged { .. }) => Kind::Damaged,
            MaintainError::Segment(SegmentError::Encode(_)) => Kind::Bug,
            MaintainError::Segment(SegmentError::Store(error)) | MaintainError::Store(error) => {
                store_kind(error)
            }
            MaintainError::Log(error) => error.kind(),
            MaintainError::NotConserved(_) => Kind::Bug,
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
            MaintainError::TooMuch { .. } => Some(
                "nothing was done. Is _lake/log whole, and not from an older backup? If so, say \
                 --max-share with a larger share"
                    .into(),
            ),
            MaintainError::HasLog => Some(
                "nothing was done; lake-writer verify says what is wrong, and repair repairs it"
                    .into(),
            ),
            MaintainError::AtWork => Some("stop all writers, then try again".into()),
            MaintainError::NoBatch(_) => Some("see: lake-writer undelete --list".into()),
            _ => None,
        }
    }
}
