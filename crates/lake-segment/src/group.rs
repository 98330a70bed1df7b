//! Row groups that go from one segment to another as they are: column chunks and statistics,
//! without being decoded.
//!
//! What shows that a copy is the original: the [`digest`] of a row group is made of the
//! bytes of its chunks and of all that the footer says of them, places in the file left
//! out. Its rows' sum was written when the group was encoded, in the footer's
//! `lake.sums`; it goes along, so that whoever decodes the copy can compare.

use std::cell::Cell;
use std::fmt::Write;

use arrow::array::RecordBatch;
use lake_core::census::Tally;
use lake_core::id::SegmentId;
use lake_store::{ReadFile, Root};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::ChunkReader;
use parquet::file::writer::SerializedRowGroupWriter;
use xxhash_rust::xxh3::Xxh3;

use crate::error::{Result, SegmentError};
use crate::reader::guarded;

type Parquet<T> = parquet::errors::Result<T>;

/// What a file is written of.
pub enum Piece {
    Rows(RecordBatch),
    Group(Box<RowGroup>),
}

impl From<RecordBatch> for Piece {
    fn from(batch: RecordBatch) -> Piece {
        Piece::Rows(batch)
    }
}

impl Piece {
    pub fn rows(&self) -> u64 {
        match self {
            Piece::Rows(batch) => batch.num_rows() as u64,
            Piece::Group(group) => group.rows,
        }
    }

    pub(crate) fn into_batch(self) -> Result<RecordBatch> {
        match self {
            Piece::Rows(batch) => Ok(batch),
            Piece::Group(_) => {
                let why = "a row group came where rows were asked for";
                Err(SegmentError::Encode(ParquetError::General(why.into())))
            }
        }
    }
}

/// A row group of a segment, all of whose rows count.
pub struct RowGroup {
    pub(crate) file: ReadFile,
    pub(crate) path: String,
    pub(crate) metadata: ArrowReaderMetadata,
    pub(crate) at: usize,
    pub(crate) rows: u64,
    /// Of its rows' numbers.
    pub(crate) sum: u64,
    /// By symbol; who touched them is not known here.
    pub(crate) tallies: Vec<Tally>,
}

/// A row group of a new segment, and the digest of the one that it is a copy of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    pub segment: SegmentId,
    pub group: usize,
    pub rows: u64,
    pub digest: u64,
}

/// Between who merges and who writes: whether a whole row group is welcome now, and which
/// ones were copied.
#[derive(Default)]
pub struct Copies {
    welcome: Cell<bool>,
    done: Cell<Vec<Copied>>,
}

impl Copies {
    pub fn welcome(&self, now: bool) {
        self.welcome.set(now);
    }

    pub(crate) fn are_welcome(&self) -> bool {
        self.welcome.get()
    }

    pub(crate) fn add(&self, copied: impl Iterator<Item = Copied>) {
        let mut done = self.done.take();
        done.extend(copied);
        self.done.set(done);
    }

    pub fn done(self) -> Vec<Copied> {
        self.done.into_inner()
    }
}

impl RowGroup {
    /// Appends it to a file of the same schema. Its digest.
    pub(crate) fn copy<W: std::io::Write + Send>(
        &self,
        out: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<u64> {
        let damaged = |e: ParquetError| SegmentError::Damaged {
            path: self.path.clone(),
            why: format!("row group {}: {e}", self.at),
        };
        let metadata = self.metadata.metadata();
        let digest = digest(&self.file, metadata, self.at).map_err(damaged)?;
        for chunk in chunks(metadata, self.at) {
            let close = ColumnCloseResult {
                bytes_written: u64::try_from(chunk.compressed_size()).unwrap_or(0),
                rows_written: self.rows,
                metadata: chunk.clone(),
                bloom_filter: None,
                // Files of ours have no page indexes.
                column_index: None,
                offset_index: None,
            };
            out.append_column(&self.file, close).map_err(SegmentError::encode)?;
        }
        Ok(digest)
    }
}

fn chunks(metadata: &ParquetMetaData, group: usize) -> &[ColumnChunkMetaData] {
    metadata.row_groups().get(group).map_or(&[][..], |group| group.columns())
}

/// See the module.
fn digest(file: &ReadFile, metadata: &ParquetMetaData, group: usize) -> Parquet<u64> {
    let (mut hash, mut said) = (Xxh3::new(), String::new());
    for metadata in chunks(metadata, group) {
        let (start, len) = metadata.byte_range();
        let length = usize::try_from(len).map_err(|e| ParquetError::External(e.into()))?;
        hash.update(&file.get_bytes(start, length)?);
        let from = |offset: i64| offset.wrapping_sub(start as i64);
        said.clear();
        let _ = write!(
            said,
            "{len} {} {} {:?} {:?} {:?} {} {:?} {:?}",
            metadata.uncompressed_size(),
            metadata.num_values(),
            metadata.compression_codec(),
            metadata.encodings_mask(),
            metadata.statistics(),
            from(metadata.data_page_offset()),
            metadata.dictionary_page_offset().map(from),
            metadata.unencoded_byte_array_data_bytes(),
        );
        hash.update(said.as_bytes());
    }
    Ok(hash.digest())
}

pub(crate) fn load(file: &ReadFile) -> Parquet<ArrowReaderMetadata> {
    ArrowReaderMetadata::load(file, ArrowReaderOptions::new().with_skip_arrow_metadata(true))
}

/// The sum of the rows of groups of a file that were copied, as it was written when they
/// were encoded. None: one of them is not what it was copied from.
pub fn copied_sum(root: &Root, path: &str, copied: &[Copied]) -> Result<Option<u64>> {
    let damaged =
        |e: ParquetError| SegmentError::Damaged { path: path.to_owned(), why: e.to_string() };
    if copied.is_empty() {
        return Ok(Some(0));
    }
    let file = root.open_read(path)?;
    let loaded = guarded(|| load(&file)).map_err(damaged)?;
    let metadata = loaded.metadata();
    let Some(sums) = read_sums(metadata) else { return Ok(None) };
    let mut sum = 0u64;
    for Copied { group, digest: wanted, .. } in copied {
        let Some(own) = sums.get(*group) else { return Ok(None) };
        if guarded(|| digest(&file, metadata, *group)).map_err(damaged)? != *wanted {
            return Ok(None);
        }
        sum = sum.wrapping_add(*own);
    }
    Ok(Some(sum))
}

pub(crate) const SUMS: &str = "lake.sums";

/// 16 hexadecimal digits for each row group.
pub(crate) fn write_sums(sums: &[u64]) -> String {
    sums.iter().map(|sum| format!("{sum:016x}")).collect()
}

/// None: the file does not have them all.
pub(crate) fn read_sums(metadata: &ParquetMetaData) -> Option<Vec<u64>> {
    let pairs = metadata.file_metadata().key_value_metadata()?;
    let text = pairs.iter().find(|pair| pair.key == SUMS)?.value.as_deref()?;
    let word = |word: &[u8]| u64::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok();
    let sums: Vec<u64> = text.as_bytes().chunks(16).map(word).collect::<Option<_>>()?;
    (sums.len() == metadata.num_row_groups() && text.len() == 16 * sums.len()).then_some(sums)
}
