//! Parquet: decoded, checked and encoded anew, never adopted. What the file says
//! of itself is believed as far as it costs nothing.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::ChunkReader;

use super::chunk::{CHUNK_BYTES, CHUNK_ROWS, Chunk, Rejects, Source};
use super::conform::Conform;
use super::guard::guarded;
use super::options::SourceOptions;
use super::target::Target;
use crate::error::{IngestError, Result};
use crate::meter::Share;

/// The footer of a sane file is a small part of it; one larger than this is not read.
const MAX_FOOTER: u64 = 64 << 20;
const MAX_LEAVES: usize = 16 * 1024;
/// What a byte of an honest file may hold: repetition packs well, but not without end.
const VALUES_PER_BYTE: u64 = 100;
const UNPACKED_PER_BYTE: u64 = 1000;
/// Below this the ratios say nothing.
const SMALL: u64 = 64 << 20;

pub(crate) struct Parquet {
    file: Arc<str>,
    /// None after an error: the decoder may be in any state.
    reader: Option<ParquetRecordBatchReader>,
    conform: Conform,
    share: Share,
}

fn open<R: ChunkReader + 'static>(
    input: R,
    file: &Arc<str>,
) -> Result<ParquetRecordBatchReaderBuilder<R>> {
    let bad = |why: String| IngestError::File { file: file.clone(), why };
    let size = input.len();
    check_footer(&input, size).map_err(bad)?;
    let builder = guarded(|| {
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        ParquetRecordBatchReaderBuilder::try_new_with_options(input, options)
    });
    let builder = builder.map_err(|e| bad(format!("not a Parquet file: {e}")))?;
    check_claims(builder.metadata(), size).map_err(bad)?;
    Ok(builder)
}

pub(crate) fn schema(input: impl ChunkReader + 'static, file: &Arc<str>) -> Result<SchemaRef> {
    Ok(open(input, file)?.schema().clone())
}

impl Parquet {
    pub(crate) fn new(
        input: impl ChunkReader + 'static,
        file: Arc<str>,
        options: &SourceOptions,
        target: Target,
    ) -> Result<Parquet> {
        let size = input.len();
        let builder = open(input, &file)?;
        let found = builder.metadata().file_metadata().num_rows();
        let share = Share::new(options.meter.clone(), size, u64::try_from(found).unwrap_or(0));
        let conform = Conform::new(file.clone(), builder.schema(), options, target)?;
        let rows = batch_rows(builder.metadata());
        let reader = guarded(|| builder.with_batch_size(rows).build());
        let reader = reader.map_err(|why| IngestError::File { file: file.clone(), why })?;
        Ok(Parquet { file, reader: Some(reader), conform, share })
    }
}

/// As many rows as make a chunk, by what the file says of their size.
fn batch_rows(found: &ParquetMetaData) -> usize {
    let most = |group: &parquet::file::metadata::RowGroupMetaData| {
        let (rows, bytes) = (group.num_rows().max(1), group.total_byte_size().max(1));
        usize::try_from(bytes / rows).unwrap_or(CHUNK_BYTES)
    };
    let row = found.row_groups().iter().map(most).max().unwrap_or(1).max(1);
    (CHUNK_BYTES / row).clamp(1, CHUNK_ROWS)
}

impl Source for Parquet {
    fn next(&mut self, rejects: &mut dyn Rejects) -> Result<Option<Chunk>> {
        loop {
            if let Some(chunk) = self.conform.next(rejects)? {
                return Ok(Some(chunk));
            }
            let Some(mut reader) = self.reader.take() else { return Ok(None) };
            let next = guarded(|| reader.next().transpose().map_err(ParquetError::from));
            let Some(batch) = next.map_err(|why| {
                let row = self.conform.row() + 1;
                let why = format!("cannot read on at row {row}: {why}");
                IngestError::File { file: self.file.clone(), why }
            })?
            else {
                return Ok(None);
            };
            self.reader = Some(reader);
            self.share.add_rows(batch.num_rows() as u64);
            self.conform.push(batch);
        }
    }
}

/// Looks at the last eight bytes before anything as long as they say is read.
fn check_footer(input: &impl ChunkReader, size: u64) -> std::result::Result<(), String> {
    let not_parquet = |why: &str| Err(format!("not a Parquet file: {why}"));
    if size < 12 {
        return not_parquet("it is too short");
    }
    let tail = input.get_bytes(size - 8, 8).map_err(|e| e.to_string())?;
    if &tail[4..] != b"PAR1" {
        return not_parquet("its end is missing, or it never was one");
    }
    let footer = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    if footer > size - 12 || footer > MAX_FOOTER {
        return not_parquet(&format!("it claims a footer of {footer} bytes"));
    }
    Ok(())
}

/// Sizes that no honest file has are refused before the first page is decoded.
fn check_claims(found: &ParquetMetaData, size: u64) -> std::result::Result<(), String> {
    let leaves = found.file_metadata().schema_descr().num_columns();
    if leaves > MAX_LEAVES {
        return Err(format!("it has {leaves} columns"));
    }
    let count = |n: i64| u64::try_from(n).map_err(|_| "it claims a negative size".to_owned());
    let (mut rows, mut bytes, mut values) = (0u64, 0u64, 0u64);
    for group in found.row_groups() {
        rows = rows.saturating_add(count(group.num_rows())?);
        bytes = bytes.saturating_add(count(group.total_byte_size())?);
        for chunk in group.columns() {
            values = values.saturating_add(count(chunk.num_values())?);
        }
    }
    if i64::try_from(rows) != Ok(found.file_metadata().num_rows()) {
        return Err("its row groups do not add up to the rows it claims".into());
    }
    let values = values.max(rows.saturating_mul(leaves as u64));
    let most = |per_byte| size.saturating_mul(per_byte).max(SMALL);
    if values > most(VALUES_PER_BYTE) || bytes > most(UNPACKED_PER_BYTE) {
        return Err(format!(
            "it claims {values} values and {bytes} bytes unpacked, which {size} bytes cannot hold"
        ));
    }
    Ok(())
}
