//! A file while it is written, once and from front to back.

use std::fs::File;
use std::io;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use crate::dir::Dir;
use crate::error::{Kind, Result, StoreError};
use crate::step::{At, Effect, step, step_write};

/// A failed write or sync poisons the file: the kernel may have dropped the
/// pages and would report success the next time, so every later call fails and
/// the caller writes anew under another name.
///
/// Dropping closes silently and leaves the file where it is.
#[derive(Debug)]
pub struct NewFile {
    dir: Dir,
    name: String,
    file: File,
    ino: u64,
    written: u64,
    reserved: u64,
    poisoned: Option<Kind>,
}

impl NewFile {
    pub(crate) fn new(dir: Dir, name: String, file: File, ino: u64) -> NewFile {
        NewFile { dir, name, file, ino, written: 0, reserved: 0, poisoned: None }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// All of it, or an error and a poisoned file.
    pub fn write_all_at_once(&mut self, bytes: &[u8]) -> Result<()> {
        self.refuse_poisoned("write")?;
        let (ino, offset, file) = (self.ino, self.written, &self.file);
        let outcome = step_write(
            "write",
            &self.dir.at(&self.name),
            bytes,
            |part| Effect::Write { ino, offset, bytes: part },
            |rest, _| Ok(rustix::io::write(file, rest)?),
        );
        if outcome.is_ok() {
            self.written += bytes.len() as u64;
        }
        self.keep_or_poison(outcome)
    }

    /// Reserves room so that a full disk shows before the work is done. The length
    /// stays what is written; a file system that cannot do it is no error.
    pub fn allocate(&mut self, len: u64) -> Result<()> {
        self.refuse_poisoned("allocate")?;
        if len == 0 {
            return Ok(());
        }
        // Not fs2's: that one changes the length, and it reads an errno that
        // posix_fallocate does not set.
        let file = &self.file;
        step("allocate", &self.dir.at(&self.name), Effect::None, || {
            match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, len) {
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
                outcome => Ok(outcome?),
            }
        })?;
        self.reserved = self.reserved.max(len);
        Ok(())
    }

    /// Makes the bytes durable, not the name.
    pub fn sync(&mut self) -> Result<()> {
        self.refuse_poisoned("sync_file")?;
        let (file, ino) = (&self.file, self.ino);
        let spare = (self.reserved > self.written).then_some(self.written);
        let outcome = step("sync_file", &self.at(), Effect::SyncFile { ino }, || {
            if let Some(len) = spare {
                rustix::fs::ftruncate(file, len)?;
            }
            Ok(rustix::fs::fdatasync(file)?)
        });
        self.keep_or_poison(outcome)
    }

    /// Some file systems (NFS, quotas) report a lost write only here.
    pub fn close(self) -> Result<()> {
        self.refuse_poisoned("close")?;
        let NewFile { dir, name, file, .. } = self;
        let mut file = Some(file);
        step("close", &dir.at(&name), Effect::None, || match file.take() {
            Some(file) => close(file),
            None => Ok(()),
        })
    }

    fn at(&self) -> At<'_> {
        self.dir.at(&self.name)
    }

    fn refuse_poisoned(&self, op: &'static str) -> Result<()> {
        match self.poisoned {
            None => Ok(()),
            Some(kind) => {
                let why = "an earlier write or sync of this file failed";
                Err(StoreError::of_kind(op, &self.at(), kind, why))
            }
        }
    }

    fn keep_or_poison(&mut self, outcome: Result<()>) -> Result<()> {
        if let Err(e) = &outcome {
            self.poisoned = Some(e.kind);
        }
        outcome
    }
}

/// Linux closes the descriptor also when it reports EINTR, so a retry could
/// close somebody else's.
fn close(file: File) -> io::Result<()> {
    match nix::unistd::close(file) {
        Err(nix::errno::Errno::EINTR) => Ok(()),
        outcome => Ok(outcome?),
    }
}

impl io::Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all_at_once(bytes)?;
        Ok(bytes.len())
    }

    /// Nothing is buffered here; [`NewFile::sync`] is what makes it durable.
    fn flush(&mut self) -> io::Result<()> {
        Ok(self.refuse_poisoned("write")?)
    }
}
