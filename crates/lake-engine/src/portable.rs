//! The second spelling of the views: SQL that every DuckDB since 1.1 understands, for
//! readers outside our programs.
//!
//! It says what `views`, `scan` and `masks` say, without what only 2.0 has
//! (`bound_schema`, lists of structs, lambdas) and without session variables: a list
//! of files is a literal, and the ranks and masks of files are joined by their names.
//!
//! `union_by_name` is not there: it opens every file at every statement (of 5,000
//! files 180-310 ms instead of 40-60). All files of one scan have one schema version,
//! so that the first of them knows the columns.

use std::collections::BTreeMap;
use std::path::Path;

use lake_core::schema::{FieldId, Schema};
use lake_core::segment::Part;
use lake_core::state::{State, Table};
use lake_core::types::{Type, quoted};
use lake_core::value::Value;
use lake_store::clock;

use crate::error::{EngineError, Result};
use crate::literal::{constant, literal};
use crate::masks::{Columns, FILE};
use crate::scan::{RANK, project, source};
use crate::session;
use crate::split::{Live, Split};
use crate::views::{self, create, empty, latest, names, union, without};
use hidden::Hidden;

mod hidden;

/// The view that says what the others show.
pub(crate) const INFO: &str = "lake_info";

/// Characters that begin a pattern; DuckDB takes every path for one.
const GLOB: [char; 3] = ['*', '?', '['];

/// Views of tables of one version, as SQL.
#[derive(Debug)]
pub struct Views {
    pub(crate) root: String,
    create: Vec<String>,
}

impl Views {
    /// `root` is the lake's directory.
    pub fn of(state: &State, tables: &[&Table], root: &Path) -> Result<Views> {
        let path = session::text(root)?;
        if path.contains('\\') && path.contains(GLOB) {
            return Err(EngineError::Pattern(root.into()));
        }
        let mut create: Vec<String> =
            tables.iter().map(|table| view(table, &path)).collect::<Result<_>>()?;
        // A table of that name is the user's, and comes first.
        if !tables.iter().any(|table| table.def.name.eq_ignore_ascii_case(INFO)) {
            create.push(info(state, &path));
        }
        Ok(Views { root: path, create })
    }

    /// A statement a view.
    pub fn statements(&self) -> &[String] {
        &self.create
    }
}

fn info(state: &State, root: &str) -> String {
    let time = |us| constant(&Value::Timestamp(us));
    format!(
        "CREATE OR REPLACE VIEW {} AS SELECT CAST({} AS UBIGINT) AS version, {} AS committed_at, \
         {} AS mounted_at, {} AS lake",
        quoted(INFO),
        state.version,
        time(state.at_us),
        time(clock::now_us()),
        literal(root)
    )
}

fn view(table: &Table, root: &str) -> Result<String> {
    let def = &table.def;
    let live = table.segments().map(|(part, segment)| Live { part, segment }).collect();
    let split = Split::of(table, live);
    let all: Vec<FieldId> = def.schema().fields.iter().map(|f| f.id).collect();
    let (columns, key) = (names(table, &all), names(table, &def.key));
    let scans = Scans::new(table, root);
    let mut parts = scans.selects(&split.plain, &all, false)?;
    if !split.older.is_empty() {
        let older = scans.selects(&split.older, &all, false)?;
        let newer = scans.selects(&split.newer, &def.key, false)?;
        parts.push(without(&columns, &older, &key, &newer));
    }
    if !split.contested.is_empty() {
        let ranked = scans.selects(&split.contested, &all, true)?;
        parts.push(latest(&columns, &ranked, &key));
    }
    Ok(match parts.is_empty() {
        true => empty(&views::columns(table), &def.name),
        false => create(&def.name, &union(&parts)),
    })
}

struct Scans<'a> {
    table: &'a Table,
    /// What stands before the path of each file.
    top: String,
    hive: bool,
}

/// Files that one `read_parquet` can read, each with its place among all.
struct Group<'a> {
    schema: &'a Schema,
    hive: bool,
    masked: bool,
    ranks: Vec<usize>,
    live: Vec<Live<'a>>,
}

