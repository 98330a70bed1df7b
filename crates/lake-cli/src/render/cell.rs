//! One value on its way to text.

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::Value;

use super::json;

/// A borrowed value. DECIMAL, DATE, TIME and TIMESTAMP come as their text.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Huge(i128),
    Float(f32),
    Double(f64),
    Text(Cow<'a, str>),
    Blob(&'a [u8]),
    /// A LIST, STRUCT or MAP as JSON text, made with [`json`].
    Json(Cow<'a, str>),
}

impl<'a> From<&'a Value> for Cell<'a> {
    fn from(value: &'a Value) -> Cell<'a> {
        match value {
            Value::Null => Cell::Null,
            Value::Bool(b) => Cell::Bool(*b),
            Value::Number(n) => match (n.as_i64(), n.as_u64(), n.as_f64()) {
                (Some(n), _, _) => Cell::Int(n),
                (_, Some(n), _) => Cell::UInt(n),
                (_, _, Some(x)) => Cell::Double(x),
                // Only a serde_json with arbitrary precision has other numbers.
                _ => Cell::Json(Cow::Owned(n.to_string())),
            },
            Value::String(text) => Cell::Text(Cow::Borrowed(text)),
            Value::Array(_) | Value::Object(_) => {
                let mut text = String::new();
                json::push_value(&mut text, value);
                Cell::Json(Cow::Owned(text))
            }
        }
    }
}

impl Cell<'_> {
    /// The text for a table or CSV: as in JSON, without the quotes. NULL has none.
    pub fn plain(&self) -> Cow<'_, str> {
        match self {
            Cell::Null => Cow::Borrowed(""),
            Cell::Text(text) | Cell::Json(text) => Cow::Borrowed(text),
            other => {
                let mut text = String::new();
                other.push_plain(&mut text);
                Cow::Owned(text)
            }
        }
    }

    pub(super) fn push_plain(&self, out: &mut String) {
        // Writing to a String cannot fail.
        let _ = match self {
            Cell::Null => Ok(()),
            Cell::Bool(b) => write!(out, "{b}"),
            Cell::Int(n) => write!(out, "{n}"),
            Cell::UInt(n) => write!(out, "{n}"),
            Cell::Huge(n) => write!(out, "{n}"),
            Cell::Float(x) if x.is_finite() => write!(out, "{x:?}"),
            Cell::Float(x) => out.write_str(json::not_finite(f64::from(*x))),
            Cell::Double(x) if x.is_finite() => write!(out, "{x:?}"),
            Cell::Double(x) => out.write_str(json::not_finite(*x)),
            Cell::Text(text) | Cell::Json(text) => out.write_str(text),
            Cell::Blob(bytes) => {
                json::push_base64(out, bytes);
                Ok(())
            }
        };
    }
}
