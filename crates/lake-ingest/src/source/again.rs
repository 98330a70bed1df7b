//! Rejected rows that are tried again: their fields, in the columns that the table
//! has now.

use std::collections::HashMap;
use std::iter::Peekable;
use std::sync::Arc;
use std::vec::IntoIter;

use arrow::datatypes::SchemaRef;
use lake_core::schema::{Schema, TableDef};
use lake_core::types::Type;

use super::assembly::{Assembly, Fault};
use super::chunk::{Chunk, Reject, Rejects, Source};
use super::fields::{Fields, Object, Spelling, is_exact};
use super::formats::Formats;
use super::json::{self, Json};
use super::objects::{Bad, TWICE, no_column};
use super::open::formats;
use super::options::SourceOptions;
use super::target::{Target, find};
use crate::error::Result;
use crate::feed::newer_columns;

pub(crate) struct Again {
    /// What holds the rows.
    name: Arc<str>,
    rows: Peekable<IntoIter<Reject>>,
    /// The schema whose names the fields go by.
    was: Option<Schema>,
    target: Target,
    /// Of these, the formats and the NULLs say how texts are spelled after all.
    options: SourceOptions,
    homes: HashMap<String, Home>,
    /// How the row before was read.
    last: Option<(Spelling, Formats)>,
}

/// What has become of a name.
#[derive(Clone, Copy)]
enum Home {
    Column(usize),
    Dropped,
    Unknown,
}

type Cells<'a> = [(std::borrow::Cow<'a, str>, Json<'a>)];

impl Again {
    /// `was`: the schema that refused the rows.
    pub(crate) fn new(
        name: Arc<str>,
        rows: Vec<Reject>,
        was: Option<Schema>,
        options: &SourceOptions,
        def: &TableDef,
        arrow: &SchemaRef,
    ) -> Result<Again> {
        formats(&name, options)?;
        let target = Target::new(def.schema(), arrow, &newer_columns(def), &def.partition_by);
        Ok(Again {
            name,
            rows: rows.into_iter().peekable(),
            was,
            target,
            options: options.clone(),
            homes: HashMap::new(),
            last: None,
        })
    }

    /// A column keeps its values under another name; one that was dropped leaves its name
    /// to one that is new.
    fn home(&mut self, name: &str) -> Home {
        if let Some(home) = self.homes.get(name) {
            return *home;
        }
        let (now, was) = (&self.target.schema.fields, self.was.as_ref());
        let old = was.and_then(|was| Some(was.fields[find(&was.fields, name)?].id));
        let kept = old.and_then(|id| now.iter().position(|f| f.id == id));
        let is_new = |at: &usize| was.is_none_or(|was| was.by_id(now[*at].id).is_none());
        let named = find(now, name).filter(|at| old.is_none() || is_new(at));
        let home = match (kept.or(named), old) {
            (Some(at), _) => Home::Column(at),
            (None, Some(_)) => Home::Dropped,
            (None, None) => Home::Unknown,
        };
        self.homes.insert(name.to_owned(), home);
        home
    }

    /// Adds a row, or rejects it once more.
    fn add(
        &mut self,
        assembly: &mut Assembly,
        mut row: Reject,
        rejects: &mut dyn Rejects,
    ) -> Result<()> {
        let Some(Fields { json, spelling }) = row.fields.take() else {
            return rejects.reject(row);
        };
        let Ok(Json::Object(cells)) = json::parse(&json) else { return rejects.reject(row) };
        self.read_as(assembly, &spelling)?;
        assembly.add_bytes(json.len());
        let typed = spelling == Spelling::Typed;
        let Err(Bad { column, value, why }) = self.try_row(assembly, &cells, &row, typed) else {
            return Ok(());
        };
        let fields = Some(self.renamed(&cells).end(spelling));
        rejects.reject(Reject { column, value, why, fields, ..row })
    }

    fn read_as(&mut self, assembly: &mut Assembly, spelling: &Spelling) -> Result<()> {
        if self.last.as_ref().is_none_or(|(last, _)| last != spelling) {
            let mut options = self.options.clone();
            match spelling {
                Spelling::Typed => (options.date_format, options.timestamp_format) = (None, None),
                Spelling::Text { date, timestamp } => {
                    let own = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
                    options.date_format = options.date_format.or_else(|| own(date));
                    options.timestamp_format = options.timestamp_format.or_else(|| own(timestamp));
                }
            }
            let formats = formats(&self.name, &options)?;
            assembly.read_as(&formats);
            self.last = Some((spelling.clone(), formats));
        }
        Ok(())
    }

    fn try_row(
        &mut self,
        assembly: &mut Assembly,
        cells: &Cells<'_>,
        row: &Reject,
        typed: bool,
    ) -> std::result::Result<(), Bad> {
        let schema = self.target.schema.clone();
        let mut found: Vec<Option<&Json<'_>>> = vec![None; schema.fields.len()];
        // Before a cell is added, all names must be good.
        for (name, value) in cells {
            let refuse = |why: String| {
                let column = Some(name.to_string());
                Err(Bad { column, value: None, why })
            };
            match self.home(name) {
                Home::Column(at) => {
                    if found[at].replace(value).is_some() {
                        return refuse(TWICE.into());
                    }
                }
                Home::Dropped => {}
                Home::Unknown => return refuse(no_column()),
            }
        }
        let mut fault: Option<Fault> = None;
        for (at, value) in found.into_iter().enumerate() {
            let ty = &schema.fields[at].ty;
            let cell = match value {
                None => assembly.absent(at),
                Some(Json::Number(text)) if typed && !is_exact(text, ty) => {
                    assembly.blank(at);
                    Some(rounded(at, text, ty))
                }
                Some(Json::Text(text)) if !typed && self.is_null(text) => assembly.text(at, None),
                Some(value) => assembly.json(at, value),
            };
            fault = fault.or(cell);
        }
        assembly.end(row.place.row, row.place.line, fault.is_none());
        match fault {
            None => Ok(()),
            Some(Fault { column, value, why }) => {
                Err(Bad { column: Some(schema.fields[column].name.clone()), value, why })
            }
        }
    }

    fn is_null(&self, text: &str) -> bool {
        self.options.nulls.iter().any(|null| null == text)
    }

    /// The fields by the names of now.
    fn renamed(&mut self, cells: &Cells<'_>) -> Object {
        let mut object = Object::new();
        for (name, value) in cells {
            match self.home(name) {
                Home::Column(at) => object.json(&self.target.schema.fields[at].name, value),
                Home::Unknown => object.json(name, value),
                Home::Dropped => {}
            }
        }
        object
    }
}

fn rounded(column: usize, text: &str, ty: &Type) -> Fault {
    let why = format!("cannot be {ty} without loss");
    Fault { column, value: Some(text.to_owned()), why }
}

impl Source for Again {
    /// The next rows of one file.
    fn next(&mut self, rejects: &mut dyn Rejects) -> Result<Option<Chunk>> {
        while let Some(first) = self.rows.peek() {
            let file = first.place.file.clone();
            let mut assembly =
                Assembly::new(file.clone(), self.target.clone(), &Formats::default());
            assembly.check_defaults(&(0..self.target.schema.fields.len()).collect::<Vec<_>>())?;
            self.last = None;
            while !assembly.is_full(rejects)
                && let Some(row) = self.rows.next_if(|row| row.place.file == file)
            {
                self.add(&mut assembly, row, rejects)?;
            }
            if let Some(chunk) = assembly.take()? {
                return Ok(Some(chunk));
            }
        }
        Ok(None)
    }
}
