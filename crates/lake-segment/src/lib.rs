//! Parquet segments: written with exact statistics, read back checked.
//!
//! [`Format`] is what all segments of one table and schema version share; it is
//! made once and then turns sorted batches into files, whole ([`Format::encode`])
//! or streamed ([`SegmentWriter`]). [`SegmentReader`] reads them back, and [`Merge`]
//! many of them as the one sorted table that they are. [`Files`] are the ones that a
//! transaction writes: staged first, and brought into place before its commit. The file
//! is described in FORMAT.md of lake-core.

mod digest;
mod error;
mod examine;
mod format;
mod group;
mod merge;
mod metadata;
mod nan;
mod packs;
mod reader;
mod staged;
mod stats;
mod types;
mod writer;

pub use digest::row_sum;
pub use error::{Result, SegmentError};
pub use examine::{Contents, Footer, fingerprint, mask_fits};
pub use format::{Format, Profile};
pub use group::{Copied, Copies, Piece, RowGroup, copied_sum};
pub use merge::{Merge, MergeCounts, MergeInput, MergeOptions, Pieces, Upgrade, Within};
pub use metadata::{Lineage, Provenance};
pub use packs::{PACK_ROWS, Touches, column, end_of, symbols_at, write_packs};
pub use reader::{SegmentReader, Verify, hash};
pub use staged::{Blank, Files};
pub use stats::value_at;
pub use types::{arrow_schema, data_type, lake_type};
pub use writer::{Encoded, SegmentWriter, Written};

#[cfg(test)]
mod tests;
