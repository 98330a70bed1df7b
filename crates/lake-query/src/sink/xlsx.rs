//! An Excel workbook: typed cells under a frozen line of names, and another sheet where
//! one is full. Rows wait in temporary files, so that memory stays small.

mod cell;

use std::cell::Cell as Flag;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use lake_engine::Column;
use lake_engine::arrow::record_batch::RecordBatch;
use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use self::cell::{Look, Source, Typed};
use super::{End, Out, Sink, Style};

/// Excel's own limits.
const SHEET_ROWS: u32 = 1_048_576;
const SHEET_COLUMNS: usize = 16_384;
const NAME: usize = 31;
const TEXT: usize = 32_767;
/// From so many cells on a sheet may need a large zip file.
const LARGE: u64 = 20_000_000;

pub(super) struct Book<'w> {
    book: Workbook,
    columns: Arc<[Column]>,
    title: String,
    sheet_rows: u32,
    sheets: usize,
    /// The next line of the present sheet.
    line: u32,
    rows: u64,
    looks: Looks,
    out: Out<'w>,
}

impl<'w> Book<'w> {
    pub(super) fn new(columns: &[Column], style: &Style, out: Out<'w>) -> io::Result<Book<'w>> {
        Book::with_limit(columns, style, SHEET_ROWS, out)
    }

    fn with_limit(
        columns: &[Column],
        style: &Style,
        sheet_rows: u32,
        out: Out<'w>,
    ) -> io::Result<Book<'w>> {
        if columns.len() > SHEET_COLUMNS {
            return Err(unfit(format!(
                "a sheet of a workbook has {SHEET_COLUMNS} columns at most, not {}",
                columns.len()
            )));
        }
        let mut book = Workbook::new();
        book.set_tempdir(&style.scratch).map_err(of_xlsx)?;
        let (title, columns) = (style.title.clone(), Arc::from(columns));
        let (sheets, line, rows, looks) = (0, 0, 0, Looks::new());
        let mut book = Book { book, columns, title, sheet_rows, sheets, line, rows, looks, out };
        book.begin_sheet()?;
        Ok(book)
    }

    fn begin_sheet(&mut self) -> io::Result<()> {
        self.sheets += 1;
        let name = sheet_name(&self.title, self.sheets);
        let sheet = self.book.add_worksheet_with_constant_memory().map_err(of_xlsx)?;
        sheet.set_name(name).and_then(|s| s.set_freeze_panes(1, 0)).map_err(of_xlsx)?;
        for (column, i) in self.columns.iter().zip(0..) {
            let width = width(column);
            sheet.set_column_width(i, width).map_err(of_xlsx)?;
            let name = &column.name;
            sheet
                .write_string_with_format(0, i, name, &self.looks.head)
                .map_err(|error| placed(error, "the names", name))?;
        }
        self.line = 1;
        Ok(())
    }

    fn end_sheet(&mut self) -> io::Result<()> {
        let last_column = self.columns.len().saturating_sub(1) as u16;
        let sheet = self.book.worksheet_from_index(self.sheets - 1).map_err(of_xlsx)?;
        sheet.autofilter(0, 0, self.line - 1, last_column).map_err(of_xlsx)?;
        Ok(())
    }

    fn rows(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let columns = self.columns.clone();
        let sources: Vec<Source<'_>> = batch
            .columns()
            .iter()
            .zip(columns.iter())
            .map(|(array, column)| Source::new(array.as_ref(), &column.ty.shape))
            .collect();
        for row in 0..batch.num_rows() {
            if self.line == self.sheet_rows {
                self.end_sheet()?;
                self.begin_sheet()?;
            }
            self.rows += 1;
            let sheet = self.book.worksheet_from_index(self.sheets - 1).map_err(of_xlsx)?;
            for (source, i) in sources.iter().zip(0..) {
                put(sheet, self.line, i, &source.get(row), &self.looks).map_err(|error| {
                    let name = columns.get(usize::from(i)).map_or("", |c| &c.name);
                    placed(error, &format!("row {}", self.rows), name)
                })?;
            }
            self.line += 1;
        }
        Ok(())
    }

