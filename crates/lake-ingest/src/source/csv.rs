//! CSV and TSV: columns by the names of the header, values by the table's types.

use std::sync::Arc;

use encoding_rs::Encoding;
use lake_core::types::Type;

use super::assembly::{Assembly, Fault};
use super::chunk::{Chunk, Reject, Rejects, Source, raw};
use super::fields::{Fields, Object, Spelling};
use super::formats::Formats;
use super::options::SourceOptions;
use super::records::{BadCsv, Dialect, Field, Records};
use super::target::{Renaming, Target, shape};
use super::unpack::{BadArchive, Stream};
use crate::error::{IngestError, Place, Result};

/// A text stream, decoded, and what is known of it.
pub(crate) struct Text {
    pub(crate) file: Arc<str>,
    pub(crate) stream: Stream,
    pub(crate) encoding: &'static Encoding,
    /// Its rows are wanted as soon as they are there.
    pub(crate) eager: bool,
}

pub(crate) struct Csv {
    file: Arc<str>,
    records: Records,
    nulls: Vec<Vec<u8>>,
    encoding: &'static Encoding,
    eager: bool,
    spelling: Spelling,
    /// What says how many fields there are.
    names: &'static str,
    /// For each field of a record, the table's column.
    targets: Vec<Option<usize>>,
    absent: Vec<usize>,
    assembly: Assembly,
    row: u64,
}

/// CSV as text, with the names of its columns.
pub(crate) fn open(
    text: Text,
    options: &SourceOptions,
    tabs: bool,
) -> Result<(Records, Vec<String>)> {
    let Text { file, stream, encoding, .. } = text;
    let refuse = |why: String| IngestError::File { file: file.clone(), why };
    let delimiter = options.delimiter.unwrap_or(if tabs { b'\t' } else { b',' });
    let dialect = Dialect { delimiter, quote: options.quote };
    let ends_line = |b: u8| b == b'\n' || b == b'\r' || !b.is_ascii();
    if dialect.delimiter == dialect.quote || ends_line(delimiter) || ends_line(options.quote) {
        return Err(refuse("delimiter and quote must be two ASCII characters".into()));
    }
    let mut records = Records::new(stream, dialect);
    if let Some(names) = &options.columns {
        return Ok((records, names.clone()));
    }
    if !records.advance().map_err(|e| csv_error(&file, e))? {
        return Err(refuse("it is empty; the first line must name the columns".into()));
    }
    let name = |field: Field<'_>| String::from_utf8(field.bytes().into_owned());
    match records.fields().map(name).collect() {
        Ok(names) => Ok((records, names)),
        Err(_) => Err(refuse(format!("its header is not {}", encoding.name()))),
    }
}

impl Csv {
    pub(crate) fn new(
        text: Text,
        options: &SourceOptions,
        tabs: bool,
        target: Target,
        formats: &Formats,
    ) -> Result<Csv> {
        let (file, encoding, eager) = (text.file.clone(), text.encoding, text.eager);
        let nested = target.schema.fields.iter().find(|f| is_nested(&f.ty));
        if let Some(f) = nested {
            let why = format!("column {} is {}, which CSV cannot hold", f.name, f.ty);
            return Err(IngestError::File { file, why });
        }
        let (records, names) = open(text, options, tabs)?;
        let shape = shape(&file, &names, &Renaming::new(&file, options)?, &target)?;
        let assembly = Assembly::new(file.clone(), target, formats);
        assembly.check_defaults(&shape.absent)?;
        Ok(Csv {
            file,
            records,
            nulls: options.nulls.iter().map(|n| n.clone().into_bytes()).collect(),
            encoding,
            eager,
            spelling: Spelling::of(options),
            names: if options.columns.is_some() { "--columns has" } else { "the header has" },
            targets: shape.targets,
            absent: shape.absent,
            assembly,
            row: 0,
        })
    }

