//! The columns of an input and their types, by looking at all of it.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema as ArrowSchema};
use lake_core::sqltype::Column;
use lake_core::types::Type;
use rayon::prelude::*;

use super::csv::{Text, csv_error, open as open_csv};
use super::file;
use super::formats::Formats;
use super::framing::{Frames, Layout};
use super::guess::{Guess, Tree};
use super::json::{self, Json};
use super::objects::frame_error;
use super::open::{Opened, by_extension, file_name, formats, is_parquet, opened};
use super::options::SourceOptions;
use super::parquet;
use super::parser::is_null;
use super::pieces::Piece;
use super::records::{BadCsv, Records};
use super::target::{Renaming, check_names};
use crate::error::{IngestError, Place, Result};

/// The columns of an input, by the names that `--map` gives them. A text column has
/// a type other than VARCHAR only if every value of it is spelled as that type is.
pub fn infer(input: &Path, options: &SourceOptions) -> Result<Vec<Column>> {
    let (source, name) = (file::open(input)?, file_name(input));
    let formats = formats(&name, options)?;
    let format = options.format.or_else(|| by_extension(input));
    let found = if is_parquet(&source, format) {
        of_arrow(&name, parquet::schema(source, &name)?.as_ref())?
    } else {
        let stream = Box::new(file::from_start(&source, &name)?);
        match opened(name.clone(), stream, format, options, false)? {
            Opened::Csv { text, tabs } => of_csv(text, options, tabs, &formats)?,
            Opened::Json { text, layout } => of_json(text, layout, &formats)?,
            Opened::Arrow(messages) => of_arrow(&name, messages.schema())?,
        }
    };
    rename(&name, found, options)
}

fn rename(
    file: &Arc<str>,
    found: Vec<(String, Type)>,
    options: &SourceOptions,
) -> Result<Vec<Column>> {
    let refuse = |why: String| IngestError::File { file: file.clone(), why };
    let names: Vec<String> = found.iter().map(|(name, _)| name.clone()).collect();
    check_names(&names).map_err(refuse)?;
    let renaming = Renaming::new(file, options)?;
    let has = |lower: &str| names.iter().any(|name| name.to_lowercase() == lower);
    if let Some(name) = renaming.missing(has) {
        return Err(refuse(renaming.unknown(name, &names)));
    }
    let column = |(name, ty): (String, Type)| {
        let name = renaming.target(&name)?.to_owned();
        Some(Column { name, ty, not_null: false })
    };
    let columns: Vec<Column> = found.into_iter().filter_map(column).collect();
    let targets: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
    check_names(&targets).map_err(refuse)?;
    Ok(columns)
}

fn of_csv(
    text: Text,
    options: &SourceOptions,
    tabs: bool,
    formats: &Formats,
) -> Result<Vec<(String, Type)>> {
    let (file, encoding) = (text.file.clone(), text.encoding);
    let (mut pieces, names) = open_csv(text, options, tabs)?;
    check_names(&names).map_err(|why| IngestError::File { file: file.clone(), why })?;
    let nulls: Vec<Vec<u8>> = options.nulls.iter().map(|n| n.clone().into_bytes()).collect();
    let mut guesses = vec![Guess::default(); names.len()];
    let mut rows = 0;
    while pieces.fill().map_err(|e| csv_error(&file, e))? {
        let (cut, bytes, dialect) = (pieces.cut(), pieces.bytes(), pieces.dialect);
        let look = |piece: &Piece| {
            let records = Records::new(&bytes[piece.at.clone()], piece.ended, dialect);
            // What a column cannot be is not tried again.
            look_at(records, guesses.clone(), &nulls, formats)
        };
        let looks: Vec<Look> = match cut.len() {
            1 => cut.iter().map(look).collect(),
            _ => cut.par_iter().map(look).collect(),
        };
        let (mut used, mut lines) = (0, 0);
        for look in looks {
            let before = pieces.lines() + lines;
            let row = |line: u64, why: String| {
                let line = Some(before + line);
                let place = Place { file: file.clone(), row: rows + look.rows, line };
                Err(IngestError::Row { place, why })
            };
            match look.fault {
                None => {}
                Some(Fault::Csv(e)) => return Err(csv_error(&file, e.after(before))),
                Some(Fault::Fields { found, line }) => {
                    return row(line, format!("{found} fields where {} columns are", names.len()));
                }
                Some(Fault::NoText { line }) => {
                    return row(line, format!("it is not {}", encoding.name()));
                }
            }
            guesses.iter_mut().zip(&look.guesses).for_each(|(all, own)| all.join(own));
            (rows, used, lines) = (rows + look.rows, used + look.used.0, lines + look.used.1);
        }
        pieces.advance(used, lines);
    }
    Ok(names.into_iter().zip(guesses.iter().map(Guess::ty)).collect())
}

/// What the records of a piece say.
struct Look {
    guesses: Vec<Guess>,
    rows: u64,
    /// Bytes and lines.
    used: (usize, u64),
    fault: Option<Fault>,
}

