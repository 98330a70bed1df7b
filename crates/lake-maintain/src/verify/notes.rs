//! What is no damage and yet worth a word: what is not the lake's, and what processes
//! that were killed have left for the next one.

use lake_core::id::TxnId;
use lake_core::layout;
use lake_core::state::State;
use lake_log::Audit;
use lake_store::{LockFile, Root};

use super::finding::Finding;
use super::inventory::Inventory;
use crate::error::Result;
use crate::vacuum::listing::Listing;

/// Not a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Not the lake's.
    Foreign(String),
    /// So many files that no version names, and their bytes: left by killed writers, or
    /// being written.
    Uncommitted { files: u64, bytes: u64 },
    /// Beyond the end of the log lies what was never acknowledged.
    Leftover(String),
    /// So many staging directories of dead sessions.
    Staging(u64),
    /// So many transactions wait in the spool.
    Spool(u64),
    /// So many lists of archived files are not in their place any more.
    Archives(u64),
}

/// Returns the files that must have been committed by a version that the log has lost.
pub(super) fn tell(
    audit: &Audit,
    state: &State,
    inventory: &Inventory,
    listing: &Listing,
    notes: &mut Vec<Note>,
) -> Result<Vec<Finding>> {
    let (mut files, mut bytes, mut ahead) = (0, 0, Vec::new());
    for found in listing.segments.iter().filter(|found| !inventory.knows(&found.path)) {
        let Some(stat) = audit.root.stat(&found.path)? else { continue };
        if !stat.is_file {
            notes.push(Note::Foreign(found.path.clone()));
        } else if found.id.txn.start > state.version {
            ahead.push(Finding::ahead(found.path.clone(), found.id.txn.start));
        } else {
            files += 1;
            bytes += stat.len;
        }
    }
    let foreign = listing.foreign.iter().chain(&audit.foreign).cloned();
    notes.extend(foreign.map(Note::Foreign));
    if files > 0 {
        notes.push(Note::Uncommitted { files, bytes });
    }
    if let Some(version) = audit.leftover {
        let dir = layout::epoch_dir(layout::epoch(version));
        notes.push(Note::Leftover(format!("{dir}/{}", layout::entry_name(version))));
    }
    let staging = dead_staging(&audit.root)?;
    notes.extend((staging > 0).then_some(Note::Staging(staging)));
    let spool = count(&audit.root, layout::SPOOL, |name| layout::parse_ready(name).is_some())?;
    notes.extend((spool > 0).then_some(Note::Spool(spool)));
    Ok(ahead)
}

fn count(root: &Root, dir: &str, ours: impl Fn(&str) -> bool) -> Result<u64> {
    if root.stat(dir)?.is_none() {
        return Ok(0);
    }
    let names = root.dir(dir)?.list()?;
    Ok(names.iter().filter(|entry| ours(&entry.name)).count() as u64)
}

fn dead_staging(root: &Root) -> Result<u64> {
    let live = format!("{}/{}", layout::LOCKS, layout::LOCK_LIVE);
    if root.stat(layout::STAGING)?.is_none() || root.stat(&live)?.is_none() {
        return Ok(0);
    }
    let live = LockFile::new(&root.dir(layout::LOCKS)?, layout::LOCK_LIVE)?;
    let mut dead = 0;
    for entry in root.dir(layout::STAGING)?.list()? {
        if let Ok(id) = entry.name.parse::<TxnId>() {
            dead += u64::from(entry.is_dir && !live.is_locked(id.session)?);
        }
    }
    Ok(dead)
}
