//! Parquet: decoded, checked and encoded anew, never adopted. What the file says
//! of itself is believed as far as it costs nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use lake_core::schema::Schema;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::ChunkReader;

use super::cast::conform;
use super::columns::of_arrow;
use crate::error::{IngestError, Result};
use crate::rows::Rows;

const BATCH_ROWS: usize = 64 * 1024;
/// The footer of a sane file is a small part of it; one larger than this is not read.
const MAX_FOOTER: u64 = 64 << 20;
const MAX_LEAVES: usize = 16 * 1024;
/// What a byte of an honest file may hold: repetition packs well, but not without end.
const VALUES_PER_BYTE: u64 = 100;
const UNPACKED_PER_BYTE: u64 = 1000;
/// Below this the ratios say nothing.
const SMALL: u64 = 64 << 20;

pub(crate) fn read(
    input: impl ChunkReader + 'static,
    file: Arc<str>,
    schema: &Schema,
    rows: &mut Rows,
) -> Result<()> {
    let bad = |why: String| IngestError::File { file: file.clone(), why };
    let size = input.len();
    check_footer(&input, size).map_err(bad)?;
    let builder = guarded(|| {
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        ParquetRecordBatchReaderBuilder::try_new_with_options(input, options)
    });
    let builder = builder.map_err(|e| bad(format!("not a Parquet file: {e}")))?;
    check_claims(builder.metadata(), size).map_err(bad)?;
    let order = of_arrow(&file, builder.schema(), schema)?;
    let first = rows.count();
    let broken = |rows: &Rows, e: ParquetError| {
        let row = rows.count() - first + 1;
        IngestError::File { file: file.clone(), why: format!("cannot read on at row {row}: {e}") }
    };
    let mut reader =
        guarded(|| builder.with_batch_size(BATCH_ROWS).build()).map_err(|e| broken(rows, e))?;
    loop {
        let next = guarded(|| reader.next().transpose().map_err(ParquetError::from));
        let Some(batch) = next.map_err(|e| broken(rows, e))? else { return Ok(()) };
        rows.push(conform(&batch, &order, schema, rows)?)?;
    }
}

/// A hostile file may panic the decoder; that is a bad file all the same.
fn guarded<T>(decode: impl FnOnce() -> parquet::errors::Result<T>) -> parquet::errors::Result<T> {
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(ParquetError::General("its content makes no sense".into())))
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
