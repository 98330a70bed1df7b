//! The fields of a rejected row, kept so that it can be tried again: one JSON object,
//! in which every value reads back as what it was.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use arrow::util::display::array_value_to_string;
use base64::Engine;
use lake_core::types::Type;

use super::cast::without_zone;
use super::guard::guarded;
use super::json::Json;
use super::options::SourceOptions;

/// What a rejected row said, by the names that the table had for its columns then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fields {
    /// An object.
    pub(crate) json: String,
    pub(crate) spelling: Spelling,
}

/// How the fields are to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// Values that had a type already: times are ISO 8601, and no number may be rounded.
    Typed,
    /// As the input spelled them; its formats, as `SourceOptions` has them.
    Text { date: Option<Arc<str>>, timestamp: Option<Arc<str>> },
}

impl Spelling {
    pub(crate) fn of(options: &SourceOptions) -> Spelling {
        let shared = |text: &Option<String>| text.as_deref().map(Arc::from);
        Spelling::Text {
            date: shared(&options.date_format),
            timestamp: shared(&options.timestamp_format),
        }
    }
}

/// An object in the making.
pub(crate) struct Object(String);

impl Object {
    pub(crate) fn new() -> Object {
        Object("{".into())
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        push_text(&mut self.0, name);
        self.0.push(':');
    }

    pub(crate) fn text(&mut self, name: &str, text: Option<&str>) {
        self.name(name);
        match text {
            Some(text) => push_text(&mut self.0, text),
            None => self.0.push_str("null"),
        }
    }

    pub(crate) fn json(&mut self, name: &str, value: &Json<'_>) {
        self.name(name);
        push_json(&mut self.0, value);
    }

    /// Adds a typed value; `as_text`: bytes are the UTF-8 of a VARCHAR. None: no JSON reads
    /// back as it.
    fn value(&mut self, name: &str, array: &ArrayRef, row: usize, as_text: bool) -> Option<()> {
        use DataType::{Binary, BinaryView, LargeBinary};
        self.name(name);
        let mut one = unpacked(array.slice(row, 1))?;
        if as_text && matches!(one.data_type(), Binary | LargeBinary | BinaryView) {
            let text = cast(&one, &DataType::Utf8).ok()?;
            if text.is_null(0) && one.is_valid(0) {
                return None;
            }
            one = text;
        }
        push_value(&mut self.0, &one, 0)
    }

    pub(crate) fn end(mut self, spelling: Spelling) -> Fields {
        self.0.push('}');
        Fields { json: self.0, spelling }
    }
}

/// A row of typed values: names, columns, and whether bytes are text. None: they cannot
/// all be kept.
pub(crate) fn typed<'a>(
    mut cells: impl Iterator<Item = (&'a str, &'a ArrayRef, bool)>,
    row: usize,
) -> Option<Fields> {
    let write = || {
        let mut object = Object::new();
        let add = |(name, array, as_text)| object.value(name, array, row, as_text);
        cells.try_for_each(add).ok_or("it has no JSON")?;
        Ok::<_, &str>(object.end(Spelling::Typed))
    };
    guarded(write).ok()
}

/// A row in a table's columns and types.
pub(crate) fn of_row(batch: &RecordBatch, row: usize) -> Option<Fields> {
    let schema = batch.schema_ref();
    let cells = schema.fields().iter().zip(batch.columns());
    typed(cells.map(|(field, array)| (field.name().as_str(), array, false)), row)
}

/// Whether a number is a value of the type, and not only near one. Texts are read as
/// the nearest value; typed values are taken as they are or not at all.
pub(crate) fn is_exact(number: &str, ty: &Type) -> bool {
    let nearest = match ty {
        Type::Float => number.parse::<f32>().map(f64::from),
        Type::Double => number.parse::<f64>(),
        _ => return true,
    };
    match (nearest, number.parse::<i128>()) {
        (Ok(nearest), Ok(whole)) => nearest as i128 == whole,
        (Ok(nearest), Err(_)) => number.parse() == Ok(nearest),
        (Err(_), _) => false,
    }
}

