//! Rows of text on their way to chunks, cell by cell.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::filter;
use lake_core::symbol::Symbol;

use super::chunk::{CHUNK_BYTES, CHUNK_REJECTS, CHUNK_ROWS, Chunk, NULL_WHY, Places, Rejects};
use super::column::{Column, check_default};
use super::formats::Formats;
use super::json::Json;
use super::target::Target;
use crate::error::{IngestError, Result};

/// So many symbols are known to be good without a look.
const KNOWN_SYMBOLS: usize = 100_000;

/// What is wrong with a row.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) column: usize,
    pub(crate) value: Option<String>,
    pub(crate) why: String,
}

pub(crate) struct Assembly {
    file: Arc<str>,
    target: Target,
    columns: Vec<Column>,
    known: HashSet<Box<str>>,
    places: Places,
    /// Rows in the columns, those of them that were rejected, and their bytes.
    rows: usize,
    dead: Vec<usize>,
    bytes: usize,
}

impl Assembly {
    pub(crate) fn new(file: Arc<str>, target: Target, formats: &Formats) -> Assembly {
        let columns = target.schema.fields.iter().map(|f| Column::new(&f.ty, formats)).collect();
        let places = Places::new(file.clone());
        let (known, dead) = (HashSet::new(), Vec::new());
        Assembly { file, target, columns, known, places, rows: 0, dead, bytes: 0 }
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// From here on, dates and times are spelled so.
    pub(crate) fn read_as(&mut self, formats: &Formats) {
        self.columns.iter_mut().for_each(|column| column.read_as(formats));
    }

    /// The default of a column that the input lacks must be a value of it.
    pub(crate) fn check_defaults(&self, absent: &[usize]) -> Result<()> {
        for at in absent {
            let field = &self.target.schema.fields[*at];
            let Some(text) = &field.default else { continue };
            check_default(text, &field.ty).map_err(|why| {
                let why = format!("column {}: its default {text:?} {why}", field.name);
                IngestError::File { file: self.file.clone(), why }
            })?;
        }
        Ok(())
    }

    /// Adds a cell of the current row: always one, and NULL where it is at fault.
    pub(crate) fn text(&mut self, column: usize, text: Option<&str>) -> Option<Fault> {
        let Some(text) = text else {
            self.columns[column].push_null();
            let required = self.target.schema.fields[column].not_null;
            return required.then(|| Fault { column, value: None, why: NULL_WHY.into() });
        };
        self.bytes += text.len();
        let good = match self.target.symbol[column] {
            true => self.check_symbol(text),
            false => Ok(()),
        };
        let pushed = match good {
            Ok(()) => self.columns[column].push_text(text),
            Err(why) => {
                self.columns[column].push_null();
                Err(why)
            }
        };
        match pushed {
            Ok(()) => None,
            Err(why) => Some(Fault { column, value: Some(text.into()), why }),
        }
    }

    pub(crate) fn json(&mut self, column: usize, value: &Json<'_>) -> Option<Fault> {
        match value {
            Json::Null => self.text(column, None),
            Json::Text(text) => self.text(column, Some(text)),
            value => {
                let why = self.columns[column].push_json(value).err()?;
                let value = match value {
                    Json::Number(text) => Some((*text).to_owned()),
                    _ => None,
                };
                Some(Fault { column, value, why })
            }
        }
    }

    /// The cell of a column that the input, or its row, does not have.
    pub(crate) fn absent(&mut self, column: usize) -> Option<Fault> {
        let optional = self.target.optional[column];
        match &self.target.schema.fields[column].default {
            // As the table spells it, whatever the input does.
            Some(text) if optional => {
                let text = text.clone();
                self.columns[column].push_default(&text).err().map(|why| Fault {
                    column,
                    value: Some(text),
                    why,
                })
            }
            _ => self.text(column, None),
        }
    }

    /// A cell of a row that is rejected already.
    pub(crate) fn blank(&mut self, column: usize) {
        self.columns[column].push_null();
    }

    fn check_symbol(&mut self, text: &str) -> std::result::Result<(), String> {
        if self.known.contains(text) {
            return Ok(());
        }
        Symbol::new(text).map_err(|e| format!("cannot be a partition value: {}", e.reason))?;
        if self.known.len() < KNOWN_SYMBOLS {
            self.known.insert(text.into());
        }
        Ok(())
    }

    /// Ends a row, of which every column has its cell.
    pub(crate) fn end(&mut self, row: u64, line: Option<u64>, keep: bool) {
        match keep {
            true => self.places.note(self.rows - self.dead.len(), row, line),
            false => self.dead.push(self.rows),
        }
        self.rows += 1;
    }

    pub(crate) fn add_bytes(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// No more is to be read before what is here is taken.
    pub(crate) fn is_full(&self, rejects: &dyn Rejects) -> bool {
        self.is_chunk() || rejects.waiting() >= CHUNK_REJECTS
    }

    /// The rows here are enough for a chunk.
    pub(crate) fn is_chunk(&self) -> bool {
        self.rows == CHUNK_ROWS || self.bytes > CHUNK_BYTES
    }

    /// There is something to be handed over when the input pauses.
    pub(crate) fn is_wanted(&self, rejects: &dyn Rejects) -> bool {
        !self.is_empty() || rejects.waiting() > 0
    }

    fn is_empty(&self) -> bool {
        self.rows == self.dead.len()
    }

    /// As `take`, in the midst of the input: rejects may wait for a chunk to go with.
    pub(crate) fn hand_over(&mut self, rejects: &dyn Rejects) -> Result<Option<Chunk>> {
        let chunk = self.take()?;
        let empty = || Chunk::empty(&self.file, &self.target.arrow);
        Ok(chunk.or_else(|| (rejects.waiting() > 0).then(empty)))
    }

    /// The rows since the last time; none if all were rejected.
    pub(crate) fn take(&mut self) -> Result<Option<Chunk>> {
        let finish = |c: &mut Column| c.finish();
        let mut columns: Vec<ArrayRef> =
            self.columns.iter_mut().map(finish).collect::<std::result::Result<_, _>>()?;
        let rows = self.rows;
        if !self.dead.is_empty() {
            let mut kept = vec![true; rows];
            self.dead.iter().for_each(|row| kept[*row] = false);
            let kept = BooleanArray::from(kept);
            let filtered: std::result::Result<_, _> =
                columns.iter().map(|c| filter(c, &kept)).collect();
            columns = filtered?;
        }
        let empty = self.is_empty();
        let places = std::mem::replace(&mut self.places, Places::new(self.file.clone()));
        (self.rows, self.bytes) = (0, 0);
        self.dead.clear();
        if empty {
            return Ok(None);
        }
        let batch = RecordBatch::try_new(self.target.arrow.clone(), columns)?;
        Ok(Some(Chunk { batch, places }))
    }
}
