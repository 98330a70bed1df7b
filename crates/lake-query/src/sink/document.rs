//! The JSON document of `sql`, the same as over HTTP; the rows go out as they come.

use std::io;

use lake_cli::render::json;
use lake_engine::Column;
use lake_engine::arrow::record_batch::RecordBatch;
use lake_store::Stopwatch;

use super::{End, Out, Sink, each_row};

const BUFFER: usize = 64 * 1024;

/// What the document says beside the rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    pub(crate) version: u64,
    pub(crate) read: usize,
    pub(crate) total: usize,
    pub(crate) watch: Stopwatch,
}

pub(crate) struct Document<'w> {
    columns: Vec<Column>,
    about: About,
    first: bool,
    text: String,
    out: Out<'w>,
}

impl<'w> Document<'w> {
    pub(crate) fn new(columns: &[Column], about: About, out: Out<'w>) -> Document<'w> {
        let mut text = format!("{{\"version\":{},\"columns\":[", about.version);
        for (i, column) in columns.iter().enumerate() {
            text.push_str(if i > 0 { ",{\"name\":" } else { "{\"name\":" });
            json::push_text(&mut text, &column.name);
            text.push_str(",\"type\":");
            json::push_text(&mut text, &column.ty.name);
            text.push('}');
        }
        text.push_str("],\"rows\":[");
        Document { columns: columns.to_vec(), about, first: true, text, out }
    }
}

impl Sink for Document<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let Document { columns, first, text, out, .. } = self;
        each_row(batch, columns, |cells| {
            text.push_str(if *first { "\n" } else { ",\n" });
            *first = false;
            json::push_array(text, cells);
            if text.len() >= BUFFER {
                out.write_all(text.as_bytes())?;
                text.clear();
            }
            Ok(())
        })
    }

    fn finish(self: Box<Self>, end: &End) -> io::Result<()> {
        let Document { about, mut text, out, .. } = *self;
        let elapsed_ms = about.watch.elapsed().as_micros() as f64 / 1e3;
        // Only where rows were cut off is there one more word.
        let cut = if end.cut { ",\"truncated\":true" } else { "" };
        text.push_str(&format!(
            "],\"row_count\":{}{cut},\"elapsed_ms\":{elapsed_ms},\"segments_read\":{},\
             \"segments_total\":{}}}\n",
            end.rows, about.read, about.total
        ));
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}
