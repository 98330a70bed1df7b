//! Arrow IPC, as a file or a stream. DuckDB's batches have 2048 rows at most; they are
//! joined, because every batch costs its reader a message.

use std::io;
use std::sync::Arc;

use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use lake_cli::render::distinct;
use lake_engine::arrow::compute::{cast, concat_batches};
use lake_engine::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use lake_engine::arrow::error::ArrowError;
use lake_engine::arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::{End, Out, Sink};

const ROWS: usize = 64 * 1024;
const BYTES: usize = 64 << 20;

pub(super) struct Ipc<'w> {
    schema: SchemaRef,
    waiting: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
    writer: Writer<'w>,
}

enum Writer<'w> {
    File(FileWriter<Out<'w>>),
    Stream(StreamWriter<Out<'w>>),
}

impl<'w> Ipc<'w> {
    pub(super) fn file(schema: &Schema, out: Out<'w>) -> io::Result<Ipc<'w>> {
        let schema = plain_schema(schema);
        let lz4 = Some(CompressionType::LZ4_FRAME);
        let options = IpcWriteOptions::default().try_with_compression(lz4).map_err(of_arrow)?;
        let writer = FileWriter::try_new_with_options(out, &schema, options).map_err(of_arrow)?;
        Ok(Ipc::new(schema, Writer::File(writer)))
    }

    /// Not packed: a pipe is fast, and not every reader unpacks.
    pub(super) fn stream(schema: &Schema, out: Out<'w>) -> io::Result<Ipc<'w>> {
        let schema = plain_schema(schema);
        let writer = StreamWriter::try_new(out, &schema).map_err(of_arrow)?;
        Ok(Ipc::new(schema, Writer::Stream(writer)))
    }

    fn new(schema: SchemaRef, writer: Writer<'w>) -> Ipc<'w> {
        Ipc { schema, waiting: Vec::new(), rows: 0, bytes: 0, writer }
    }

    fn send(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let joined = concat_batches(&self.schema, &self.waiting).map_err(of_arrow)?;
        self.waiting.clear();
        (self.rows, self.bytes) = (0, 0);
        let sent = match &mut self.writer {
            Writer::File(writer) => writer.write(&joined),
            Writer::Stream(writer) => writer.write(&joined),
        };
        sent.map_err(of_arrow)
    }
}

impl Sink for Ipc<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let columns = batch.columns().iter().zip(self.schema.fields());
        let columns: Result<Vec<_>, ArrowError> = columns
            .map(|(array, field)| match array.data_type() == field.data_type() {
                true => Ok(array.clone()),
                false => cast(array, field.data_type()),
            })
            .collect();
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let batch = columns.and_then(|columns| {
            RecordBatch::try_new_with_options(self.schema.clone(), columns, &rows)
        });
        let batch = batch.map_err(of_arrow)?;
        self.rows += batch.num_rows();
        self.bytes += batch.get_array_memory_size();
        self.waiting.push(batch);
        if self.rows >= ROWS || self.bytes >= BYTES { self.send() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>, _: &End) -> io::Result<()> {
        self.send()?;
        let finished = match &mut self.writer {
            Writer::File(writer) => writer.finish().and_then(|()| writer.flush()),
            Writer::Stream(writer) => writer.finish().and_then(|()| writer.flush()),
        };
        finished.map_err(of_arrow)
    }
}

/// One name a column, and texts in place of dictionaries: a file can hold one dictionary
/// a column only, and DuckDB makes one a batch.
fn plain_schema(schema: &Schema) -> SchemaRef {
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let fields = schema.fields().iter().zip(distinct(&names));
    let fields: Fields =
        fields.map(|(field, name)| plain(field).as_ref().clone().with_name(name)).collect();
    Arc::new(Schema::new(fields))
}

fn plain(field: &FieldRef) -> FieldRef {
    let field: &Field = field;
    Arc::new(field.clone().with_data_type(plain_type(field.data_type())))
}

fn plain_type(ty: &DataType) -> DataType {
    match ty {
        DataType::Dictionary(_, value) => plain_type(value),
        DataType::List(item) => DataType::List(plain(item)),
        DataType::LargeList(item) => DataType::LargeList(plain(item)),
        DataType::FixedSizeList(item, n) => DataType::FixedSizeList(plain(item), *n),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain).collect()),
        DataType::Map(entries, sorted) => DataType::Map(plain(entries), *sorted),
        other => other.clone(),
    }
}

fn of_arrow(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        other => io::Error::other(other),
    }
}