/// Why the last row of a look is none.
enum Fault {
    Csv(BadCsv),
    Fields { found: usize, line: u64 },
    NoText { line: u64 },
}

fn look_at(
    mut records: Records<'_>,
    mut guesses: Vec<Guess>,
    nulls: &[Vec<u8>],
    formats: &Formats,
) -> Look {
    let (mut rows, mut fault) = (0, None);
    while fault.is_none() {
        match records.advance() {
            Ok(true) => {}
            Ok(false) => break,
            Err(e) => {
                fault = Some(Fault::Csv(e));
                break;
            }
        }
        if records.is_blank() && guesses.len() > 1 {
            continue;
        }
        rows += 1;
        let (found, line) = (records.len(), records.line());
        if found != guesses.len() {
            fault = Some(Fault::Fields { found, line });
            break;
        }
        for (field, guess) in records.fields().zip(&mut guesses) {
            if is_null(field, nulls) {
                continue;
            }
            match field.text() {
                Some(text) => guess.text(&text, formats),
                None => fault = Some(Fault::NoText { line }),
            }
        }
    }
    Look { guesses, rows, used: records.used(), fault }
}

fn of_json(text: Text, layout: Layout, formats: &Formats) -> Result<Vec<(String, Type)>> {
    let Text { file, stream, encoding, .. } = text;
    let mut frames = Frames::new(stream, layout);
    let mut tree = Tree::default();
    let mut row = 0;
    loop {
        while frames.advance_here().map_err(|e| frame_error(&file, e))? {
            row += 1;
            let bad = |why: String| {
                let place = Place { file: file.clone(), row, line: Some(frames.line()) };
                IngestError::Row { place, why }
            };
            let text = std::str::from_utf8(frames.record())
                .map_err(|_| bad(format!("it is not {}", encoding.name())))?;
            match json::parse(text).map_err(bad)? {
                value @ Json::Object(_) => tree.add(&value, formats).map_err(bad)?,
                other => return Err(bad(format!("it is {}, not an object", other.what()))),
            }
        }
        if !frames.fill().map_err(|e| frame_error(&file, e))? {
            return Ok(tree.columns());
        }
    }
}

pub(crate) fn of_arrow(file: &Arc<str>, schema: &ArrowSchema) -> Result<Vec<(String, Type)>> {
    let column = |f: &arrow::datatypes::FieldRef| match ty(f.data_type()) {
        Some(ty) => Ok((f.name().clone(), ty)),
        None => Err(IngestError::File {
            file: file.clone(),
            why: format!("column {} is {}, which no table holds", f.name(), f.data_type()),
        }),
    };
    schema.fields().iter().map(column).collect()
}

/// The type whose values an Arrow column becomes without loss.
fn ty(from: &DataType) -> Option<Type> {
    use DataType as D;
    Some(match from {
        D::Null | D::Utf8 | D::LargeUtf8 | D::Utf8View => Type::Varchar,
        D::Boolean => Type::Boolean,
        D::Int8 => Type::Int8,
        D::Int16 => Type::Int16,
        D::Int32 => Type::Int32,
        D::Int64 => Type::Int64,
        D::UInt8 => Type::UInt8,
        D::UInt16 => Type::UInt16,
        D::UInt32 => Type::UInt32,
        D::UInt64 => Type::UInt64,
        D::Float16 | D::Float32 => Type::Float,
        D::Float64 => Type::Double,
        D::Decimal32(precision, scale)
        | D::Decimal64(precision, scale)
        | D::Decimal128(precision, scale)
        | D::Decimal256(precision, scale) => {
            let (precision, scale) = (*precision, u8::try_from(*scale).ok()?);
            (precision <= 38 && scale <= precision).then_some(Type::Decimal { precision, scale })?
        }
        D::Date32 => Type::Date,
        D::Date64 | D::Timestamp(..) => Type::Timestamp,
        D::Time32(_) | D::Time64(_) => Type::Time,
        D::Binary | D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_) => Type::Blob,
        D::Dictionary(_, values) => ty(values)?,
        D::List(item) => exact(Type::List(Box::new(ty(item.data_type())?)), from)?,
        D::Struct(fields) => {
            let field =
                |f: &arrow::datatypes::FieldRef| Some((f.name().clone(), ty(f.data_type())?));
            exact(Type::Struct(fields.iter().map(field).collect::<Option<_>>()?), from)?
        }
        D::Map(entries, _) => {
            let D::Struct(pair) = entries.data_type() else { return None };
            let [key, value] = pair.as_ref() else { return None };
            let (key, value) = (ty(key.data_type())?, ty(value.data_type())?);
            exact(Type::Map(Box::new(key), Box::new(value)), from)?
        }
        _ => return None,
    })
}

/// Nested values are taken as they are or not at all.
fn exact(ty: Type, from: &DataType) -> Option<Type> {
    lake_segment::data_type(&ty).equals_datatype(from).then_some(ty)
}
