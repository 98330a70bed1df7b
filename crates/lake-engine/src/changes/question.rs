//! The changes between two sides as SQL. Pure text.
//!
//! The columns of a side are `c0`, `c1` and so on, so that no column of the table can be
//! taken for one of ours; the later one also has the version that brought each row.

use lake_core::id::Version;
use lake_core::schema::FieldId;
use lake_core::state::Table;
use lake_core::types::quoted;

use crate::scan::VERSION;
use crate::views;

/// The columns before those of the table.
pub(crate) const OWN: [(&str, &str); 2] = [("_change", "VARCHAR"), ("_version", "UBIGINT")];

/// The names and types of the columns. A column of the table that is called as one of ours
/// gets another name.
pub(crate) fn columns(table: &Table) -> Vec<(String, String)> {
    let mut columns: Vec<(String, String)> =
        OWN.iter().map(|(name, ty)| ((*name).to_owned(), (*ty).to_owned())).collect();
    let of_table = views::columns(table);
    for (name, ty) in &of_table {
        let taken = |name: &str| {
            let mut all = columns.iter().map(|(name, _)| name).chain(of_table.iter().map(|c| &c.0));
            all.any(|other| other.eq_ignore_ascii_case(name))
        };
        let mut own = name.clone();
        if OWN.iter().any(|(ours, _)| ours.eq_ignore_ascii_case(name)) {
            while taken(&own) {
                own.push_str("_1");
            }
        }
        columns.push((own, ty.clone()));
    }
    columns
}

/// The rows of the two sides as SELECTs; None: there are none.
pub(super) struct Sided {
    pub(super) since: Option<String>,
    pub(super) until: Option<String>,
}

impl Sided {
    /// With `keys`, only rows that have one of these keys.
    pub(super) fn new(
        table: &Table,
        since: Option<&str>,
        until: Option<&str>,
        keys: Option<&str>,
    ) -> Sided {
        let columns = all(table, "c").join(", ");
        let narrowed = keys.map_or_else(String::new, |keys| {
            let key: Vec<usize> = places(table, &table.def.key);
            let names: Vec<String> = (0..key.len()).map(|i| format!("_lake_k{i}")).collect();
            let on = key.iter().zip(&names).map(|(at, name)| format!("c{at} = {name}"));
            let on = on.collect::<Vec<_>>().join(" AND ");
            format!(" SEMI JOIN ({keys}) AS _lake_k({}) ON {on}", names.join(", "))
        });
        let side = |rows: &str, more: &str| {
            format!("SELECT * FROM ({rows}) AS _lake_r({columns}{more}){narrowed}")
        };
        Sided {
            since: since.map(|rows| side(rows, "")),
            until: until.map(|rows| side(rows, &format!(", {VERSION}"))),
        }
    }
}

pub(super) fn text(table: &Table, versions: (Version, Version), sides: &Sided) -> String {
    let (since, until) = versions;
    let rows = match (&sides.since, &sides.until) {
        (None, None) => return views::nothing(&columns(table)),
        (None, Some(rows)) => added(rows),
        (Some(rows), None) => taken(rows),
        (Some(old), Some(new)) if table.def.key.is_empty() => counted(table, old, new),
        (Some(old), Some(new)) => paired(table, old, new),
    };
    let mut values = vec![
        "_lake_change".to_owned(),
        format!("CASE WHEN {VERSION} > {since} THEN {VERSION} ELSE CAST({until} AS UBIGINT) END"),
    ];
    values.extend(all(table, "c"));
    let names = columns(table);
    let shown: Vec<String> = values
        .iter()
        .zip(&names)
        .map(|(value, (name, _))| format!("{value} AS {}", quoted(name)))
        .collect();
    format!("SELECT {} FROM ({rows}) ORDER BY {}", shown.join(", "), order(table).join(", "))
}

/// By symbol and key; without a key, by all there is.
fn order(table: &Table) -> Vec<String> {
    let def = &table.def;
    let mut ids = def.partition_by.clone();
    ids.extend(def.range_columns());
    let first = places(table, &ids);
    let mut order: Vec<String> = first.iter().map(|at| format!("c{at}")).collect();
    if def.key.is_empty() {
        order.push("2".into());
    }
    order.push("_lake_new".into());
    if def.key.is_empty() {
        let rest = (0..table.schema().fields.len()).filter(|at| !first.contains(at));
        order.extend(rest.map(|at| format!("c{at}")));
    }
    order
}

