//! What can go wrong with a segment.

use arrow::error::ArrowError;
use lake_store::StoreError;
use parquet::errors::ParquetError;

pub type Result<T> = std::result::Result<T, SegmentError>;

#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The file is not what the log says it is.
    #[error("segment {path} is damaged: {why}")]
    Damaged { path: String, why: String },
    /// The rows cannot be written as they are given; a defect of the caller.
    #[error("cannot encode a segment")]
    Encode(#[source] ParquetError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SegmentError {
    pub fn arrow(error: ArrowError) -> SegmentError {
        SegmentError::Encode(error.into())
    }

    /// A failed write comes out of the Parquet writer as the error it was.
    pub(crate) fn encode(error: ParquetError) -> SegmentError {
        let ParquetError::External(inner) = error else {
            return SegmentError::Encode(error);
        };
        match inner.downcast::<std::io::Error>() {
            Ok(io) if io.get_ref().is_some_and(|e| e.is::<StoreError>()) => {
                match io.into_inner().map(|e| e.downcast::<StoreError>()) {
                    Some(Ok(store)) => SegmentError::Store(*store),
                    Some(Err(other)) => SegmentError::Encode(ParquetError::External(other)),
                    None => SegmentError::Encode(ParquetError::General("write failed".into())),
                }
            }
            Ok(io) => SegmentError::Encode(ParquetError::External(io)),
            Err(inner) => SegmentError::Encode(ParquetError::External(inner)),
        }
    }
}
