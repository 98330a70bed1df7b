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

use std::collections::HashMap;

use duckdb::Connection;
use lake_core::id::{SegmentId, TableId, Version};
use lake_core::schema::FieldId;
use lake_core::segment::Segment;
use lake_core::state::{State, Table};
use lake_log::Snapshot;

use crate::error::{EngineError, Result};
use crate::mounted::{Mounted, Query};
use crate::scan::{BROUGHT, Scans};
use crate::split::{self, Live};
use crate::views;
use ground::Ground;

mod ground;
mod question;

/// The changes of a table between two leased versions.
pub struct Changes {
    mounted: Mounted,
    question: String,
    _leases: [Snapshot; 2],
}

impl Changes {
    pub(crate) fn new(mounted: Mounted, question: String, leases: [Snapshot; 2]) -> Changes {
        Changes { mounted, question, _leases: leases }
    }

    /// `_change`, `_version`, and the table's columns as the newer version has them;
    /// in the order of the key.
    pub fn query(&mut self) -> Result<Query<'_>> {
        self.mounted.query(&self.question)
    }
}

/// A question over a session in which only its answer can be seen.
pub(crate) fn ask(
    connection: Connection,
    since: &State,
    until: &State,
    table: TableId,
    root: String,
) -> Result<(Mounted, String)> {
    let Some(now) = until.table_by_id(table) else {
        let message = format!("version {} has no such table", until.version);
        return Err(EngineError::Sql { message, hint: None });
    };
    let sides = Sides::of(since.table_by_id(table), now);
    let asked = sides.asked(now, since.version, until.version, &root)?;
    for statement in &asked.setup {
        connection.execute_batch(statement).map_err(|error| EngineError::of(&error, &root))?;
    }
    // No table of the lake is in the session: none can be mistaken for one of ours.
    let nothing = State::empty("").into();
    Ok((Mounted::new(connection, nothing, None, root)?, asked.question))
}

struct Asked {
    setup: Vec<String>,
    question: String,
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
    fn of(since: Option<&'a Table>, until: &'a Table) -> Sides<'a> {
        let (old, new) = (since.map(split::all).unwrap_or_default(), split::all(until));
        let (in_old, in_new) = (by_id(&old), by_id(&new));
        let lost: Vec<_> = old.iter().filter(|one| !is_in(one, &in_new)).copied().collect();
        let come: Vec<_> = new.iter().filter(|one| !is_in(one, &in_old)).copied().collect();
        if until.def.key.is_empty() {
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

    fn asked(
        &self,
        table: &'a Table,
        since: Version,
        until: Version,
        root: &'a str,
    ) -> Result<Asked> {
        let mut scans = Scans::new(table, "changes", root);
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
        let mut setup = scans.setup;
        setup.extend(question::views(table, before.as_deref(), after.as_deref(), keys.as_deref()));
        let one_sided = (self.since.is_empty(), self.until.is_empty());
        Ok(Asked { setup, question: question::text(table, one_sided, since, until) })
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
