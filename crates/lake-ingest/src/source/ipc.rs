//! Arrow IPC, message by message. A file is the stream after eight bytes, with an
//! index behind it that is not needed. No size is believed before bytes are there
//! for it, and none that so many bytes cannot hold.

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use arrow::ipc::convert::fb_to_schema;
use arrow::ipc::reader::{read_dictionary, read_record_batch};
use arrow::ipc::{self, Message, MessageHeader, root_as_message};

use super::chunk::{Chunk, Rejects, Source};
use super::conform::Conform;
use super::csv::read_error;
use super::guard::guarded;
use super::options::SourceOptions;
use super::target::Target;
use super::unpack::Stream;
use crate::error::{IngestError, Result};

pub(crate) const FILE_MAGIC: &[u8] = b"ARROW1\0\0";
pub(crate) const STREAM_MAGIC: &[u8] = &[0xff; 4];

const NO_END: &str = "it stops without the mark that ends an Arrow stream, so rows may be missing: \
    whatever wrote it was cut off, or did not close its writer";
/// In words of four bytes.
const MAX_PADDING: usize = 64;
const MAX_METADATA: usize = 16 << 20;
const MAX_BODY: u64 = 1 << 30;
const MAX_DICTIONARIES: u64 = 1 << 30;
const MAX_FIELDS: usize = 16 * 1024;
const MAX_DEPTH: usize = 64;
/// What a byte of an honest message may hold.
const UNPACKED_PER_BYTE: u64 = 1000;
const ROWS_PER_BYTE: u64 = 100;
/// Below this the ratios say nothing.
const SMALL: u64 = 64 << 20;
const SMALL_ROWS: u64 = 1 << 20;

/// The messages of a stream.
pub(crate) struct Messages {
    file: Arc<str>,
    stream: Stream,
    schema: SchemaRef,
    dictionaries: HashMap<i64, ArrayRef>,
    /// The bytes that came as dictionaries.
    learned: u64,
    ended: bool,
}

struct Raw {
    metadata: Vec<u8>,
    body: Buffer,
}

impl Messages {
    /// Reads up to the schema. `file_header`: the stream comes after a file's magic.
    pub(crate) fn new(file: Arc<str>, stream: Stream, file_header: bool) -> Result<Messages> {
        let (schema, dictionaries) = (Arc::new(arrow::datatypes::Schema::empty()), HashMap::new());
        let mut messages =
            Messages { file, stream, schema, dictionaries, learned: 0, ended: false };
        let mut first = messages.read()?;
        // A file is padded after its magic, by zeros that a stream ends with.
        for _ in 0..if file_header { MAX_PADDING } else { 0 } {
            if first.is_some() {
                break;
            }
            first = messages.read()?;
        }
        let Some(raw) = first else { return Err(messages.bad("it has no schema")) };
        let schema = guarded(|| {
            let message = root_as_message(&raw.metadata).map_err(|e| e.to_string())?;
            let schema = message.header_as_schema().ok_or("it has no schema")?;
            if schema.endianness() != ipc::Endianness::Little {
                return Err("its bytes are in big-endian order".to_owned());
            }
            let schema = fb_to_schema(schema);
            let fields = schema.fields().iter().map(|f| count(f, 0)).sum::<Option<usize>>();
            match fields {
                Some(n) if n <= MAX_FIELDS => Ok(schema),
                _ => Err("its schema is too large or too deep".into()),
            }
        });
        messages.schema = Arc::new(schema.map_err(|why| messages.bad(&why))?);
        Ok(messages)
    }

    pub(crate) fn file(&self) -> &Arc<str> {
        &self.file
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn bad(&self, why: &str) -> IngestError {
        let why = format!("not an Arrow stream: {why}");
        IngestError::File { file: self.file.clone(), why }
    }

    /// The next batch, with what dictionaries stand before it.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>> {
        while !self.ended {
            let Some(raw) = self.read()? else { break };
            let Messages { schema, dictionaries, learned, .. } = self;
            let next = guarded(|| decode(&raw, schema, dictionaries, learned));
            match next {
                Ok(Some(batch)) => return Ok(Some(batch)),
                Ok(None) => {}
                Err(why) => {
                    self.ended = true;
                    return Err(self.bad(&why));
                }
            }
        }
        self.ended = true;
        Ok(None)
    }

    /// One message as it stands in the stream. None: the stream says that it ends. One
    /// that stops between two messages without a word is not taken for whole: so does
    /// the pipe of a producer that was killed.
    fn read(&mut self) -> Result<Option<Raw>> {
        let mut word = self.exactly(4)?;
        if word.is_empty() {
            let why = NO_END.to_owned();
            return Err(IngestError::File { file: self.file.clone(), why });
        }
        if word == STREAM_MAGIC {
            word = self.exactly(4)?;
        }
        let &[a, b, c, d] = word.as_slice() else { return Err(self.bad("it ends too early")) };
        let len = u32::from_le_bytes([a, b, c, d]) as usize;
        if len == 0 {
            return Ok(None);
        }
        if len > MAX_METADATA {
            return Err(self.bad(&format!("it claims {len} bytes of metadata")));
        }
        let metadata = self.exactly(len)?;
        if metadata.len() < len {
            return Err(self.bad("it ends too early"));
        }
        let body = guarded(|| root_as_message(&metadata).map(|m| m.bodyLength()));
        let body = body.map_err(|why| self.bad(&why))?;
        let Some(size) = u64::try_from(body).ok().filter(|n| *n <= MAX_BODY) else {
            return Err(self.bad(&format!("it claims a batch of {body} bytes")));
        };
        let body = self.exactly(size as usize)?;
        if (body.len() as u64) < size {
            return Err(self.bad("it ends too early"));
        }
        Ok(Some(Raw { metadata, body: Buffer::from_vec(body) }))
    }

