//! The way back from the trash, for those whose files a vacuum has taken from under
//! them. It changes no version: the log does not name the files, and the next vacuum
//! takes them again.

use lake_core::layout;
use lake_log::Lake;
use lake_store::{Dir, Kind, Root};

use crate::error::{MaintainError, Result};

use super::trash::{Trashed, Walk, batches};
use super::{Count, alone};

/// What an undelete did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    pub batches: u64,
    pub what: Count,
    /// Files that stay in the trash, as something has their place.
    pub in_the_way: u64,
}

/// Puts files back to where they were, of one vacuum or of all.
pub fn undelete(lake: &Lake, batch: Option<&str>, dry_run: bool) -> Result<Restored> {
    let _alone = match dry_run {
        true => None,
        false => Some(alone(lake)?),
    };
    let root = lake.root();
    let (trash, mut found) = batches(root)?;
    if let Some(wanted) = batch {
        found.retain(|batch| batch.name == wanted);
        if found.is_empty() {
            return Err(MaintainError::NoBatch(wanted.to_owned()));
        }
    }
    let mut done = Restored { batches: found.len() as u64, ..Restored::default() };
    for Trashed { name, .. } in found {
        let above = format!("{}/{name}/", layout::TRASH);
        let mut visit = |dir: &Dir, file: &str, bytes| {
            let rel = dir.path().strip_prefix(&above).unwrap_or_default();
            let is_free = match dry_run {
                true => !root.dir(rel).is_ok_and(|place| place.exists(file).unwrap_or(true)),
                false => put_back(root, dir, file, rel)?,
            };
            match is_free {
                true => done.what.add(bytes),
                false => done.in_the_way += 1,
            }
            Ok(is_free && !dry_run)
        };
        let mut foreign = Vec::new();
        let mut walk = Walk { tidy: !dry_run, foreign: &mut foreign, visit: &mut visit };
        walk.through(&trash, &name)?;
    }
    if done.what.files > 0 && !dry_run {
        root.sync_fs()?;
    }
    Ok(done)
}

/// False when something is there.
fn put_back(root: &Root, dir: &Dir, file: &str, rel: &str) -> Result<bool> {
    match dir.rename(file, &root.make_dir(rel)?, file) {
        Ok(()) => Ok(true),
        Err(taken) if taken.kind == Kind::AlreadyExists => Ok(false),
        Err(error) => Err(error.into()),
    }
}
