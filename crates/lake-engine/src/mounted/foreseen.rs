//! Subqueries whose answer decides which files are read, such as `date > (SELECT max(date)
//! FROM bars) - 30` or `symbol IN (SELECT symbol FROM universe)`. They are run first, and
//! the query with their answers in their places.
//!
//! A view of a table has one list of files, whichever of a query's scans reads it. So it
//! would not do to plan with the answers and to run the query as it was written.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::Mounted;
use crate::error::{EngineError, Result};
use crate::gate;
use crate::literal::literal;
use crate::reading::Reading;
use crate::sheet::base_tables;

/// A table of fewer files is read whole.
const FEW_FILES: usize = if cfg!(test) { 0 } else { 4 };
/// More values are not written into a list.
const MOST_VALUES: usize = 10_000;
/// Types whose text says their value.
const PLAIN: [&str; 13] = [
    "BIGINT",
    "BOOLEAN",
    "DATE",
    "DOUBLE",
    "FLOAT",
    "INTEGER",
    "SMALLINT",
    "TIMESTAMP",
    "TINYINT",
    "UBIGINT",
    "UINTEGER",
    "USMALLINT",
    "VARCHAR",
];

/// A query with answers in it.
pub(super) struct Foreseen {
    pub(super) text: String,
    /// What was read for them.
    pub(super) readings: Vec<Reading>,
}

/// A subquery, by its place in the text, parentheses included.
struct Place<'t> {
    from: usize,
    to: usize,
    /// One value of a list of such, and not a value.
    lists: bool,
    node: &'t Json,
}

impl Mounted {
    /// None: nothing is to be foreseen.
    pub(super) fn foreseen(&mut self, tree: &Json, sql: &str) -> Result<Option<Foreseen>> {
        let many = |table: &lake_core::state::Table| table.segment_count() > FEW_FILES;
        if !self.prunes || gate::explains(sql) || !self.state.tables().any(many) {
            return Ok(None);
        }
        let mut places = Vec::new();
        find(tree, sql, &mut places);
        let defined = defined(tree);
        places.retain(|place| !names_any(place.node, &defined));
        if places.is_empty() {
            return Ok(None);
        }
        // What DuckDB refuses as it is written is refused: a list compares types that a
        // subquery does not.
        self.ask(sql, tree)?;
        places.sort_by_key(|place| place.from);
        let mut foreseen = Foreseen { text: String::new(), readings: Vec::new() };
        let mut at = 0;
        for Place { from, to, lists, .. } in places {
            let Some(inner) = sql.get(from + 1..to - 1).filter(|_| from >= at) else { continue };
            if let Some(answer) = self.answer(inner, lists, &mut foreseen.readings)? {
                foreseen.text.push_str(&sql[at..from]);
                foreseen.text.push_str(&answer);
                at = to;
            }
        }
        foreseen.text.push_str(&sql[at..]);
        Ok((at > 0).then_some(foreseen))
    }