fn push_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\0'..='\x1f' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn push_all<T>(
    out: &mut String,
    [open, close]: [char; 2],
    items: impl Iterator<Item = T>,
    mut push: impl FnMut(&mut String, T) -> Option<()>,
) -> Option<()> {
    out.push(open);
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push(',');
        }
        push(out, item)?;
    }
    out.push(close);
    Some(())
}

fn push_json(out: &mut String, value: &Json<'_>) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Number(text) => out.push_str(text),
        Json::Text(text) => push_text(out, text),
        Json::List(items) => {
            push_all(out, ['[', ']'], items.iter(), |out, item| {
                push_json(out, item);
                Some(())
            });
        }
        Json::Object(fields) => {
            push_all(out, ['{', '}'], fields.iter(), |out, (name, value)| {
                push_text(out, name);
                out.push(':');
                push_json(out, value);
                Some(())
            });
        }
    }
}

/// The same value outside a dictionary.
fn unpacked(one: ArrayRef) -> Option<ArrayRef> {
    match one.data_type() {
        DataType::Dictionary(_, values) => unpacked(cast(&one, values).ok()?),
        DataType::Timestamp(unit, Some(_)) => Some(without_zone(&one, *unit)),
        _ => Some(one),
    }
}

fn push_value(out: &mut String, array: &ArrayRef, row: usize) -> Option<()> {
    use DataType as D;
    if array.is_null(row) || *array.data_type() == D::Null {
        out.push_str("null");
        return Some(());
    }
    let display = || array_value_to_string(array, row).ok();
    match array.data_type() {
        D::Boolean => out.push_str(if array.as_boolean().value(row) { "true" } else { "false" }),
        D::Float16 | D::Float32 | D::Float64 => {
            let wide = cast(&array.slice(row, 1), &D::Float64).ok()?;
            match wide.as_primitive::<Float64Type>().value(0) {
                value if value.is_finite() => {
                    let _ = write!(out, "{value:?}");
                }
                value => push_text(out, &value.to_string()),
            }
        }
        ty if ty.is_integer() || ty.is_decimal() => out.push_str(&display()?),
        D::Date32 | D::Date64 | D::Time32(_) | D::Time64(_) | D::Timestamp(_, None) => {
            push_text(out, &display()?);
        }
        D::Utf8 => push_text(out, array.as_string::<i32>().value(row)),
        D::LargeUtf8 => push_text(out, array.as_string::<i64>().value(row)),
        D::Utf8View => push_text(out, array.as_string_view().value(row)),
        D::Binary => push_blob(out, array.as_binary::<i32>().value(row)),
        D::LargeBinary => push_blob(out, array.as_binary::<i64>().value(row)),
        D::BinaryView => push_blob(out, array.as_binary_view().value(row)),
        D::FixedSizeBinary(_) => push_blob(out, array.as_fixed_size_binary().value(row)),
        D::List(_) => {
            let items = array.as_list::<i32>().value(row);
            push_all(out, ['[', ']'], 0..items.len(), |out, i| push_value(out, &items, i))?;
        }
        D::Struct(fields) => {
            let columns = array.as_struct().columns();
            push_all(out, ['{', '}'], fields.iter().zip(columns), |out, (field, column)| {
                push_text(out, field.name());
                out.push(':');
                push_value(out, column, row)
            })?;
        }
        D::Map(..) => {
            let entries = array.as_map().value(row);
            let [keys, values] = entries.columns() else { return None };
            push_all(out, ['{', '}'], 0..entries.len(), |out, i| {
                push_key(out, keys, i)?;
                out.push(':');
                push_value(out, values, i)
            })?;
        }
        _ => return None,
    }
    Some(())
}

/// A key of a map, which JSON has as text.
fn push_key(out: &mut String, keys: &ArrayRef, row: usize) -> Option<()> {
    let mut key = String::new();
    push_value(&mut key, keys, row)?;
    match key.as_bytes().first() {
        Some(b'"') => out.push_str(&key),
        Some(b'[' | b'{') => return None,
        _ => push_text(out, &key),
    }
    Some(())
}

fn push_blob(out: &mut String, bytes: &[u8]) {
    push_text(out, &base64::engine::general_purpose::STANDARD.encode(bytes));
}
