//! Arrow batches on their way to chunks: rows that lose nothing, the others
//! rejected one by one.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BooleanArray, OffsetSizeTrait, RecordBatch,
    StringViewArray,
};
use arrow::compute::filter;
use arrow::datatypes::{DataType, Schema as ArrowSchema, SchemaRef};
use arrow::json::LineDelimitedWriter;
use arrow::util::display::array_value_to_string;
use lake_core::schema::{Field, FieldId, Schema};
use lake_core::symbol::Symbol;
use lake_core::types::Type;

use super::cast::convert_rows;
use super::chunk::{
    CHUNK_BYTES, CHUNK_ROWS, Chunk, NULL_WHY, Places, Reject, Rejects, Source, raw,
};
use super::column::Column;
use super::fields::{self, Fields};
use super::formats::Formats;
use super::guard::guarded;
use super::options::SourceOptions;
use super::target::{Renaming, Target, shape};
use crate::error::{IngestError, Place, Result};

pub(crate) struct Conform {
    file: Arc<str>,
    target: Target,
    /// For each column of the table, the input's.
    sources: Vec<Option<usize>>,
    /// Rows that came before.
    row: u64,
    pending: Option<RecordBatch>,
}

/// A row's first fault.
struct Fault {
    row: usize,
    column: usize,
    value: Option<String>,
    why: String,
}

impl Conform {
    pub(crate) fn new(
        file: Arc<str>,
        input: &ArrowSchema,
        options: &SourceOptions,
        target: Target,
    ) -> Result<Conform> {
        let names: Vec<String> = input.fields().iter().map(|f| f.name().clone()).collect();
        let shape = shape(&file, &names, &Renaming::new(&file, options)?, &target)?;
        let mut sources = vec![None; target.schema.fields.len()];
        for (source, at) in shape.targets.iter().enumerate() {
            if let Some(at) = at {
                sources[*at] = Some(source);
            }
        }
        Ok(Conform { file, target, sources, row: 0, pending: None })
    }

    /// The rows that came so far.
    pub(crate) fn row(&self) -> u64 {
        self.row
    }

    pub(crate) fn push(&mut self, batch: RecordBatch) {
        self.pending = Some(batch);
    }

    fn piece(&mut self, piece: &RecordBatch, rejects: &mut dyn Rejects) -> Result<Option<Chunk>> {
        let (rows, first) = (piece.num_rows(), self.row);
        self.row += rows as u64;
        let mut faults: Vec<Fault> = Vec::new();
        let mut columns = Vec::with_capacity(self.sources.len());
        for at in 0..self.sources.len() {
            columns.push(self.column(piece, at, &mut faults)?);
        }
        let mut places = Places::new(self.file.clone());
        // One reject a row: that of its first column.
        faults.sort_by_key(|f| (f.row, f.column));
        faults.dedup_by_key(|f| f.row);
        let mut kept = vec![true; rows];
        for Fault { row, column, value, why } in faults {
            kept[row] = false;
            let place = Place { file: self.file.clone(), row: first + row as u64 + 1, line: None };
            let column = Some(self.target.schema.fields[column].name.clone());
            let (raw, fields) = (row_text(piece, row), self.fields(piece, row));
            rejects.reject(Reject { place, column, value, why, raw, fields })?;
        }
        let live = kept.iter().enumerate().filter(|(_, kept)| **kept);
        for (i, (row, _)) in live.enumerate() {
            places.note(i, first + row as u64 + 1, None);
        }
        let count = kept.iter().filter(|kept| **kept).count();
        if count == 0 {
            return Ok(None);
        }
        if count < rows {
            let kept = BooleanArray::from(kept);
            let filtered: std::result::Result<_, _> =
                columns.iter().map(|c| filter(c, &kept)).collect();
            columns = filtered?;
        }
        let batch = RecordBatch::try_new(self.target.arrow.clone(), columns)?;
        Ok(Some(Chunk { batch, places }))
    }

    /// The row's values by the table's names.
    fn fields(&self, piece: &RecordBatch, row: usize) -> Option<Fields> {
        let columns = self.target.schema.fields.iter().zip(&self.sources);
        let cells = columns.filter_map(|(field, source)| {
            let is_text = field.ty == Type::Varchar;
            source.map(|source| (field.name.as_str(), piece.column(source), is_text))
        });
        fields::typed(cells, row)
    }

    /// One column of the table, and what is wrong in it.
    fn column(&self, piece: &RecordBatch, at: usize, faults: &mut Vec<Fault>) -> Result<ArrayRef> {
        let field = &self.target.schema.fields[at];
        let Some(source) = self.sources[at] else {
            return self.absent(field, piece.num_rows());
        };
        let given = piece.column(source);
        let refuse = || IngestError::File {
            file: self.file.clone(),
            why: format!("column {} is {}, not {}", field.name, given.data_type(), field.ty),
        };
        let converted = guarded(|| convert_rows(given, &field.ty).ok_or("")).map_err(|_| refuse());
        let (column, bad) = converted?;
        faults.extend(bad.into_iter().map(|row| Fault {
            row,
            column: at,
            value: array_value_to_string(given, row).ok(),
            why: format!("cannot be {} without loss", field.ty),
        }));
        if field.not_null && column.null_count() > 0 {
            let null = |row: &usize| column.is_null(*row) && given.is_null(*row);
            let fault = |row| Fault { row, column: at, value: None, why: NULL_WHY.into() };
            faults.extend((0..column.len()).filter(null).map(fault));
        }
        if let Some(texts) = column.as_string_opt::<i32>().filter(|_| self.target.symbol[at]) {
            let mut good: Option<&str> = None;
            for (row, text) in texts.iter().enumerate() {
                let Some(text) = text.filter(|text| good != Some(*text)) else { continue };
                match Symbol::new(text) {
                    Ok(_) => good = Some(text),
                    Err(e) => faults.push(Fault {
                        row,
                        column: at,
                        value: Some(text.into()),
                        why: format!("cannot be a partition value: {}", e.reason),
                    }),
                }
            }
        }
        Ok(column)
    }

