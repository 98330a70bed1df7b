//! Why a directory cannot be watched, or no longer.

use std::path::PathBuf;

use lake_core::kind::Kind;
use lake_store::{Kind as Failed, StoreError};

use super::inbox::Owner;
use crate::error::IngestError;

#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error("another watch of {} is running", .0.display())]
    Watched(PathBuf),
    #[error("{} lies in the lake", .0.display())]
    InLake(PathBuf),
    #[error("{} is not a directory", .0.display())]
    NoDirectory(PathBuf),
    #[error("{files} files of {} are claimed for {owner}", .dir.display())]
    Left { dir: PathBuf, files: usize, owner: Owner },
    #[error("{}: {what}", .path.display())]
    State { path: PathBuf, what: &'static str },
    #[error("cannot go on with the files of {}", .dir.display())]
    Disk { dir: PathBuf, source: StoreError },
    #[error("producer {0} has no number left")]
    NoNumber(String),
    #[error("{0}")]
    Flags(String),
}

impl WatchError {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            WatchError::Watched(_) => Kind::Busy,
            WatchError::Disk { source, .. } => match source.kind {
                Failed::DiskFull => Kind::DiskFull,
                // The directory, or our own in it, was replaced.
                Failed::Stale | Failed::NotFound => Kind::NotFound,
                _ => Kind::Denied,
            },
            _ => Kind::BadInput,
        }
    }

    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            WatchError::Watched(_) => "end the other one, or leave the files to it".into(),
            WatchError::InLake(_) => "watch a directory outside the lake".into(),
            WatchError::Left { owner, .. } => format!(
                "finish them first: watch --once --table {}, with that lake and its flags",
                owner.table
            ),
            WatchError::State { .. } => "move that file away; it may be one to ingest".into(),
            WatchError::Disk { source, .. } => match source.kind {
                Failed::DiskFull => "make room on the disk of that directory".into(),
                Failed::Permission => "let this user make and rename files in it".into(),
                Failed::Stale => "start watch again".into(),
                _ => return None,
            },
            WatchError::NoNumber(_) => "give another --producer".into(),
            _ => return None,
        })
    }
}

impl From<WatchError> for IngestError {
    fn from(error: WatchError) -> IngestError {
        IngestError::Watch(error)
    }
}
