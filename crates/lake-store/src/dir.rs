//! One opened directory. Names are single components; nothing is followed.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::error::{Kind, Result};
use crate::fault;
use crate::file::NewFile;
use crate::root::{Root, found, make_dir_at, open_dir, open_regular, read_whole};
use crate::step::{At, Effect, check_name, look, step};

const FILE_MODE: u32 = 0o640;

#[derive(Clone, Debug)]
pub struct Dir(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: Root,
    fd: OwnedFd,
    rel: String,
}

/// What became of a link: done, or another was there first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Link {
    Done,
    Exists,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    /// The name on disk is not UTF-8, so `name` is not the name on disk.
    pub lossy: bool,
    pub is_dir: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    pub len: u64,
    pub nlink: u64,
    pub is_dir: bool,
    pub is_file: bool,
    pub mtime_us: i64,
    pub dev: u64,
    pub ino: u64,
}

impl Dir {
    pub(crate) fn new(root: Root, fd: OwnedFd, rel: String) -> Dir {
        Dir(Arc::new(Inner { root, fd, rel }))
    }

    /// Relative to the root; empty for the root itself.
    pub fn path(&self) -> &str {
        &self.0.rel
    }

    pub fn root(&self) -> &Root {
        &self.0.root
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.0.fd.as_fd()
    }

