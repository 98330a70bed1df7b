//! One `read_parquet` of exact files of one schema version and layout, projected to
//! the newest schema.
//!
//! The list of files is a session variable, made of structs: an entry that is a
//! struct is never expanded as a glob, and a variable is not parsed and folded at
//! every statement (10,000 files: 6 ms instead of 136 to bind).

use lake_core::schema::{Field, FieldId, Schema, TableDef};
use lake_core::segment::Part;
use lake_core::state::Table;
use lake_core::types::quoted;

use crate::brought::Brought;
use crate::error::{EngineError, Result};
use crate::literal::literal;
use crate::masks::{Columns, FILE, Hiding};
use crate::setting::Setting;
use crate::split::Live;

/// The place of a row's segment among those it is contested by.
pub(crate) const RANK: &str = "_lake_rank";

/// Among the columns of a scan: the version whose commit brought the row, NULL where
/// that is not known. No column of a table has this id.
pub(crate) const BROUGHT: FieldId = 0;
/// Its name.
pub(crate) const VERSION: &str = "_lake_version";

/// Makes scans of one table, and the variables that they read.
pub(crate) struct Scans<'a> {
    table: &'a Table,
    root: &'a str,
    hive: bool,
    /// Begins the names of variables.
    prefix: String,
    pub(crate) setup: Vec<Setting>,
}

/// Files that one `read_parquet` can read.
struct Group<'a> {
    schema: &'a Schema,
    packed: bool,
    /// Some of them have masks.
    masked: bool,
    live: Vec<Live<'a>>,
}

