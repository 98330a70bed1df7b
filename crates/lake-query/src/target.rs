//! The file that a mount puts in place, at once and as a whole.
//!
//! 1. A lock beside it (`.NAME.lock`) lets one process at a time mount there, from
//!    before it takes its snapshot: a newer mount is never replaced by an older one.
//! 2. The file is made under a name of its own (`.NAME.new`) and synced; whatever a
//!    killed process left there is removed first.
//! 3. It is renamed over the old one. Who has that open keeps it.
//!
//! What is there and is no mount is refused: it may be somebody's data.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lake_cli::Failure;
use lake_core::kind::Kind;
use lake_engine::is_view_file;
use lake_log::store_kind;
use lake_store::{Dir, Guard, LockFile, Root, StoreError};

use crate::failure::of_engine;

const LONGEST_WAIT: Duration = Duration::from_secs(30);

pub(crate) struct Target {
    shown: String,
    dir: Dir,
    name: String,
    lock: LockFile,
}

/// A target that nobody else replaces meanwhile.
pub(crate) struct Held<'t> {
    target: &'t Target,
    _lock: Guard,
}

impl Target {
    /// As `lock`, unless another process waits for it: that one takes its snapshot later
    /// than now, so that nobody else need mount what there is now.
    pub(crate) fn lock_unless_awaited(&self) -> Result<Option<Held<'_>>, Failure> {
        let next = self.lock.try_exclusive(WAITS).map_err(|e| failed(&self.shown, &e))?;
        let Some(_next) = next else { return Ok(None) };
        self.lock().map(Some)
    }

    /// Links are followed, as people name their files by them.
    pub(crate) fn at(path: &Path) -> Result<Target, Failure> {
        let shown = path.display().to_string();
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let Some(name) = real.file_name().and_then(|n| n.to_str()) else {
            return Err(Failure::bad_input(format!("{shown} is not the name of a file")));
        };
        let parent = real.parent().filter(|p| !p.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let failed = |error: StoreError| failed(&shown, &error);
        let dir = Root::open(parent).and_then(|root| root.top()).map_err(failed)?;
        let lock = format!(".{name}.lock");
        LockFile::create(&dir, &lock).map_err(failed)?;
        let lock = LockFile::new(&dir, &lock).map_err(failed)?;
        Ok(Target { name: name.into(), shown, dir, lock })
    }

    /// The name as it was given.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    pub(crate) fn lock(&self) -> Result<Held<'_>, Failure> {
        let lock = self.lock.exclusive_within(MOUNTS, LONGEST_WAIT);
        match lock.map_err(|error| failed(&self.shown, &error))? {
            Some(lock) => Ok(Held { target: self, _lock: lock }),
            None => Err(Failure::new(
                Kind::Busy,
                format!("another process has been mounting {} for 30 s", self.shown),
            )
            .hint("try again; or stop that process if it hangs")),
        }
    }
}

/// The bytes of the lock: who mounts, and who is next.
const MOUNTS: u64 = 0;
const WAITS: u64 = 1;

impl Held<'_> {
    /// Calls `make` with the name of a file that is to be made, and puts it in place;
    /// returns its length.
    pub(crate) fn replace(
        &self,
        make: impl FnOnce(&Path) -> Result<(), Failure>,
    ) -> Result<u64, Failure> {
        self.clear()?;
        let replaced = self.check().and_then(|()| self.clear()).and_then(|()| {
            make(&self.staged_path())?;
            self.publish()
        });
        if replaced.is_err() {
            // The failure is what counts; the next one to mount clears again.
            let _ = self.clear();
        }
        replaced
    }

    fn publish(&self) -> Result<u64, Failure> {
        let (dir, staged) = (&self.target.dir, self.staged());
        let file = dir.open_read(&staged).map_err(|e| self.failed(&e))?;
        let synced = file.sync_all().and_then(|()| file.metadata());
        let length = synced.map_err(|e| self.unwritable(&e))?.len();
        dir.replace(&staged, dir, &self.target.name).map_err(|e| self.failed(&e))?;
        dir.sync().map_err(|e| self.failed(&e))?;
        Ok(length)
    }

    /// Refuses to lose what is not ours. A copy is looked at: DuckDB would not open a
    /// file that another process has open for writing, as `duckdb.connect` does unless
    /// told otherwise.
    fn check(&self) -> Result<(), Failure> {
        let Target { shown, dir, name, .. } = self.target;
        let Some(stat) = dir.stat(name).map_err(|e| self.failed(&e))? else { return Ok(()) };
        if stat.is_file && stat.len == 0 {
            return Ok(());
        }
        if dir.exists(&format!("{name}.wal")).map_err(|e| self.failed(&e))? {
            let message = format!("{shown} is being written to: {shown}.wal is there");
            return Err(Failure::new(Kind::Busy, message)
                .hint("close it there; a mount is to be opened with read_only = true"));
        }
        if stat.is_file {
            let mut from = dir.open_read(name).map_err(|e| self.failed(&e))?;
            let mut to = dir.create(&self.staged()).map_err(|e| self.failed(&e))?;
            io::copy(&mut from, &mut to).map_err(|e| self.unwritable(&e))?;
            to.close().map_err(|e| self.failed(&e))?;
            if is_view_file(&self.staged_path()).map_err(of_engine)? {
                return Ok(());
            }
        }
        Err(Failure::bad_input(format!("{shown} is there and holds more than a mount's views"))
            .hint("mount to another file with --to, or move that one away"))
    }

    fn clear(&self) -> Result<(), Failure> {
        let new = self.staged();
        for name in [format!("{new}.wal"), new] {
            self.target.dir.unlink(&name).map_err(|e| self.failed(&e))?;
        }
        Ok(())
    }

    fn staged(&self) -> String {
        format!(".{}.new", self.target.name)
    }

    fn staged_path(&self) -> PathBuf {
        self.target.dir.root().path().join(self.staged())
    }

    fn failed(&self, error: &StoreError) -> Failure {
        failed(&self.target.shown, error)
    }

    fn unwritable(&self, error: &io::Error) -> Failure {
        let full =
            matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        let kind = if full { Kind::DiskFull } else { Kind::Denied };
        cannot_write(kind, &self.target.shown).because(error)
    }
}

fn failed(shown: &str, error: &StoreError) -> Failure {
    match error.kind {
        lake_store::Kind::NotFound => {
            cannot_write(Kind::NotFound, shown).because(error).hint("its directory must be there")
        }
        _ => cannot_write(store_kind(error), shown).because(error),
    }
}

fn cannot_write(kind: Kind, shown: impl Display) -> Failure {
    Failure::new(kind, format!("cannot mount to {shown}"))
}
