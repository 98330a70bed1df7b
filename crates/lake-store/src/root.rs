//! The opened root of a lake. Every path is resolved beneath it by the kernel
//! (openat2), so that no symbolic link and no `..` can lead out, also not one
//! that is planted while we look.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};

use crate::dir::{Dir, Stat};
use crate::error::{Kind, Result, StoreError};
use crate::step::{At, Effect, check_path, look, step};

const DIR_MODE: u32 = 0o750;
const OPEN_DIR: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Non-blocking, because opening a planted pipe would wait for its writer.
const OPEN_FILE: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);
/// Files read in one piece are log entries, checkpoints and settings. A damaged
/// length must not take the machine's memory.
const WHOLE_FILE_LIMIT: u64 = 4 << 30;

#[derive(Clone, Debug)]
pub struct Root(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    fd: OwnedFd,
    path: PathBuf,
}

/// Bytes of the file system; `available` is what this user may still write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    pub free: u64,
    pub available: u64,
    pub total: u64,
}

impl Root {
    /// The root path itself may be or contain symbolic links.
    pub fn open(path: &Path) -> Result<Root> {
        let given = At { root: path, dir: "", name: "" };
        let path = look("open_root", &given, || path.canonicalize())?;
        let at = At { root: &path, dir: "", name: "" };
        let fd = look("open_root", &at, || {
            Ok(rustix::fs::openat(CWD, &path, OPEN_DIR, Mode::empty())?)
        })?;
        Ok(Root(Arc::new(Inner { fd, path })))
    }

    /// Makes the directory and those above it that are missing, durably.
    pub fn create(path: &Path) -> Result<Root> {
        let given = At { root: path, dir: "", name: "" };
        let path = look("create_root", &given, || std::path::absolute(path))?;
        let missing: Vec<&Path> = path.ancestors().take_while(|p| !p.is_dir()).collect();
        for dir in missing.into_iter().rev() {
            let at = At { root: dir, dir: "", name: "" };
            let made = step("mkdir", &at, Effect::None, || {
                std::fs::DirBuilder::new().mode(DIR_MODE).create(dir)
            });
            match made {
                Err(e) if e.kind != Kind::AlreadyExists => return Err(e),
                // Made just now by somebody else is no more durable than made by us.
                _ => {}
            }
            if let Some(parent) = dir.parent() {
                let at = At { root: parent, dir: "", name: "" };
                look("sync_dir", &at, || File::open(parent)?.sync_all())?;
            }
        }
        Root::open(&path)
    }