    /// So many bytes, or fewer at the end of the stream. Memory is taken as they come.
    fn exactly(&mut self, len: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = (&mut self.stream).take(len as u64).read_to_end(&mut bytes);
        match read {
            Ok(_) => Ok(bytes),
            Err(e) => Err(read_error(&self.file, 0, e)),
        }
    }
}

/// The fields in a field, itself included. None: they are nested too deep.
fn count(field: &FieldRef, depth: usize) -> Option<usize> {
    if depth > MAX_DEPTH {
        return None;
    }
    let inner: &[FieldRef] = match field.data_type() {
        DataType::List(f)
        | DataType::LargeList(f)
        | DataType::ListView(f)
        | DataType::LargeListView(f)
        | DataType::FixedSizeList(f, _)
        | DataType::Map(f, _) => std::slice::from_ref(f),
        DataType::Struct(fields) => fields,
        _ => &[],
    };
    inner.iter().map(|f| count(f, depth + 1)).sum::<Option<usize>>().map(|n| n + 1)
}

fn decode(
    raw: &Raw,
    schema: &SchemaRef,
    dictionaries: &mut HashMap<i64, ArrayRef>,
    learned: &mut u64,
) -> std::result::Result<Option<RecordBatch>, String> {
    let message = root_as_message(&raw.metadata).map_err(|e| e.to_string())?;
    let version = message.version();
    match message.header_type() {
        MessageHeader::RecordBatch => {
            let batch = message.header_as_record_batch().ok_or("a batch is none")?;
            check(&batch, &raw.body)?;
            let batch =
                read_record_batch(&raw.body, batch, schema.clone(), dictionaries, None, &version);
            batch.map(Some).map_err(|e| e.to_string())
        }
        MessageHeader::DictionaryBatch => {
            let batch = header_of_dictionary(&message)?;
            let size = check(&batch.data().ok_or("a dictionary is empty")?, &raw.body)?;
            *learned = learned.saturating_add(size);
            if *learned > MAX_DICTIONARIES {
                return Err(format!("its dictionaries take {learned} bytes"));
            }
            read_dictionary(&raw.body, batch, schema, dictionaries, &version)
                .map(|()| None)
                .map_err(|e| e.to_string())
        }
        MessageHeader::NONE => Ok(None),
        other => Err(format!("a message of kind {other:?} has no place in it")),
    }
}

fn header_of_dictionary<'a>(
    message: &Message<'a>,
) -> std::result::Result<ipc::DictionaryBatch<'a>, String> {
    message.header_as_dictionary_batch().ok_or_else(|| "a dictionary is none".into())
}

/// What a batch claims to hold, against the bytes it has; returns its size unpacked.
fn check(batch: &ipc::RecordBatch<'_>, body: &[u8]) -> std::result::Result<u64, String> {
    let len = body.len() as u64;
    let rows = u64::try_from(batch.length()).map_err(|_| "a batch has a negative length")?;
    let most = (len * ROWS_PER_BYTE).max(SMALL_ROWS);
    let nodes = batch.nodes().map(|n| n.iter().map(|n| n.length()).max().unwrap_or(0));
    let nodes = u64::try_from(nodes.unwrap_or(0)).map_err(|_| "a column has a negative length")?;
    if rows.max(nodes) > most {
        return Err(format!("a batch claims {rows} rows in {len} bytes"));
    }
    let mut size = len;
    let compressed = batch.compression().is_some();
    for buffer in batch.buffers().iter().flatten() {
        let from = usize::try_from(buffer.offset()).ok();
        let bytes = usize::try_from(buffer.length()).ok();
        let found = from.zip(bytes).and_then(|(from, n)| body.get(from..from.checked_add(n)?));
        let bytes = found.ok_or("a column lies outside its batch")?;
        if !compressed || bytes.is_empty() {
            continue;
        }
        let head = bytes.first_chunk::<8>().ok_or("a packed column is too short")?;
        let claimed = i64::from_le_bytes(*head);
        // -1: it is not packed after all.
        let claimed = if claimed == -1 { 0 } else { claimed };
        let claimed = u64::try_from(claimed).map_err(|_| "a packed column has a negative size")?;
        size = size.saturating_add(claimed);
    }
    match size > (len * UNPACKED_PER_BYTE).max(SMALL) || size > 2 * MAX_BODY {
        true => Err(format!("a batch of {len} bytes claims {size} bytes unpacked")),
        false => Ok(size),
    }
}

pub(crate) struct Arrow {
    messages: Messages,
    conform: Conform,
}

impl Arrow {
    pub(crate) fn new(
        messages: Messages,
        options: &SourceOptions,
        target: Target,
    ) -> Result<Arrow> {
        let conform = Conform::new(messages.file.clone(), &messages.schema, options, target)?;
        Ok(Arrow { messages, conform })
    }
}

impl Source for Arrow {
    fn next(&mut self, rejects: &mut dyn Rejects) -> Result<Option<Chunk>> {
        loop {
            if let Some(chunk) = self.conform.next(rejects)? {
                return Ok(Some(chunk));
            }
            match self.messages.next()? {
                Some(batch) => self.conform.push(batch),
                None => return Ok(None),
            }
        }
    }
}
