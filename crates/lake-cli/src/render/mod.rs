//! Rows and records as a table, JSON, JSON lines, CSV or Markdown: pure text, no I/O.
//!
//! [`Renderer`] takes rows one by one, so that it serves lists in memory
//! ([`Rows`]) and streamed results alike. A value reads the same in every form:
//! the rules for JSON values are in [`json`].

mod cell;
mod csv;
pub(crate) mod escape;
pub mod json;
mod markdown;
mod stream;
mod table;

use serde_json::Value;

use crate::Format;

pub use cell::Cell;
pub use csv::Csv;
pub use stream::{Renderer, distinct};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// Right-aligned in a table.
    pub numeric: bool,
}

impl Column {
    pub fn text(name: impl Into<String>) -> Column {
        Column { name: name.into(), numeric: false }
    }

    pub fn number(name: impl Into<String>) -> Column {
        Column { name: name.into(), numeric: true }
    }
}

/// A list small enough to hold: metadata, not data.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Value>>,
}

impl Rows {
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Rows {
        Rows { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    pub fn push(&mut self, row: impl IntoIterator<Item = Value>) {
        self.rows.push(row.into_iter().collect());
    }
}

/// One thing with named fields, such as a receipt: in JSON one object, in a table
/// one line a field, in CSV a header and a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record(Vec<(String, Value)>);

impl Record {
    pub fn new() -> Record {
        Record::default()
    }

    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Record {
        self.0.push((name.into(), value.into()));
        self
    }

    pub fn into_json(self) -> Value {
        Value::Object(self.0.into_iter().collect())
    }

    pub fn render(&self, format: Format) -> String {
        let mut text = String::new();
        let (columns, cells): (Vec<Column>, Vec<Cell<'_>>) =
            self.0.iter().map(|(name, value)| (Column::text(name), Cell::from(value))).unzip();
        match format {
            Format::Table => table::push_fields(&mut text, &columns, &cells),
            Format::Json | Format::Jsonl => {
                let keys = columns.iter().map(|column| json::key(&column.name)).collect::<Vec<_>>();
                json::push_object(&mut text, &keys, &cells);
                text.push('\n');
            }
            Format::Csv => {
                let mut renderer = Renderer::new(format, &columns);
                renderer.row(&cells, &mut text);
                renderer.finish(&mut text);
            }
        }
        text
    }
}

/// A text that cannot drive the terminal.
pub fn escaped(text: &str) -> String {
    table::escaped(text)
}

#[cfg(test)]
mod tests;
