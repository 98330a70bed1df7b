//! Snapshot -> SQL: the view of one table, over exact files. Pure text.

use lake_core::schema::FieldId;
use lake_core::state::Table;
use lake_core::types::quoted;

use crate::error::Result;
use crate::scan::{RANK, Scans};
use crate::split::Split;

/// A view and the statements that must run before it is created.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) setup: Vec<String>,
    pub(crate) create: String,
}

/// The table's rows at its snapshot. `root` is the lake's absolute path.
pub(crate) fn view(table: &Table, root: &str) -> Result<View> {
    let def = &table.def;
    let all: Vec<FieldId> = def.schema().fields.iter().map(|f| f.id).collect();
    let split = Split::of(table);
    let mut scans = Scans::new(table, root);
    let mut parts = scans.plain(&split.plain, &all)?;
    if !split.older.is_empty() {
        let older = scans.plain(&split.older, &all)?;
        let keys = scans.plain(&split.newer, &def.key)?;
        parts.push(without(&names(table, &all), &older, &names(table, &def.key), &keys));
    }
    if !split.contested.is_empty() {
        let ranked = scans.ranked(&split.contested, &all)?;
        parts.push(latest(&names(table, &all), &ranked, &names(table, &def.key)));
    }
    if parts.is_empty() {
        return Ok(View { setup: Vec::new(), create: stub(table) });
    }
    Ok(View { setup: scans.setup, create: create(table, &union(&parts)) })
}

/// A view with the right columns and no rows.
pub(crate) fn stub(table: &Table) -> String {
    let columns: Vec<String> = table
        .schema()
        .fields
        .iter()
        .map(|f| format!("CAST(NULL AS {}) AS {}", f.ty, quoted(&f.name)))
        .collect();
    create(table, &format!("SELECT {} WHERE false", columns.join(", ")))
}

pub(crate) fn create(table: &Table, query: &str) -> String {
    format!("CREATE OR REPLACE VIEW {} AS {query}", quoted(&table.def.name))
}

pub(crate) fn names(table: &Table, ids: &[FieldId]) -> Vec<String> {
    let name = |id: &FieldId| table.schema().by_id(*id).map(|f| quoted(&f.name));
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