    fn save(mut self) -> io::Result<()> {
        self.end_sheet()?;
        let cells = self.rows.saturating_mul(self.columns.len() as u64);
        self.book.use_zip_large_file(cells > LARGE);
        self.book.save_to_writer(&mut *self.out).map_err(of_xlsx)?;
        self.out.flush()
    }
}

impl Sink for Book<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> io::Result<()> {
        guarded(|| self.rows(batch))
    }

    fn finish(self: Box<Self>, _: &End) -> io::Result<()> {
        guarded(|| self.save())
    }
}

/// The formats of a workbook.
struct Looks {
    head: Format,
    date: Format,
    second: Format,
    fraction: Format,
    clock: Format,
    clock_fraction: Format,
    /// By the digits after the point.
    decimals: Vec<Format>,
}

impl Looks {
    fn new() -> Looks {
        let of = |pattern: &str| Format::new().set_num_format(pattern);
        let decimal = |scale: usize| match scale {
            0 => of("0"),
            scale => of(&format!("0.{}", "0".repeat(scale))),
        };
        Looks {
            head: Format::new().set_bold(),
            date: of("yyyy-mm-dd"),
            second: of("yyyy-mm-dd hh:mm:ss"),
            fraction: of("yyyy-mm-dd hh:mm:ss.000"),
            clock: of("hh:mm:ss"),
            clock_fraction: of("hh:mm:ss.000"),
            decimals: (0..=15).map(decimal).collect(),
        }
    }

    fn of(&self, look: Look) -> Option<&Format> {
        Some(match look {
            Look::Plain => return None,
            Look::Date => &self.date,
            Look::Second => &self.second,
            Look::Fraction => &self.fraction,
            Look::Clock => &self.clock,
            Look::ClockFraction => &self.clock_fraction,
            Look::Decimal(scale) => return self.decimals.get(usize::from(scale)),
        })
    }
}

fn put(
    sheet: &mut Worksheet,
    line: u32,
    column: u16,
    value: &Typed<'_>,
    looks: &Looks,
) -> Result<(), XlsxError> {
    let sheet = match value {
        Typed::Empty => Ok(sheet),
        Typed::Bool(v) => sheet.write_boolean(line, column, *v),
        Typed::Number(v, look) => match looks.of(*look) {
            Some(format) => sheet.write_number_with_format(line, column, *v, format),
            None => sheet.write_number(line, column, *v),
        },
        Typed::Text(text) => sheet.write_string(line, column, &**text),
    };
    sheet.map(|_| ())
}

/// `bars`, `bars 2`; a name holds none of `[]:*?/\`.
fn sheet_name(title: &str, number: usize) -> String {
    let number = if number > 1 { format!(" {number}") } else { String::new() };
    let plain = title.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_');
    plain.take(NAME - number.len()).collect::<String>() + &number
}

/// In characters; what a person would drag it to.
fn width(column: &Column) -> f64 {
    let by_type: f64 = match column.ty.name.as_str() {
        "DATE" => 11.0,
        name if name.starts_with("TIMESTAMP") => 24.0,
        _ => 10.0,
    };
    by_type.max(column.name.chars().count() as f64 + 4.0).min(50.0)
}

fn placed(error: XlsxError, row: &str, column: &str) -> io::Error {
    match error {
        XlsxError::MaxStringLengthExceeded => {
            unfit(format!("{row}, column {column}: a cell of a workbook holds {TEXT} characters"))
        }
        other => of_xlsx(other),
    }
}

fn unfit(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

fn of_xlsx(error: XlsxError) -> io::Error {
    match error {
        XlsxError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

thread_local! {
    static GUARDED: Flag<bool> = const { Flag::new(false) };
}

/// The workbook's writer panics when its temporary files cannot be written.
fn guarded<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    lake_cli::hush_panics(|| GUARDED.get());
    GUARDED.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(false);
    outcome.unwrap_or_else(|_| {
        let message = "the temporary files of a workbook could not be written";
        Err(io::Error::new(io::ErrorKind::StorageFull, message))
    })
}

#[cfg(test)]
mod tests;
