//! The lake's own directories and files, opened once, and the two places that
//! are overwritten: HEAD, a hint, and the slots beside the leases.

use std::path::Path;

use lake_core::entry::{BadFile, Entry};
use lake_core::id::Version;
use lake_core::lakefile::{LakeFile, head_from_bytes, head_to_bytes};
use lake_core::layout;
use lake_store::{Dir, Hint, LockFile, Root};

use crate::error::{LogError, Result};

/// How an entry's name stands in the log.
pub(crate) enum Slot {
    Missing,
    Whole(Box<Entry>, u64),
    Broken(BadFile),
}

pub(crate) struct Files {
    pub(crate) root: Root,
    pub(crate) lake: LakeFile,
    pub(crate) log: Dir,
    pub(crate) checkpoints: Dir,
    pub(crate) locks: Dir,
    pub(crate) spool: Dir,
    pub(crate) commit: LockFile,
    pub(crate) pins: LockFile,
    pub(crate) starts: LockFile,
    pub(crate) live: LockFile,
    pub(crate) checkpoint: LockFile,
    head: Hint,
    /// The epoch directory read or written last.
    epoch: Option<(u64, Dir)>,
}

impl Files {
    pub(crate) fn open(path: &Path, for_writing: bool) -> Result<Files> {
        let no_lake = |e: lake_store::StoreError| match e.kind {
            lake_store::Kind::NotFound => LogError::NoLake(path.to_owned()),
            _ => LogError::Store(e),
        };
        let root = Root::open(path).map_err(no_lake)?;
        let system = root.dir(layout::SYSTEM).map_err(no_lake)?;
        let bytes = system.read(layout::LAKE_FILE).map_err(no_lake)?;
        let lake = LakeFile::parse(&bytes, for_writing)
            .map_err(|source| LogError::Lake { path: path.to_owned(), source })?;
        let locks = root.dir(layout::LOCKS)?;
        Ok(Files {
            log: root.dir(layout::LOG)?,
            checkpoints: root.dir(layout::CHECKPOINTS)?,
            spool: root.dir(layout::SPOOL)?,
            commit: LockFile::new(&locks, layout::LOCK_COMMIT)?,
            pins: LockFile::new(&locks, layout::LOCK_PINS)?,
            starts: LockFile::new(&locks, layout::LOCK_STARTS)?,
            live: LockFile::new(&locks, layout::LOCK_LIVE)?,
            checkpoint: LockFile::new(&locks, layout::LOCK_CHECKPOINT)?,
            head: Hint::open(&system, layout::HEAD)?,
            locks,
            epoch: None,
            root,
            lake,
        })
    }

    /// What HEAD hints at; 0 when it hints at nothing.
    pub(crate) fn head(&self) -> Result<Version> {
        let bytes = self.head.read()?;
        Ok(bytes.and_then(|b| head_from_bytes(&b)).unwrap_or(0))
    }

    pub(crate) fn set_head(&self, version: Version) -> Result<()> {
        Ok(self.head.write(&head_to_bytes(version))?)
    }

    /// The directory of a version's entry, if it is there.
    pub(crate) fn epoch_of(&mut self, version: Version) -> Result<Option<Dir>> {
        let epoch = layout::epoch(version);
        if let Some((known, dir)) = &self.epoch
            && *known == epoch
        {
            return Ok(Some(dir.clone()));
        }
        match self.log.sub(&layout::epoch_name(epoch)) {
            Ok(dir) => {
                self.epoch = Some((epoch, dir.clone()));
                Ok(Some(dir))
            }
            Err(e) if e.kind == lake_store::Kind::NotFound => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Looks the epoch's directory up anew: it may have been truncated away.
    pub(crate) fn forget_epoch(&mut self) {
        self.epoch = None;
    }

    pub(crate) fn read_entry(&mut self, version: Version) -> Result<Slot> {
        let Some(dir) = self.epoch_of(version)? else { return Ok(Slot::Missing) };
        let Some(bytes) = dir.read_opt(&layout::entry_name(version))? else {
            return Ok(Slot::Missing);
        };
        Ok(match Entry::from_bytes(&bytes) {
            Ok((entry, hash)) => Slot::Whole(Box::new(entry), hash),
            Err(error) => Slot::Broken(error),
        })
    }
}