    pub(crate) fn at<'a>(&'a self, name: &'a str) -> At<'a> {
        At { root: self.0.root.path(), dir: &self.0.rel, name }
    }

    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        let at = self.at(name);
        check_name("read", &at)?;
        read_whole(self.fd(), name, &at)
    }

    pub fn read_opt(&self, name: &str) -> Result<Option<Vec<u8>>> {
        found(self.read(name))
    }

    /// A regular file, to be read at leisure.
    pub fn open_read(&self, name: &str) -> Result<File> {
        let at = self.at(name);
        check_name("open_read", &at)?;
        look("open_read", &at, || open_regular(self.fd(), name))
    }

    /// A file that nobody had before; a name in use, also by a link, is refused.
    pub fn create(&self, name: &str) -> Result<NewFile> {
        let at = self.at(name);
        check_name("create", &at)?;
        let ino = fault::next_ino();
        let flags =
            OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = step("create", &at, Effect::Create { ino }, || {
            Ok(rustix::fs::openat(self.fd(), name, flags, Mode::from_raw_mode(FILE_MODE))?)
        })?;
        Ok(NewFile::new(self.clone(), name.to_owned(), File::from(fd), ino))
    }

    /// Moves a file to a name that is free. Where the file system cannot refuse a
    /// name in use (NFS), uniqueness rests on the names alone.
    pub fn rename(&self, name: &str, to: &Dir, to_name: &str) -> Result<()> {
        self.move_to("rename", name, to, to_name, |dir| {
            match rustix::fs::renameat_with(self.fd(), name, dir, to_name, RenameFlags::NOREPLACE) {
                Err(Errno::INVAL | Errno::NOSYS) => {
                    rustix::fs::renameat(self.fd(), name, dir, to_name)
                }
                outcome => outcome,
            }
        })
    }

    /// Moves a file over whatever has that name. Never for data or log names, which
    /// are written once.
    pub fn replace(&self, name: &str, to: &Dir, to_name: &str) -> Result<()> {
        self.move_to("replace", name, to, to_name, |dir| {
            rustix::fs::renameat(self.fd(), name, dir, to_name)
        })
    }

    fn move_to(
        &self,
        op: &'static str,
        name: &str,
        to: &Dir,
        to_name: &str,
        mut call: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<()>,
    ) -> Result<()> {
        let (at, target) = (self.at(name), to.at(to_name));
        check_name(op, &at)?;
        check_name(op, &target)?;
        step(op, &at, Effect::Rename { to: target }, || Ok(call(to.fd())?))
    }

    /// Gives a file a second name, if that name is free. Any other error leaves the
    /// outcome open (NFS may fail after the fact): the caller reads the target.
    pub fn link(&self, name: &str, to: &Dir, to_name: &str) -> Result<Link> {
        if fault::rename_instead_of_link() {
            return self.replace(name, to, to_name).map(|()| Link::Done);
        }
        let (at, target) = (self.at(name), to.at(to_name));
        check_name("link", &at)?;
        check_name("link", &target)?;
        let outcome = step("link", &at, Effect::Link { to: target }, || {
            Ok(rustix::fs::linkat(self.fd(), name, to.fd(), to_name, AtFlags::empty())?)
        });
        match outcome {
            Ok(()) => Ok(Link::Done),
            Err(e) if e.kind == Kind::AlreadyExists => Ok(Link::Exists),
            Err(e) => Err(e),
        }
    }

    /// False when it was already gone.
    pub fn unlink(&self, name: &str) -> Result<bool> {
        self.remove("unlink", name, Effect::Unlink, AtFlags::empty())
    }

    /// Removes an empty directory; false when it was already gone.
    pub fn remove_dir(&self, name: &str) -> Result<bool> {
        self.remove("remove_dir", name, Effect::Rmdir, AtFlags::REMOVEDIR)
    }

    fn remove(
        &self,
        op: &'static str,
        name: &str,
        effect: Effect<'_>,
        flags: AtFlags,
    ) -> Result<bool> {
        let at = self.at(name);
        check_name(op, &at)?;
        let outcome = step(op, &at, effect, || Ok(rustix::fs::unlinkat(self.fd(), name, flags)?));
        Ok(found(outcome)?.is_some())
    }

    pub fn exists(&self, name: &str) -> Result<bool> {
        Ok(self.stat(name)?.is_some())
    }

    /// None when the name is free. A symbolic link is neither file nor directory.
    pub fn stat(&self, name: &str) -> Result<Option<Stat>> {
        let at = self.at(name);
        check_name("stat", &at)?;
        let outcome = look("stat", &at, || {
            Ok(rustix::fs::statat(self.fd(), name, AtFlags::SYMLINK_NOFOLLOW)?)
        });
        Ok(found(outcome)?.map(|s| Stat::from(&s)))
    }

    /// Everything but `.` and `..`, in no particular order. What comes and goes
    /// meanwhile may be missing or there.
    pub fn list(&self) -> Result<Vec<Entry>> {
        look("list", &self.at(""), || {
            let mut entries = Vec::new();
            for entry in rustix::fs::Dir::read_from(self.fd())? {
                let entry = entry?;
                let raw = entry.file_name();
                if matches!(raw.to_bytes(), b"." | b"..") {
                    continue;
                }
                let is_dir = match entry.file_type() {
                    FileType::Directory => true,
                    FileType::Unknown => self.is_dir(raw)?,
                    _ => false,
                };
                let name = raw.to_string_lossy();
                let lossy = raw.to_str().is_err();
                entries.push(Entry { name: name.into_owned(), lossy, is_dir });
            }
            Ok(entries)
        })
    }

    fn is_dir(&self, name: &std::ffi::CStr) -> rustix::io::Result<bool> {
        match rustix::fs::statat(self.fd(), name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(FileType::from_raw_mode(stat.st_mode) == FileType::Directory),
            Err(Errno::NOENT) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Makes the names in this directory durable.
    pub fn sync(&self) -> Result<()> {
        if fault::no_dir_sync() {
            return Ok(());
        }
        step("sync_dir", &self.at(""), Effect::SyncDir, || Ok(rustix::fs::fsync(self.fd())?))
    }

    pub fn sub(&self, name: &str) -> Result<Dir> {
        let at = self.at(name);
        check_name("open_dir", &at)?;
        let fd = look("open_dir", &at, || open_dir(self.fd(), name))?;
        let rel = match self.0.rel.as_str() {
            "" => name.to_owned(),
            dir => format!("{dir}/{name}"),
        };
        Ok(Dir::new(self.0.root.clone(), fd, rel))
    }

    /// Makes a directory here, or takes the one there is. Its name is not synced.
    pub fn make_sub(&self, name: &str) -> Result<Dir> {
        self.make(name)?;
        self.sub(name)
    }

    /// Somebody else may have made it first.
    pub(crate) fn make(&self, name: &str) -> Result<()> {
        let at = self.at(name);
        check_name("mkdir", &at)?;
        match step("mkdir", &at, Effect::Mkdir, || make_dir_at(self.fd(), name)) {
            Err(e) if e.kind == Kind::AlreadyExists => Ok(()),
            outcome => outcome,
        }
    }
}

impl From<&rustix::fs::Stat> for Stat {
    // The fields' widths differ between the architectures.
    #[allow(clippy::unnecessary_cast)]
    fn from(s: &rustix::fs::Stat) -> Stat {
        let kind = FileType::from_raw_mode(s.st_mode);
        Stat {
            len: s.st_size as u64,
            nlink: s.st_nlink as u64,
            is_dir: kind == FileType::Directory,
            is_file: kind == FileType::RegularFile,
            // Some file systems keep times that are no count of microseconds.
            mtime_us: (s.st_mtime as i64)
                .saturating_mul(1_000_000)
                .saturating_add((s.st_mtime_nsec as i64) / 1000),
            dev: s.st_dev as u64,
            ino: s.st_ino as u64,
        }
    }
}
