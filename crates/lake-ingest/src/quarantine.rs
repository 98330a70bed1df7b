//! Rejected rows that are kept for a person: one file a table and transaction, with
//! the reason and the text of each row. The files are Parquet, under a name that no
//! reader of the lake takes for a segment.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt64Type};
use lake_core::edit::Transaction;
use lake_core::layout;
use lake_core::state::Table;
use lake_store::{Dir, Root};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::error::{IngestError, Result};
use crate::source::Reject;

const SUFFIX: &str = ".rejects";

/// A file of rejected rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    pub name: String,
    pub table: String,
    pub rows: u64,
    pub bytes: u64,
    pub at_us: i64,
    pub producer: Option<String>,
}

/// A rejected row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantinedRow {
    pub file: String,
    pub row: u64,
    pub line: Option<u64>,
    pub column: Option<String>,
    pub value: Option<String>,
    pub why: String,
    pub raw: String,
}

/// The files of one transaction. Unless they are kept they are removed when this is
/// dropped: the transaction came to nothing.
pub(crate) struct Fresh {
    dir: Option<Dir>,
    names: Vec<String>,
}

impl Fresh {
    /// It is committed, or may be.
    pub(crate) fn keep(mut self) {
        self.names.clear();
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = self.dir.as_ref().map(|dir| dir.unlink(name));
        }
    }
}

fn schema() -> SchemaRef {
    let text = |name: &str, null| Field::new(name, DataType::Utf8, null);
    Arc::new(Schema::new(vec![
        text("file", false),
        Field::new("row", DataType::UInt64, false),
        Field::new("line", DataType::UInt64, true),
        text("column", true),
        text("value", true),
        text("why", false),
        text("raw", false),
    ]))
}

/// Durable before the commit whose receipt counts them.
pub(crate) fn write(
    root: &Root,
    txn: &Transaction,
    rejects: &[(&Table, &[Reject])],
) -> Result<Fresh> {
    let mut fresh = Fresh { dir: None, names: Vec::new() };
    for (table, rows) in rejects.iter().filter(|(_, rows)| !rows.is_empty()) {
        let dir = match &fresh.dir {
            Some(dir) => dir.clone(),
            None => fresh.dir.insert(root.dir(layout::QUARANTINE)?).clone(),
        };
        let name = format!("{}.{}{SUFFIX}", txn.id, table.def.name);
        let bytes = encode(txn, table, rows)?;
        fresh.names.push(name.clone());
        let mut file = dir.create(&name)?;
        file.write_all_at_once(&bytes)?;
        file.sync()?;
        file.close()?;
    }
    if let Some(dir) = &fresh.dir {
        dir.sync()?;
    }
    Ok(fresh)
}

fn encode(txn: &Transaction, table: &Table, rows: &[Reject]) -> Result<Vec<u8>> {
    let texts = |of: fn(&Reject) -> Option<&str>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<StringArray>())
    };
    let columns: Vec<ArrayRef> = vec![
        texts(|r| Some(&*r.place.file)),
        Arc::new(rows.iter().map(|r| r.place.row).collect::<UInt64Array>()),
        Arc::new(rows.iter().map(|r| r.place.line).collect::<UInt64Array>()),
        texts(|r| r.column.as_deref()),
        texts(|r| r.value.as_deref()),
        texts(|r| Some(&r.why)),
        texts(|r| Some(&r.raw)),
    ];
    let batch = RecordBatch::try_new(schema(), columns)?;
    let pair = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
    let mut pairs =
        vec![pair("table", table.def.name.clone()), pair("at_us", txn.at_us.to_string())];
    if let Some(key) = &txn.producer {
        pairs.push(pair("producer", key.producer.to_string()));
    }
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(pairs))
        .build();
    let mut bytes = Vec::new();
    let bad = |e| IngestError::Segment(lake_segment::SegmentError::Encode(e));
    let mut writer = ArrowWriter::try_new(&mut bytes, schema(), Some(properties)).map_err(bad)?;
    writer.write(&batch).map_err(bad)?;
    writer.close().map_err(bad)?;
    Ok(bytes)
}

/// All files of rejected rows, oldest first.
pub fn list(root: &Root) -> Result<Vec<Quarantined>> {
    let dir = root.dir(layout::QUARANTINE)?;
    let mut found = Vec::new();
    for entry in dir.list()?.into_iter().filter(|e| e.name.ends_with(SUFFIX)) {
        // One that is torn by a power cut belongs to no commit.
        let Ok(reader) = ParquetRecordBatchReaderBuilder::try_new(dir.open_read(&entry.name)?)
        else {
            continue;
        };
        let metadata = reader.metadata().file_metadata();
        let pairs = metadata.key_value_metadata();
        let value = |key: &str| {
            let pair = pairs.and_then(|all| all.iter().find(|p| p.key == key));
            pair.and_then(|p| p.value.clone())
        };
        found.push(Quarantined {
            table: value("table").unwrap_or_default(),
            rows: metadata.num_rows().max(0) as u64,
            bytes: dir.stat(&entry.name)?.map_or(0, |s| s.len),
            at_us: value("at_us").and_then(|t| t.parse().ok()).unwrap_or(0),
            producer: value("producer"),
            name: entry.name,
        });
    }
    found.sort_by(|a, b| (a.at_us, &a.name).cmp(&(b.at_us, &b.name)));
    Ok(found)
}

/// The rows of one file.
pub fn show(root: &Root, name: &str) -> Result<Vec<QuarantinedRow>> {
    let known = || IngestError::NoQuarantine(name.into());
    if !name.ends_with(SUFFIX) || name.contains('/') {
        return Err(known());
    }
    let dir = root.dir(layout::QUARANTINE)?;
    if !dir.exists(name)? {
        return Err(known());
    }
    let bad = |e: &dyn std::fmt::Display| IngestError::File {
        file: name.into(),
        why: format!("cannot be read: {e}"),
    };
    let reader = ParquetRecordBatchReaderBuilder::try_new(dir.open_read(name)?)
        .and_then(|builder| builder.build())
        .map_err(|e| bad(&e))?;
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|e| bad(&e))?;
        if batch.num_columns() != schema().fields().len() {
            return Err(bad(&"it has other columns"));
        }
        rows.extend((0..batch.num_rows()).map(|row| row_of(&batch, row)));
    }
    Ok(rows)
}

fn row_of(batch: &RecordBatch, row: usize) -> QuarantinedRow {
    let text = |column: usize| {
        let array = batch.column(column);
        let texts = array.as_string_opt::<i32>().filter(|_| array.is_valid(row));
        texts.map(|t| t.value(row).to_owned())
    };
    let number = |column: usize| {
        let array = batch.column(column);
        let numbers = array.as_primitive_opt::<UInt64Type>().filter(|_| array.is_valid(row));
        numbers.map(|n| n.value(row))
    };
    QuarantinedRow {
        file: text(0).unwrap_or_default(),
        row: number(1).unwrap_or_default(),
        line: number(2),
        column: text(3),
        value: text(4),
        why: text(5).unwrap_or_default(),
        raw: text(6).unwrap_or_default(),
    }
}