fn added(rows: &str) -> String {
    format!("SELECT *, 'insert' AS _lake_change, true AS _lake_new FROM ({rows})")
}

fn taken(rows: &str) -> String {
    format!(
        "SELECT *, CAST(NULL AS UBIGINT) AS {VERSION}, 'delete' AS _lake_change, \
         false AS _lake_new FROM ({rows})"
    )
}

/// A key has at most one row on each side.
fn paired(table: &Table, old: &str, new: &str) -> String {
    let key = places(table, &table.def.key);
    let on: Vec<String> = key.iter().map(|at| format!("_lake_o.c{at} = _lake_n.c{at}")).collect();
    let count = table.schema().fields.len();
    let values = (0..count).filter(|at| !key.contains(at));
    let mut differs: Vec<String> = vec!["_lake_was IS NULL".into(), "_lake_is IS NULL".into()];
    differs.extend(values.map(|at| format!("_lake_o.c{at} IS DISTINCT FROM _lake_n.c{at}")));
    let both: Vec<String> =
        (0..count).map(|i| format!("_lake_o.c{i} AS o{i}, _lake_n.c{i} AS n{i}")).collect();
    let columns: Vec<String> = (0..count)
        .map(|i| format!("CASE WHEN _lake_new THEN n{i} ELSE o{i} END AS c{i}"))
        .collect();
    format!(
        "SELECT {}, CASE WHEN _lake_was AND _lake_is THEN \
         CASE WHEN _lake_new THEN 'update_after' ELSE 'update_before' END \
         WHEN _lake_new THEN 'insert' ELSE 'delete' END AS _lake_change, \
         _lake_new, {VERSION} FROM (SELECT {}, {VERSION}, _lake_was, _lake_is \
         FROM (SELECT *, true AS _lake_was FROM ({old})) AS _lake_o \
         FULL JOIN (SELECT *, true AS _lake_is FROM ({new})) AS _lake_n ON {} WHERE {}), \
         (VALUES (false), (true)) AS _lake_s(_lake_new) \
         WHERE CASE WHEN _lake_new THEN _lake_is ELSE _lake_was END",
        columns.join(", "),
        both.join(", "),
        on.join(" AND "),
        differs.join(" OR ")
    )
}

/// Without a key equal rows are told apart by nothing: it counts how many there are.
/// Of those that are there still, those whose version is not known are the first.
fn counted(table: &Table, old: &str, new: &str) -> String {
    let columns = all(table, "c").join(", ");
    format!(
        "SELECT {columns}, _lake_new, \
         CASE WHEN _lake_new THEN 'insert' ELSE 'delete' END AS _lake_change, \
         unnest(CASE WHEN _lake_new THEN _lake_all[_lake_was + 1 :] \
         ELSE list_transform(range(_lake_is, _lake_was), lambda x: CAST(NULL AS UBIGINT)) END) \
         AS {VERSION} \
         FROM (SELECT {columns}, count(*) FILTER (NOT _lake_side) AS _lake_was, \
         count(*) FILTER (_lake_side) AS _lake_is, _lake_is > _lake_was AS _lake_new, \
         list({VERSION} ORDER BY {VERSION} NULLS FIRST) FILTER (_lake_side) AS _lake_all \
         FROM (SELECT {columns}, CAST(NULL AS UBIGINT) AS {VERSION}, false AS _lake_side \
         FROM ({old}) UNION ALL SELECT {columns}, {VERSION}, true FROM ({new})) \
         GROUP BY {columns} HAVING _lake_was <> _lake_is)"
    )
}

fn all(table: &Table, letter: &str) -> Vec<String> {
    (0..table.schema().fields.len()).map(|i| format!("{letter}{i}")).collect()
}

/// Where the columns stand in the schema.
fn places(table: &Table, ids: &[FieldId]) -> Vec<usize> {
    let place = |id: &FieldId| table.schema().fields.iter().position(|f| f.id == *id);
    ids.iter().filter_map(place).collect()
}
