//! From an input to the reader of its form.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use encoding_rs::UTF_8;
use lake_core::schema::{FieldId, Schema};
use parquet::file::reader::ChunkReader;

use super::chunk::Source;
use super::csv::{Csv, Text, read_error};
use super::formats::Formats;
use super::framing::Layout;
use super::ipc::{Arrow, FILE_MAGIC, Messages, STREAM_MAGIC};
use super::objects::Objects;
use super::options::{Input, InputFormat, SourceOptions};
use super::parquet::Parquet;
use super::target::Target;
use super::unpack::{Peeked, Stream, unpack};
use super::{encoding, file};
use crate::error::{IngestError, Result};
use crate::meter::Metered;

pub(crate) const PARQUET_MAGIC: &[u8] = b"PAR1";
/// Endings of packed files; the form is said by what stands before.
pub(crate) const PACKED: &[&str] = &[".gz", ".gzip", ".zst", ".zstd"];

/// A stream whose form is known.
pub(crate) enum Opened {
    Csv { text: Text, tabs: bool },
    Json { text: Text, layout: Layout },
    Arrow(Messages),
}

/// Opens an input for a table: columns by name, values checked and converted to its
/// types. `optional`: columns that the input may lack, as they are newer than the
/// table; they get their default or NULL. `partition_by`: columns of symbols.
pub(crate) fn open_source(
    input: Input,
    options: &SourceOptions,
    schema: &Schema,
    arrow: &SchemaRef,
    optional: &[FieldId],
    partition_by: &[FieldId],
) -> Result<Box<dyn Source>> {
    let target = Target::new(schema, arrow, optional, partition_by);
    let input = match input {
        Input::File(path) => Ok((path.clone(), path)),
        Input::Moved { path, known_as } => Ok((path, known_as)),
        Input::Reader { name, reader } => Err((name, reader)),
    };
    let opened = match input {
        Ok((path, known_as)) => {
            let (input, name) = (file::open(&path)?, file_name(&known_as));
            let format = options.format.or_else(|| by_extension(&known_as));
            if is_parquet(&input, format) {
                check_columns(&name, options)?;
                return Ok(Box::new(Parquet::new(input, name, options, target)?));
            }
            let stream = metered(file::from_start(&input, &name)?, options);
            opened(name, stream, format, options, false)?
        }
        Err((name, reader)) => {
            opened(name, metered(reader, options), options.format, options, true)?
        }
    };
    let file = match &opened {
        Opened::Csv { text, .. } | Opened::Json { text, .. } => &text.file,
        Opened::Arrow(messages) => messages.file(),
    };
    let formats = formats(file, options)?;
    Ok(match opened {
        Opened::Csv { text, tabs } => Box::new(Csv::new(text, options, tabs, target, &formats)?),
        Opened::Json { text, layout } => {
            Box::new(Objects::new(text, options, layout, target, &formats)?)
        }
        Opened::Arrow(messages) => Box::new(Arrow::new(messages, options, target)?),
    })
}

fn metered(stream: impl Read + Send + 'static, options: &SourceOptions) -> Stream {
    Box::new(Metered { stream, meter: options.meter.clone() })
}

pub(crate) fn file_name(path: &Path) -> Arc<str> {
    path.to_string_lossy().into()
}

pub(crate) fn formats(file: &Arc<str>, options: &SourceOptions) -> Result<Formats> {
    let (date, timestamp) = (options.date_format.as_deref(), options.timestamp_format.as_deref());
    let refuse = |why| IngestError::File { file: file.clone(), why };
    Formats::new(date, timestamp).map_err(refuse)
}

pub(crate) fn is_parquet(input: &impl ChunkReader, format: Option<InputFormat>) -> bool {
    match format {
        Some(format) => format == InputFormat::Parquet,
        None => input.get_bytes(0, PARQUET_MAGIC.len()).is_ok_and(|b| b == PARQUET_MAGIC),
    }
}

/// The format by the name's extension, under that of an archive.
pub(crate) fn by_extension(path: &Path) -> Option<InputFormat> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let name = PACKED.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    Some(match name.rsplit_once('.')?.1 {
        "csv" => InputFormat::Csv,
        "tsv" | "tab" => InputFormat::Tsv,
        "json" => InputFormat::Json,
        "jsonl" | "ndjson" => InputFormat::JsonLines,
        "parquet" | "parq" | "pq" => InputFormat::Parquet,
        "arrow" | "arrows" | "ipc" | "feather" => InputFormat::Arrow,
        _ => return None,
    })
}

fn check_columns(file: &Arc<str>, options: &SourceOptions) -> Result<()> {
    match options.columns {
        Some(_) => Err(IngestError::File {
            file: file.clone(),
            why: "--columns is for CSV without a header; this names its columns itself".into(),
        }),
        None => Ok(()),
    }
}

/// Finds out what a stream is, after unpacking it. `format`: as far as it is known.
pub(crate) fn opened(
    file: Arc<str>,
    stream: Stream,
    format: Option<InputFormat>,
    options: &SourceOptions,
    eager: bool,
) -> Result<Opened> {
    let refuse = |why: String| IngestError::File { file: file.clone(), why };
    let broken = |e| read_error(&file, 0, e);
    let stream = unpack(stream).map_err(broken)?;
    let marks = [FILE_MAGIC, STREAM_MAGIC, PARQUET_MAGIC];
    let mut stream = Peeked::new(stream, &marks).map_err(broken)?;
    let head = stream.head();
    if format == Some(InputFormat::Parquet) || (format.is_none() && head.starts_with(PARQUET_MAGIC))
    {
        return Err(refuse("Parquet is read from its end: give it as a file, not packed".into()));
    }
    let arrow = head.starts_with(FILE_MAGIC) || head.starts_with(STREAM_MAGIC);
    if format == Some(InputFormat::Arrow) || (format.is_none() && arrow) {
        check_columns(&file, options)?;
        let file_header = head.starts_with(FILE_MAGIC);
        stream.skip(if file_header { FILE_MAGIC.len() } else { 0 });
        return Ok(Opened::Arrow(Messages::new(file, Box::new(stream), file_header)?));
    }
    let label = options.encoding.as_deref().map(encoding::find).transpose();
    let encoding = label.map_err(refuse)?.unwrap_or(UTF_8);
    let (mut stream, encoding) = encoding::decode(Box::new(stream), encoding).map_err(broken)?;
    let format = match format {
        Some(format) => format,
        None => by_content(&mut stream).map_err(broken)?,
    };
    let text = Text { file: file.clone(), stream: Box::new(stream), encoding, eager };
    let layout = match format {
        InputFormat::Json => Layout::Values,
        InputFormat::JsonLines => Layout::Lines,
        other => return Ok(Opened::Csv { text, tabs: other == InputFormat::Tsv }),
    };
    check_columns(&file, options)?;
    Ok(Opened::Json { text, layout })
}

/// JSON begins as JSON does; everything else is CSV.
fn by_content(stream: &mut Peeked) -> std::io::Result<InputFormat> {
    loop {
        let first = stream.head().iter().find(|b| !b.is_ascii_whitespace()).copied();
        match first {
            Some(b'{') => return Ok(InputFormat::JsonLines),
            Some(b'[') => return Ok(InputFormat::Json),
            Some(_) => return Ok(InputFormat::Csv),
            None if stream.head().len() > MAX_BLANKS || !stream.more()? => {
                return Ok(InputFormat::Csv);
            }
            None => {}
        }
    }
}

/// So many blanks before the first character are looked at.
const MAX_BLANKS: usize = 64 << 10;