    fn absent(&self, field: &Field, rows: usize) -> Result<ArrayRef> {
        let mut column = Column::new(&field.ty, &Formats::default());
        for _ in 0..rows {
            match &field.default {
                None => column.push_null(),
                Some(text) => column.push_text(text).map_err(|why| IngestError::File {
                    file: self.file.clone(),
                    why: format!("column {}: its default {text:?} {why}", field.name),
                })?,
            }
        }
        Ok(column.finish()?)
    }
}

impl Source for Conform {
    /// The next chunk of what was pushed; None when that is used up.
    fn next(&mut self, rejects: &mut dyn Rejects) -> Result<Option<Chunk>> {
        while let Some(batch) = self.pending.take().filter(|b| b.num_rows() > 0) {
            let mut rows = batch.num_rows().min(CHUNK_ROWS);
            while rows > 1 && unpacked(&batch.slice(0, rows)) > CHUNK_BYTES as u64 {
                rows = rows.div_ceil(2);
            }
            let piece = batch.slice(0, rows);
            self.pending = Some(batch.slice(rows, batch.num_rows() - rows));
            match self.piece(&piece, rejects)? {
                None if rejects.waiting() == 0 => {}
                None => return Ok(Some(Chunk::empty(&self.file, &self.target.arrow))),
                chunk => return Ok(chunk),
            }
        }
        Ok(None)
    }
}

/// A batch that is in memory, as a source.
pub(crate) fn of_batch(
    batch: &RecordBatch,
    schema: &Schema,
    arrow: &SchemaRef,
    optional: &[FieldId],
    partition_by: &[FieldId],
) -> Result<Box<dyn Source>> {
    of_named("batch".into(), batch, schema, arrow, optional, partition_by)
}

/// The same of a batch that errors call by its name.
pub(crate) fn of_named(
    name: Arc<str>,
    batch: &RecordBatch,
    schema: &Schema,
    arrow: &SchemaRef,
    optional: &[FieldId],
    partition_by: &[FieldId],
) -> Result<Box<dyn Source>> {
    let target = Target::new(schema, arrow, optional, partition_by);
    let options = SourceOptions::default();
    let mut conform = Conform::new(name, &batch.schema(), &options, target)?;
    conform.push(batch.clone());
    Ok(Box::new(conform))
}

/// A row as JSON, for people to read.
pub(crate) fn row_text(batch: &RecordBatch, row: usize) -> String {
    let write = || {
        let mut bytes = Vec::new();
        let mut writer = LineDelimitedWriter::new(&mut bytes);
        writer.write(&batch.slice(row, 1))?;
        writer.finish()?;
        Ok::<_, arrow::error::ArrowError>(bytes)
    };
    guarded(write).map_or_else(|why| why, |bytes| raw(bytes.trim_ascii()))
}

/// What a batch takes when nothing in it is shared any more.
fn unpacked(batch: &RecordBatch) -> u64 {
    let sizes = batch.columns().iter().map(size);
    sizes.fold(0, u64::saturating_add)
}

fn size(array: &ArrayRef) -> u64 {
    let views = |lengths: &mut dyn Iterator<Item = u32>| lengths.map(u64::from).sum::<u64>();
    match array.data_type() {
        DataType::Utf8View => {
            let array: &StringViewArray = array.as_string_view();
            views(&mut array.lengths())
        }
        DataType::BinaryView => {
            let array: &BinaryViewArray = array.as_binary_view();
            views(&mut array.lengths())
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let values = dictionary.values();
            if values.is_empty() {
                return array.len() as u64;
            }
            let keys = dictionary.normalized_keys();
            let lengths: Box<dyn Fn(usize) -> u64> = match values.data_type() {
                DataType::Utf8 => lengths(values.as_string::<i32>().value_offsets()),
                DataType::LargeUtf8 => lengths(values.as_string::<i64>().value_offsets()),
                DataType::Binary => lengths(values.as_binary::<i32>().value_offsets()),
                DataType::LargeBinary => lengths(values.as_binary::<i64>().value_offsets()),
                // Of the rest, each may be as large as all together.
                other if other.is_primitive() || *other == DataType::Boolean => Box::new(|_| 32),
                _ => {
                    let all = size(values);
                    Box::new(move |_| all)
                }
            };
            keys.into_iter().map(lengths).fold(0, u64::saturating_add)
        }
        _ => array.to_data().get_slice_memory_size().map_or(u64::MAX, |n| n as u64),
    }
}

fn lengths<O: OffsetSizeTrait>(offsets: &[O]) -> Box<dyn Fn(usize) -> u64 + '_> {
    Box::new(|key| match (offsets.get(key), offsets.get(key + 1)) {
        (Some(from), Some(to)) => (*to - *from).as_usize() as u64,
        _ => 0,
    })
}
