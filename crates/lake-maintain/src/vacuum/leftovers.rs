//! What dead processes left outside of the warehouse: staging directories, files in the
//! spool that nobody will commit, and what a power cut left beyond the log's end.

use lake_core::id::TxnId;
use lake_core::layout;
use lake_log::{Lake, Waiting};
use lake_store::{Dir, Kind};

use crate::error::Result;

use super::Count;
use super::orphans::Living;
use super::trash::Batch;

/// Staged files are deleted: no transaction names them. The rest goes to the trash.
pub(crate) fn sweep(
    lake: &mut Lake,
    batch: &mut Batch<'_>,
    foreign: &mut Vec<String>,
) -> Result<Count> {
    let mut count = staging(lake, false, foreign)?;
    for path in nobodys(lake)? {
        batch.take(&path, &mut count, foreign)?;
    }
    Ok(count)
}

pub(crate) fn count(lake: &mut Lake, foreign: &mut Vec<String>) -> Result<Count> {
    let mut count = staging(lake, true, foreign)?;
    for path in nobodys(lake)? {
        if let Some(stat) = lake.root().stat(&path)?.filter(|stat| stat.is_file) {
            count.add(stat.len);
        }
    }
    Ok(count)
}

/// A session makes its directory after its live byte is locked. So one that is there, and
/// whose byte is free, is a dead session's.
fn staging(lake: &Lake, dry_run: bool, foreign: &mut Vec<String>) -> Result<Count> {
    let mut count = Count::default();
    let staging = lake.root().dir(layout::STAGING)?;
    let entries = staging.list()?;
    let mut living = Living::new(lake)?;
    for entry in entries.into_iter().filter(|entry| entry.is_dir && !entry.lossy) {
        let Ok(id) = entry.name.parse::<TxnId>() else { continue };
        if living.has(id.session)? {
            continue;
        }
        let dir = match staging.sub(&entry.name) {
            Err(gone) if gone.kind == Kind::NotFound => continue,
            dir => dir?,
        };
        let is_empty = clear(&dir, dry_run, &mut count, foreign)?;
        if is_empty && !dry_run {
            staging.remove_dir(&entry.name)?;
        }
    }
    Ok(count)
}

fn clear(dir: &Dir, dry_run: bool, count: &mut Count, foreign: &mut Vec<String>) -> Result<bool> {
    let mut is_empty = true;
    for entry in dir.list()? {
        let stat = if entry.lossy { None } else { dir.stat(&entry.name)? };
        match stat.filter(|stat| stat.is_file && is_staged(&entry.name)) {
            Some(stat) if dry_run || dir.unlink(&entry.name)? => count.add(stat.len),
            Some(_) => {}
            None => {
                foreign.push(format!("{}/{}", dir.path(), entry.name));
                is_empty = false;
            }
        }
    }
    Ok(is_empty)
}

/// What a session stages: segments, the transaction it waits with, entries, checkpoints.
fn is_staged(name: &str) -> bool {
    let is_entry = |stem: &str| {
        let parts = stem.split_once('-');
        let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
        parts.is_some_and(|(version, hex)| version.parse::<u64>().is_ok() && is_hex(hex))
    };
    name == "ready"
        || layout::parse_ready(name).is_some()
        || layout::parse_checkpoint(name).is_some()
        || layout::parse_archive(name).is_some()
        || name.strip_suffix(".tmp").is_some_and(|stem| layout::parse_segment(stem).is_some())
        || name.strip_suffix(".e").is_some_and(is_entry)
}

/// Files of the spool whose owner is dead and that nobody commits any more, and entries
/// that a recovery moved aside.
fn nobodys(lake: &mut Lake) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    // A dead owner's file stays what it is, so the log that is read next has the last
    // word on it. Whoever was alive at first may have died half way.
    let mut living = Living::new(lake)?;
    let mut dead = Vec::new();
    for file in lake.root().dir(layout::SPOOL)?.list()? {
        if let Some(id) = layout::parse_ready(&file.name)
            && !living.has(id.session)?
        {
            dead.push(id);
        }
    }
    lake.refresh()?;
    for (id, waiting) in lake.spooled_transactions()? {
        if waiting != Waiting::Ready && dead.contains(&id) {
            paths.push(format!("{}/{}", layout::SPOOL, layout::ready_name(&id)));
        }
    }
    for file in lake.root().dir(layout::QUARANTINE)?.list()? {
        if layout::is_log_leftover(&file.name) {
            paths.push(format!("{}/{}", layout::QUARANTINE, file.name));
        }
    }
    Ok(paths)
}
