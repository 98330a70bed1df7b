//! Reads a segment back, after checking that it is the file the log means.

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::array::RecordBatch;
use lake_core::schema::FieldId;
use lake_core::segment::Segment;
use lake_store::{ReadFile, Root};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use xxhash_rust::xxh3::Xxh3;

use crate::error::{Result, SegmentError};
use crate::group::Copied;

pub(crate) const BATCH: usize = 8 * 1024;
const BLOCK: usize = 256 * 1024;

/// How closely a file is looked at before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// Its size.
    Size,
    /// Its size and its hash, which costs reading it once more.
    Hash,
}

/// Says which row groups are read, from what the footer tells of them.
pub(crate) type Picked<'a> =
    &'a dyn Fn(&ParquetRecordBatchReaderBuilder<ReadFile>) -> parquet::errors::Result<Vec<usize>>;

/// What of a segment is read, and in which portions.
pub(crate) struct Selection<'a> {
    pub(crate) columns: Option<&'a [FieldId]>,
    /// None: all.
    pub(crate) groups: Option<Picked<'a>>,
    pub(crate) batch_rows: usize,
}

/// The batches of a segment, in order. They are as many rows as the log says, or
/// the last item is an error.
pub struct SegmentReader {
    path: String,
    reader: ParquetRecordBatchReader,
    /// Rows that are still to come.
    due: u64,
}

impl SegmentReader {
    /// Opens the segment at `path`. `columns`: these alone, in the file's order;
    /// one that the file does not have yet is left out. None: all.
    pub fn open(
        root: &Root,
        path: &str,
        segment: &Segment,
        verify: Verify,
        columns: Option<&[FieldId]>,
    ) -> Result<SegmentReader> {
        let all = Selection { columns, groups: None, batch_rows: BATCH };
        SegmentReader::open_selection(root, path, segment, verify, &all)
    }

    pub(crate) fn open_selection(
        root: &Root,
        path: &str,
        segment: &Segment,
        verify: Verify,
        selection: &Selection<'_>,
    ) -> Result<SegmentReader> {
        let file = opened(root, path, segment, verify)?;
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let made = guarded(|| {
            let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)?;
            let all: u64 = builder.metadata().row_groups().iter().map(rows).sum();
            if all != segment.rows {
                let why = format!("it should have {} rows but has {all}", segment.rows);
                return Err(ParquetError::General(why));
            }
            decoder(builder, selection)
        });
        let (reader, due) = made.map_err(|e| damaged(path, e.to_string()))?;
        Ok(SegmentReader { path: path.to_owned(), reader, due })
    }

    /// Reads these row groups of a file whose footer is known.
    pub(crate) fn of_groups(
        path: &str,
        file: ReadFile,
        metadata: &ArrowReaderMetadata,
        groups: Vec<usize>,
        selection: &Selection<'_>,
    ) -> Result<SegmentReader> {
        let pick = |_: &_| Ok(groups.clone());
        let selection = Selection { groups: Some(&pick), ..*selection };
        let made = guarded(|| {
            let metadata = metadata.clone();
            decoder(ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata), &selection)
        });
        let (reader, due) = made.map_err(|e| damaged(path, e.to_string()))?;
        Ok(SegmentReader { path: path.to_owned(), reader, due })
    }

    /// All of a segment but the row groups that were copied.
    pub fn encoded_here(
        root: &Root,
        path: &str,
        segment: &Segment,
        verify: Verify,
        copied: &[Copied],
    ) -> Result<SegmentReader> {
        let pick = |builder: &ParquetRecordBatchReaderBuilder<ReadFile>| {
            let all = 0..builder.metadata().num_row_groups();
            Ok(all.filter(|at| !copied.iter().any(|copied| copied.group == *at)).collect())
        };
        let selection = Selection { columns: None, groups: Some(&pick), batch_rows: BATCH };
        SegmentReader::open_selection(root, path, segment, verify, &selection)
    }
}

fn damaged(path: &str, why: String) -> SegmentError {
    SegmentError::Damaged { path: path.to_owned(), why }
}

/// The file, which is what the log means as far as that is asked.
pub(crate) fn opened(
    root: &Root,
    path: &str,
    segment: &Segment,
    verify: Verify,
) -> Result<ReadFile> {
    let size = root.stat(path)?.map(|s| s.len);
    if size != Some(segment.bytes) {
        let found = size.map_or("is missing".to_owned(), |n| format!("has {n}"));
        return Err(damaged(path, format!("it should have {} bytes but {found}", segment.bytes)));
    }
    let mut file = root.open_read(path)?;
    if verify == Verify::Hash {
        let hash = hash(&mut file).map_err(|e| damaged(path, e.to_string()))?;
        if hash != segment.hash {
            return Err(damaged(path, "its bytes do not match their hash".into()));
        }
    }
    Ok(file)
}

fn rows(group: &RowGroupMetaData) -> u64 {
    u64::try_from(group.num_rows()).unwrap_or(0)
}

/// The decoder, and how many rows it has to give.
fn decoder(
    builder: ParquetRecordBatchReaderBuilder<ReadFile>,
    selection: &Selection<'_>,
) -> parquet::errors::Result<(ParquetRecordBatchReader, u64)> {
    let mask = match selection.columns {
        None => ProjectionMask::all(),
        Some(ids) => {
            let fields = builder.parquet_schema().root_schema().get_fields();
            let wanted = |i: &usize| {
                let info = fields[*i].get_basic_info();
                info.has_id() && ids.iter().any(|id| i64::from(*id) == i64::from(info.id()))
            };
            let roots: Vec<usize> = (0..fields.len()).filter(wanted).collect();
            ProjectionMask::roots(builder.parquet_schema(), roots)
        }
    };
    let (builder, due) = match selection.groups {
        None => {
            let all = builder.metadata().row_groups().iter().map(rows).sum();
            (builder, all)
        }
        Some(pick) => {
            let picked = pick(&builder)?;
            let due = picked.iter().map(|i| rows(builder.metadata().row_group(*i))).sum();
            (builder.with_row_groups(picked), due)
        }
    };
    Ok((builder.with_projection(mask).with_batch_size(selection.batch_rows).build()?, due))
}

impl Iterator for SegmentReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        let next = guarded(|| self.reader.next().transpose().map_err(ParquetError::from));
        let missing = std::mem::take(&mut self.due);
        let why = match next {
            Ok(Some(batch)) => match missing.checked_sub(batch.num_rows() as u64) {
                Some(due) => {
                    self.due = due;
                    return Some(Ok(batch));
                }
                None => "it has more rows than it says".to_owned(),
            },
            Ok(None) if missing == 0 => return None,
            Ok(None) => format!("{missing} of its rows are missing"),
            Err(error) => error.to_string(),
        };
        Some(Err(SegmentError::Damaged { path: self.path.clone(), why }))
    }
}

/// Damaged bytes may panic the decoder; that is a damaged file all the same.
pub(crate) fn guarded<T>(
    decode: impl FnOnce() -> parquet::errors::Result<T>,
) -> parquet::errors::Result<T> {
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(ParquetError::General("its pages make no sense".into())))
}

/// xxh3 of all that is still to be read.
pub fn hash(file: &mut impl Read) -> std::io::Result<u64> {
    let (mut hash, mut block) = (Xxh3::new(), vec![0; BLOCK]);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hash.digest()),
            n => hash.update(&block[..n]),
        }
    }
}
