//! Byte locks that belong to an open file description (F_OFD_SETLK).
//!
//! 1. Each acquisition opens its own description, so that two threads of one
//!    process exclude each other like two processes.
//! 2. The kernel frees a lock with its description: no pid, no clock, nothing to
//!    clean up, and closing another descriptor of the file loses nothing.
//! 3. Lock files are made once, by init, and never unlinked or renamed. Whoever
//!    finds another file under the name than the one locked gets [`Kind::Stale`].
//! 4. A lock is a hint that saves work: what it protects must be right without it.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use rustix::fs::{Mode, OFlags};

use crate::clock::{Deadline, pause};
use crate::dir::{Dir, Stat};
use crate::error::{Kind, Result, StoreError};
use crate::fault;
use crate::random::jitter;
use crate::root::open_beneath;
use crate::step::{Effect, check_name, look, step};

const FIRST_WAIT: Duration = Duration::from_micros(50);
const LONGEST_WAIT: Duration = Duration::from_millis(5);

/// A lock file that was there when this was made; it holds nothing open.
#[derive(Clone, Debug)]
pub struct LockFile {
    dir: Dir,
    name: String,
    inode: (u64, u64),
}

/// A held lock. Dropping it frees the lock.
#[derive(Debug)]
#[must_use]
pub struct Guard {
    file: LockFile,
    fd: OwnedFd,
    byte: u64,
}

/// Asks for one lock again and again, each time by one call.
#[derive(Debug)]
pub struct Waiter {
    file: LockFile,
    fd: Option<OwnedFd>,
    byte: u64,
}

impl Waiter {
    /// None when another holds it.
    pub fn try_now(&mut self) -> Result<Option<Guard>> {
        let fd = match self.fd.take() {
            Some(fd) => fd,
            None => self.file.open(OFlags::RDWR)?,
        };
        if self.file.set(&fd, self.byte, libc::F_WRLCK)? {
            return self.file.guard(fd, self.byte).map(Some);
        }
        self.fd = Some(fd);
        Ok(None)
    }
}

impl LockFile {
    /// For an exclusive lock that is worth waiting for.
    pub fn waiter(&self, byte: u64) -> Waiter {
        Waiter { file: self.clone(), fd: None, byte }
    }

    pub fn new(dir: &Dir, name: &str) -> Result<LockFile> {
        let Some(stat) = dir.stat(name)? else {
            return Err(crate::root::not_found("open_lock", &dir.at(name)));
        };
        Ok(LockFile { dir: dir.clone(), name: name.to_owned(), inode: (stat.dev, stat.ino) })
    }

    /// For init alone; one that is there stays as it is.
    pub fn create(dir: &Dir, name: &str) -> Result<()> {
        let at = dir.at(name);
        check_name("create", &at)?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        let effect = Effect::Create { ino: fault::next_ino() };
        let made = step("create", &at, effect, || {
            Ok(rustix::fs::openat(dir.fd(), name, flags, Mode::from_raw_mode(0o640))?)
        });
        match made {
            // Found after a crash, it may not be durable yet.
            Err(e) if e.kind == Kind::AlreadyExists => dir.sync(),
            outcome => outcome.and_then(|_| dir.sync()),
        }
    }

    /// None when another holds it.
    pub fn try_exclusive(&self, byte: u64) -> Result<Option<Guard>> {
        let fd = self.open(OFlags::RDWR)?;
        self.acquire(fd, byte, libc::F_WRLCK)
    }

    /// Read permission is enough. None when another holds it exclusively.
    pub fn try_shared(&self, byte: u64) -> Result<Option<Guard>> {
        let fd = self.open(OFlags::RDONLY)?;
        self.acquire(fd, byte, libc::F_RDLCK)
    }