impl<'a> Scans<'a> {
    fn new(table: &'a Table, root: &str) -> Scans<'a> {
        // A directory above the lake that looks like a partition would be taken for
        // one; then the symbol is read from the files, where it also is.
        let hive = !table.def.partition_by.is_empty() && !root.contains('=');
        Scans { table, top: format!("{}/", root.trim_end_matches('/')), hive }
    }

    /// A SELECT per schema version and layout, with these columns as they are now; if
    /// `ranked`, `live` is in the order of ranks, and each row has its segment's.
    fn selects(&self, live: &[Live<'a>], ids: &[FieldId], ranked: bool) -> Result<Vec<String>> {
        self.groups(live)?.iter().map(|group| self.select(group, ids, ranked)).collect()
    }

    fn groups(&self, live: &[Live<'a>]) -> Result<Vec<Group<'a>>> {
        let def = &self.table.def;
        let mut groups: BTreeMap<_, Group<'a>> = BTreeMap::new();
        for (rank, one) in live.iter().enumerate() {
            let (part, segment) = (one.part, one.segment);
            let (version, masked) = (segment.schema_version, !segment.masks.is_empty());
            let hive = self.hive && *part != Part::Packed;
            let schema = def
                .schema_at(version)
                .ok_or_else(|| EngineError::NoSchema { table: def.name.clone(), version })?;
            let group = groups.entry((version, hive, masked)).or_insert_with(|| Group {
                schema,
                hive,
                masked,
                ranks: Vec::new(),
                live: Vec::new(),
            });
            group.ranks.push(rank);
            group.live.push(*one);
        }
        Ok(groups.into_values().collect())
    }

    fn select(&self, group: &Group<'a>, ids: &[FieldId], ranked: bool) -> Result<String> {
        let def = &self.table.def;
        let mut columns = Vec::new();
        for id in ids {
            columns.push(project(def, group.schema, group.hive, *id)?);
        }
        let hidden = if group.masked { self.hidden(group)? } else { Hidden::default() };
        let by_file = ranked || hidden.by_file();
        let mut from = self.read(group, by_file);
        if ranked {
            columns.push(RANK.into());
            from += &self.ranks(group);
        }
        Ok(format!("SELECT {} FROM {from}{}", columns.join(", "), hidden.tail()))
    }

    /// With `by_file` also the column [`FILE`].
    fn read(&self, group: &Group<'a>, by_file: bool) -> String {
        let paths: Vec<String> = group.live.iter().map(|one| self.pattern(one)).collect();
        let mut options = format!("hive_partitioning = {}", group.hive);
        if group.hive {
            let names = self.table.def.directory_columns();
            let types: Vec<String> = names.iter().map(|n| entry(n, &Type::Varchar)).collect();
            options +=
                &format!(", hive_types = {{{}}}, hive_types_autocast = false", types.join(", "));
        }
        if by_file {
            options += &format!(", filename = {}", literal(FILE));
        }
        let rows: u64 = group.live.iter().map(|one| one.segment.rows).sum();
        format!(
            "read_parquet([{}], {options}, explicit_cardinality = {})",
            paths.join(",\n  "),
            rows.max(1)
        )
    }

    /// The path of a file as a pattern that matches it alone. What is beneath the lake
    /// has nothing that would need it.
    fn pattern(&self, one: &Live<'_>) -> String {
        let mut top = String::with_capacity(self.top.len());
        for c in self.top.chars() {
            match GLOB.contains(&c) {
                true => top.extend(['[', c, ']']),
                false => top.push(c),
            }
        }
        literal(&format!("{top}{}", self.path(one)))
    }

    fn path(&self, one: &Live<'_>) -> String {
        self.table.path(one.part, one.segment)
    }

    fn ranks(&self, group: &Group<'a>) -> String {
        let line = |(rank, one)| format!("{rank}\t{}", self.path(one));
        let lines: Vec<String> = group.ranks.iter().zip(&group.live).map(line).collect();
        format!(
            " JOIN (SELECT {} || split_part(_lake_l, chr(9), 2) AS _lake_rp, \
             CAST(split_part(_lake_l, chr(9), 1) AS INTEGER) AS {RANK} \
             FROM (SELECT unnest(string_split({}, chr(10))) AS _lake_l)) ON {FILE} = _lake_rp",
            literal(&self.top),
            literal(&lines.join("\n"))
        )
    }

    fn hidden(&self, group: &Group<'a>) -> Result<Hidden> {
        let def = &self.table.def;
        let range = def.range_columns().first().copied();
        let then = range.and_then(|id| group.schema.by_id(id));
        let columns = Columns {
            range: then.map_or("NULL".into(), |f| quoted(&f.name)),
            range_type: then.map_or("VARCHAR".into(), |f| f.ty.to_string()),
            partition: def
                .partition_by
                .iter()
                .map(|id| source(def, group.schema, group.hive, *id))
                .collect::<Result<_>>()?,
        };
        Ok(Hidden::of(&group.live, &columns, &self.top, |one| self.path(one)))
    }
}

#[cfg(test)]
pub(crate) mod tests;

fn entry(name: &str, ty: &Type) -> String {
    format!("{}: {}", literal(name), literal(&ty.to_string()))
}
