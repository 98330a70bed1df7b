//! Values in JSON.
//!
//! Integers of any width are exact numbers; floats are the shortest text that reads
//! back equal, NaN and infinities are the strings `NaN`, `Infinity`, `-Infinity`;
//! BLOB is base64. Characters that could drive a terminal are escaped, which JSON
//! reads back as the same text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::cell::Cell;
use super::escape;

pub fn push_cell(out: &mut String, cell: &Cell<'_>) {
    match cell {
        Cell::Null => out.push_str("null"),
        Cell::Text(text) => push_text(out, text),
        Cell::Float(x) if !x.is_finite() => push_text(out, not_finite(f64::from(*x))),
        Cell::Double(x) if !x.is_finite() => push_text(out, not_finite(*x)),
        Cell::Blob(bytes) => {
            out.push('"');
            push_base64(out, bytes);
            out.push('"');
        }
        number_or_json => number_or_json.push_plain(out),
    }
}

pub fn push_text(out: &mut String, text: &str) {
    out.push('"');
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        if c != '"' && c != '\\' && !escape::is_hostile(c) {
            continue;
        }
        out.push_str(&text[plain..at]);
        plain = at + c.len_utf8();
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

/// A name with its quotes and colon, to be made once a column.
pub fn key(name: &str) -> String {
    let mut key = String::with_capacity(name.len() + 3);
    push_text(&mut key, name);
    key.push(':');
    key
}

/// Keys are from [`key`].
pub fn push_object(out: &mut String, keys: &[String], cells: &[Cell<'_>]) {
    out.push('{');
    for (i, (key, cell)) in keys.iter().zip(cells).enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(key);
        push_cell(out, cell);
    }
    out.push('}');
}

pub fn push_array(out: &mut String, cells: &[Cell<'_>]) {
    out.push('[');
    for (i, cell) in cells.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        push_cell(out, cell);
    }
    out.push(']');
}

/// A nested value; its texts are escaped as any other.
pub fn push_value(out: &mut String, value: &Value) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                push_value(out, item);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (i, (name, field)) in fields.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                push_text(out, name);
                out.push(':');
                push_value(out, field);
            }
            out.push('}');
        }
        scalar => push_cell(out, &Cell::from(scalar)),
    }
}

pub(super) fn push_base64(out: &mut String, bytes: &[u8]) {
    STANDARD.encode_string(bytes, out);
}

pub(super) fn not_finite(x: f64) -> &'static str {
    if x.is_nan() {
        "NaN"
    } else if x > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}
