//! JSON rows: columns by the keys of each object, values by the table's types.

use std::collections::HashMap;
use std::sync::Arc;

use encoding_rs::Encoding;

use super::assembly::{Assembly, Fault};
use super::chunk::{Chunk, Reject, Rejects, Source, raw};
use super::csv::{Text, read_error};
use super::fields::{Fields, Object, Spelling};
use super::formats::Formats;
use super::framing::{BadFrame, Frames, Layout};
use super::json::{self, Json};
use super::options::SourceOptions;
use super::target::{MAP_HINT, Renaming, Target, find};
use crate::error::{IngestError, Place, Result};

pub(crate) struct Objects {
    file: Arc<str>,
    frames: Frames,
    encoding: &'static Encoding,
    eager: bool,
    spelling: Spelling,
    renaming: Renaming,
    /// Keys as they were met, and the column of each: none where it is not read.
    keys: HashMap<String, Option<usize>>,
    /// For each column, the last row that had it.
    seen: Vec<u64>,
    assembly: Assembly,
    row: u64,
}

/// Keys are remembered up to so many.
const MAX_KEYS: usize = 64 * 1024;

/// Why an object is no row.
pub(crate) struct Bad {
    pub(crate) column: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) why: String,
}

pub(crate) const TWICE: &str = "it is there twice";

pub(crate) fn no_column() -> String {
    format!("the table has no such column; {MAP_HINT}")
}

fn bad(why: String) -> Bad {
    Bad { column: None, value: None, why }
}

impl Objects {
    pub(crate) fn new(
        text: Text,
        options: &SourceOptions,
        layout: Layout,
        target: Target,
        formats: &Formats,
    ) -> Result<Objects> {
        let Text { file, stream, encoding, eager } = text;
        let renaming = Renaming::new(&file, options)?;
        let seen = vec![0; target.schema.fields.len()];
        let assembly = Assembly::new(file.clone(), target, formats);
        assembly.check_defaults(&(0..seen.len()).collect::<Vec<_>>())?;
        let frames = Frames::new(stream, layout);
        let (keys, spelling) = (HashMap::new(), Spelling::of(options));
        Ok(Objects {
            file,
            frames,
            encoding,
            eager,
            spelling,
            renaming,
            keys,
            seen,
            assembly,
            row: 0,
        })
    }

    /// Adds the current record, or rejects it.
    fn add(&mut self, rejects: &mut dyn Rejects) -> Result<()> {
        self.row += 1;
        let line = self.frames.line();
        let Err(Bad { column, value, why }) = self.add_object(line) else { return Ok(()) };
        let place = Place { file: self.file.clone(), row: self.row, line: Some(line) };
        let raw = raw(self.frames.record().trim_ascii());
        rejects.reject(Reject { place, column, value, why, raw, fields: self.fields() })
    }

    /// The current record, by the names that `--map` gives its keys.
    fn fields(&self) -> Option<Fields> {
        let text = std::str::from_utf8(self.frames.record().trim_ascii_end()).ok()?;
        let Ok(Json::Object(fields)) = json::parse(text) else { return None };
        let mut object = Object::new();
        for (key, value) in &fields {
            if let Some(name) = self.renaming.target(key) {
                object.json(name, value);
            }
        }
        Some(object.end(self.spelling.clone()))
    }

    fn add_object(&mut self, line: u64) -> std::result::Result<(), Bad> {
        let Objects { frames, assembly, renaming, keys, seen, row, .. } = self;
        let text = std::str::from_utf8(frames.record().trim_ascii_end())
            .map_err(|_| bad(format!("it is not {}", self.encoding.name())))?;
        let fields = match json::parse(text).map_err(bad)? {
            Json::Object(fields) => fields,
            other => return Err(bad(format!("it is {}, not an object", other.what()))),
        };
        assembly.add_bytes(text.len());
        let schema = assembly.target().schema.clone();
        // Before a cell is added, all keys must be good.
        let mut cells = Vec::with_capacity(fields.len());
        for (key, value) in &fields {
            let column = match keys.get(key.as_ref()) {
                Some(column) => *column,
                None => {
                    let column = match renaming.target(key) {
                        None => None,
                        Some(name) => Some(find(&schema.fields, name).ok_or_else(|| Bad {
                            column: Some(key.to_string()),
                            value: None,
                            why: no_column(),
                        })?),
                    };
                    if keys.len() < MAX_KEYS {
                        keys.insert(key.to_string(), column);
                    }
                    column
                }
            };
            let Some(column) = column else { continue };
            if seen[column] == *row {
                return Err(Bad {
                    column: Some(schema.fields[column].name.clone()),
                    value: None,
                    why: TWICE.into(),
                });
            }
            seen[column] = *row;
            cells.push((column, value));
        }
        let mut fault: Option<Fault> = None;
        for (column, value) in cells {
            let found = assembly.json(column, value);
            fault = fault.or(found);
        }
        for (column, last) in seen.iter().enumerate() {
            if last != row {
                let found = assembly.absent(column);
                fault = fault.or(found);
            }
        }
        assembly.end(*row, Some(line), fault.is_none());
        match fault {
            None => Ok(()),
            Some(Fault { column, value, why }) => {
                Err(Bad { column: Some(schema.fields[column].name.clone()), value, why })
            }
        }
    }

    /// A source of `--map` that no row had is a name misspelled.
    fn check_map(&self) -> Result<()> {
        let had = |source: &str| self.keys.keys().any(|key| key.to_lowercase() == source);
        match self.renaming.missing(had) {
            Some(name) if self.row > 0 => {
                let mut keys: Vec<String> = self.keys.keys().cloned().collect();
                keys.sort();
                let why = self.renaming.unknown(name, &keys);
                Err(IngestError::File { file: self.file.clone(), why })
            }
            _ => Ok(()),
        }
    }
}

impl Source for Objects {
    fn next(&mut self, rejects: &mut dyn Rejects) -> Result<Option<Chunk>> {
        loop {
            while !self.assembly.is_full(rejects)
                && self.frames.advance_here().map_err(|e| frame_error(&self.file, e))?
            {
                self.add(rejects)?;
            }
            let paused = self.eager && self.frames.may_wait() && self.assembly.is_wanted(rejects);
            if !self.assembly.is_full(rejects) && !paused {
                if self.frames.fill().map_err(|e| frame_error(&self.file, e))? {
                    continue;
                }
                self.check_map()?;
                return self.assembly.take();
            }
            if let Some(chunk) = self.assembly.hand_over(rejects)? {
                return Ok(Some(chunk));
            }
        }
    }
}

pub(crate) fn frame_error(file: &Arc<str>, error: BadFrame) -> IngestError {
    match error {
        BadFrame::Read { line, source } => read_error(file, line, source),
        bad => IngestError::File { file: file.clone(), why: bad.to_string() },
    }
}
