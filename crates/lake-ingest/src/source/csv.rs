//! CSV: columns by the names of the header, values by the table's types.

use std::io::Read;
use std::sync::Arc;

use arrow::array::RecordBatch;
use lake_core::schema::Schema;

use super::column::Column;
use super::columns::order;
use super::records::{BadCsv, Field, Records};
use crate::error::{IngestError, Place, Result};
use crate::rows::{Lines, Rows};

const BATCH_ROWS: usize = 64 * 1024;
/// Far below the 2 GiB that the texts of one batch may take.
const BATCH_BYTES: usize = 128 << 20;
/// How much of a bad value is shown.
const SHOWN: usize = 60;

pub(crate) fn read(
    input: impl Read,
    file: Arc<str>,
    schema: &Schema,
    rows: &mut Rows,
) -> Result<()> {
    let mut lines = Lines::default();
    let outcome = Csv::new(input, &file, schema).and_then(|mut csv| csv.read(rows, &mut lines));
    rows.set_lines(lines);
    outcome
}

struct Csv<'a, R> {
    file: &'a Arc<str>,
    schema: &'a Schema,
    records: Records<R>,
    /// For each field of a record, the table's column.
    targets: Vec<usize>,
    columns: Vec<Column>,
}

impl<'a, R: Read> Csv<'a, R> {
    fn new(input: R, file: &'a Arc<str>, schema: &'a Schema) -> Result<Csv<'a, R>> {
        let refuse = |why: String| IngestError::File { file: file.clone(), why };
        let mut records = Records::new(input);
        let names = header(&mut records, file)?;
        let places = order(file, &names, schema)?;
        let mut targets = vec![0; names.len()];
        for (column, place) in places.iter().enumerate() {
            targets[*place] = column;
        }
        let column = |f: &lake_core::schema::Field| {
            let nested = || format!("column {} is {}, which CSV cannot hold", f.name, f.ty);
            Column::new(&f.ty).ok_or_else(|| refuse(nested()))
        };
        let columns = schema.fields.iter().map(column).collect::<Result<Vec<_>>>()?;
        Ok(Csv { file, schema, records, targets, columns })
    }

    fn read(&mut self, rows: &mut Rows, lines: &mut Lines) -> Result<()> {
        let (mut row, mut pending, mut bytes) = (0, 0, 0);
        while self.records.advance().map_err(|e| csv_error(self.file, e))? {
            // With one column an empty line is a NULL; else it is nothing.
            if self.records.is_blank() && self.targets.len() > 1 {
                continue;
            }
            row += 1;
            lines.note(row, self.records.line());
            bytes += self.add(row)?;
            pending += 1;
            if pending == BATCH_ROWS || bytes > BATCH_BYTES {
                rows.push(self.batch(rows)?)?;
                (pending, bytes) = (0, 0);
            }
        }
        if pending > 0 {
            rows.push(self.batch(rows)?)?;
        }
        Ok(())
    }

    /// Adds the current record; returns its size.
    fn add(&mut self, row: u64) -> Result<usize> {
        let Csv { file, schema, records, targets, columns } = self;
        let place = || Place { file: file.clone(), row, line: Some(records.line()) };
        if records.len() != targets.len() {
            let why = format!("{} fields where the header has {}", records.len(), targets.len());
            return Err(IngestError::Row { place: place(), why });
        }
        let mut bytes = 0;
        for (field, target) in records.fields().zip(targets.iter()) {
            bytes += field.len();
            let column = &schema.fields[*target];
            if field.is_null() && column.not_null {
                return Err(IngestError::Null { place: place(), column: column.name.clone() });
            }
            columns[*target].push(field).map_err(|why| IngestError::Cell {
                place: place(),
                column: column.name.clone(),
                text: shown(field),
                why,
            })?;
        }
        Ok(bytes)
    }

    fn batch(&mut self, rows: &Rows) -> Result<RecordBatch> {
        let columns = self.columns.iter_mut().map(Column::finish).collect();
        Ok(RecordBatch::try_new(rows.schema().clone(), columns)?)
    }
}

/// The names of the columns, after the mark that some programs put first.
fn header<R: Read>(records: &mut Records<R>, file: &Arc<str>) -> Result<Vec<String>> {
    let refuse = |why: &str| Err(IngestError::File { file: file.clone(), why: why.into() });
    match records.peek(3).map_err(|e| csv_error(file, e))? {
        [0xef, 0xbb, 0xbf] => records.skip(3),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return refuse("it is UTF-16; CSV must be UTF-8"),
        _ => {}
    }
    if !records.advance().map_err(|e| csv_error(file, e))? {
        return refuse("it is empty; the first line must name the columns");
    }
    let name = |field: Field<'_>| String::from_utf8(field.bytes().into_owned());
    match records.fields().map(name).collect() {
        Ok(names) => Ok(names),
        Err(_) => refuse("its header is not UTF-8"),
    }
}

fn csv_error(file: &Arc<str>, source: BadCsv) -> IngestError {
    IngestError::Csv { file: file.clone(), source }
}

/// The value as an error shows it.
fn shown(field: Field<'_>) -> String {
    let bytes = field.bytes();
    let text = String::from_utf8_lossy(&bytes);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}
