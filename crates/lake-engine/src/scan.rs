//! One `read_parquet` of exact files of one schema version and layout, projected to
//! the newest schema.
//!
//! The list of files is a session variable, made of structs: an entry that is a
//! struct is never expanded as a glob, and a variable is not parsed and folded at
//! every statement (10,000 files: 6 ms instead of 136 to bind).

use lake_core::schema::{Field, FieldId, Schema, TableDef};
use lake_core::segment::Part;
use lake_core::state::Table;
use lake_core::types::{Type, quoted};

use crate::error::{EngineError, Result};
use crate::literal::literal;
use crate::split::Live;

/// The place of a row's segment among those it is contested by.
pub(crate) const RANK: &str = "_lake_rank";

/// Makes scans of one table, and the statements that must run before them.
pub(crate) struct Scans<'a> {
    table: &'a Table,
    root: &'a str,
    hive: bool,
    pub(crate) setup: Vec<String>,
}

/// Files that one `read_parquet` can read.
struct Group<'a> {
    schema: &'a Schema,
    packed: bool,
    live: Vec<Live<'a>>,
}

impl<'a> Scans<'a> {
    /// `root` is the lake's absolute path.
    pub(crate) fn new(table: &'a Table, root: &'a str) -> Scans<'a> {
        // A directory above the lake that looks like a partition would be taken for
        // one; then the symbol is read from the files, where it also is.
        let hive = !table.def.partition_by.is_empty() && !root.contains('=');
        Scans { table, root, hive, setup: Vec::new() }
    }

    /// A SELECT per schema version and layout, with these columns as they are now.
    pub(crate) fn plain(&mut self, live: &[Live<'a>], ids: &[FieldId]) -> Result<Vec<String>> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        for one in live {
            let (version, packed) = (one.segment.schema_version, *one.part == Part::Packed);
            let same = |g: &&mut Group<'a>| g.schema.version == version && g.packed == packed;
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
        Ok(Group { schema, packed: *one.part == Part::Packed, live: vec![one] })
    }

    fn select(
        &mut self,
        group: &Group<'a>,
        ids: &[FieldId],
        rank: Option<usize>,
    ) -> Result<String> {
        let def = &self.table.def;
        let hive = self.hive && !group.packed;
        let mut columns = Vec::new();
        for id in ids {
            columns.push(project(def, group.schema, hive, *id)?);
        }
        if let Some(before) = rank {
            // A column of that name hides the virtual one; its runs are single files.
            let index = if hides_index(group.schema) { "0" } else { "file_index" };
            columns.push(format!("{before} + {index} AS {RANK}"));
        }
        let files = self.files(&group.live);
        Ok(format!("SELECT {} FROM {}", columns.join(", "), self.read(group, hive, &files)))
    }

    fn read(&self, group: &Group<'a>, hive: bool, files: &str) -> String {
        let def = &self.table.def;
        let directories = if hive { def.directory_columns() } else { Vec::new() };
        let in_file = |f: &&Field| !directories.iter().any(|d| d.eq_ignore_ascii_case(&f.name));
        let mut bound: Vec<String> =
            group.schema.fields.iter().filter(in_file).map(|f| entry(&f.name, &f.ty)).collect();
        bound.extend(directories.iter().map(|name| entry(name, &Type::Varchar)));
        let mut options = format!("hive_partitioning = {hive}, hive_types_autocast = false");
        if hive {
            let types = directories.iter().map(|name| entry(name, &Type::Varchar));
            options += &format!(", hive_types = {{{}}}", types.collect::<Vec<_>>().join(", "));
        }
        let rows: u64 = group.live.iter().map(|l| l.segment.rows).sum();
        // Our files have no statistics where there is a NaN, so DuckDB need not fear one.
        format!(
            "read_parquet(getvariable({}), {options}, bound_schema = {{{}}}, \
             explicit_cardinality = {})",
            literal(files),
            bound.join(", "),
            rows.max(1)
        )
    }

    /// Puts the list of files into a variable and returns its name.
    fn files(&mut self, live: &[Live<'_>]) -> String {
        let name = format!("_lake_{}_{}", self.table.def.id.0, self.setup.len());
        let paths: Vec<String> = live.iter().map(|l| self.table.path(l.part, l.segment)).collect();
        let top = format!("{}/", self.root.trim_end_matches('/'));
        self.setup.push(format!(
            "SET VARIABLE {name} = list_transform(string_split({}, chr(10)), \
             lambda p: {{'filename': {} || p}})",
            literal(&paths.join("\n")),
            literal(&top)
        ));
        name
    }
}

fn hides_index(schema: &Schema) -> bool {
    schema.fields.iter().any(|f| f.name.eq_ignore_ascii_case("file_index"))
}

fn entry(name: &str, ty: &Type) -> String {
    format!("{}: {}", literal(name), literal(&ty.to_string()))
}

/// One column as the newest schema has it, out of files of an older one: renamed,
/// widened, or NULL where it was not there yet.
fn project(def: &TableDef, schema: &Schema, hive: bool, id: FieldId) -> Result<String> {
    let now = def.schema().by_id(id).ok_or_else(|| EngineError::NoSchema {
        table: def.name.clone(),
        version: def.schema().version,
    })?;
    let directory = def.partition_by.iter().position(|p| *p == id).filter(|_| hive);
    let then = schema.by_id(id);
    let source = match (directory, then) {
        (Some(place), _) => quoted(def.directory_columns()[place]),
        (None, Some(then)) if then.ty == now.ty => quoted(&then.name),
        (None, Some(then)) => format!("CAST({} AS {})", quoted(&then.name), now.ty),
        (None, None) => format!("CAST(NULL AS {})", now.ty),
    };
    Ok(format!("{source} AS {}", quoted(&now.name)))
}
