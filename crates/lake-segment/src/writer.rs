//! Sorted batches in, one Parquet file out.

use std::io::{self, BufWriter, Write};

use arrow::array::RecordBatch;
use lake_core::census::{Census, Extent};
use lake_core::value::{Key, Range};
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::file::writer::SerializedFileWriter;
use xxhash_rust::xxh3::Xxh3;

use crate::digest::row_sum;
use crate::error::{Result, SegmentError};
use crate::format::{Format, Profile};
use crate::metadata::{Provenance, pair};
use crate::nan;
use crate::stats::key_at;

const BUFFER: usize = 1 << 20;

/// What the log must know of a file just written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub rows: u64,
    pub bytes: u64,
    /// xxh3 of the whole file.
    pub hash: u64,
    /// The sum of its rows; None: of a base, which is read again by who proves it.
    pub sum: Option<u64>,
    /// None: unknown, so it may hold any key.
    pub range: Option<Range>,
    pub census: Option<Extent>,
}

/// A small segment, whole.
#[derive(Clone, Debug)]
pub struct Encoded {
    pub bytes: Vec<u8>,
    pub written: Written,
}

impl Format {
    /// Encodes a batch sorted by the range columns. `part` says for whom, such as
    /// `symbol=600519`.
    pub fn encode(
        &self,
        batch: &RecordBatch,
        profile: Profile,
        part: &str,
        from: &Provenance,
        census: Option<&Census>,
    ) -> Result<Encoded> {
        let mut bytes = Vec::new();
        let mut writer = SegmentWriter::new(self, &mut bytes, profile, part, from)?;
        writer.write(batch)?;
        let written = writer.finish(census)?;
        Ok(Encoded { bytes, written })
    }

    /// For segments too large to be held whole: `out` is a file, not a buffer.
    pub fn stream<'f, W: Write + Send>(
        &'f self,
        out: W,
        profile: Profile,
        part: &str,
        from: &Provenance,
    ) -> Result<SegmentWriter<'f, BufWriter<W>>> {
        SegmentWriter::new(self, BufWriter::with_capacity(BUFFER, out), profile, part, from)
    }
}

/// A segment on its way out. Batches come in the order of the range columns, the
/// later ones after the earlier ones.
pub struct SegmentWriter<'f, W: Write + Send> {
    format: &'f Format,
    file: SerializedFileWriter<Hashed<W>>,
    factory: ArrowRowGroupWriterFactory,
    row_group: usize,
    group: Option<Group>,
    rows: u64,
    sum: Option<u64>,
    numbers: Vec<u64>,
    first: Option<Key>,
    last: Option<Key>,
}

/// The row group being filled.
struct Group {
    columns: Vec<ArrowColumnWriter>,
    nans: Vec<bool>,
    rows: usize,
}

impl<'f, W: Write + Send> SegmentWriter<'f, W> {
    fn new(
        format: &'f Format,
        out: W,
        profile: Profile,
        part: &str,
        from: &Provenance,
    ) -> Result<SegmentWriter<'f, W>> {
        let out = Hashed { out, hash: Xxh3::new(), bytes: 0 };
        let properties = format.properties(profile).clone();
        let mut file = SerializedFileWriter::new(out, format.parquet.clone(), properties)
            .map_err(SegmentError::encode)?;
        let of_part = [pair("lake.partition", part.to_owned())];
        for pair in format.metadata.iter().cloned().chain(of_part).chain(from.pairs()) {
            file.append_key_value_metadata(pair);
        }
        let factory = ArrowRowGroupWriterFactory::new(&file, format.arrow.clone());
        let row_group = profile.row_group();
        Ok(SegmentWriter {
            format,
            file,
            factory,
            row_group,
            group: None,
            rows: 0,
            sum: (profile != Profile::Base).then_some(0),
            numbers: Vec::new(),
            first: None,
            last: None,
        })
    }

    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let range = &self.format.range;
        if self.rows == 0 {
            self.first = key_at(batch, range, 0);
        }
        self.last = key_at(batch, range, batch.num_rows() - 1);
        if let Some(sum) = &mut self.sum {
            *sum = sum.wrapping_add(row_sum(batch, &mut self.numbers)?);
        }
        let mut at = 0;
        while at < batch.num_rows() {
            let room = self.row_group - self.group.as_ref().map_or(0, |g| g.rows);
            let take = room.min(batch.num_rows() - at);
            self.fill(&batch.slice(at, take)).map_err(SegmentError::encode)?;
            at += take;
            self.rows += take as u64;
            if take == room {
                self.close_group().map_err(SegmentError::encode)?;
            }
        }
        Ok(())
    }

    fn fill(&mut self, batch: &RecordBatch) -> parquet::errors::Result<()> {
        let mut group = match self.group.take() {
            Some(group) => group,
            None => Group {
                columns: self
                    .factory
                    .create_column_writers(self.file.flushed_row_groups().len())?,
                nans: vec![false; self.format.leaves],
                rows: 0,
            },
        };
        if self.format.floats {
            nan::mark_all(batch.columns(), &mut group.nans);
        }
        let mut writers = group.columns.iter_mut();
        for (field, column) in self.format.arrow.fields().iter().zip(batch.columns()) {
            for leaf in compute_leaves(field, column)? {
                if let Some(writer) = writers.next() {
                    writer.write(&leaf)?;
                }
            }
        }
        group.rows += batch.num_rows();
        self.group = Some(group);
        Ok(())
    }

    fn close_group(&mut self) -> parquet::errors::Result<()> {
        let Some(group) = self.group.take() else { return Ok(()) };
        let mut out = self.file.next_row_group()?;
        for (column, has_nan) in group.columns.into_iter().zip(group.nans) {
            let mut chunk = column.close()?;
            if has_nan {
                let close = chunk.close_mut();
                let silent = close.metadata.clone().into_builder().clear_statistics();
                close.metadata = silent.build()?;
                close.column_index = None;
            }
            chunk.append_to_row_group(&mut out)?;
        }
        out.close()?;
        Ok(())
    }

    /// Writes the footer, and a census before it. The caller syncs.
    pub fn finish(mut self, census: Option<&Census>) -> Result<Written> {
        self.close_group().map_err(SegmentError::encode)?;
        let census = match census.filter(|c| !c.is_empty()) {
            Some(census) => Some(self.append(&census.seal()).map_err(SegmentError::encode)?),
            None => None,
        };
        let mut out = self.file.into_inner().map_err(SegmentError::encode)?;
        out.flush().map_err(|e| SegmentError::encode(e.into()))?;
        let range = match (self.first, self.last) {
            (Some(min), Some(max)) if !min.is_empty() => Some(Range::new(min, max)),
            _ => None,
        };
        let (rows, sum, hash) = (self.rows, self.sum, out.hash.digest());
        Ok(Written { rows, bytes: out.bytes, hash, sum, range, census })
    }

    /// Where other readers of Parquet do not look; the footer says where.
    fn append(&mut self, census: &[u8]) -> parquet::errors::Result<Extent> {
        let at = self.file.bytes_written() as u64;
        let extent = Extent { at, len: census.len() as u64 };
        self.file.write_all(census)?;
        self.file.append_key_value_metadata(pair("lake.census", format!("{at},{}", extent.len)));
        Ok(extent)
    }
}

/// Counts and hashes what goes through.
struct Hashed<W> {
    out: W,
    hash: Xxh3,
    bytes: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.out.write(bytes)?;
        self.hash.update(&bytes[..taken]);
        self.bytes += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
