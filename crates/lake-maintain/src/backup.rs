//! One version of a lake in another directory: as a backup that readers can open, and back
//! from there as a lake of its own.
//!
//! 1. The version is leased, so that nobody removes its files while they are copied.
//! 2. Data first: files that are there already, with the right bytes, are left; the others
//!    are linked or copied under a name that nobody looks for, read and compared with their
//!    hash, and then get theirs. Nothing is taken away.
//! 3. All of it is synced; only then the version is published, as one checkpoint, and last
//!    the file that makes the directory a lake. Whoever dies before leaves what was there.
//! 4. What only an older version of the backup had goes, unless somebody reads it.

mod sources;
#[cfg(test)]
mod tests;
mod transfer;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use lake_core::id::Version;
use lake_core::layout;
use lake_log::{Access, At, InitOptions, Lake, Replica, Signed};
use lake_store::{Dir, Guard, Kind, LockFile, Root, Stopwatch};

use crate::compact::Watch;
use crate::error::{MaintainError, Result};
use crate::retain::TRIES;
use crate::vacuum::listing::warehouse;

use sources::Sources;
use transfer::Transfer;

/// How long a restore into an empty lake waits for its writers.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a backup or a restore did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    pub version: Version,
    pub files: u64,
    pub bytes: u64,
    /// They were there already.
    pub files_kept: u64,
    pub files_linked: u64,
    pub files_copied: u64,
    pub bytes_copied: u64,
    /// Of older versions, that went.
    pub files_removed: u64,
    /// Lists of archived files that were not where they should be.
    pub archives_missing: u64,
    pub elapsed_ms: u64,
}

/// Brings a backup up to the lake's newest version.
pub fn backup(lake: &mut Lake, to: &Path, watch: &dyn Watch) -> Result<Copied> {
    refuse_inside(to)?;
    match Replica::look(to)? {
        Signed::Nothing => {}
        Signed::Lake(file) if file.is_backup() && file.id == lake.id() => {
            let (there, here) =
                (Lake::open(to, Access::Read)?.state().version, lake.refresh()?.version);
            if there > here {
                return Err(MaintainError::NewerBackup { path: to.to_owned(), there, here });
            }
        }
        Signed::Lake(_) | Signed::Foreign => return Err(MaintainError::NoBackup(to.to_owned())),
    }
    let id = lake.id().to_owned();
    let copy = Replica::begin(to, &InitOptions { accept_unsafe_fs: true })?;
    let _alone = alone(&copy, to)?;
    let clock = Stopwatch::start();
    let (mut done, sources) = copy_to(lake, &copy, true, watch, &|| Ok(()))?;
    copy.sign(Some(&id))?;
    if !copy.is_read_before(done.version)? {
        done.files_removed = prune(copy.root(), &sources)?;
        copy.forget_before(done.version)?;
    }
    done.elapsed_ms = clock.elapsed().as_millis() as u64;
    Ok(done)
}

/// Makes a lake, with an id of its own, of a backup, or of the newest version of another
/// lake.
pub fn restore(from: &Path, to: &Path, watch: &dyn Watch) -> Result<Copied> {
    refuse_inside(to)?;
    let mut lake = Lake::open(from, Access::Read)?;
    let empty = match Replica::look(to)? {
        Signed::Nothing => None,
        Signed::Foreign => return Err(MaintainError::NotEmpty(to.to_owned())),
        Signed::Lake(_) => Some(Lake::open(to, Access::Write)?),
    };
    let copy = Replica::begin(to, &InitOptions { accept_unsafe_fs: true })?;
    let _alone = alone(&copy, to)?;
    let _turn = match &empty {
        None => None,
        Some(_) => {
            let locks = copy.root().dir(layout::LOCKS)?;
            LockFile::new(&locks, layout::LOCK_COMMIT)?.exclusive_within(0, PATIENCE)?
        }
    };
    let empty = std::cell::RefCell::new(empty);
    let still_empty = || {
        let mut empty = empty.borrow_mut();
        let version = empty.as_mut().map_or(Ok(0), |lake| lake.refresh().map(|s| s.version))?;
        match version {
            0 => Ok(()),
            _ => Err(MaintainError::NotEmpty(to.to_owned())),
        }
    };
    still_empty()?;
    let clock = Stopwatch::start();
    let (mut done, _) = copy_to(&mut lake, &copy, false, watch, &still_empty)?;
    copy.sign(None)?;
    done.elapsed_ms = clock.elapsed().as_millis() as u64;
    Ok(done)
}

