//! Sorted batches in, one Parquet file out.

use std::collections::VecDeque;
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
use crate::group::{Piece, RowGroup, SUMS, write_sums};
use crate::metadata::{Provenance, pair};
use crate::nan;
use crate::stats::{self, key_at};

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
    /// Row groups that are copies, their rows, and the digests of what they are copies of.
    pub(crate) copied: Vec<(usize, u64, u64)>,
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
///
/// Rows that would make a small row group, before a copied one or at the end, are added to
/// the one before. So no group of a base has less than half of the rows that it should
/// have, nor more than one and a half times as many, but for the last or only one.
pub struct SegmentWriter<'f, W: Write + Send> {
    format: &'f Format,
    file: SerializedFileWriter<Hashed<W>>,
    factory: ArrowRowGroupWriterFactory,
    profile: Profile,
    group: Option<Group>,
    /// Batches that are to go into the next row group, or into this one.
    held: VecDeque<RecordBatch>,
    held_rows: usize,
    sums: Vec<u64>,
    copied: Vec<(usize, u64, u64)>,
    numbers: Vec<u64>,
    rows: u64,
    sum: Option<u64>,
    first: Option<Key>,
    last: Option<Key>,
}

/// The row group being filled.
struct Group {
    columns: Vec<ArrowColumnWriter>,
    nans: Vec<bool>,
    rows: usize,
    sum: u64,
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
        Ok(SegmentWriter {
            format,
            file,
            factory,
            profile,
            group: None,
            held: VecDeque::new(),
            held_rows: 0,
            sums: Vec::new(),
            copied: Vec::new(),
            numbers: Vec::new(),
            rows: 0,
            sum: (profile != Profile::Base).then_some(0),
            first: None,
            last: None,
        })
    }

    pub(crate) fn put(&mut self, piece: &Piece) -> Result<()> {
        match piece {
            Piece::Rows(batch) => self.write(batch),
            Piece::Group(group) => self.copy(group),
        }
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
        self.rows += batch.num_rows() as u64;
        self.held_rows += batch.num_rows();
        self.held.push_back(batch.clone());
        loop {
            self.fill_up(self.profile.row_group())?;
            if self.group_rows() < self.profile.row_group() || self.held_rows < self.slack() {
                return Ok(());
            }
            self.close_group().map_err(SegmentError::encode)?;
        }
    }

    /// Whether a row group can be copied now without a small one before it.
    pub(crate) fn is_even(&self) -> bool {
        let rows = self.group_rows() + self.held_rows;
        rows == 0 || rows >= self.slack()
    }

    fn copy(&mut self, group: &RowGroup) -> Result<()> {
        self.flush()?;
        let mut out = self.file.next_row_group().map_err(SegmentError::encode)?;
        let digest = group.copy(&mut out)?;
        out.close().map_err(SegmentError::encode)?;
        self.copied.push((self.sums.len(), group.rows, digest));
        self.sums.push(group.sum);
        let ends = |key: Key| Some(key).filter(stats::is_short);
        let mut ranges = group.tallies.iter().map(|tally| tally.range.as_ref());
        let first = ranges.next().flatten();
        let last = ranges.next_back().unwrap_or(first);
        if self.rows == 0 {
            self.first = first.and_then(|range| ends(range.min().to_vec()));
        }
        self.last = last.and_then(|range| ends(range.max().to_vec()));
        self.rows += group.rows;
        Ok(())
    }

    fn group_rows(&self) -> usize {
        self.group.as_ref().map_or(0, |group| group.rows)
    }

    /// Fewer rows are not worth a row group.
    fn slack(&self) -> usize {
        self.profile.fewest_rows()
    }

    /// Takes of the batches that are held until the row group has `most` rows.
    fn fill_up(&mut self, most: usize) -> Result<()> {
        while let room = most.saturating_sub(self.group_rows())
            && room > 0
            && let Some(batch) = self.held.pop_front()
        {
            let take = room.min(batch.num_rows());
            if take < batch.num_rows() {
                self.held.push_front(batch.slice(take, batch.num_rows() - take));
            }
            self.held_rows -= take;
            self.fill(&batch.slice(0, take)).map_err(SegmentError::encode)?;
            if self.profile == Profile::Base {
                let sum = row_sum(&batch.slice(0, take), &mut self.numbers)?;
                if let Some(group) = &mut self.group {
                    group.sum = group.sum.wrapping_add(sum);
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.fill_up(usize::MAX)?;
        self.close_group().map_err(SegmentError::encode)
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
                sum: 0,
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
        self.sums.push(group.sum);
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
        self.flush()?;
        if self.profile == Profile::Base {
            self.file.append_key_value_metadata(pair(SUMS, write_sums(&self.sums)));
        }
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
        let Self { rows, sum, copied, .. } = self;
        let (bytes, hash) = (out.bytes, out.hash.digest());
        Ok(Written { rows, bytes, hash, sum, range, census, copied })
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
