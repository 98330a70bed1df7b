//! The rows of an older version, as a new one.

use std::collections::{BTreeMap, HashMap};

use lake_core::archive::{Standing, standing, standings, unarchive_key};
use lake_core::edit::{Action, Cause, Expect, Receipt, Transaction};
use lake_core::id::{SegmentId, Version};
use lake_core::segment::{Part, Segment};
use lake_core::state::{State, Table};
use lake_log::{At, Lake, Outcome};
use lake_store::Root;

use crate::error::{IngestError, Result};
use crate::ingest::can_be_redone;
use crate::rules::{broken, demands};

const TRIES: u32 = 8;

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The new version, or the newest where there was nothing to do.
    pub version: Version,
    /// The version whose rows it has.
    pub from: Version,
    pub segments_added: u64,
    pub segments_removed: u64,
    pub rows: u64,
    /// Archives made since, which count no more: their rows are where they were then.
    pub archives_undone: u64,
    /// Archives, by table and number, that held rows then and whose rows were brought back
    /// since: these are nowhere now.
    pub archives_empty: Vec<(String, u64)>,
}

/// Makes the rows of all tables what they were. Schemas stay as they are: it is refused
/// when a row breaks what they demand today. A table that was not there then is empty
/// afterwards. Archives made since count no more, as their rows would be in two places.
pub fn restore(lake: &mut Lake, to: &At) -> Result<Restored> {
    let mut tries = 1;
    loop {
        // Leased, so that its files stay until the commit makes them live again.
        let then = lake.snapshot(to.clone())?;
        let draft = lake.begin()?;
        let mut txn = draft.transaction(Cause::Restore);
        let mut done = Restored {
            version: draft.state.version,
            from: then.version(),
            segments_added: 0,
            segments_removed: 0,
            rows: 0,
            archives_undone: 0,
            archives_empty: Vec::new(),
        };
        for now in draft.state.tables() {
            let before = then.state().table_by_id(now.def.id);
            let (table, since) = (now.def.id, draft.state.version);
            txn.expects.push(Expect::Still { table, since });
            txn.expects.push(Expect::Schema { table, version: now.schema().version });
            let changes = difference(now, before);
            if let Some(before) = before.filter(|_| !changes.is_empty()) {
                check_rows(lake.root(), now, before, then.version())?;
            }
            for (part, removed, added) in changes {
                done.segments_added += added.len() as u64;
                done.segments_removed += removed.len() as u64;
                if !removed.is_empty() {
                    let part = part.clone();
                    txn.actions.push(Action::Remove { table, part, segments: removed });
                }
                if !added.is_empty() {
                    txn.actions.push(Action::Add { table, part, segments: added });
                }
            }
            done.rows += before.map_or(0, |t| t.segments().map(|(_, s)| s.rows).sum());
        }
        let undone = archives(&draft.state, then.state(), &mut done);
        if txn.actions.is_empty() && undone.is_empty() {
            return Ok(done);
        }
        let keys = undone.into_iter().map(|(table, seq)| key(lake, &table, seq));
        let keys = keys.collect::<Result<Vec<_>>>()?;
        match lake.commit_beside(txn, keys)? {
            Outcome::Committed { version, .. } | Outcome::Duplicate { version, .. } => {
                return Ok(Restored { version, ..done });
            }
            Outcome::Conflict(conflict) if tries < TRIES && can_be_redone(&conflict) => tries += 1,
            Outcome::Conflict(source) => return Err(IngestError::Conflict { tries, source }),
        }
    }
}

/// The archives that were made since; what else became of archives is noted.
fn archives(now: &State, then: &State, done: &mut Restored) -> Vec<(String, u64)> {
    let mut undone = Vec::new();
    for table in now.tables() {
        let name = &table.def.name;
        for (seq, today) in standings(now, name) {
            match (standing(then, name, seq), today) {
                (Standing::Uncommitted, Standing::Archived) => undone.push((name.clone(), seq)),
                (Standing::Archived, Standing::Restored) => {
                    done.archives_empty.push((name.clone(), seq));
                }
                _ => {}
            }
        }
    }
    done.archives_undone = undone.len() as u64;
    undone
}

/// Says that an archive's rows are in its table.
fn key(lake: &mut Lake, table: &str, seq: u64) -> Result<Transaction> {
    let mut txn = lake.begin()?.transaction(Cause::Restore);
    txn.producer = Some(unarchive_key(table, seq));
    txn.receipts.push(Receipt { table: table.into(), ..Receipt::default() });
    Ok(txn)
}

fn check_rows(root: &Root, now: &Table, then: &Table, version: Version) -> Result<()> {
    let wanted = demands(now.schema(), then.schema());
    match broken(root, &now.def, then, &wanted)? {
        None => Ok(()),
        Some((condition, n)) => Err(IngestError::Alter {
            table: now.def.name.clone(),
            why: format!("{n} rows of version {version} break {condition}"),
        }),
    }
}

type Change = (Part, Vec<SegmentId>, Vec<Segment>);

/// By partition, what must go and what must come. A segment whose masks are others
/// must do both.
fn difference(now: &Table, then: Option<&Table>) -> Vec<Change> {
    let mut parts: BTreeMap<&Part, (HashMap<SegmentId, &Segment>, Vec<&Segment>)> = BTreeMap::new();
    for (part, segment) in now.segments() {
        parts.entry(part).or_default().0.insert(segment.id, segment);
    }
    for (part, segment) in then.into_iter().flat_map(Table::segments) {
        parts.entry(part).or_default().1.push(segment);
    }
    let mut changes = Vec::new();
    for (part, (mut live, wanted)) in parts {
        let mut added = Vec::new();
        for segment in wanted {
            match live.get(&segment.id) {
                Some(same) if same.masks == segment.masks => {
                    live.remove(&segment.id);
                }
                _ => added.push(segment.clone()),
            }
        }
        let mut removed: Vec<SegmentId> = live.into_keys().collect();
        removed.sort();
        if !removed.is_empty() || !added.is_empty() {
            changes.push((part.clone(), removed, added));
        }
    }
    changes
}
