//! CSV and TSV: columns by the names of the header, values by the table's types.

use std::collections::VecDeque;
use std::sync::Arc;

use encoding_rs::Encoding;
use lake_core::types::Type;
use rayon::prelude::*;

use super::assembly::Assembly;
use super::chunk::{CHUNK_REJECTS, Chunk, Rejects, Source};
use super::fields::Spelling;
use super::formats::Formats;
use super::options::SourceOptions;
use super::parser::{MOST_REJECTS, Parser, Plan, Step};
use super::pieces::{Piece, Pieces};
use super::records::{BadCsv, Dialect};
use super::target::{Renaming, Target, shape};
use super::unpack::{BadArchive, Stream};
use crate::error::{IngestError, Result};

/// A text stream, decoded, and what is known of it.
pub(crate) struct Text {
    pub(crate) file: Arc<str>,
    pub(crate) stream: Stream,
    pub(crate) encoding: &'static Encoding,
    /// Its rows are wanted as soon as they are there.
    pub(crate) eager: bool,
}

pub(crate) struct Csv {
    plan: Arc<Plan>,
    pieces: Pieces,
    target: Target,
    formats: Formats,
    /// One for each piece that is parsed at a time.
    parsers: Vec<Parser>,
    /// What came of the pieces, in their order.
    parsed: VecDeque<Parsed>,
    /// Of the window, and of the whole input.
    used: usize,
    lines: u64,
    rows: u64,
}

struct Parsed {
    parser: usize,
    piece: Piece,
    step: Step,
}

/// CSV as text, with the names of its columns.
pub(crate) fn open(
    text: Text,
    options: &SourceOptions,
    tabs: bool,
) -> Result<(Pieces, Vec<String>)> {
    let Text { file, stream, encoding, eager } = text;
    let refuse = |why: String| IngestError::File { file: file.clone(), why };
    let delimiter = options.delimiter.unwrap_or(if tabs { b'\t' } else { b',' });
    let dialect = Dialect { delimiter, quote: options.quote };
    let ends_line = |b: u8| b == b'\n' || b == b'\r' || !b.is_ascii();
    if dialect.delimiter == dialect.quote || ends_line(delimiter) || ends_line(options.quote) {
        return Err(refuse("delimiter and quote must be two ASCII characters".into()));
    }
    let mut pieces = Pieces::new(stream, dialect, eager);
    if let Some(names) = &options.columns {
        return Ok((pieces, names.clone()));
    }
    let Some(header) = pieces.header().map_err(|e| csv_error(&file, e))? else {
        return Err(refuse("it is empty; the first line must name the columns".into()));
    };
    match header.into_iter().map(String::from_utf8).collect() {
        Ok(names) => Ok((pieces, names)),
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
        let (file, encoding) = (text.file.clone(), text.encoding);
        let nested = target.schema.fields.iter().find(|f| is_nested(&f.ty));
        if let Some(f) = nested {
            let why = format!("column {} is {}, which CSV cannot hold", f.name, f.ty);
            return Err(IngestError::File { file, why });
        }
        let (pieces, names) = open(text, options, tabs)?;
        let shape = shape(&file, &names, &Renaming::new(&file, options)?, &target)?;
        Assembly::new(file.clone(), target.clone(), formats).check_defaults(&shape.absent)?;
        let plan = Arc::new(Plan {
            file,
            dialect: pieces.dialect,
            nulls: options.nulls.iter().map(|n| n.clone().into_bytes()).collect(),
            encoding,
            spelling: Spelling::of(options),
            names: if options.columns.is_some() { "--columns has" } else { "the header has" },
            targets: shape.targets,
            absent: shape.absent,
        });
        let (parsers, parsed, formats) = (Vec::new(), VecDeque::new(), formats.clone());
        let (used, lines, rows) = (0, 0, 0);
        Ok(Csv { plan, pieces, target, formats, parsers, parsed, used, lines, rows })
    }

    /// Reads and parses the next pieces; false when there are none.
    fn read_on(&mut self) -> Result<bool> {
        self.pieces.advance(std::mem::take(&mut self.used), std::mem::take(&mut self.lines));
        if !self.pieces.fill().map_err(|e| csv_error(&self.plan.file, e))? {
            return Ok(false);
        }
        let pieces = self.pieces.cut();
        while self.parsers.len() < pieces.len() {
            let file = self.plan.file.clone();
            let assembly = Assembly::new(file, self.target.clone(), &self.formats);
            self.parsers.push(Parser::new(self.plan.clone(), assembly));
        }
        let bytes = self.pieces.bytes();
        let parse = |(parser, piece): (&mut Parser, &Piece)| {
            parser.step(&bytes[piece.at.clone()], piece.ended)
        };
        let steps: Vec<Step> = match pieces.len() {
            1 => self.parsers.iter_mut().zip(&pieces).map(parse).collect(),
            _ => self.parsers.par_iter_mut().zip(&pieces).map(parse).collect(),
        };
        let parsed = pieces.into_iter().zip(steps).enumerate();
        let parsed = parsed.map(|(parser, (piece, step))| Parsed { parser, piece, step });
        self.parsed.extend(parsed);
        Ok(true)
    }

    /// The rows of a piece, and its rejects, as rows of the whole input.
    fn hand_over(&mut self, parsed: Parsed, rejects: &mut dyn Rejects) -> Result<Option<Chunk>> {
        let Parsed { parser, mut piece, step } = parsed;
        let (rows, lines) = (self.rows, self.pieces.lines() + self.lines);
        for mut reject in step.rejects {
            reject.place.row += rows;
            reject.place.line = reject.place.line.map(|line| line + lines);
            rejects.reject(reject)?;
        }
        if let Some(broken) = step.broken {
            return Err(csv_error(&self.plan.file, broken.after(lines)));
        }
        self.used += step.used;
        self.lines += step.lines;
        self.rows += step.rows;
        if step.more {
            piece.at.start += step.used;
            let bytes = &self.pieces.bytes()[piece.at.clone()];
            let step = self.parsers[parser].step(bytes, piece.ended);
            self.parsed.push_front(Parsed { parser, piece, step });
        }
        if let Some(mut chunk) = step.chunk? {
            chunk.places.shift(rows, lines);
            return Ok(Some(chunk));
        }
        let paused = self.parsed.is_empty() && self.pieces.is_paused();
        let many = rejects.waiting() + MOST_REJECTS > CHUNK_REJECTS;
        let wanted = many || (paused && rejects.waiting() > 0);
        Ok(wanted.then(|| Chunk::empty(&self.plan.file, &self.target.arrow)))
    }
}

fn is_nested(ty: &Type) -> bool {
    matches!(ty, Type::List(_) | Type::Struct(_) | Type::Map(..))
}

impl Source for Csv {
    fn next(&mut self, rejects: &mut dyn Rejects) -> Result<Option<Chunk>> {
        loop {
            let chunk = match self.parsed.pop_front() {
                Some(parsed) => self.hand_over(parsed, rejects)?,
                None if self.read_on()? => None,
                None => return Ok(None),
            };
            if chunk.is_some() {
                return Ok(chunk);
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
