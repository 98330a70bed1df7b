//! Makes a lake: directories, lock files, and at last the one file that says that
//! it is one. Whoever loses a race finds the winner's lake.

use std::path::Path;

use lake_core::checkpoint;
use lake_core::lakefile::LakeFile;
use lake_core::layout;
use lake_core::salvage::Salvage;
use lake_store::{Finding, Hint, Link, LockFile, Root, clock, probe, publish_new, random};

use crate::boundary::Slots;
use crate::error::{LogError, Result};
use crate::files::Files;
use crate::mend;

const SETTINGS: &str = "\
# Settings of this lake. Flags and LAKE_* variables win over them.
# Nothing here is needed: every setting has a default.
";

#[derive(Clone, Copy, Debug, Default)]
pub struct InitOptions {
    /// Take a file system that does not keep the promises the lake stands on.
    pub accept_unsafe_fs: bool,
}

#[derive(Clone, Debug)]
pub struct Created {
    /// False when there was a lake already.
    pub new: bool,
    pub findings: Vec<Finding>,
}

pub(crate) const DIRECTORIES: [&str; 8] = [
    layout::LOG,
    layout::CHECKPOINTS,
    layout::LOCKS,
    layout::STAGING,
    layout::SPOOL,
    layout::QUARANTINE,
    layout::TRASH,
    layout::WAREHOUSE,
];

impl crate::Lake {
    pub fn init(path: &Path, options: &InitOptions) -> Result<Created> {
        match Files::open(path, true) {
            Ok(_) => return Ok(Created { new: false, findings: Vec::new() }),
            Err(LogError::NoLake(_)) => {}
            Err(error) => return Err(error),
        }
        let (root, findings) = lay_out(path, options)?;
        let link = sign(&root, &LakeFile::new(new_id()?, clock::now_us()))?;
        Ok(Created { new: link == Link::Done, findings })
    }

    /// Makes a lake whose log begins with this state, as a checkpoint; nothing of an
    /// older log may be there. It is a lake from its last step on.
    pub fn init_with(path: &Path, options: &InitOptions, salvage: Salvage) -> Result<Created> {
        match Files::open(path, true) {
            Ok(_) => return Ok(Created { new: false, findings: Vec::new() }),
            Err(LogError::NoLake(_)) => {}
            Err(error) => return Err(error),
        }
        let (root, findings) = lay_out(path, options)?;
        let (id, version) = (new_id()?, salvage.version);
        let state = salvage.into_state(&id).map_err(|rule| LogError::Rule { version, rule })?;
        root.make_dir(&layout::epoch_dir(layout::epoch(version + 1)))?;
        root.sync_parents(&layout::epoch_dir(layout::epoch(version + 1)))?;
        let checkpoints = root.dir(layout::CHECKPOINTS)?;
        let name = layout::checkpoint_name(version);
        let staging = root.dir(layout::STAGING)?;
        let _ = publish_new(&staging, &name, &checkpoints, &name, &checkpoint::to_bytes(&state))?;
        let slots = Slots { boundary: version, floor: version };
        let locks = root.dir(layout::LOCKS)?;
        lake_store::overwrite(&locks, layout::LOCK_PINS, 0, &slots.to_bytes())?;
        mend::set_head(&root, version)?;
        let link = sign(&root, &LakeFile::new(id, clock::now_us()))?;
        Ok(Created { new: link == Link::Done, findings })
    }
}

/// Everything a lake needs but the file that says that it is one.
pub(crate) fn lay_out(path: &Path, options: &InitOptions) -> Result<(Root, Vec<Finding>)> {
    let root = Root::create(path)?;
    for dir in DIRECTORIES {
        root.make_dir(dir)?;
    }
    let staging = root.dir(layout::STAGING)?;
    let findings = probe(&root, &staging)?;
    if findings.iter().any(|f| !f.ok) && !options.accept_unsafe_fs {
        return Err(LogError::Unsafe { path: path.to_owned(), findings });
    }
    let locks = root.dir(layout::LOCKS)?;
    for name in layout::LOCK_FILES {
        LockFile::create(&locks, name)?;
    }
    locks.sync()?;
    root.make_dir(&layout::epoch_dir(0))?;
    let system = root.dir(layout::SYSTEM)?;
    Hint::create(&system, layout::HEAD)?;
    let top = root.top()?;
    if !top.exists(layout::SETTINGS)? {
        let tmp = format!("settings-{:016x}", random::session()?);
        let _ = publish_new(&staging, &tmp, &top, layout::SETTINGS, SETTINGS.as_bytes())?;
    }
    for dir in DIRECTORIES {
        root.sync_parents(dir)?;
    }
    Ok((root, findings))
}

pub(crate) fn new_id() -> Result<String> {
    Ok(format!("{:016x}{:016x}", random::session()?, random::session()?))
}

/// From here on it is a lake.
pub(crate) fn sign(root: &Root, lake: &LakeFile) -> Result<Link> {
    let (staging, system) = (root.dir(layout::STAGING)?, root.dir(layout::SYSTEM)?);
    let tmp = format!("lake-{:016x}", random::session()?);
    Ok(publish_new(&staging, &tmp, &system, layout::LAKE_FILE, lake.to_text().as_bytes())?)
}
