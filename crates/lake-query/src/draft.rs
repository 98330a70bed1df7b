//! A file that is there whole or not at all.
//!
//! It is written in a directory of its own beside its place, `.NAME.<random>.tmp`, and
//! comes to its place by one rename after it was synced. The directory holds a lock as
//! long as its process lives; what a killed process left has none, and the next draft of
//! that name removes it.

use std::io;
use std::path::{Path, PathBuf};

use lake_cli::Failure;
use lake_core::kind::Kind;
use lake_log::store_kind;
use lake_store::{Dir, Guard, LockFile, NewFile, Root, StoreError, random};

const LOCK: &str = "lock";
/// One that clears leftovers may take our directory before we hold its lock.
const ATTEMPTS: u32 = 8;

pub(crate) struct Draft {
    /// As the person calls the file.
    shown: PathBuf,
    name: String,
    parent: Dir,
    dir: Dir,
    dir_name: String,
    _guard: Guard,
}

impl Draft {
    /// A draft of this file, which must not lie in the lake.
    pub(crate) fn of(file: &Path, lake: &Path) -> Result<Draft, Failure> {
        let (Some(name), false) = (file.file_name(), file.to_string_lossy().ends_with('/')) else {
            return Err(Failure::bad_input(format!("{} is no name of a file", file.display())));
        };
        let Some(name) = name.to_str() else {
            return Err(Failure::bad_input(format!("{} is not UTF-8", file.display())));
        };
        let parent = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let failed = |error| of_store(file, &error);
        let root = Root::open(parent).map_err(|error| {
            let kind = if error.kind == lake_store::Kind::NotFound {
                Kind::NotFound
            } else {
                store_kind(&error)
            };
            Failure::new(kind, format!("cannot write {}", file.display())).because(&error)
        })?;
        if root.path().starts_with(lake) {
            let message = format!("{} lies in the lake", file.display());
            return Err(Failure::bad_input(message).hint("results belong outside of it"));
        }
        let parent = root.top().map_err(failed)?;
        if parent.stat(name).map_err(failed)?.is_some_and(|stat| stat.is_dir) {
            return Err(Failure::bad_input(format!("{} is a directory", file.display())));
        }
        Draft::begin(file.into(), name, parent).map_err(failed)
    }

    /// A file of nobody's: it is read and dropped.
    pub(crate) fn scratch(dir: &Path) -> Result<Draft, Failure> {
        let root = Root::open(dir).and_then(|root| root.top());
        let draft = root.and_then(|top| Draft::begin(dir.join("result"), "result", top));
        draft.map_err(|error| of_store(dir, &error))
    }

    fn begin(shown: PathBuf, name: &str, parent: Dir) -> lake_store::Result<Draft> {
        remove_leftovers(&parent, name);
        let mut attempt = 0;
        loop {
            attempt += 1;
            let dir_name = format!(".{name}.{:016x}.tmp", random::session()?);
            match hold(&parent, &dir_name) {
                Ok(Some((dir, guard))) => {
                    let name = name.to_owned();
                    return Ok(Draft { shown, name, parent, dir, dir_name, _guard: guard });
                }
                Err(error) if attempt == ATTEMPTS || !is_taken(&error) => return Err(error),
                _ => {}
            }
        }
    }

    /// Refuses early where something has the name; [`Draft::publish`] sees to it again.
    pub(crate) fn must_be_new(&self) -> Result<(), Failure> {
        match self.parent.exists(&self.name) {
            Ok(false) => Ok(()),
            Ok(true) => Err(self.exists()),
            Err(error) => Err(of_store(&self.shown, &error)),
        }
    }

    /// The directory of the draft alone, with nothing in it but the lock.
    pub(crate) fn dir(&self) -> PathBuf {
        self.parent.root().path().join(&self.dir_name)
    }

