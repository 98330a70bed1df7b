//! The part of a table that a query reads.

use std::collections::HashSet;

use duckdb::Connection;
use lake_core::segment::Segment;
use lake_core::state::Table;

use crate::error::Result;
use crate::literal::literal;
use crate::outline;
use crate::plan::{Cond, Only, SUBJECT, Want};
use crate::prune;
use crate::split::{Live, Split};
use crate::views::{self, View};

/// What of a table is read, and why no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub table: String,
    pub segments_total: usize,
    /// Their paths in the lake.
    pub files: Vec<String>,
    /// The rows in them.
    pub rows: u64,
    /// The condition that the others cannot meet, as SQL; None: there is none, or none
    /// that is understood.
    pub condition: Option<String>,
    /// No more files than are needed for the first rows that the query asks for.
    pub newest: bool,
    /// It is of what changed: files that are the same in both versions are not read.
    pub changes: bool,
    /// What the log knows of files that no other overlaps is enough: they are not read.
    pub outlined: bool,
}

/// The files that any of a table's scans wants, as a view of that name. A table that is
/// named in a query and has no scan that is known is read whole.
pub(crate) fn reading(
    table: &Table,
    name: &str,
    segments_total: usize,
    wants: &[Want],
    planner: &Connection,
    root: &str,
) -> Result<(Reading, View)> {
    let cond = match wants {
        [] => Cond::Anything,
        several => Cond::some(several.iter().map(|want| want.cond.clone())),
    };
    let pruned = prune::prune(table, &cond, &mut |sql, values| decide(planner, sql, values));
    let (mut live, mut outline, mut known) = (pruned.live.clone(), None, HashSet::new());
    let before = live.len();
    if let [Want { exact: true, only, .. }] = wants
        && *only != Only::All
    {
        let split = Split::of(table, live.clone());
        let plain: HashSet<*const Segment> =
            split.plain.iter().map(|one| std::ptr::from_ref(one.segment)).collect();
        let certain = |one: &Live<'_>| {
            let alone =
                one.segment.masks.is_empty() && plain.contains(&std::ptr::from_ref(one.segment));
            if alone { pruned.certain(one) } else { 0 }
        };
        outline = match only {
            Only::Outline(asked) if pruned.by_symbol && outline::answers(table, asked) => {
                Some(asked.counts)
            }
            _ => None,
        };
        if outline.is_none() {
            live = prune::narrow(table, live, only, certain);
        }
        let answered = split.plain.iter().filter(|one| outline::knows(one));
        known = answered.map(|one| std::ptr::from_ref(one.segment)).collect();
    }
    let known =
        |one: &Live<'_>| outline.is_some() && known.contains(&std::ptr::from_ref(one.segment));
    let names: Vec<&str> = table.schema().fields.iter().map(|f| f.name.as_str()).collect();
    let reading = Reading {
        table: name.to_owned(),
        segments_total,
        files: live
            .iter()
            .filter(|one| !known(one))
            .map(|one| table.path(one.part, one.segment))
            .collect(),
        rows: live.iter().filter(|one| !known(one)).map(|one| one.segment.rows).sum(),
        condition: (cond != Cond::Anything).then(|| cond.text(&names)),
        newest: live.len() < before,
        changes: false,
        outlined: live.iter().any(known),
    };
    Ok((reading, views::view_of(table, name, live, root, outline)?))
}

/// Which of these values pass an expression; None: it cannot be said.
pub(crate) fn decide(planner: &Connection, sql: &str, values: &[&str]) -> Option<HashSet<String>> {
    let ask = format!(
        "SELECT {SUBJECT} FROM (SELECT unnest(string_split({}, chr(10))) AS {SUBJECT}) WHERE {sql}",
        literal(&values.join("\n"))
    );
    let mut statement = planner.prepare(&ask).ok()?;
    let rows = statement.query_map([], |row| row.get(0)).ok()?;
    rows.collect::<duckdb::Result<_>>().ok()
}