impl<'a> Scans<'a> {
    /// `name` is the view's, `root` the lake's absolute path.
    pub(crate) fn new(table: &'a Table, name: &str, root: &'a str) -> Scans<'a> {
        // A directory above the lake that looks like a partition would be taken for
        // one; then the symbol is read from the files, where it also is.
        let hive = !table.def.partition_by.is_empty() && !root.contains('=');
        Scans { table, root, hive, prefix: plain(name), setup: Vec::new() }
    }

    /// A SELECT per schema version and layout, with these columns as they are now;
    /// files with masks apart from those without.
    pub(crate) fn plain(&mut self, live: &[Live<'a>], ids: &[FieldId]) -> Result<Vec<String>> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        for one in live {
            let (version, packed) = (one.segment.schema_version, *one.part == Part::Packed);
            let masked = !one.segment.masks.is_empty();
            let same = |g: &&mut Group<'a>| {
                g.schema.version == version && g.packed == packed && g.masked == masked
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.live.push(*one),
                None => groups.push(self.group(*one)?),
            }
        }
        groups.iter().map(|group| self.select(group, ids, None)).collect()
    }

    /// The same, with each row's rank. `live` is in the order of ranks. A scan
    /// numbers its files after those that cannot match were dropped, so that ranks
    /// of two scans of the same files cannot be compared; but the order stays.
    pub(crate) fn ranked(&mut self, live: &[Live<'a>], ids: &[FieldId]) -> Result<Vec<String>> {
        let mut runs: Vec<Group<'a>> = Vec::new();
        for one in live {
            let (version, packed) = (one.segment.schema_version, *one.part == Part::Packed);
            match runs.last_mut() {
                Some(run)
                    if run.schema.version == version
                        && run.packed == packed
                        && !hides_index(run.schema) =>
                {
                    run.masked |= !one.segment.masks.is_empty();
                    run.live.push(*one);
                }
                _ => runs.push(self.group(*one)?),
            }
        }
        let mut before = 0;
        let mut selects = Vec::new();
        for run in &runs {
            selects.push(self.select(run, ids, Some(before))?);
            before += run.live.len();
        }
        Ok(selects)
    }

    fn group(&self, one: Live<'a>) -> Result<Group<'a>> {
        let version = one.segment.schema_version;
        let schema = self
            .table
            .def
            .schema_at(version)
            .ok_or_else(|| EngineError::NoSchema { table: self.table.def.name.clone(), version })?;
        let (packed, masked) = (*one.part == Part::Packed, !one.segment.masks.is_empty());
        Ok(Group { schema, packed, masked, live: vec![one] })
    }

    fn select(
        &mut self,
        group: &Group<'a>,
        ids: &[FieldId],
        rank: Option<usize>,
    ) -> Result<String> {
        let def = &self.table.def;
        let hive = self.hive && !group.packed;
        let path = |one: &Live<'_>| self.table.path(one.part, one.segment);
        let brought = match ids.contains(&BROUGHT) {
            true => Brought::of(&group.live, &self.top(), &self.variable(), path),
            false => Brought::default(),
        };
        let mut columns = Vec::new();
        for id in ids {
            columns.push(match *id {
                BROUGHT => format!("{} AS {VERSION}", brought.version),
                id => project(def, group.schema, hive, id)?,
            });
        }
        if let Some(before) = rank {
            // A column of that name hides the virtual one; its runs are single files.
            let index = if hides_index(group.schema) { "0" } else { "file_index" };
            columns.push(format!("{before} + {index} AS {RANK}"));
        }
        let files = self.files(&group.live);
        let hiding = if group.masked { self.hiding(group, hive)? } else { Hiding::default() };
        let from = self.read(group, hive, &files, hiding.by_file() || brought.setup.is_some());
        let tail = hiding.tail();
        self.setup.extend(hiding.setup);
        self.setup.extend(brought.setup);
        Ok(format!("SELECT {} FROM {from}{}{tail}", columns.join(", "), brought.join))
    }

    fn hiding(&self, group: &Group<'a>, hive: bool) -> Result<Hiding> {
        let def = &self.table.def;
        let range = def.range_columns().first().copied();
        let then = range.and_then(|id| group.schema.by_id(id));
        let columns = Columns {
            range: then.map_or("NULL".into(), |f| quoted(&f.name)),
            range_type: then.map_or("VARCHAR".into(), |f| f.ty.to_string()),
            partition: def
                .partition_by
                .iter()
                .map(|id| source(def, group.schema, hive, *id))
                .collect::<Result<_>>()?,
        };
        let path = |one: &Live<'_>| self.table.path(one.part, one.segment);
        Ok(Hiding::of(&group.live, &columns, &self.top(), &self.variable(), path))
    }

    /// With `by_file` also the column [`FILE`], which has the place of `filename`.
    fn read(&self, group: &Group<'a>, hive: bool, files: &str, by_file: bool) -> String {
        let filename = match by_file {
            true => format!(", filename = {}", literal(FILE)),
            false => String::new(),
        };
        let rows: u64 = group.live.iter().map(|l| l.segment.rows).sum();
        // The first file has the columns and types of all: to say them (`bound_schema`) has
        // DuckDB parse each type at every query. And our files have no statistics where there
        // is a NaN, so it need not fear one.
        format!(
            "read_parquet(getvariable({}), hive_partitioning = {hive}, \
             hive_types_autocast = false{filename}, explicit_cardinality = {})",
            literal(files),
            // About: so the view is the same for other files of its size.
            rows.max(1).next_power_of_two()
        )
    }

    /// Has the list of files in a variable and returns its name.
    fn files(&mut self, live: &[Live<'_>]) -> String {
        let variable = self.variable();
        let paths: Vec<String> =
            live.iter().map(|one| self.table.path(one.part, one.segment)).collect();
        let value = "list_transform(string_split($1, chr(10)), lambda p: {'filename': $2 || p})";
        self.setup.push(Setting {
            variable: variable.clone(),
            value: value.into(),
            texts: vec![paths.join("\n"), self.top()],
        });
        variable
    }

    /// A name that no variable has yet.
    pub(crate) fn variable(&self) -> String {
        format!("_lake_{}_{}", self.prefix, self.setup.len())
    }

    /// What stands before the path of each file.
    fn top(&self) -> String {
        format!("{}/", self.root.trim_end_matches('/'))
    }
}

/// A name as letters, digits and underlines; another name is another text.
fn plain(name: &str) -> String {
    let mut text = String::new();
    for byte in name.to_ascii_lowercase().bytes() {
        match byte.is_ascii_alphanumeric() {
            true => text.push(byte.into()),
            false => text += &format!("_{byte:02x}"),
        }
    }
    text
}

fn hides_index(schema: &Schema) -> bool {
    schema.fields.iter().any(|f| f.name.eq_ignore_ascii_case("file_index"))
}

/// One column as the newest schema has it, under its name.
pub(crate) fn project(def: &TableDef, schema: &Schema, hive: bool, id: FieldId) -> Result<String> {
    Ok(format!("{} AS {}", source(def, schema, hive, id)?, quoted(&newest(def, id)?.name)))
}

fn newest(def: &TableDef, id: FieldId) -> Result<&Field> {
    def.schema().by_id(id).ok_or_else(|| EngineError::NoSchema {
        table: def.name.clone(),
        version: def.schema().version,
    })
}

/// The value of a column out of files of an older schema: renamed, widened, or its
/// default where it was not there yet.
pub(crate) fn source(def: &TableDef, schema: &Schema, hive: bool, id: FieldId) -> Result<String> {
    let now = newest(def, id)?;
    let directory = def.partition_by.iter().position(|p| *p == id).filter(|_| hive);
    Ok(match (directory, schema.by_id(id), &now.default) {
        (Some(place), ..) => quoted(def.directory_columns()[place]),
        (None, Some(then), _) if then.ty == now.ty => quoted(&then.name),
        (None, Some(then), _) => format!("CAST({} AS {})", quoted(&then.name), now.ty),
        (None, None, Some(text)) => format!("CAST({} AS {})", literal(text), now.ty),
        (None, None, None) => format!("CAST(NULL AS {})", now.ty),
    })
}
