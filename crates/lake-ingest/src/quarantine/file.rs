//! What a file of rejected rows holds, and how it is read back.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt64Type};
use lake_core::edit::Transaction;
use lake_core::state::Table;
use lake_store::Dir;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::{KeyValue, ParquetMetaData};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::ChunkReader;

use crate::error::{IngestError, Place, Result};
use crate::source::{Fields, Reject, Spelling, guarded};

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
        // Files of earlier versions end here.
        text("fields", true),
        Field::new("typed", DataType::Boolean, true),
        text("date_format", true),
        text("timestamp_format", true),
    ]))
}

pub(super) fn encode(txn: &Transaction, table: &Table, rows: &[Reject]) -> Result<Vec<u8>> {
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
        texts(|r| r.fields.as_ref().map(|f| &*f.json)),
        Arc::new(rows.iter().map(is_typed).collect::<BooleanArray>()),
        texts(|r| formats(r).0),
        texts(|r| formats(r).1),
    ];
    let batch = RecordBatch::try_new(schema(), columns)?;
    let pair = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
    let mut pairs = vec![
        pair("table", table.def.name.clone()),
        pair("at_us", txn.at_us.to_string()),
        pair("schema_version", table.schema().version.to_string()),
    ];
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

fn is_typed(reject: &Reject) -> Option<bool> {
    reject.fields.as_ref().map(|f| f.spelling == Spelling::Typed)
}

/// Of its dates and of its timestamps.
fn formats(reject: &Reject) -> (Option<&str>, Option<&str>) {
    match reject.fields.as_ref().map(|f| &f.spelling) {
        Some(Spelling::Text { date, timestamp }) => (date.as_deref(), timestamp.as_deref()),
        _ => (None, None),
    }
}

/// Opens a file as far as its footer.
pub(super) fn open(
    dir: &Dir,
    name: &str,
) -> Result<ParquetRecordBatchReaderBuilder<impl ChunkReader + 'static + use<>>> {
    let file = dir.open_read(name)?;
    let opened = guarded(|| ParquetRecordBatchReaderBuilder::try_new(file));
    opened.map_err(|why| unreadable(name, &why))
}

pub(super) fn note(found: &ParquetMetaData, key: &str) -> Option<String> {
    let pairs = found.file_metadata().key_value_metadata()?;
    pairs.iter().find(|p| p.key == key).and_then(|p| p.value.clone())
}

fn unreadable(name: &str, why: &str) -> IngestError {
    IngestError::File { file: name.into(), why: format!("cannot be read: {why}") }
}

/// A file with all that it says.
pub(crate) struct Held {
    pub(crate) table: String,
    /// The schema that refused the rows; None: nobody wrote it down.
    pub(crate) schema_version: Option<u32>,
    pub(crate) rows: Vec<Reject>,
}

pub(super) fn read(dir: &Dir, name: &str) -> Result<Held> {
    let bad = |why: String| unreadable(name, &why);
    let others = || bad("it has other columns".into());
    let reader = open(dir, name)?;
    let table = note(reader.metadata(), "table").unwrap_or_default();
    let schema_version = note(reader.metadata(), "schema_version").and_then(|v| v.parse().ok());
    let mut reader = guarded(|| reader.build()).map_err(bad)?;
    let mut rows: Vec<Reject> = Vec::new();
    while let Some(batch) = guarded(|| reader.next().transpose()).map_err(bad)? {
        let columns = Columns::of(&batch).ok_or_else(others)?;
        for row in 0..batch.num_rows() {
            let before = rows.last().map(|r| &r.place.file);
            let reject = columns.reject(row, before).ok_or_else(others)?;
            rows.push(reject);
        }
    }
    Ok(Held { table, schema_version, rows })
}

/// The columns of a batch; those of `fields` may be missing.
struct Columns<'a> {
    texts: [&'a StringArray; 5],
    numbers: [&'a UInt64Array; 2],
    fields: Option<([&'a StringArray; 3], &'a BooleanArray)>,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Option<Columns<'a>> {
        let text = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
        let number = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<UInt64Type>();
        let fields = || {
            let texts = [text("fields")?, text("date_format")?, text("timestamp_format")?];
            Some((texts, batch.column_by_name("typed")?.as_boolean_opt()?))
        };
        Some(Columns {
            texts: [text("file")?, text("column")?, text("value")?, text("why")?, text("raw")?],
            numbers: [number("row")?, number("line")?],
            fields: fields(),
        })
    }

    /// `before`: the file of the row before, which mostly is this one's too.
    fn reject(&self, row: usize, before: Option<&Arc<str>>) -> Option<Reject> {
        let [file, column, value, why, raw] = self.texts.map(|texts| cell(texts, row));
        let [number, line] = self.numbers.map(|n| n.is_valid(row).then(|| n.value(row)));
        let file = file?;
        let file =
            before.filter(|before| ***before == *file).map_or_else(|| file.into(), Arc::clone);
        let own = |text: Option<&str>| text.map(str::to_owned);
        Some(Reject {
            place: Place { file, row: number?, line },
            column: own(column),
            value: own(value),
            why: why?.to_owned(),
            raw: raw?.to_owned(),
            fields: self.fields(row),
        })
    }

    fn fields(&self, row: usize) -> Option<Fields> {
        let (texts, typed) = self.fields?;
        let [json, date, timestamp] = texts.map(|texts| cell(texts, row));
        let spelling = match typed.is_valid(row) && typed.value(row) {
            true => Spelling::Typed,
            false => {
                Spelling::Text { date: date.map(Arc::from), timestamp: timestamp.map(Arc::from) }
            }
        };
        Some(Fields { json: json?.to_owned(), spelling })
    }
}

fn cell(texts: &StringArray, row: usize) -> Option<&str> {
    texts.is_valid(row).then(|| texts.value(row))
}
