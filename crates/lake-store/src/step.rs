//! Every operation passes through here: EINTR is retried, the error gets its
//! name and path, and the fault layer may step in.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Kind, Result, StoreError};
use crate::fault::{self, Verdict};

/// Where an operation works: a directory beneath a root, and a name in it.
/// A path is put together only when somebody needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'a> {
    pub(crate) root: &'a Path,
    pub(crate) dir: &'a str,
    pub(crate) name: &'a str,
}

impl At<'_> {
    /// Relative to the root; the root itself is shown by its own path.
    pub(crate) fn path(&self) -> PathBuf {
        match (self.dir, self.name) {
            ("", "") => self.root.to_path_buf(),
            ("", one) | (one, "") => PathBuf::from(one),
            (dir, name) => Path::new(dir).join(name),
        }
    }
}

/// What an operation that succeeds changes, for the recorder.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "fault"), allow(dead_code))]
pub(crate) enum Effect<'a> {
    None,
    Mkdir,
    Rmdir,
    Create { ino: u64 },
    Write { ino: u64, offset: u64, bytes: &'a [u8] },
    Overwrite { offset: u64, bytes: &'a [u8] },
    SyncFile { ino: u64 },
    SyncPath,
    Rename { to: At<'a> },
    Link { to: At<'a> },
    Unlink,
    SyncDir,
    SyncFs,
}

pub(crate) fn step<T>(
    op: &'static str,
    at: &At<'_>,
    effect: Effect<'_>,
    mut call: impl FnMut() -> io::Result<T>,
) -> Result<T> {
    let mut tape = fault::tape(at);
    loop {
        let verdict = fault::enter(op, at);
        let outcome = match verdict {
            Verdict::Go | Verdict::After(_) => call(),
            Verdict::Fail(errno) => Err(io::Error::from_raw_os_error(errno)),
            Verdict::Tear | Verdict::Stop => return Err(StoreError::stopped(op, at)),
        };
        match outcome {
            Ok(value) => {
                tape.push(at, effect);
                if let Verdict::After(errno) = verdict {
                    return Err(StoreError::new(op, at, io::Error::from_raw_os_error(errno)));
                }
                return Ok(value);
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(StoreError::new(op, at, e)),
        }
    }
}

/// An operation without an effect on the disk.
pub(crate) fn look<T>(
    op: &'static str,
    at: &At<'_>,
    call: impl FnMut() -> io::Result<T>,
) -> Result<T> {
    step(op, at, Effect::None, call)
}

/// Writes all of `bytes`, whatever the kernel takes at a time. `call` gets what
/// is left and how much is done.
pub(crate) fn step_write<'a>(
    op: &'static str,
    at: &At<'_>,
    bytes: &'a [u8],
    effect: impl Fn(&'a [u8]) -> Effect<'a>,
    call: impl FnMut(&[u8], usize) -> io::Result<usize>,
) -> Result<()> {
    let mut tape = fault::tape(at);
    let verdict = loop {
        match fault::enter(op, at) {
            Verdict::Fail(errno) => {
                let e = io::Error::from_raw_os_error(errno);
                if e.kind() != io::ErrorKind::Interrupted {
                    return Err(StoreError::new(op, at, e));
                }
            }
            Verdict::Stop => return Err(StoreError::stopped(op, at)),
            verdict => break verdict,
        }
    };
    let wanted = match verdict {
        Verdict::Tear => &bytes[..bytes.len() / 2],
        _ => bytes,
    };
    let (done, outcome) = pour(wanted, call);
    if done > 0 {
        tape.push(at, effect(&bytes[..done]));
    }
    outcome.map_err(|e| StoreError::new(op, at, e))?;
    match verdict {
        Verdict::Tear => Err(StoreError::stopped(op, at)),
        Verdict::After(errno) => Err(StoreError::new(op, at, io::Error::from_raw_os_error(errno))),
        _ => Ok(()),
    }
}

/// The loop around short and interrupted writes, and how far it came.
fn pour(
    bytes: &[u8],
    mut call: impl FnMut(&[u8], usize) -> io::Result<usize>,
) -> (usize, io::Result<()>) {
    let mut done = 0;
    while done < bytes.len() {
        match call(&bytes[done..], done) {
            Ok(0) => return (done, Err(io::ErrorKind::WriteZero.into())),
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return (done, Err(e)),
        }
    }
    (done, Ok(()))
}

/// A name is one component; anything else could lead elsewhere.
pub(crate) fn check_name(op: &'static str, at: &At<'_>) -> Result<()> {
    let name = at.name;
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
        return Err(StoreError::of_kind(op, at, Kind::Escape, "not the name of one file"));
    }
    Ok(())
}

/// A relative path is names with single slashes between them.
pub(crate) fn check_path(op: &'static str, at: &At<'_>) -> Result<()> {
    let fine = |name: &str| !name.is_empty() && name != "." && name != ".." && !name.contains('\0');
    if !at.name.split('/').all(fine) {
        return Err(StoreError::of_kind(op, at, Kind::Escape, "not a plain path beneath the lake"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn short_and_interrupted_writes_lose_nothing(
            bytes in proptest::collection::vec(any::<u8>(), 0..2000),
            script in proptest::collection::vec(0usize..50, 1..50),
        ) {
            let mut out = Vec::new();
            let mut turn = 0;
            let (done, outcome) = pour(&bytes, |rest, at| {
                assert_eq!(at, out.len());
                turn += 1;
                match script[turn % script.len()].min(rest.len()) {
                    0 if turn % 2 == 0 => Err(io::ErrorKind::Interrupted.into()),
                    n => {
                        let n = n.max(1);
                        out.extend_from_slice(&rest[..n]);
                        Ok(n)
                    }
                }
            });
            prop_assert!(outcome.is_ok());
            prop_assert_eq!(done, bytes.len());
            prop_assert_eq!(out, bytes);
        }
    }

    #[test]
    fn a_write_that_takes_nothing_is_an_error_and_not_a_loop() {
        let (done, outcome) = pour(b"abc", |_, at| Ok(if at == 0 { 2 } else { 0 }));
        assert_eq!(done, 2);
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::WriteZero);
    }

    #[test]
    fn only_single_names_and_plain_paths_pass() {
        let at = |name| At { root: Path::new("/lake"), dir: "d", name };
        for bad in ["", ".", "..", "a/b", "/a", "a/", "a\0b"] {
            assert_eq!(check_name("t", &at(bad)).unwrap_err().kind, Kind::Escape, "{bad:?}");
        }
        for bad in ["", "/a", "a/", "a//b", "a/../b", "./a", "a/."] {
            assert_eq!(check_path("t", &at(bad)).unwrap_err().kind, Kind::Escape, "{bad:?}");
        }
        for good in ["a", "...", "a..b", ".hidden", "symbol=A%2FB"] {
            assert!(check_name("t", &at(good)).is_ok() && check_path("t", &at(good)).is_ok());
        }
        assert!(check_path("t", &at("a/b/c")).is_ok());
    }
}
