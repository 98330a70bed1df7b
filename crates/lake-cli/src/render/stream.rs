//! Rows in, text out, in any of the forms.

use std::collections::HashSet;

use super::cell::Cell;
use super::table::Layout;
use super::{Column, Csv, json, markdown};
use crate::Format;

/// Feed it rows and pass on what it appends to `out`; `finish` completes the document.
pub struct Renderer(Form);

enum Form {
    Table(Layout),
    Json { keys: Vec<String>, rows: u64 },
    Jsonl { keys: Vec<String> },
    Csv { csv: Csv, header: Option<Vec<String>> },
    Markdown { head: Option<Vec<Column>> },
}

impl Renderer {
    pub fn new(format: Format, columns: &[Column]) -> Renderer {
        Renderer(match format {
            Format::Table => Form::Table(Layout::new(columns)),
            Format::Json => Form::Json { keys: keys(columns), rows: 0 },
            Format::Jsonl => Form::Jsonl { keys: keys(columns) },
            Format::Csv => return Renderer::csv(columns, Csv::default()),
        })
    }

    pub fn csv(columns: &[Column], csv: Csv) -> Renderer {
        let names = || columns.iter().map(|column| column.name.clone()).collect();
        Renderer(Form::Csv { csv, header: csv.header.then(names) })
    }

    pub fn markdown(columns: &[Column]) -> Renderer {
        Renderer(Form::Markdown { head: Some(columns.to_vec()) })
    }

    /// A table with a note, such as its type, under the name of each column.
    pub fn table_with_notes(columns: &[Column], notes: &[String]) -> Renderer {
        Renderer(Form::Table(Layout::with_notes(columns, notes)))
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
            Form::Csv { csv, header } => {
                push_header(*csv, header, out);
                csv.push_line(out, cells.iter(), Csv::push_cell);
            }
            Form::Markdown { head } => {
                push_head(head, out);
                markdown::push_row(out, cells);
            }
        }
    }

    pub fn finish(self, out: &mut String) {
        match self.0 {
            Form::Table(layout) => layout.finish(out),
            Form::Json { rows: 0, .. } => out.push_str("[]\n"),
            Form::Json { .. } => out.push_str("\n]\n"),
            Form::Jsonl { .. } => {}
            Form::Csv { csv, mut header } => push_header(csv, &mut header, out),
            Form::Markdown { mut head } => push_head(&mut head, out),
        }
    }
}

fn push_header(csv: Csv, header: &mut Option<Vec<String>>, out: &mut String) {
    if let Some(names) = header.take() {
        csv.push_line(out, names.iter(), |csv, out, name| csv.push_text(out, name));
    }
}

fn push_head(head: &mut Option<Vec<Column>>, out: &mut String) {
    if let Some(columns) = head.take() {
        markdown::push_head(out, &columns);
    }
}

fn keys(columns: &[Column]) -> Vec<String> {
    let names = columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>();
    distinct(&names).iter().map(|name| json::key(name)).collect()
}

/// SQL lets two columns have one name, an object and most files do not: the second
/// `close` is called `close_1`.
pub fn distinct(names: &[&str]) -> Vec<String> {
    let own: HashSet<&str> = names.iter().copied().collect();
    let mut taken = HashSet::new();
    let mut all = Vec::with_capacity(names.len());
    for given in names {
        let mut name = (*given).to_owned();
        let mut n = 0;
        while taken.contains(&name) || (n > 0 && own.contains(name.as_str())) {
            n += 1;
            name = format!("{given}_{n}");
        }
        taken.insert(name.clone());
        all.push(name);
    }
    all
}