    /// Absolute, and free of symbolic links when it was opened.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    pub(crate) fn at<'a>(&'a self, rel: &'a str) -> At<'a> {
        At { root: &self.0.path, dir: "", name: rel }
    }

    /// The root itself as a directory.
    pub fn top(&self) -> Result<Dir> {
        let at = self.at("");
        let fd = look("open_dir", &at, || open_beneath(&self.0.fd, ".", OPEN_DIR))?;
        Ok(Dir::new(self.clone(), fd, String::new()))
    }

    /// An existing directory.
    pub fn dir(&self, rel: &str) -> Result<Dir> {
        let at = self.at(rel);
        check_path("open_dir", &at)?;
        let fd = look("open_dir", &at, || open_beneath(&self.0.fd, rel, OPEN_DIR))?;
        Ok(Dir::new(self.clone(), fd, rel.to_owned()))
    }

    /// Makes what is missing, and syncs the parent of each directory it made. One
    /// that was there already may be another process's and not durable yet: see
    /// [`Root::sync_parents`].
    pub fn make_dir(&self, rel: &str) -> Result<Dir> {
        Ok(self.descend(rel, true)?.0)
    }

    /// For a wide batch that ends in [`Root::sync_fs`]. True when something was made.
    pub fn make_dir_unsynced(&self, rel: &str) -> Result<(Dir, bool)> {
        self.descend(rel, false)
    }

    /// Syncs every directory above `rel`, whoever made it. Needed where nothing
    /// proves that an existing directory is durable, that is, where no committed
    /// entry names a file in it yet.
    pub fn sync_parents(&self, rel: &str) -> Result<()> {
        let at = self.at(rel);
        check_path("sync_dir", &at)?;
        self.top()?.sync()?;
        rel.match_indices('/').try_for_each(|(end, _)| self.dir(&rel[..end])?.sync())
    }

    fn descend(&self, rel: &str, durable: bool) -> Result<(Dir, bool)> {
        match self.dir(rel) {
            Err(e) if e.kind == Kind::NotFound => {}
            outcome => return Ok((outcome?, false)),
        }
        let mut dir = self.top()?;
        for name in rel.split('/') {
            dir = match dir.sub(name) {
                Err(e) if e.kind == Kind::NotFound => {
                    dir.make(name)?;
                    if durable {
                        dir.sync()?;
                    }
                    dir.sub(name)?
                }
                outcome => outcome?,
            };
        }
        Ok((dir, true))
    }

    pub fn read(&self, rel: &str) -> Result<Vec<u8>> {
        let at = self.at(rel);
        check_path("read", &at)?;
        read_whole(&self.0.fd, rel, &at)
    }

    pub fn read_opt(&self, rel: &str) -> Result<Option<Vec<u8>>> {
        found(self.read(rel))
    }

    /// So many bytes of a file, or as many of them as it has.
    pub fn read_part(&self, rel: &str, at: u64, len: u64) -> Result<Vec<u8>> {
        let place = self.at(rel);
        check_path("read_part", &place)?;
        look("read_part", &place, || {
            let mut file = open_regular(&self.0.fd, rel)?;
            file.seek(SeekFrom::Start(at))?;
            let mut bytes = Vec::new();
            file.take(len.min(WHOLE_FILE_LIMIT)).read_to_end(&mut bytes)?;
            Ok(bytes)
        })
    }

    /// A regular file, to be read at leisure.
    pub fn open_read(&self, rel: &str) -> Result<File> {
        let at = self.at(rel);
        check_path("open_read", &at)?;
        look("open_read", &at, || open_regular(&self.0.fd, rel))
    }

    /// None when there is nothing under that path.
    pub fn stat(&self, rel: &str) -> Result<Option<Stat>> {
        let at = self.at(rel);
        check_path("stat", &at)?;
        let (dir, name) = rel.rsplit_once('/').unwrap_or(("", rel));
        if dir.is_empty() {
            return self.top()?.stat(name);
        }
        match found(self.dir(dir))? {
            Some(dir) => dir.stat(name),
            None => Ok(None),
        }
    }

    /// One flush of the whole file system in place of thousands. Write-back errors
    /// are reported (Linux 5.8).
    pub fn sync_fs(&self) -> Result<()> {
        step("sync_fs", &self.at(""), Effect::SyncFs, || Ok(rustix::fs::syncfs(&self.0.fd)?))
    }

    pub fn space(&self) -> Result<Space> {
        let stats = look("space", &self.at(""), || fs2::statvfs(&self.0.path))?;
        Ok(Space {
            free: stats.free_space(),
            available: stats.available_space(),
            total: stats.total_space(),
        })
    }
}

/// Refuses symbolic links in every component, the last one included.
pub(crate) fn open_beneath(dir: impl AsFd, rel: &str, flags: OFlags) -> io::Result<OwnedFd> {
    let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    Ok(rustix::fs::openat2(dir, rel, flags, Mode::empty(), inside)?)
}

pub(crate) fn open_dir(dir: impl AsFd, name: &str) -> io::Result<OwnedFd> {
    open_beneath(dir, name, OPEN_DIR)
}

pub(crate) fn open_regular(dir: impl AsFd, rel: &str) -> io::Result<File> {
    let fd = open_beneath(dir, rel, OPEN_FILE)?;
    let stat = rustix::fs::fstat(&fd)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("not a regular file"));
    }
    Ok(File::from(fd))
}

pub(crate) fn make_dir_at(dir: impl AsFd, name: &str) -> io::Result<()> {
    Ok(rustix::fs::mkdirat(dir, name, Mode::from_raw_mode(DIR_MODE))?)
}

pub(crate) fn read_whole(dir: impl AsFd, rel: &str, at: &At<'_>) -> Result<Vec<u8>> {
    look("read", at, || {
        let file = open_regular(&dir, rel)?;
        let len = file.metadata()?.len();
        if len > WHOLE_FILE_LIMIT {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        let room = usize::try_from(len).map_err(io::Error::other)?;
        bytes.try_reserve_exact(room).map_err(io::Error::other)?;
        // It may have grown since.
        match file.take(WHOLE_FILE_LIMIT + 1).read_to_end(&mut bytes)? as u64 > WHOLE_FILE_LIMIT {
            true => Err(too_large()),
            false => Ok(bytes),
        }
    })
}

fn too_large() -> io::Error {
    io::Error::other("too large to be read in one piece")
}

pub(crate) fn found<T>(outcome: Result<T>) -> Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.kind == Kind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

pub(crate) fn not_found(op: &'static str, at: &At<'_>) -> StoreError {
    StoreError::new(op, at, rustix::io::Errno::NOENT.into())
}
