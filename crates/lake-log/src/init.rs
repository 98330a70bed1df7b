//! Makes a lake: directories, lock files, and at last the one file that says that
//! it is one. Whoever loses a race finds the winner's lake.

use std::path::Path;

use lake_core::lakefile::LakeFile;
use lake_core::layout;
use lake_store::{Finding, Hint, Link, LockFile, Root, clock, probe, publish_new, random};

use crate::error::{LogError, Result};
use crate::files::Files;

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
        let id = format!("{:016x}{:016x}", random::session()?, random::session()?);
        let text = LakeFile::new(id, clock::now_us()).to_text();
        let tmp = format!("lake-{:016x}", random::session()?);
        let link = publish_new(&staging, &tmp, &system, layout::LAKE_FILE, text.as_bytes())?;
        Ok(Created { new: link == Link::Done, findings })
    }
}
