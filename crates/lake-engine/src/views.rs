//! Snapshot -> SQL: the view of one table, over exact files. Pure text.

use lake_core::schema::FieldId;
use lake_core::state::Table;
use lake_core::types::quoted;

use crate::error::Result;
use crate::scan::{BROUGHT, RANK, Scans, VERSION};
use crate::split::{Live, Split};

/// A view and the statements that must run before it is created.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) setup: Vec<String>,
    pub(crate) create: String,
}

/// A view of this name, of the rows of these segments. `root` is the lake's absolute path.
pub(crate) fn view(table: &Table, name: &str, live: &[Live<'_>], root: &str) -> Result<View> {
    let mut scans = Scans::new(table, root);
    let all: Vec<FieldId> = table.schema().fields.iter().map(|f| f.id).collect();
    let query = rows(table, live, &all, &mut scans)?.unwrap_or_else(|| nothing(table));
    Ok(View { setup: scans.setup, create: create(name, &query) })
}

/// These columns of the rows that count of these segments, which are in the order of
/// the table's; None where there are no segments.
pub(crate) fn rows<'a>(
    table: &'a Table,
    live: &[Live<'a>],
    all: &[FieldId],
    scans: &mut Scans<'a>,
) -> Result<Option<String>> {
    let def = &table.def;
    let split = Split::of(table, live);
    let mut parts = scans.plain(&split.plain, all)?;
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

/// A view with the right columns and no rows.
pub(crate) fn stub(table: &Table) -> String {
    create(&table.def.name, &nothing(table))
}

/// The right columns and no rows.
pub(crate) fn nothing(table: &Table) -> String {
    let columns: Vec<String> = table
        .schema()
        .fields
        .iter()
        .map(|f| format!("CAST(NULL AS {}) AS {}", f.ty, quoted(&f.name)))
        .collect();
    format!("SELECT {} WHERE false", columns.join(", "))
}

fn create(name: &str, query: &str) -> String {
    format!("CREATE OR REPLACE VIEW {} AS {query}", quoted(name))
}

fn names(table: &Table, ids: &[FieldId]) -> Vec<String> {
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
fn without(all: &[String], older: &[String], key: &[String], newer: &[String]) -> String {
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
fn latest(all: &[String], ranked: &[String], key: &[String]) -> String {
    format!(
        "SELECT {} FROM ({}) QUALIFY row_number() OVER (PARTITION BY {} ORDER BY {RANK} DESC) = 1",
        all.join(", "),
        union(ranked),
        key.join(", ")
    )
}
