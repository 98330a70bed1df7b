//! The table that rows are for, and which of its columns an input fills: by name,
//! where `--map` may say another.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use lake_core::schema::{Field, FieldId, MAX_COLUMNS, Schema};

use super::options::SourceOptions;
use crate::error::{IngestError, Result};

/// What rows become.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) schema: Arc<Schema>,
    pub(crate) arrow: SchemaRef,
    /// By column: whether an input may lack it.
    pub(crate) optional: Vec<bool>,
    /// By column: whether its values are symbols.
    pub(crate) symbol: Vec<bool>,
}

impl Target {
    pub(crate) fn new(
        schema: &Schema,
        arrow: &SchemaRef,
        optional: &[FieldId],
        partition_by: &[FieldId],
    ) -> Target {
        let free = |f: &Field| optional.contains(&f.id) && (!f.not_null || f.default.is_some());
        Target {
            schema: Arc::new(schema.clone()),
            arrow: arrow.clone(),
            optional: schema.fields.iter().map(free).collect(),
            symbol: schema.fields.iter().map(|f| partition_by.contains(&f.id)).collect(),
        }
    }
}

/// Input columns by the table's names.
#[derive(Clone, Debug)]
pub(crate) struct Renaming {
    /// Source in lower case, source, target.
    pairs: Vec<(String, String, String)>,
    only: bool,
}

impl Renaming {
    pub(crate) fn new(file: &Arc<str>, options: &SourceOptions) -> Result<Renaming> {
        let pair = |(s, t): &(String, String)| (s.to_lowercase(), s.clone(), t.clone());
        let pairs: Vec<_> = options.map.iter().map(pair).collect();
        for (i, (lower, source, target)) in pairs.iter().enumerate() {
            let twice = |what: &str, name: &str| {
                let why = format!("--map names the {what} {name:?} twice");
                Err(IngestError::File { file: file.clone(), why })
            };
            if pairs[..i].iter().any(|p| p.0 == *lower) {
                return twice("input's column", source);
            }
            if pairs[..i].iter().any(|p| p.2.to_lowercase() == target.to_lowercase()) {
                return twice("table's column", target);
            }
        }
        Ok(Renaming { pairs, only: options.select_mapped_only })
    }

    /// The table's name for an input's column. None: it is not to be read.
    pub(crate) fn target<'a>(&'a self, source: &'a str) -> Option<&'a str> {
        let lower = source.to_lowercase();
        match self.pairs.iter().find(|(s, ..)| *s == lower) {
            Some((.., target)) => Some(target),
            None if self.only => None,
            None => Some(source),
        }
    }

    /// A source that the input does not have.
    pub(crate) fn missing(&self, has: impl Fn(&str) -> bool) -> Option<&str> {
        self.pairs.iter().find(|(lower, ..)| !has(lower)).map(|(_, source, _)| source.as_str())
    }

    pub(crate) fn unknown(&self, name: &str, names: &[String]) -> String {
        format!("--map names {name:?}, which the input does not have; it has {}", list(names))
    }
}

/// Names as a message shows them.
fn list(names: &[String]) -> String {
    const MOST: usize = 50;
    let mut text = names[..names.len().min(MOST)].join(", ");
    if names.len() > MOST {
        text.push_str(", ...");
    }
    text
}

/// Which column of an input is which of the table.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// For each column of the input, the table's.
    pub(crate) targets: Vec<Option<usize>>,
    /// The table's columns that the input lacks.
    pub(crate) absent: Vec<usize>,
}

/// Names are the same when they are the same to SQL, where case does not count.
pub(crate) fn shape(
    file: &Arc<str>,
    names: &[String],
    renaming: &Renaming,
    target: &Target,
) -> Result<Shape> {
    let bad = |why: String| IngestError::File { file: file.clone(), why };
    let refuse = |why: String| Err(bad(why));
    check_names(names).map_err(bad)?;
    let lower: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    if let Some(name) = renaming.missing(|s| lower.iter().any(|l| l == s)) {
        return refuse(renaming.unknown(name, names));
    }
    let fields = &target.schema.fields;
    let mut filled: Vec<Option<usize>> = vec![None; fields.len()];
    let mut targets = Vec::with_capacity(names.len());
    for (i, source) in names.iter().enumerate() {
        let Some(name) = renaming.target(source) else {
            targets.push(None);
            continue;
        };
        let Some(at) = find(fields, name) else {
            return refuse(format!("the table has no column {name:?}; {MAP_HINT}"));
        };
        if let Some(other) = filled[at].replace(i) {
            let (a, b) = (&names[other], &names[i]);
            return refuse(format!("columns {a:?} and {b:?} are both for {:?}", fields[at].name));
        }
        targets.push(Some(at));
    }
    let absent: Vec<usize> = (0..fields.len()).filter(|at| filled[*at].is_none()).collect();
    if let Some(at) = absent.iter().find(|at| !target.optional[**at]) {
        let hint = match fields[*at].not_null {
            true => "the table says NOT NULL",
            false => "add it, with nothing in it where it is NULL",
        };
        return refuse(format!("column {} is missing; {hint}", fields[*at].name));
    }
    Ok(Shape { targets, absent })
}

pub(crate) const MAP_HINT: &str = "--map SOURCE=TARGET gives it another name";

pub(crate) fn find(fields: &[Field], name: &str) -> Option<usize> {
    let exact = fields.iter().position(|f| f.name == name);
    exact.or_else(|| {
        let lower = name.to_lowercase();
        fields.iter().position(|f| f.name.to_lowercase() == lower)
    })
}

/// No name twice, and no more than a table may have.
pub(crate) fn check_names(names: &[String]) -> std::result::Result<(), String> {
    if names.len() > MAX_COLUMNS {
        let count = names.len();
        return Err(format!("it has {count} columns; a table has {MAX_COLUMNS} at most"));
    }
    let mut seen = std::collections::HashMap::new();
    for (i, name) in (1..).zip(names) {
        if let Some(first) = seen.insert(name.to_lowercase(), i) {
            return Err(format!("column {name} is there twice: columns {first} and {i}"));
        }
    }
    Ok(())
}
