//! A lake that begins with another one's state: a backup, or what is made of one. Whoever
//! makes it brings the files first; then the state is published, and last, for a new one,
//! the file that says that it is a lake. So one that is half made is none.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lake_core::checkpoint;
use lake_core::id::Version;
use lake_core::lakefile::{LakeFile, head_to_bytes};
use lake_core::layout;
use lake_core::state::State;
use lake_store::{Hint, Kind, LockFile, Root, clock, random};

use crate::boundary::Slots;
use crate::error::{LogError, Result};
use crate::init::{InitOptions, lay_out, new_id, sign};
use crate::replay;

/// What a directory says that it is.
pub enum Signed {
    /// There is none, or nothing is in it, or a copy was begun there.
    Nothing,
    /// It holds something else.
    Foreign,
    Lake(LakeFile),
}

/// The copy's directory, while it is made.
pub struct Replica {
    root: Root,
    signed: bool,
}

impl Replica {
    pub fn look(path: &Path) -> Result<Signed> {
        let root = match Root::open(path) {
            Err(none) if none.kind == Kind::NotFound => return Ok(Signed::Nothing),
            root => root?,
        };
        if let Some(bytes) = root.read_opt(&format!("{}/{}", layout::SYSTEM, layout::LAKE_FILE))? {
            let lake = LakeFile::parse(&bytes, false)
                .map_err(|source| LogError::Lake { path: path.to_owned(), source })?;
            return Ok(Signed::Lake(lake));
        }
        let entries = root.top()?.list()?;
        let is_begun = entries.is_empty() || entries.iter().any(|e| e.name == layout::SYSTEM);
        // A copy has no entries: what has some is a lake that has lost its birth certificate.
        let has_entries = match root.dir(layout::LOG) {
            Err(none) if none.kind == Kind::NotFound => false,
            log => replay::has_entries(&log?)?,
        };
        Ok(if is_begun && !has_entries { Signed::Nothing } else { Signed::Foreign })
    }

    /// The lake that a directory, which need not be there yet, lies in.
    pub fn lake_around(path: &Path) -> Option<PathBuf> {
        let path = std::path::absolute(path).ok()?;
        let open = |above: &'_ Path| Root::open(above).ok();
        let (there, root) = path.ancestors().find_map(|above| Some((above, open(above)?)))?;
        let is_lake = |above: &&Path| {
            let file = format!("{}/{}", layout::SYSTEM, layout::LAKE_FILE);
            open(above).is_some_and(|root| matches!(root.stat(&file), Ok(Some(_))))
        };
        let own = usize::from(there == path);
        root.path().ancestors().skip(own).find(is_lake).map(Path::to_owned)
    }

    /// What is there of a copy that was not signed does not count, but its files stay.
    pub fn begin(path: &Path, options: &InitOptions) -> Result<Replica> {
        let signed = matches!(Replica::look(path)?, Signed::Lake(_));
        if signed {
            return Ok(Replica { root: Root::open(path)?, signed });
        }
        let (root, _) = lay_out(path, options)?;
        let checkpoints = root.dir(layout::CHECKPOINTS)?;
        for entry in checkpoints.list()? {
            checkpoints.unlink(&entry.name)?;
        }
        let locks = root.dir(layout::LOCKS)?;
        locks.unlink(layout::LOCK_PINS)?;
        LockFile::create(&locks, layout::LOCK_PINS)?;
        checkpoints.sync()?;
        Ok(Replica { root, signed })
    }

    pub fn root(&self) -> &Root {
        &self.root
    }

    /// The newest version, with nothing before it: the log is not copied.
    pub fn publish(&self, state: &State) -> Result<()> {
        let mut state = state.clone();
        let version = state.version;
        state.floor = version;
        Arc::make_mut(&mut state.tags).retain(|_, tagged| *tagged == version);
        if version > 0 {
            self.checkpoint(&state)?;
        }
        let locks = self.root.dir(layout::LOCKS)?;
        let (now, place) = Slots::choose(&locks.read(layout::LOCK_PINS)?);
        let slots = Slots { boundary: version, floor: version };
        if slots > now {
            lake_store::overwrite(&locks, layout::LOCK_PINS, place, &slots.to_bytes())?;
        }
        let head = Hint::open(&self.root.dir(layout::SYSTEM)?, layout::HEAD)?;
        Ok(head.write(&head_to_bytes(version))?)
    }

    fn checkpoint(&self, state: &State) -> Result<()> {
        let staging = self.root.dir(layout::STAGING)?;
        let checkpoints = self.root.dir(layout::CHECKPOINTS)?;
        let (name, bytes) = (layout::checkpoint_name(state.version), checkpoint::to_bytes(state));
        if checkpoints.read_opt(&name)?.as_ref() == Some(&bytes) {
            return Ok(());
        }
        let tmp = format!("copy-{:016x}", random::session()?);
        let mut file = staging.create(&tmp)?;
        file.write_all_at_once(&bytes)?;
        file.sync()?;
        file.close()?;
        staging.replace(&tmp, &checkpoints, &name)?;
        Ok(checkpoints.sync()?)
    }

    /// Checkpoints of versions before, once nobody needs them.
    pub fn forget_before(&self, version: Version) -> Result<()> {
        let checkpoints = self.root.dir(layout::CHECKPOINTS)?;
        for entry in checkpoints.list()? {
            if layout::parse_checkpoint(&entry.name).is_some_and(|v| v < version) {
                checkpoints.unlink(&entry.name)?;
            }
        }
        Ok(())
    }

    /// Whether somebody has a version before this one open.
    pub fn is_read_before(&self, version: Version) -> Result<bool> {
        let pins = LockFile::new(&self.root.dir(layout::LOCKS)?, layout::LOCK_PINS)?;
        Ok(pins.lowest_locked_below(version)?.is_some())
    }

    /// A backup of the lake with this id; None: a lake of its own. One that is signed
    /// stays what it is.
    pub fn sign(&self, backup_of: Option<&str>) -> Result<()> {
        if self.signed {
            return Ok(());
        }
        let now = clock::now_us();
        let file = match backup_of {
            Some(id) => LakeFile::backup(id.to_owned(), now),
            None => LakeFile::new(new_id()?, now),
        };
        sign(&self.root, &file).map(drop)
    }
}
