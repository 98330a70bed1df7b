//! Rows from files: checked against the table's schema, in its types and order.

mod cast;
mod column;
mod columns;
mod csv;
mod file;
mod parquet;
mod records;
mod text;
mod time;

#[cfg(test)]
mod tests;

use std::path::Path;

use arrow::array::RecordBatch;
use lake_core::schema::Schema;

use crate::error::Result;
use crate::rows::Rows;

use cast::conform;

pub(crate) use cast::convert;
pub use records::BadCsv;

/// The form of an input file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputFormat {
    Csv,
    Parquet,
}

/// Reads all rows of a file. `format`: None finds out, by the name's extension or
/// else by the content.
pub(crate) fn read(
    path: &Path,
    format: Option<InputFormat>,
    schema: &Schema,
    rows: &mut Rows,
) -> Result<()> {
    let input = file::open(path)?;
    let name = rows.add_file(&path.to_string_lossy());
    match format.unwrap_or_else(|| file::guess(path, &input)) {
        InputFormat::Csv => csv::read(file::from_start(&input, &name)?, name, schema, rows),
        InputFormat::Parquet => parquet::read(input, name, schema, rows),
    }
}

/// Takes rows that are in memory already.
pub(crate) fn take(batch: &RecordBatch, schema: &Schema, rows: &mut Rows) -> Result<()> {
    let name = rows.add_file("batch");
    let order = columns::of_arrow(&name, &batch.schema(), schema)?;
    rows.push(conform(batch, &order, schema, rows)?)
}
