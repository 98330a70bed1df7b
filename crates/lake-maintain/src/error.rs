//! Why maintenance stopped. What it did before stands.

use lake_core::kind::Kind;
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
}

impl MaintainError {
    pub fn kind(&self) -> Kind {
        match self {
            MaintainError::NoTable(_) => Kind::NotFound,
            MaintainError::Segment(SegmentError::Damaged { .. }) => Kind::Damaged,
            MaintainError::Segment(SegmentError::Encode(_)) => Kind::Bug,
            MaintainError::Segment(SegmentError::Store(error)) | MaintainError::Store(error) => {
                store_kind(error)
            }
            MaintainError::Log(error) => error.kind(),
            MaintainError::NotConserved(_) => Kind::Bug,
            MaintainError::Stopped => Kind::Interrupted,
        }
    }

    pub fn hint(&self) -> Option<String> {
        match self {
            MaintainError::Log(error) => error.hint(),
            MaintainError::Segment(SegmentError::Damaged { .. }) => {
                Some("run lake-writer verify".into())
            }
            _ => None,
        }
    }
}
