//! Rows in, text out, in any of the forms.

use std::collections::HashSet;

use super::cell::Cell;
use super::table::Layout;
use super::{Column, csv, json};
use crate::Format;

/// Feed it rows and pass on what it appends to `out`; `finish` completes the document.
pub struct Renderer(Form);

enum Form {
    Table(Layout),
    Json { keys: Vec<String>, rows: u64 },
    Jsonl { keys: Vec<String> },
    Csv { header: Option<Vec<String>> },
}

impl Renderer {
    pub fn new(format: Format, columns: &[Column]) -> Renderer {
        Renderer(match format {
            Format::Table => Form::Table(Layout::new(columns)),
            Format::Json => Form::Json { keys: keys(columns), rows: 0 },
            Format::Jsonl => Form::Jsonl { keys: keys(columns) },
            Format::Csv => {
                Form::Csv { header: Some(columns.iter().map(|c| c.name.clone()).collect()) }
            }
        })
    }

    /// As many cells as there are columns.
    pub fn row(&mut self, cells: &[Cell<'_>], out: &mut String) {
        match &mut self.0 {
            Form::Table(layout) => layout.row(cells, out),
            Form::Json { keys, rows } => {
                out.push_str(if *rows == 0 { "[\n" } else { ",\n" });
                *rows += 1;
                json::push_object(out, keys, cells);
            }
            Form::Jsonl { keys } => {
                json::push_object(out, keys, cells);
                out.push('\n');
            }
            Form::Csv { header } => {
                push_header(header, out);
                csv::push_line(out, cells.iter(), csv::push_cell);
            }
        }
    }

    pub fn finish(self, out: &mut String) {
        match self.0 {
            Form::Table(layout) => layout.finish(out),
            Form::Json { rows: 0, .. } => out.push_str("[]\n"),
            Form::Json { .. } => out.push_str("\n]\n"),
            Form::Jsonl { .. } => {}
            Form::Csv { mut header } => push_header(&mut header, out),
        }
    }
}

fn push_header(header: &mut Option<Vec<String>>, out: &mut String) {
    if let Some(names) = header.take() {
        csv::push_line(out, names.iter(), |out, name| csv::push_text(out, name));
    }
}

/// Object keys. SQL lets two columns have one name, an object does not: the second
/// `close` is called `close_1`.
fn keys(columns: &[Column]) -> Vec<String> {
    let own: HashSet<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let mut taken = HashSet::new();
    let mut keys = Vec::with_capacity(columns.len());
    for column in columns {
        let mut name = column.name.clone();
        let mut n = 0;
        while taken.contains(&name) || (n > 0 && own.contains(name.as_str())) {
            n += 1;
            name = format!("{}_{n}", column.name);
        }
        keys.push(json::key(&name));
        taken.insert(name);
    }
    keys
}
