//! Snapshot -> SQL: the view of one table, over exact files. Pure text.

use lake_core::schema::FieldId;
use lake_core::state::Table;
use lake_core::types::quoted;

use crate::error::Result;
use crate::outline;
use crate::scan::{BROUGHT, RANK, Scans, VERSION};
use crate::setting::Setting;
use crate::split::{Live, Split};

/// A view and the variables that must be set before it is created.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) setup: Vec<Setting>,
    pub(crate) create: String,
}

/// The rows of these segments of a table, as a view of that name. `root` is the lake's
/// absolute path.
#[cfg(test)]
pub(crate) fn view<'a>(
    table: &'a Table,
    name: &str,
    live: Vec<Live<'a>>,
    root: &str,
) -> Result<View> {
    view_of(table, name, live, root, None)
}

/// The same; where `outline` says whether rows are counted, files that the log can
/// answer for are not read.
pub(crate) fn view_of<'a>(
    table: &'a Table,
    name: &str,
    live: Vec<Live<'a>>,
    root: &str,
    outline: Option<bool>,
) -> Result<View> {
    let all: Vec<FieldId> = table.schema().fields.iter().map(|f| f.id).collect();
    let mut scans = Scans::new(table, name, root);
    let query =
        rows(table, live, &all, outline, &mut scans)?.unwrap_or_else(|| nothing(&columns(table)));
    Ok(View { setup: scans.setup, create: create(name, &query) })
}

/// These columns of the rows that count of these segments, which are in the order of
/// the table's; None where there are no segments.
pub(crate) fn rows<'a>(
    table: &'a Table,
    live: Vec<Live<'a>>,
    all: &[FieldId],
    outline: Option<bool>,
    scans: &mut Scans<'a>,
) -> Result<Option<String>> {
    let def = &table.def;
    let split = Split::of(table, live);
    let (known, read): (Vec<_>, Vec<_>) =
        split.plain.iter().partition(|one| outline.is_some() && outline::knows(one));
    let mut parts = scans.plain(&read, all)?;
    if let (Some(counts), false) = (outline, known.is_empty()) {
        let variable = scans.variable();
        let (select, setting) = outline::select(table, &known, counts, variable);
        scans.setup.push(setting);
        parts.push(select);
    }
    if !split.older.is_empty() {
        let older = scans.plain(&split.older, all)?;
        let keys = scans.plain(&split.newer, &def.key)?;
        parts.push(without(&names(table, all), &older, &names(table, &def.key), &keys));
    }
    if !split.contested.is_empty() {
        let ranked = scans.ranked(&split.contested, all)?;
        parts.push(latest(&names(table, all), &ranked, &names(table, &def.key)));
    }
    Ok((!parts.is_empty()).then(|| union(&parts)))
}

/// The names and types of a table's columns.
pub(crate) fn columns(table: &Table) -> Vec<(String, String)> {
    table.schema().fields.iter().map(|f| (f.name.clone(), f.ty.to_string())).collect()
}

/// A view with these columns and no rows.
pub(crate) fn empty(columns: &[(String, String)], name: &str) -> String {
    create(name, &nothing(columns))
}

/// These columns and no rows.
pub(crate) fn nothing(columns: &[(String, String)]) -> String {
    let columns: Vec<String> = columns
        .iter()
        .map(|(name, ty)| format!("CAST(NULL AS {ty}) AS {}", quoted(name)))
        .collect();
    format!("SELECT {} WHERE false", columns.join(", "))
}

pub(crate) fn create(name: &str, query: &str) -> String {
    format!("CREATE OR REPLACE VIEW {} AS {query}", quoted(name))
}

pub(crate) fn names(table: &Table, ids: &[FieldId]) -> Vec<String> {
    let name = |id: &FieldId| match *id {
        BROUGHT => Some(VERSION.to_owned()),
        id => table.schema().by_id(id).map(|f| quoted(&f.name)),
    };
    ids.iter().filter_map(name).collect()
}

pub(crate) fn union(selects: &[String]) -> String {
    selects.join(" UNION ALL ")
}

/// The older side's rows whose key the newer side has not. A left join rather than
/// an anti join: DuckDB hands a filter on the key on to both sides of it, so that a
/// query for one symbol opens that symbol's files only.
pub(crate) fn without(
    all: &[String],
    older: &[String],
    key: &[String],
    newer: &[String],
) -> String {
    let columns: Vec<String> =
        key.iter().enumerate().map(|(i, k)| format!("{k} AS _lake_k{i}")).collect();
    let on: Vec<String> =
        key.iter().enumerate().map(|(i, k)| format!("_lake_o.{k} = _lake_n._lake_k{i}")).collect();
    format!(
        "SELECT {} FROM ({}) _lake_o LEFT JOIN (SELECT {}, true AS _lake_hit FROM ({}) GROUP BY ALL) \
         _lake_n ON {} WHERE _lake_hit IS NULL",
        all.join(", "),
        union(older),
        columns.join(", "),
        union(newer),
        on.join(" AND ")
    )
}

/// Of each key the row of the latest segment.
pub(crate) fn latest(all: &[String], ranked: &[String], key: &[String]) -> String {
    format!(
        "SELECT {} FROM ({}) QUALIFY row_number() OVER (PARTITION BY {} ORDER BY {RANK} DESC) = 1",
        all.join(", "),
        union(ranked),
        key.join(", ")
    )
}
