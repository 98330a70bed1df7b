//! The engine's values as the terminal's cells.

use std::borrow::Cow;

use lake_cli::render::{Cell, json};
use lake_engine::Datum;

pub(crate) fn of(datum: Datum<'_>) -> Cell<'_> {
    match datum {
        Datum::Null => Cell::Null,
        Datum::Bool(v) => Cell::Bool(v),
        Datum::Int(v) => Cell::Int(v),
        Datum::UInt(v) => Cell::UInt(v),
        Datum::Huge(v) => Cell::Huge(v),
        Datum::Float(v) => Cell::Float(v),
        Datum::Double(v) => Cell::Double(v),
        Datum::Text(v) => Cell::Text(v),
        Datum::Blob(v) => Cell::Blob(v),
        nested @ (Datum::List(_) | Datum::Object(_)) => {
            let mut text = String::new();
            push(&mut text, nested);
            Cell::Json(Cow::Owned(text))
        }
    }
}

fn push(out: &mut String, datum: Datum<'_>) {
    match datum {
        Datum::List(items) => {
            out.push('[');
            for (i, item) in items.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                push(out, item);
            }
            out.push(']');
        }
        Datum::Object(fields) => {
            out.push('{');
            for (i, (name, value)) in fields.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&json::key(&name));
                push(out, value);
            }
            out.push('}');
        }
        plain => json::push_cell(out, &of(plain)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_values_are_json() {
        let fields = vec![
            ("a".into(), Datum::List(vec![Datum::Int(1), Datum::Null])),
            ("b\"".into(), Datum::Object(vec![("x".into(), Datum::Double(f64::NAN))])),
            ("c".into(), Datum::Blob(b"ab")),
        ];
        let Cell::Json(text) = of(Datum::Object(fields)) else { panic!("not nested") };
        assert_eq!(text, r#"{"a":[1,null],"b\"":{"x":"NaN"},"c":"YWI="}"#);
    }
}
