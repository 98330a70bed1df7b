//! Results on their way out: Arrow batches in, one form out, in bounded memory.
//!
//! A sink writes to anything that takes bytes. (Parquet and databases are not here:
//! DuckDB writes them itself.)

mod arrow;
mod document;
pub(crate) mod pack;
mod text;
mod xlsx;

use std::io::{self, Write};
use std::path::PathBuf;

use lake_cli::Failure;
use lake_cli::render::{Cell, Column, Csv, Renderer};
use lake_engine::arrow::record_batch::RecordBatch;
use lake_engine::{EngineError, Reader, Rows};

use crate::cell;
use crate::form::FileForm;
pub(crate) use document::{About, Document};
pub(crate) use text::Text;

/// Where the bytes go.
pub(crate) type Out<'w> = &'w mut (dyn Write + Send);

pub(crate) trait Sink {
    fn batch(&mut self, batch: &RecordBatch) -> io::Result<()>;
    fn finish(self: Box<Self>, end: &End) -> io::Result<()>;
}

/// How a result ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) rows: u64,
    /// There were more rows than were wanted.
    pub(crate) cut: bool,
}

/// What a sink is told beside its form.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    pub(crate) csv: Csv,
    /// Text that a spreadsheet would run as a formula gets an apostrophe.
    pub(crate) excel_safe: bool,
    /// The sheets' name.
    pub(crate) title: String,
    /// Where parts of a workbook wait.
    pub(crate) scratch: PathBuf,
}

impl Style {
    /// Of a form that takes no more.
    pub(crate) fn plain() -> Style {
        let (title, scratch) = ("result".into(), lake_cli::env::scratch_dir());
        Style { csv: Csv::default(), excel_safe: false, title, scratch }
    }
}

/// Why a result was not written to its end.
#[derive(Debug)]
pub(crate) enum Broken {
    Query(EngineError),
    Write(io::Error),
}

impl Broken {
    /// `of_io` tells what an error of writing means.
    pub(crate) fn into_failure(self, of_io: impl FnOnce(&io::Error) -> Failure) -> Failure {
        match self {
            Broken::Query(error) => crate::failure::of_engine(error),
            Broken::Write(error) => of_io(&error),
        }
    }
}

/// The sink of a form.
pub(crate) fn of<'w>(
    form: FileForm,
    rows: &Rows<'_>,
    style: &Style,
    out: Out<'w>,
) -> io::Result<Box<dyn Sink + 'w>> {
    Ok(match form {
        FileForm::Arrow => Box::new(arrow::Ipc::file(&rows.schema(), out)?),
        FileForm::Arrows => Box::new(arrow::Ipc::stream(&rows.schema(), out)?),
        FileForm::Xlsx => Box::new(xlsx::Book::new(&rows.columns, style, out)?),
        FileForm::Parquet | FileForm::Duckdb => {
            return Err(io::Error::other(format!("{} is not written in batches", form.name())));
        }
        text => Box::new(Text::new(text, &rows.columns, style, out)),
    })
}

/// Sends the rows, at most so many; `seen` is told how many there are, as they come.
pub(crate) fn pour(
    rows: Rows<'_>,
    mut sink: Box<dyn Sink + '_>,
    most: Option<u64>,
    seen: &mut dyn FnMut(u64),
) -> Result<End, Broken> {
    let mut end = End::default();
    for batch in rows {
        let mut batch = batch.map_err(Broken::Query)?;
        let left = most.map_or(u64::MAX, |most| most - end.rows);
        if batch.num_rows() as u64 > left {
            batch = batch.slice(0, left as usize);
            end.cut = true;
        }
        if batch.num_rows() > 0 {
            sink.batch(&batch).map_err(Broken::Write)?;
        }
        end.rows += batch.num_rows() as u64;
        seen(end.rows);
        if end.cut {
            break;
        }
    }
    sink.finish(&end).map_err(Broken::Write)?;
    Ok(end)
}

/// Calls `take` with the cells of each row.
pub(crate) fn each_row<E>(
    batch: &RecordBatch,
    columns: &[lake_engine::Column],
    mut take: impl FnMut(&[Cell<'_>]) -> Result<(), E>,
) -> Result<(), E> {
    let arrays = batch.columns().iter().zip(columns);
    let readers: Vec<Reader<'_>> =
        arrays.map(|(array, column)| Reader::new(array.as_ref(), &column.ty.shape)).collect();
    for row in 0..batch.num_rows() {
        let cells: Vec<Cell<'_>> = readers.iter().map(|r| cell::of(r.get(row))).collect();
        take(&cells)?;
    }
    Ok(())
}

pub(crate) fn headers(columns: &[lake_engine::Column]) -> Vec<Column> {
    let header =
        |c: &lake_engine::Column| Column { name: c.name.clone(), numeric: c.ty.is_number() };
    columns.iter().map(header).collect()
}

pub(crate) fn renderer_of(form: FileForm, columns: &[Column]) -> Renderer {
    renderer(form, columns, Csv::default())
}

fn renderer(form: FileForm, columns: &[Column], csv: Csv) -> Renderer {
    use lake_cli::Format;
    match form {
        FileForm::Json => Renderer::new(Format::Json, columns),
        FileForm::Jsonl => Renderer::new(Format::Jsonl, columns),
        FileForm::Csv => Renderer::csv(columns, csv),
        FileForm::Tsv => Renderer::csv(columns, Csv { delimiter: '\t', ..csv }),
        FileForm::Markdown => Renderer::markdown(columns),
        _ => Renderer::new(Format::Table, columns),
    }
}