    /// Asks again and again, politely: a blocking request would starve under
    /// overlapping readers and could not time out. None when the time is up.
    pub fn exclusive_within(&self, byte: u64, max: Duration) -> Result<Option<Guard>> {
        let deadline = Deadline::after(max);
        let fd = self.open(OFlags::RDWR)?;
        let mut wait = FIRST_WAIT;
        while !self.set(&fd, byte, libc::F_WRLCK)? {
            let left = deadline.left();
            if left.is_zero() {
                return Ok(None);
            }
            pause((wait / 2 + jitter(wait / 2)).min(left));
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        self.guard(fd, byte).map(Some)
    }

    pub fn is_locked(&self, byte: u64) -> Result<bool> {
        let fd = self.open(OFlags::RDONLY)?;
        Ok(self.first_held(&fd, byte, 1)?.is_some())
    }

    /// The lowest byte under `limit` that anybody has locked, this process included.
    pub fn lowest_locked_below(&self, limit: u64) -> Result<Option<u64>> {
        let fd = self.open(OFlags::RDONLY)?;
        let mut lowest = None;
        // The kernel names any one of the locks in the way, not the first.
        let mut end = limit;
        while end > 0 {
            match self.first_held(&fd, 0, end)? {
                Some(byte) if byte < end => (lowest, end) = (Some(byte), byte),
                _ => break,
            }
        }
        Ok(lowest)
    }

    fn open(&self, access: OFlags) -> Result<OwnedFd> {
        let at = self.dir.at(&self.name);
        let flags = access | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let outcome = look("open_lock", &at, || open_beneath(self.dir.fd(), &self.name, flags));
        match outcome {
            Err(e) if e.kind == Kind::NotFound => Err(self.stale()),
            outcome => outcome,
        }
    }

    fn acquire(&self, fd: OwnedFd, byte: u64, kind: i32) -> Result<Option<Guard>> {
        match self.set(&fd, byte, kind)? {
            true => self.guard(fd, byte).map(Some),
            false => Ok(None),
        }
    }

    fn guard(&self, fd: OwnedFd, byte: u64) -> Result<Guard> {
        let guard = Guard { file: self.clone(), fd, byte };
        guard.check()?;
        Ok(guard)
    }

    fn set(&self, fd: &OwnedFd, byte: u64, kind: i32) -> Result<bool> {
        look("lock", &self.dir.at(&self.name), || {
            let lock = range(kind, byte, 1)?;
            match fcntl(fd, FcntlArg::F_OFD_SETLK(&lock)) {
                Ok(_) => Ok(true),
                Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
                Err(e) => Err(e.into()),
            }
        })
    }

    fn first_held(&self, fd: &OwnedFd, start: u64, len: u64) -> Result<Option<u64>> {
        look("lock_query", &self.dir.at(&self.name), || {
            let mut lock = range(libc::F_WRLCK, start, len)?;
            fcntl(fd, FcntlArg::F_OFD_GETLK(&mut lock))?;
            let free = i32::from(lock.l_type) == libc::F_UNLCK;
            Ok((!free).then_some(lock.l_start.max(0) as u64))
        })
    }

    fn stale(&self) -> StoreError {
        let why = "the lock file was deleted or replaced while in use; it must never be";
        StoreError::of_kind("lock", &self.dir.at(&self.name), Kind::Stale, why)
    }
}

impl Guard {
    pub fn byte(&self) -> u64 {
        self.byte
    }

    /// Whether the file locked is still the one under its name; if not, others may
    /// hold "the same" lock.
    pub fn check(&self) -> Result<()> {
        let file = &self.file;
        let at = file.dir.at(&file.name);
        let held = look("stat", &at, || Ok(rustix::fs::fstat(&self.fd)?))?;
        let held = Stat::from(&held);
        let named = file.dir.stat(&file.name)?.map(|s| (s.dev, s.ino));
        if named != Some((held.dev, held.ino)) || named != Some(file.inode) {
            return Err(file.stale());
        }
        Ok(())
    }
}

impl Drop for Guard {
    /// Unlocking first frees it also while a child between fork and exec still
    /// has the description. Closing does it otherwise, so the result is of no use.
    fn drop(&mut self) {
        if let Ok(lock) = range(libc::F_UNLCK, self.byte, 1) {
            let _ = fcntl(&self.fd, FcntlArg::F_OFD_SETLK(&lock));
        }
    }
}

fn range(kind: i32, start: u64, len: u64) -> io::Result<libc::flock> {
    let offset = |n: u64| {
        i64::try_from(n).map_err(|_| io::Error::other("beyond the last byte that can be locked"))
    };
    offset(start.saturating_add(len))?;
    Ok(libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: offset(start)?,
        l_len: offset(len)?,
        l_pid: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_that_a_child_inherited_does_not_keep_a_dropped_lock() {
        let (_temp, root) = crate::tests::lake();
        let dir = root.make_dir("locks").unwrap();
        LockFile::create(&dir, "file").unwrap();
        let file = LockFile::new(&dir, "file").unwrap();
        let guard = file.try_exclusive(0).unwrap().unwrap();
        let inherited = guard.fd.try_clone().unwrap();
        drop(guard);
        assert!(file.try_exclusive(0).unwrap().is_some());
        drop(inherited);
    }
}