    /// As SQL; None: it has none that can be written.
    fn answer(
        &mut self,
        inner: &str,
        lists: bool,
        readings: &mut Vec<Reading>,
    ) -> Result<Option<String>> {
        // The line break ends a comment at its end. Each column makes two, so that it shows
        // when there are several: then it is no value, and the query itself says so.
        let ask = format!(
            "SELECT CAST(COLUMNS(*) AS VARCHAR), typeof(COLUMNS(*)) FROM ({inner}\n) LIMIT {}",
            MOST_VALUES + 1
        );
        let mut query = match self.query(&ask) {
            Ok(query) => query,
            // It speaks of what is around it, or is wrong: the query itself will tell.
            Err(EngineError::Sql { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if query.types.len() != 2 {
            return Ok(None);
        }
        let rows = query.statement.query_map([], |row| {
            let (value, ty): (Option<String>, String) = (row.get(0)?, row.get(1)?);
            Ok((value, ty))
        });
        let rows = rows.and_then(Iterator::collect::<duckdb::Result<Vec<_>>>);
        let mut rows = match rows.map_err(|error| EngineError::of(&error, query.root)) {
            Ok(rows) => rows,
            Err(EngineError::Sql { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let is_plain = |ty: &str| PLAIN.contains(&ty) || ty.starts_with("DECIMAL(");
        if rows.is_empty() || rows.len() > MOST_VALUES || !rows.iter().all(|(_, ty)| is_plain(ty)) {
            return Ok(None);
        }
        if lists {
            rows.sort_unstable();
            rows.dedup();
        }
        let value = |(value, ty): &(Option<String>, String)| match value {
            Some(value) => format!("CAST({} AS {ty})", literal(value)),
            None => format!("CAST(NULL AS {ty})"),
        };
        let values: Vec<String> = rows.iter().map(value).collect();
        let answer = match (lists, values.as_slice()) {
            (true, values) => format!("({})", values.join(", ")),
            (false, [value]) => value.clone(),
            (false, _) => return Ok(None),
        };
        readings.append(&mut query.readings);
        Ok(Some(answer))
    }
}

/// The outermost subqueries of a tree, but those that a column may have its name from.
fn find<'t>(tree: &'t Json, sql: &str, found: &mut Vec<Place<'t>>) {
    match tree {
        Json::Object(fields) => {
            let text = |name: &str| fields.get(name).and_then(Json::as_str);
            if text("class") == Some("SUBQUERY") {
                let lists = match (text("subquery_type"), text("comparison_type")) {
                    (Some("SCALAR"), _) => false,
                    (Some("ANY"), Some("COMPARE_EQUAL")) => true,
                    _ => return,
                };
                let place = |name: &str| fields.get(name)?.as_u64()?.try_into().ok();
                let from: Option<usize> = place("query_location");
                let Some((from, len)) = from.zip(place("query_location_length")) else { return };
                let to = from.saturating_add(len);
                let whole = sql.get(from..to).unwrap_or_default();
                let before = sql.get(..from).unwrap_or_default().trim_end();
                let is_in = before.to_ascii_lowercase().ends_with("in");
                if whole.len() > 2 && whole.starts_with('(') && whole.ends_with(')') {
                    let node = fields.get("subquery").filter(|_| !lists || is_in);
                    found.extend(node.map(|node| Place { from, to, lists, node }));
                }
                return;
            }
            let rest = fields.iter().filter(|(name, _)| *name != "select_list");
            rest.for_each(|(_, value)| find(value, sql, found));
        }
        Json::Array(items) => items.iter().for_each(|item| find(item, sql, found)),
        _ => {}
    }
}

/// The names that the statement's WITH gives to queries: they may hide tables.
fn defined(tree: &Json) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    objects(tree, &mut |fields| {
        let map = fields.get("cte_map").and_then(|ctes| ctes.get("map")?.as_array());
        for name in map.into_iter().flatten().filter_map(|cte| cte.get("key")?.as_str()) {
            names.insert(name.to_lowercase());
        }
        true
    });
    names
}

fn names_any(tree: &Json, names: &BTreeSet<String>) -> bool {
    let mut any = false;
    base_tables(tree, &mut |_, table| any |= names.contains(&table.to_lowercase()));
    any
}

/// Whether all objects of a tree hold to something.
fn objects(tree: &Json, holds: &mut dyn FnMut(&serde_json::Map<String, Json>) -> bool) -> bool {
    match tree {
        Json::Object(fields) => holds(fields) && fields.values().all(|v| objects(v, holds)),
        Json::Array(items) => items.iter().all(|item| objects(item, holds)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use lake_core::segment::Part;

    use crate::fixture::{Lake, ints, of, rows};

    fn lake() -> Lake {
        let mut lake = Lake::new("lake").keyed("bars", "symbol VARCHAR, d INTEGER");
        for n in 0..9 {
            let select = format!("SELECT 'S{n}' AS symbol, {n} AS d");
            lake.add("bars", of(&format!("S{n}")), ints(n, n), None, &select);
        }
        let mut lake = lake.with("universe", "symbol VARCHAR, name VARCHAR", &[], &[], &[]);
        let rows = "FROM (VALUES ('S3', 'x'), ('S7', 'x'), ('S1', 'y')) v(symbol, name)";
        lake.add("universe", Part::Of(Vec::new()), None, None, rows);
        lake
    }

    /// Files of the table that are read.
    fn read(lake: &Lake, sql: &str) -> usize {
        let mut mounted = lake.mount();
        let query = mounted.query(sql).unwrap();
        let of = query.readings.iter().filter(|reading| reading.table == "bars");
        of.map(|reading| reading.files.len()).sum()
    }

    #[test]
    fn an_answer_decides_what_is_read() {
        let lake = lake();
        for (sql, files) in [
            ("FROM bars WHERE d = (SELECT max(d) FROM bars)", 1),
            ("FROM bars WHERE d > (SELECT max(d) FROM bars) - 3", 3),
            ("FROM bars WHERE symbol IN (SELECT symbol FROM universe)", 3),
            ("FROM bars WHERE symbol NOT IN (SELECT symbol FROM universe WHERE name = 'x')", 7),
            ("FROM bars WHERE symbol = (SELECT max(symbol) FROM universe WHERE name = 'x')", 1),
            (
                "SELECT '\u{8305}\u{53f0}', * FROM bars WHERE symbol IN (SELECT symbol -- it\n \
                 FROM universe WHERE symbol > (SELECT min(symbol) FROM universe) -- end\n)",
                2,
            ),
            ("FROM bars WHERE symbol IN (SELECT symbol FROM universe ORDER BY ALL LIMIT 1)", 1),
            ("FROM bars b JOIN universe u ON b.d = (SELECT min(d) FROM bars)", 1),
            ("FROM bars WHERE d < (SELECT count(*) FROM universe)", 3),
            // There is none, or none that is known before, or it names a column.
            ("FROM bars WHERE symbol IN (SELECT symbol FROM universe WHERE name = 'z')", 9),
            ("SELECT (SELECT max(symbol) FROM universe) FROM bars", 9),
            (
                "FROM bars b WHERE d = (SELECT max(length(symbol)) FROM universe u WHERE u.symbol = b.symbol)",
                9,
            ),
            ("FROM bars b WHERE EXISTS (SELECT symbol FROM universe)", 9),
            ("FROM bars WHERE (symbol, 'x') IN (SELECT symbol, name FROM universe)", 9),
            ("FROM bars WHERE (symbol, 'x') IN (SELECT (symbol, name) FROM universe)", 9),
            // Of another bars.
            (
                "WITH bars AS (FROM bars WHERE d < 4) FROM bars WHERE d = (SELECT max(d) FROM bars)",
                4,
            ),
            ("EXPLAIN FROM bars WHERE d = (SELECT max(d) FROM bars)", 9),
        ] {
            assert_eq!(read(&lake, sql), files, "{sql}");
            let (mut pruned, mut whole) = (lake.mount(), lake.mount());
            whole.prunes = false;
            assert_eq!(rows(&mut pruned, sql).unwrap(), rows(&mut whole, sql).unwrap(), "{sql}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_the_query() {
        let lake = lake();
        let mut mounted = lake.mount();
        for (sql, words) in [
            ("FROM bars WHERE d = (SELECT max(e) FROM bars)", "\"e\" not found"),
            ("FROM bars WHERE d = (SELECT 1, 2)", "2 columns"),
            ("FROM bars WHERE symbol IN (SELECT symbol, name FROM universe)", "2 columns"),
            ("FROM bars WHERE symbol IN (SELECT d FROM bars)", "Cannot compare"),
            ("FROM bars WHERE symbol IN (SELECT symbol FROM nothing)", "nothing"),
            ("FROM bars WHERE d = (SELECT max(d) FROM bars) AND e", "\"e\" not found"),
        ] {
            let error = mounted.query(sql).err().unwrap().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