    /// The file before it is published.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir().join(&self.name)
    }

    pub(crate) fn create(&self) -> Result<NewFile, Failure> {
        self.dir.create(&self.name).map_err(|error| of_store(&self.shown, &error))
    }

    pub(crate) fn read(&self) -> Result<lake_store::ReadFile, Failure> {
        self.dir.open_read(&self.name).map_err(|error| of_store(&self.shown, &error))
    }

    /// What an error of writing the file means.
    pub(crate) fn failure(&self, error: &io::Error) -> Failure {
        match StoreError::within(error) {
            Some(error) => of_store(&self.shown, error),
            None => of_io(&format!("cannot write {}", self.shown.display()), error),
        }
    }

    /// Brings the file to its place, durably, and returns its bytes.
    pub(crate) fn publish(self, replace: bool) -> Result<u64, Failure> {
        let file = self.read()?;
        let synced = file.sync_all().and_then(|()| file.metadata());
        let bytes = synced.map_err(|error| self.failure(&error))?.len();
        let moved = match replace {
            true => self.dir.replace(&self.name, &self.parent, &self.name),
            false => self.dir.rename(&self.name, &self.parent, &self.name),
        };
        match moved.and_then(|()| self.parent.sync()) {
            Ok(()) => Ok(bytes),
            Err(error) if error.kind == lake_store::Kind::AlreadyExists => Err(self.exists()),
            Err(error) => Err(of_store(&self.shown, &error)),
        }
    }

    fn exists(&self) -> Failure {
        Failure::bad_input(format!("{} is there already", self.shown.display()))
            .hint("take another name, or replace it with --overwrite")
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // What cannot be removed now is the next draft's to remove.
        let _ = clear(&self.parent, &self.dir, &self.dir_name);
    }
}

/// Makes the directory and takes its lock; None when somebody else has it.
fn hold(parent: &Dir, name: &str) -> lake_store::Result<Option<(Dir, Guard)>> {
    let dir = parent.make_sub(name)?;
    LockFile::create(&dir, LOCK)?;
    let guard = LockFile::new(&dir, LOCK)?.try_exclusive(0)?;
    Ok(guard.map(|guard| (dir, guard)))
}

fn is_taken(error: &StoreError) -> bool {
    matches!(error.kind, lake_store::Kind::NotFound | lake_store::Kind::Stale)
}

/// Drafts of this name whose process is gone. A failure here is not the export's.
fn remove_leftovers(parent: &Dir, name: &str) {
    let prefix = format!(".{name}.");
    let is_draft = |entry: &str| {
        let middle = entry.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".tmp"));
        middle.is_some_and(|m| m.len() == 16 && m.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    for entry in parent.list().unwrap_or_default() {
        if entry.is_dir && is_draft(&entry.name) {
            let _ = remove_leftover(parent, &entry.name);
        }
    }
}

fn remove_leftover(parent: &Dir, name: &str) -> lake_store::Result<()> {
    let dir = parent.sub(name)?;
    // Without a lock it is empty: its process was killed right after it made it.
    let _guard = match LockFile::new(&dir, LOCK) {
        Ok(lock) => match lock.try_exclusive(0)? {
            Some(guard) => Some(guard),
            None => return Ok(()),
        },
        Err(error) if error.kind == lake_store::Kind::NotFound => None,
        Err(error) => return Err(error),
    };
    clear(parent, &dir, name)
}

fn clear(parent: &Dir, dir: &Dir, name: &str) -> lake_store::Result<()> {
    for entry in dir.list()? {
        dir.unlink(&entry.name)?;
    }
    parent.remove_dir(name).map(drop)
}

fn of_store(file: &Path, error: &StoreError) -> Failure {
    let kind = match error.kind {
        lake_store::Kind::NotFound | lake_store::Kind::Escape => Kind::Denied,
        _ => store_kind(error),
    };
    let failure = Failure::new(kind, format!("cannot write {}", file.display())).because(error);
    match kind {
        Kind::DiskFull => failure.hint("make room there, or take another disk"),
        _ => failure,
    }
}

/// A value that the form cannot hold is the data's fault, all else the disk's.
pub(crate) fn of_io(message: &str, error: &io::Error) -> Failure {
    let kind = match error.kind() {
        io::ErrorKind::InvalidData => Kind::BadInput,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Kind::DiskFull,
        _ => Kind::Denied,
    };
    Failure::new(kind, message).because(error)
}

#[cfg(test)]
mod tests;
