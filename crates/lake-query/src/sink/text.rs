//! The forms that are text, by the renderer of the terminal: a value reads the same in
//! a file.

use std::borrow::Cow;
use std::io;

use lake_cli::render::{Cell, Renderer};
use lake_engine::arrow::record_batch::RecordBatch;
use lake_engine::{Column, SqlType};

use super::{End, Out, Sink, Style, each_row, headers, renderer};
use crate::form::FileForm;

const BUFFER: usize = 64 * 1024;

pub(crate) struct Text<'w> {
    columns: Vec<Column>,
    renderer: Renderer,
    /// Columns in which an apostrophe defuses what looks like a formula.
    defused: Vec<bool>,
    text: String,
    out: Out<'w>,
}

impl<'w> Text<'w> {
    pub(crate) fn new(form: FileForm, columns: &[Column], style: &Style, out: Out<'w>) -> Text<'w> {
        let mut heads = headers(columns);
        if style.excel_safe {
            for head in &mut heads {
                if is_formula(&head.name) {
                    head.name.insert(0, '\'');
                }
            }
        }
        Text {
            defused: columns.iter().map(|c| style.excel_safe && holds_text(&c.ty)).collect(),
            columns: columns.to_vec(),
            renderer: renderer(form, &heads, style.csv),
            text: String::new(),
            out,
        }
    }
}

impl Sink for Text<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let Text { columns, renderer, defused, text, out } = self;
        let guarded = defused.contains(&true);
        each_row(batch, columns, |cells| {
            match guarded {
                true => renderer.row(&defuse(cells, defused), text),
                false => renderer.row(cells, text),
            }
            if text.len() >= BUFFER {
                out.write_all(text.as_bytes())?;
                text.clear();
            }
            Ok(())
        })
    }

    fn finish(self: Box<Self>, _: &End) -> io::Result<()> {
        let Text { renderer, mut text, out, .. } = *self;
        renderer.finish(&mut text);
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

/// Whether a value may be any text. A negative number or date begins with a minus and
/// is no formula.
fn holds_text(ty: &SqlType) -> bool {
    let plain = ["BOOLEAN", "DATE", "TIME", "TIMESTAMP", "INTERVAL", "UUID"];
    let word = ty.name.split([' ', '_']).next().unwrap_or_default();
    !ty.is_number() && !plain.contains(&word)
}

fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

fn defuse<'a>(cells: &'a [Cell<'_>], defused: &[bool]) -> Vec<Cell<'a>> {
    let cell = |(cell, defused): (&'a Cell<'_>, &bool)| match cell {
        Cell::Text(text) if *defused && is_formula(text) => Cell::Text(format!("'{text}").into()),
        Cell::Text(text) => Cell::Text(Cow::Borrowed(text)),
        other => other.clone(),
    };
    cells.iter().zip(defused).map(cell).collect()
}
