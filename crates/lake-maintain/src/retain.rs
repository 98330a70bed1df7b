//! Rows that are too old go: dropped, or moved to the archive first.
//!
//! By the first order column it is one Hide: whole segments go by metadata, others are
//! filtered on read until compaction rewrites them; nothing is read and nothing conflicts.
//! By the time of their commit, whole segments go, those of the lowest ranks, so that no
//! row comes back that one of them has superseded.

mod cut;
mod doom;
mod plan;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use lake_core::edit::{Action, Cause, Receipt, Transaction};
use lake_core::id::Version;
use lake_core::segment::Part;
use lake_core::state::{State, Table};
use lake_log::{Draft, Lake, Outcome};
use lake_store::Stopwatch;

use crate::error::{MaintainError, Result};

pub use cut::{Cut, order_column};
pub use plan::{Plan, Share, plan};

use doom::known_rows;
pub(crate) use doom::{Doom, Met};
pub(crate) use rows::DoomedRows;

/// How often a commit is tried anew after somebody changed what it was based on.
pub(crate) const TRIES: u32 = 8;

/// What a retention did to one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    pub version: Version,
    pub table: String,
    /// Visible rows that are gone for good. None: not known without reading.
    pub rows_dropped: Option<u64>,
    pub rows_archived: u64,
    /// Files of which every row went.
    pub segments_removed: u64,
    pub bytes_removed: u64,
    /// Files of which some rows stay, or are another symbol's.
    pub segments_masked: u64,
    pub archive_files: u64,
    pub archive_bytes: u64,
    pub elapsed_ms: u64,
}

pub(crate) fn table_of<'s>(state: &'s State, name: &str) -> Result<&'s Table> {
    state.table(name).ok_or_else(|| MaintainError::NoTable(name.to_owned()))
}

/// Drops what lies before the cut, as one commit.
pub fn drop_rows(lake: &mut Lake, name: &str, cut: &Cut) -> Result<Retained> {
    let watch = Stopwatch::start();
    let def = table_of(lake.refresh()?, name)?.def.clone();
    let doom = Doom::of(&def, cut)?;
    let mut tries = 1;
    loop {
        let draft = lake.begin()?;
        let table = table_of(&draft.state, name)?;
        let mut done = Retained {
            version: draft.state.version,
            table: table.def.name.clone(),
            rows_dropped: Some(0),
            ..Retained::default()
        };
        let met = doom.as_ref().map_or_else(Vec::new, |doom| doom.met(table));
        done.elapsed_ms = watch.elapsed().as_millis() as u64;
        let Some(doom) = doom.as_ref().filter(|_| !met.is_empty()) else { return Ok(done) };
        count(&mut done, &met);
        let txn = transaction(&draft, table, doom, &met);
        match lake.commit(txn)? {
            Outcome::Committed { version, .. } | Outcome::Duplicate { version, .. } => {
                done.version = version;
                // It stands, whatever becomes of this look.
                let seen = is_next(lake, &draft, version).unwrap_or(false);
                done.rows_dropped = known_rows(table, &met).filter(|_| seen);
                done.elapsed_ms = watch.elapsed().as_millis() as u64;
                return Ok(done);
            }
            Outcome::Conflict(_) if tries < TRIES => tries += 1,
            Outcome::Conflict(conflict) => return Err(MaintainError::Conflict(conflict)),
        }
    }
}

fn count(done: &mut Retained, met: &[Met<'_>]) {
    for Met { segment, whole, .. } in met {
        match whole {
            true => {
                done.segments_removed += 1;
                done.bytes_removed += segment.bytes;
            }
            false => done.segments_masked += 1,
        }
    }
}

fn transaction(draft: &Draft, table: &Table, doom: &Doom, met: &[Met<'_>]) -> Transaction {
    let mut txn = draft.transaction(Cause::Retain);
    let id = table.def.id;
    if doom.before_us.is_none() {
        let stretch = doom.stretch.clone();
        txn.actions.push(Action::Hide { table: id, owners: None, stretch });
    } else {
        let mut removed: BTreeMap<&Part, Vec<_>> = BTreeMap::new();
        met.iter().for_each(|m| removed.entry(m.part).or_default().push(m.segment.id));
        for (part, segments) in removed {
            txn.actions.push(Action::Remove { table: id, part: part.clone(), segments });
        }
    }
    txn.receipts.push(Receipt { table: table.def.name.as_str().into(), ..Receipt::default() });
    txn
}

/// Whether what was committed followed what was looked at, with nothing in between that
/// may have brought rows.
fn is_next(lake: &mut Lake, draft: &Draft, version: Version) -> Result<bool> {
    if version != draft.state.version + 1 {
        return Ok(false);
    }
    Ok(lake.entry(version)?.is_some_and(|entry| entry.transactions.len() == 1))
}
