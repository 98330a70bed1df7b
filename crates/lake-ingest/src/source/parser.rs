//! CSV records as rows, a piece of the input at a time. Rows and lines count from the
//! piece's first.

use std::sync::Arc;

use encoding_rs::Encoding;

use super::assembly::{Assembly, Fault};
use super::chunk::{CHUNK_REJECTS, Chunk, Reject, raw};
use super::fields::{Fields, Object, Spelling};
use super::records::{BadCsv, Dialect, Field, Records};
use crate::error::{Place, Result};

/// Rejects of one step take so many bytes: many pieces are parsed at a time.
pub(crate) const MOST_REJECTS: usize = CHUNK_REJECTS / 8;

/// How the records of one input are read.
pub(crate) struct Plan {
    pub(crate) file: Arc<str>,
    pub(crate) dialect: Dialect,
    pub(crate) nulls: Vec<Vec<u8>>,
    pub(crate) encoding: &'static Encoding,
    pub(crate) spelling: Spelling,
    /// What says how many fields there are.
    pub(crate) names: &'static str,
    /// For each field of a record, the table's column.
    pub(crate) targets: Vec<Option<usize>>,
    pub(crate) absent: Vec<usize>,
}

pub(crate) struct Parser {
    plan: Arc<Plan>,
    assembly: Assembly,
}

/// What came of a piece, or of its beginning.
pub(crate) struct Step {
    /// What was looked at.
    pub(crate) used: usize,
    pub(crate) rows: u64,
    pub(crate) lines: u64,
    /// There may be more in the piece.
    pub(crate) more: bool,
    /// These come before the error.
    pub(crate) rejects: Vec<Reject>,
    pub(crate) chunk: Result<Option<Chunk>>,
    pub(crate) broken: Option<BadCsv>,
}

#[derive(Default)]
struct Rejected {
    all: Vec<Reject>,
    bytes: usize,
}

impl Rejected {
    fn push(&mut self, reject: Reject) {
        self.bytes += reject.size();
        self.all.push(reject);
    }
}

impl Parser {
    pub(crate) fn new(plan: Arc<Plan>, assembly: Assembly) -> Parser {
        Parser { plan, assembly }
    }

    /// Takes the records of a piece until they are a chunk or the piece is at its end.
    pub(crate) fn step(&mut self, bytes: &[u8], ended: bool) -> Step {
        let mut records = Records::new(bytes, ended, self.plan.dialect);
        let (mut rejected, mut rows) = (Rejected::default(), 0);
        let (mut more, mut broken) = (false, None);
        loop {
            if self.assembly.is_chunk() || rejected.bytes >= MOST_REJECTS {
                more = true;
                break;
            }
            match records.advance() {
                Ok(true) => self.add(&records, &mut rows, &mut rejected),
                Ok(false) => break,
                Err(e) => {
                    broken = Some(e);
                    break;
                }
            }
        }
        let (used, lines) = records.used();
        let (rejects, chunk) = (rejected.all, self.assembly.take());
        Step { used, rows, lines, more, rejects, chunk, broken }
    }

    /// Adds the current record, or rejects it.
    fn add(&mut self, records: &Records<'_>, rows: &mut u64, rejected: &mut Rejected) {
        // With one column an empty line is a NULL; else it is nothing.
        if records.is_blank() && self.plan.targets.len() > 1 {
            return;
        }
        *rows += 1;
        let Parser { plan, assembly } = self;
        let (row, line) = (*rows, Some(records.line()));
        let mut reject = |column, value, why, fields| {
            let place = Place { file: plan.file.clone(), row, line };
            let raw = raw(records.raw().trim_ascii_end());
            rejected.push(Reject { place, column, value, why, raw, fields });
        };
        if records.len() != plan.targets.len() {
            let (found, want) = (records.len(), plan.targets.len());
            let why = format!("{found} fields where {} {want}", plan.names);
            return reject(None, None, why, None);
        }
        let mut fault: Option<Fault> = None;
        for (field, target) in records.fields().zip(&plan.targets) {
            let Some(column) = *target else { continue };
            match fault {
                Some(_) => assembly.blank(column),
                None => fault = cell(assembly, column, field, plan),
            }
        }
        for column in &plan.absent {
            let found = assembly.absent(*column);
            fault = fault.or(found);
        }
        assembly.end(row, line, fault.is_none());
        if let Some(Fault { column, value, why }) = fault {
            let column = Some(assembly.target().schema.fields[column].name.clone());
            reject(column, value, why, fields(records, plan, assembly));
        }
    }
}

/// A record's fields. None: one of them is no text.
fn fields(records: &Records<'_>, plan: &Plan, assembly: &Assembly) -> Option<Fields> {
    let mut object = Object::new();
    for (field, target) in records.fields().zip(&plan.targets) {
        let Some(column) = *target else { continue };
        let name = &assembly.target().schema.fields[column].name;
        match is_null(field, &plan.nulls) {
            true => object.text(name, None),
            false => object.text(name, Some(&field.text()?)),
        }
    }
    Some(object.end(plan.spelling.clone()))
}

/// Adds one field.
#[inline]
fn cell(assembly: &mut Assembly, column: usize, field: Field<'_>, plan: &Plan) -> Option<Fault> {
    if is_null(field, &plan.nulls) {
        return assembly.text(column, None);
    }
    if let Some(text) = field.text() {
        return assembly.text(column, Some(&text));
    }
    assembly.blank(column);
    let value = Some(String::from_utf8_lossy(&field.bytes()).into_owned());
    Some(Fault { column, value, why: format!("is not {}", plan.encoding.name()) })
}

#[inline]
pub(crate) fn is_null(field: Field<'_>, nulls: &[Vec<u8>]) -> bool {
    field.is_empty() || (!field.quoted && nulls.iter().any(|n| n == field.raw()))
}
