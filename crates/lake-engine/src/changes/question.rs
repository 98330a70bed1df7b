//! The changes between two sides as SQL. Pure text.
//!
//! The sides are the views `_lake_since` and `_lake_until`, whose columns are `c0`, `c1`
//! and so on, so that no column of the table can be taken for one of ours; the later one
//! also has the version that brought each row.

use lake_core::id::Version;
use lake_core::schema::FieldId;
use lake_core::state::Table;
use lake_core::types::quoted;

use crate::scan::VERSION;
use crate::views;

/// The statements that make the two views. None: the side has no rows. With `keys`,
/// only rows that have one of these keys.
pub(super) fn views(
    table: &Table,
    since: Option<&str>,
    until: Option<&str>,
    keys: Option<&str>,
) -> [String; 2] {
    let columns = all(table, "c");
    let none = views::nothing(table);
    let narrowed = keys.map(|keys| {
        let key: Vec<usize> = places(table, &table.def.key);
        let names: Vec<String> = (0..key.len()).map(|i| format!("_lake_k{i}")).collect();
        let on = key.iter().zip(&names).map(|(at, name)| format!("c{at} = {name}"));
        let on = on.collect::<Vec<_>>().join(" AND ");
        format!(" SEMI JOIN ({keys}) AS _lake_k({}) ON {on}", names.join(", "))
    });
    let view = |name: &str, rows: &str, more: &str| {
        let narrowed = narrowed.as_deref().unwrap_or_default();
        format!(
            "CREATE VIEW {name} AS SELECT * FROM ({rows}) AS _lake_r({}{more}){narrowed}",
            columns.join(", ")
        )
    };
    let dated = format!("SELECT *, CAST(NULL AS UBIGINT) FROM ({none})");
    [
        view("_lake_since", since.unwrap_or(&none), ""),
        view("_lake_until", until.unwrap_or(&dated), &format!(", {VERSION}")),
    ]
}

/// `empty`: which of the two sides has no rows.
pub(super) fn text(table: &Table, empty: (bool, bool), since: Version, until: Version) -> String {
    let rows = match empty {
        (true, _) => added(),
        (_, true) => taken(),
        _ if table.def.key.is_empty() => counted(table),
        _ => paired(table),
    };
    let mut shown = vec![
        "_lake_change AS \"_change\"".to_owned(),
        format!(
            "CASE WHEN {VERSION} > {since} THEN {VERSION} ELSE CAST({until} AS UBIGINT) END AS \"_version\""
        ),
    ];
    let fields = table.schema().fields.iter().enumerate();
    shown.extend(fields.map(|(i, f)| format!("c{i} AS {}", quoted(&f.name))));
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

fn added() -> String {
    "SELECT *, 'insert' AS _lake_change, true AS _lake_new FROM _lake_until".into()
}

fn taken() -> String {
    format!(
        "SELECT *, CAST(NULL AS UBIGINT) AS {VERSION}, 'delete' AS _lake_change, \
         false AS _lake_new FROM _lake_since"
    )
}

/// A key has at most one row on each side.
fn paired(table: &Table) -> String {
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
         FROM (SELECT *, true AS _lake_was FROM _lake_since) AS _lake_o \
         FULL JOIN (SELECT *, true AS _lake_is FROM _lake_until) AS _lake_n ON {} WHERE {}), \
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
fn counted(table: &Table) -> String {
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
         FROM _lake_since UNION ALL SELECT {columns}, {VERSION}, true FROM _lake_until) \
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