    /// Adds the current record, or rejects it.
    fn add(&mut self, rejects: &mut dyn Rejects) -> Result<()> {
        // With one column an empty line is a NULL; else it is nothing.
        if self.records.is_blank() && self.targets.len() > 1 {
            return Ok(());
        }
        self.row += 1;
        let (row, line) = (self.row, self.records.line());
        let place = || Place { file: self.file.clone(), row, line: Some(line) };
        let raw = || raw(self.records.raw().trim_ascii_end());
        if self.records.len() != self.targets.len() {
            let (found, want) = (self.records.len(), self.targets.len());
            let why = format!("{found} fields where {} {want}", self.names);
            let (place, raw) = (place(), raw());
            let (column, value, fields) = (None, None, None);
            return rejects.reject(Reject { place, column, value, why, raw, fields });
        }
        let mut fault: Option<Fault> = None;
        for (field, target) in self.records.fields().zip(&self.targets) {
            let Some(column) = *target else { continue };
            match fault {
                Some(_) => self.assembly.blank(column),
                None => fault = cell(&mut self.assembly, column, field, &self.nulls, self.encoding),
            }
        }
        for column in &self.absent {
            let found = self.assembly.absent(*column);
            fault = fault.or(found);
        }
        self.assembly.end(row, Some(line), fault.is_none());
        match fault {
            None => Ok(()),
            Some(Fault { column, value, why }) => {
                let column = Some(self.assembly.target().schema.fields[column].name.clone());
                let (place, raw, fields) = (place(), raw(), self.fields());
                rejects.reject(Reject { place, column, value, why, raw, fields })
            }
        }
    }

    /// The current record's fields. None: one of them is no text.
    fn fields(&self) -> Option<Fields> {
        let mut object = Object::new();
        for (field, target) in self.records.fields().zip(&self.targets) {
            let Some(column) = *target else { continue };
            let name = &self.assembly.target().schema.fields[column].name;
            match is_null(field, &self.nulls) {
                true => object.text(name, None),
                false => object.text(name, Some(&field.text()?)),
            }
        }
        Some(object.end(self.spelling.clone()))
    }
}

fn is_nested(ty: &Type) -> bool {
    matches!(ty, Type::List(_) | Type::Struct(_) | Type::Map(..))
}

/// Adds one field.
#[inline]
fn cell(
    assembly: &mut Assembly,
    column: usize,
    field: Field<'_>,
    nulls: &[Vec<u8>],
    encoding: &'static Encoding,
) -> Option<Fault> {
    if is_null(field, nulls) {
        return assembly.text(column, None);
    }
    if let Some(text) = field.text() {
        return assembly.text(column, Some(&text));
    }
    assembly.blank(column);
    let value = Some(String::from_utf8_lossy(&field.bytes()).into_owned());
    Some(Fault { column, value, why: format!("is not {}", encoding.name()) })
}

#[inline]
pub(crate) fn is_null(field: Field<'_>, nulls: &[Vec<u8>]) -> bool {
    field.is_empty() || (!field.quoted && nulls.iter().any(|n| n == field.raw()))
}

impl Source for Csv {
    fn next(&mut self, rejects: &mut dyn Rejects) -> Result<Option<Chunk>> {
        loop {
            while !self.assembly.is_full(rejects)
                && self.records.advance_here().map_err(|e| csv_error(&self.file, e))?
            {
                self.add(rejects)?;
            }
            let paused = self.eager && self.records.may_wait() && self.assembly.is_wanted(rejects);
            if !self.assembly.is_full(rejects) && !paused {
                if self.records.fill().map_err(|e| csv_error(&self.file, e))? {
                    continue;
                }
                return self.assembly.take();
            }
            if let Some(chunk) = self.assembly.hand_over(rejects)? {
                return Ok(Some(chunk));
            }
        }
    }
}

pub(crate) fn csv_error(file: &Arc<str>, error: BadCsv) -> IngestError {
    match error {
        BadCsv::Read { line, source } => read_error(file, line, source),
        source => IngestError::Csv { file: file.clone(), source },
    }
}

/// A stream that cannot be read on: an archive that is none, or the disk's trouble.
pub(crate) fn read_error(file: &Arc<str>, line: u64, source: std::io::Error) -> IngestError {
    let bad = source.get_ref().and_then(|e| e.downcast_ref::<BadArchive>());
    match bad {
        Some(bad) => IngestError::File { file: file.clone(), why: bad.to_string() },
        None => IngestError::Csv { file: file.clone(), source: BadCsv::Read { line, source } },
    }
}
