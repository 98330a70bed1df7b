//! Makes anew what only hints or mirrors, for repair. Nothing here can lose a commit.

use lake_core::id::Version;
use lake_core::lakefile::head_to_bytes;
use lake_core::layout;
use lake_store::{Guard, Hint, LockFile, Root};

use crate::audit::Audit;
use crate::boundary::{SLOT, Slots};
use crate::commit::PATIENCE;
use crate::error::{LogError, Result};

/// The commit lock. None: its file is gone, and so nobody has it.
pub fn hold_commits(root: &Root) -> Result<Option<Guard>> {
    let path = format!("{}/{}", layout::LOCKS, layout::LOCK_COMMIT);
    if root.stat(&path)?.is_none() {
        return Ok(None);
    }
    let lock = LockFile::new(&root.dir(layout::LOCKS)?, layout::LOCK_COMMIT)?;
    match lock.exclusive_within(0, PATIENCE)? {
        Some(guard) => Ok(Some(guard)),
        None => Err(LogError::Busy),
    }
}

/// A directory that init makes, or a lock file, or HEAD.
pub fn furnish(root: &Root, path: &str, is_dir: bool) -> Result<()> {
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    if is_dir {
        root.make_dir(path)?;
        return Ok(root.sync_parents(path)?);
    }
    match name {
        layout::HEAD => drop(Hint::create(&root.dir(above)?, name)?),
        lock => LockFile::create(&root.make_dir(above)?, lock)?,
    }
    Ok(())
}

pub fn set_head(root: &Root, version: Version) -> Result<()> {
    let system = root.dir(layout::SYSTEM)?;
    Ok(Hint::create(&system, layout::HEAD)?.write(&head_to_bytes(version))?)
}

impl Audit {
    /// What the slots must say at least. Versions below the floor cannot be opened, so
    /// that a boundary at the oldest checkpoint below it takes nothing away.
    pub fn slots(&self) -> Result<Slots> {
        let mut oldest = self.floor;
        for entry in self.root.dir(layout::CHECKPOINTS)?.list()? {
            let version = layout::parse_checkpoint(&entry.name);
            oldest = version.map_or(oldest, |version| oldest.min(version));
        }
        let is_there = self.root.stat(&format!(
            "{}/{}",
            layout::CHECKPOINTS,
            layout::checkpoint_name(oldest)
        ))?;
        let told = is_there.map_or(0, |_| oldest);
        Ok(Slots { boundary: self.boundary.max(told), floor: self.floor })
    }

    /// Writes the slots at one of their two places.
    pub fn set_slot(&self, place: usize) -> Result<()> {
        let locks = self.root.dir(layout::LOCKS)?;
        let bytes = self.slots()?.to_bytes();
        Ok(lake_store::overwrite(&locks, layout::LOCK_PINS, (place * SLOT) as u64, &bytes)?)
    }
}
