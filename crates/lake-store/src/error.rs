//! One error for every operation: what was done to which path, and why it failed.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

use crate::step::At;

pub type Result<T> = std::result::Result<T, StoreError>;

/// `path` is relative to the root, except for the root itself.
#[derive(Debug, thiserror::Error)]
#[error("{op} {}: {}", path.display(), reason(*kind, source))]
pub struct StoreError {
    pub kind: Kind,
    pub op: &'static str,
    pub path: PathBuf,
    source: io::Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    NotFound,
    AlreadyExists,
    /// The disk or the quota is full.
    DiskFull,
    /// The process or the system has no file descriptor left.
    TooManyFiles,
    Permission,
    ReadOnly,
    /// A symbolic link, or a path that leads out of the root.
    Escape,
    /// The file behind this handle is no longer the one under its name.
    Stale,
    /// The disk reported an error.
    Io,
    /// The fault layer has stopped this process, as if it had died.
    Stopped,
    Other,
}

impl StoreError {
    pub(crate) fn new(op: &'static str, at: &At<'_>, source: io::Error) -> StoreError {
        StoreError { kind: Kind::of(op, &source), op, path: at.path(), source }
    }

    pub(crate) fn of_kind(op: &'static str, at: &At<'_>, kind: Kind, why: &str) -> StoreError {
        StoreError { kind, op, path: at.path(), source: io::Error::other(why.to_owned()) }
    }

    pub(crate) fn stopped(op: &'static str, at: &At<'_>) -> StoreError {
        StoreError::of_kind(op, at, Kind::Stopped, "stopped by the fault layer")
    }

    /// The error of this crate inside one that came back through somebody else's
    /// writer or reader.
    pub fn within<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a StoreError> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            // Its source would be that of the error it wraps.
            let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            next = match wrapped {
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        None
    }

    /// The errno, where the kernel gave one.
    pub fn errno(&self) -> Option<i32> {
        self.source.raw_os_error()
    }
}

impl From<StoreError> for io::Error {
    fn from(error: StoreError) -> io::Error {
        io::Error::new(error.source.kind(), error)
    }
}

impl Kind {
    fn of(op: &str, error: &io::Error) -> Kind {
        let Some(errno) = error.raw_os_error() else {
            return Kind::Other;
        };
        match Errno::from_raw_os_error(errno) {
            Errno::NOENT => Kind::NotFound,
            Errno::EXIST => Kind::AlreadyExists,
            Errno::NOSPC | Errno::DQUOT => Kind::DiskFull,
            Errno::MFILE | Errno::NFILE => Kind::TooManyFiles,
            Errno::ACCESS | Errno::PERM => Kind::Permission,
            Errno::ROFS => Kind::ReadOnly,
            Errno::LOOP => Kind::Escape,
            // Of a link or a move it only means another file system.
            Errno::XDEV if !matches!(op, "link" | "rename" | "replace") => Kind::Escape,
            Errno::STALE => Kind::Stale,
            Errno::IO => Kind::Io,
            _ => Kind::Other,
        }
    }
}

fn reason(kind: Kind, source: &io::Error) -> String {
    match (kind, source.raw_os_error()) {
        // The kernel's own words ("too many levels of symbolic links") mislead here.
        (Kind::Escape, Some(_)) => "a symbolic link, or a way out of the lake".to_owned(),
        (Kind::Other, Some(errno)) if errno == Errno::NOSYS.raw_os_error() => {
            "not offered by this kernel or sandbox (Linux 5.6 or newer is needed)".to_owned()
        }
        _ => source.to_string(),
    }
}
