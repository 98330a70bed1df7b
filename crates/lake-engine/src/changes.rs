//! What differs between two versions of a table, as one question.
//!
//! Only what can differ is read. A segment that is live in both versions, with the same
//! masks, holds the same rows in both. All others have *changed*, and with a key a row
//! may differ only where a changed segment holds its key. So both versions are read
//! from their changed segments and from the *neighbours*: what may share a key with
//! those, but no row of these that shares none.
//!
//! Rows are compared as values, of the newer version's columns. So what wrote files
//! anew without changing a row, as compaction does, is read but is no change.

use std::collections::{HashMap, HashSet};

use duckdb::Connection;
use lake_core::id::{SegmentId, Version};
use lake_core::schema::FieldId;
use lake_core::segment::Segment;
use lake_core::state::Table;

use crate::error::Result;
use crate::plan::{Cond, Want};
use crate::prune;
use crate::reading::{Reading, decide};
use crate::scan::{BROUGHT, Scans};
use crate::setting::Setting;
use crate::split::{self, Live};
use crate::views::{self, View};
use ground::Ground;
use question::Sided;

mod ground;
mod question;

pub(crate) use question::columns;

/// A table at two versions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Between<'a> {
    /// None: it was not there yet.
    pub(crate) since: Option<&'a Table>,
    pub(crate) until: &'a Table,
    pub(crate) versions: (Version, Version),
}

/// What changed as a view of that name, with the columns that [`columns`] tells; of keys
/// that no want asks for nothing is read.
pub(crate) fn reading(
    between: &Between<'_>,
    name: &str,
    wants: &[Want],
    planner: &Connection,
    root: &str,
) -> Result<(Reading, View)> {
    let table = between.until;
    let cond = match wants {
        [] => Cond::Anything,
        several => {
            Cond::some(several.iter().map(|want| want.cond.without_first(question::OWN.len())))
        }
    };
    let sides = Sides::of(between, |all| {
        prune::keep(table, all, &cond, &mut |sql, values| decide(planner, sql, values))
    });
    let asked = sides.asked(between, name, root)?;
    let names: Vec<&str> = table.schema().fields.iter().map(|f| f.name.as_str()).collect();
    let mut seen = HashSet::new();
    let read = sides.since.iter().chain(&sides.until).filter(|one| seen.insert(one.segment.id));
    let read: Vec<_> = read.collect();
    let files = read.iter().map(|one| table.path(one.part, one.segment)).collect();
    let older = between.since.into_iter().flat_map(Table::segments);
    let all: HashSet<_> = older.chain(table.segments()).map(|(_, segment)| segment.id).collect();
    let reading = Reading {
        table: name.to_owned(),
        segments_total: all.len(),
        files,
        rows: read.iter().map(|one| one.segment.rows).sum(),
        condition: (cond != Cond::Anything).then(|| cond.text(&names)),
        newest: false,
        changes: true,
        outlined: false,
    };
    let text = question::text(table, between.versions, &asked.sides);
    Ok((reading, View { setup: asked.setup, create: views::create(name, &text) }))
}

struct Asked {
    setup: Vec<Setting>,
    sides: Sided,
}

/// What is read of the two versions, each in its table's order.
#[derive(Debug, Default)]
struct Sides<'a> {
    since: Vec<Live<'a>>,
    until: Vec<Live<'a>>,
    /// Of each version; with neighbours only the rows that have a key of these count.
    changed: [Vec<Live<'a>>; 2],
    neighbours: bool,
}

impl<'a> Sides<'a> {
    /// `wanted` takes those segments that may hold a key that is asked for.
    fn of(
        between: &Between<'a>,
        mut wanted: impl FnMut(Vec<Live<'a>>) -> Vec<Live<'a>>,
    ) -> Sides<'a> {
        let old = wanted(between.since.map(split::all).unwrap_or_default());
        let new = wanted(split::all(between.until));
        let (in_old, in_new) = (by_id(&old), by_id(&new));
        let lost: Vec<_> = old.iter().filter(|one| !is_in(one, &in_new)).copied().collect();
        let come: Vec<_> = new.iter().filter(|one| !is_in(one, &in_old)).copied().collect();
        if between.until.def.key.is_empty() {
            return Sides { since: lost, until: come, ..Sides::default() };
        }
        let ground = Ground::of(lost.iter().chain(&come));
        let read = |all: &[Live<'a>], other: &HashMap<SegmentId, &Segment>| -> Vec<Live<'a>> {
            all.iter().filter(|one| !is_in(one, other) || ground.meets(one)).copied().collect()
        };
        let (since, until) = (read(&old, &in_new), read(&new, &in_old));
        let neighbours = since.len() > lost.len();
        Sides { since, until, changed: [lost, come], neighbours }
    }

    fn asked(&self, between: &Between<'a>, name: &str, root: &'a str) -> Result<Asked> {
        let table = between.until;
        let mut scans = Scans::new(table, name, root);
        let mut ids: Vec<FieldId> = table.schema().fields.iter().map(|f| f.id).collect();
        let before = views::rows(table, self.since.clone(), &ids, None, &mut scans)?;
        ids.push(BROUGHT);
        let after = views::rows(table, self.until.clone(), &ids, None, &mut scans)?;
        let mut keys = Vec::new();
        if self.neighbours {
            // Apart: one file may have other masks in each, and a scan reads by file.
            for changed in &self.changed {
                keys.extend(scans.plain(changed, &table.def.key)?);
            }
        }
        let keys = self.neighbours.then(|| views::union(&keys));
        let sides = Sided::new(table, before.as_deref(), after.as_deref(), keys.as_deref());
        Ok(Asked { setup: scans.setup, sides })
    }
}

fn by_id<'a>(live: &[Live<'a>]) -> HashMap<SegmentId, &'a Segment> {
    live.iter().map(|one| (one.segment.id, one.segment)).collect()
}

/// Whether the other version has it, with the same rows and the same place among others.
fn is_in(one: &Live<'_>, other: &HashMap<SegmentId, &Segment>) -> bool {
    let mine = one.segment;
    other.get(&mine.id).is_some_and(|same| same.masks == mine.masks && same.rank == mine.rank)
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