/// What lies in a lake goes with it, or is taken for something of its own.
fn refuse_inside(to: &Path) -> Result<()> {
    match Replica::lake_around(to) {
        Some(lake) => Err(MaintainError::Inside { path: to.to_owned(), lake }),
        None => Ok(()),
    }
}

/// The lock that vacuum has, too.
fn alone(copy: &Replica, path: &Path) -> Result<Guard> {
    let lock = LockFile::new(&copy.root().dir(layout::LOCKS)?, layout::LOCK_VACUUM)?;
    lock.try_exclusive(0)?.ok_or_else(|| MaintainError::BackingUp(path.to_owned()))
}

/// Everything of the newest version, and then the version.
fn copy_to(
    lake: &mut Lake,
    copy: &Replica,
    links: bool,
    watch: &dyn Watch,
    may_publish: &dyn Fn() -> Result<()>,
) -> Result<(Copied, Sources)> {
    let from = lake.root().clone();
    let mut transfer = Transfer::new(&from, copy.root(), links, watch)?;
    for _ in 0..TRIES {
        let snapshot = lake.snapshot(At::Newest)?;
        let version = snapshot.version();
        let Some(sources) = Sources::of(lake, version)? else { continue };
        watch.due(sources.bytes());
        transfer.done =
            Copied { version, archives_missing: sources.archives_missing, ..Copied::default() };
        let moved = |error: &MaintainError| matches!(error, MaintainError::Store(e) if e.kind == Kind::NotFound);
        match transfer.all(&sources) {
            // Archived rows were brought back meanwhile.
            Err(error) if moved(&error) && Sources::of(lake, version)?.is_none() => continue,
            done => done?,
        }
        copy.root().sync_fs()?;
        may_publish()?;
        copy.publish(snapshot.state())?;
        return Ok((transfer.done, sources));
    }
    Err(MaintainError::Sweeping)
}

/// Removes the files of ours that the version does not need.
fn prune(root: &Root, wanted: &Sources) -> Result<u64> {
    let wanted: BTreeSet<&str> = wanted.files.iter().map(|f| f.path.as_str()).collect();
    let listing = warehouse(root)?;
    let mut gone = 0;
    let mut remove = |path: &str| -> Result<()> {
        if let Some((dir, name)) = path.rsplit_once('/')
            && !wanted.contains(path)
        {
            gone += u64::from(root.dir(dir)?.unlink(name)?);
        }
        Ok(())
    };
    listing.segments.iter().try_for_each(|found| remove(&found.path))?;
    for entry in root.dir(layout::QUARANTINE)?.list()?.into_iter().filter(|e| !e.is_dir) {
        remove(&format!("{}/{}", layout::QUARANTINE, entry.name))?;
    }
    let mut archived = Vec::new();
    match root.dir(layout::ARCHIVE) {
        Ok(dir) => archived_in(&dir, 0, &mut archived)?,
        Err(none) if none.kind == Kind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    archived.iter().try_for_each(|path| remove(path))?;
    Ok(gone)
}

fn archived_in(dir: &Dir, depth: usize, found: &mut Vec<String>) -> Result<()> {
    for entry in dir.list()?.into_iter().filter(|entry| !entry.lossy) {
        let name = entry.name.as_str();
        if entry.is_dir {
            if depth < 64 {
                archived_in(&dir.sub(name)?, depth + 1, found)?;
            }
        } else if layout::parse_archived(name).is_some() || layout::parse_archive(name).is_some() {
            found.push(format!("{}/{name}", dir.path()));
        }
    }
    Ok(())
}
