//! Tries what the lake stands on, for `init` and `doctor`: a file system that
//! breaks a promise is named before data is entrusted to it.
//!
//! Two processes are not needed for the locks: an open-file-description lock is
//! owned by the description, the kernel hands file systems no other owner, and
//! two descriptions in one process conflict exactly as two processes do. That
//! they are the locks of fcntl, and not of flock, is seen by asking with a
//! classic POSIX lock, which is owned by the process. What no single machine can
//! see is another machine, so network mounts are judged by their options.

use std::path::Path;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::dir::{Dir, Link};
use crate::error::{Kind, Result};
use crate::lock::LockFile;
use crate::mount::judge_mount;
use crate::random::session;
use crate::root::Root;
use crate::step::{At, look};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub check: &'static str,
    pub ok: bool,
    pub detail: String,
    /// What to do about it; empty when it is well.
    pub remedy: String,
}

impl Finding {
    pub(crate) fn good(check: &'static str, detail: impl Into<String>) -> Finding {
        Finding { check, ok: true, detail: detail.into(), remedy: String::new() }
    }

    pub(crate) fn bad(
        check: &'static str,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        Finding { check, ok: false, detail: detail.into(), remedy: remedy.into() }
    }

    fn judge(check: &'static str, ok: bool, good: &str, bad: &str, remedy: &str) -> Finding {
        match ok {
            true => Finding::good(check, good),
            false => Finding::bad(check, bad, remedy),
        }
    }
}

const LOCAL_DISK: &str = "keep the lake on a local disk with ext4, xfs, btrfs or zfs";

/// Works in `staging` alone and leaves nothing behind. An error means that the
/// probe itself could not work (no permission, disk full).
pub fn probe(root: &Root, staging: &Dir) -> Result<Vec<Finding>> {
    let stem = format!("probe-{:016x}", session()?);
    let scratch = Scratch { dir: staging, stem };
    let outcome = scratch.checks(root);
    let cleaned = scratch.clean();
    let findings = outcome?;
    cleaned?;
    Ok(findings)
}

struct Scratch<'a> {
    dir: &'a Dir,
    stem: String,
}

impl Scratch<'_> {
    fn checks(&self, root: &Root) -> Result<Vec<Finding>> {
        let mut findings = vec![
            self.links()?,
            self.locks()?,
            self.kept_apart("case", "aA", "Aa", "names do not keep their case")?,
            self.kept_apart("unicode", "e\u{301}", "\u{e9}", "names are normalised")?,
            self.same_device(root)?,
            works("sync_dir", self.dir.sync()),
            works("sync_fs", root.sync_fs()),
        ];
        let info = Path::new("/proc/self/mountinfo");
        let at = At { root: info, dir: "", name: "" };
        match look("read", &at, || std::fs::read_to_string(info)) {
            Ok(text) => findings.extend(judge_mount(&text, root.path())),
            Err(e) => findings.push(Finding::bad("mount", e.to_string(), "mount /proc")),
        }
        Ok(findings)
    }

    fn name(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.stem)
    }

    fn links(&self) -> Result<Finding> {
        let (one, two) = (self.name("one"), self.name("two"));
        self.dir.create(&one)?.close()?;
        self.dir.create(&two)?.close()?;
        let refused = self.dir.link(&one, self.dir, &two);
        let third = self.name("three");
        let made = self.dir.link(&one, self.dir, &third);
        let counted = self.dir.stat(&one)?.is_some_and(|s| s.nlink == 2);
        let detail = match (&refused, &made) {
            (Ok(Link::Exists), Ok(Link::Done)) if counted => None,
            (Ok(Link::Exists), Ok(Link::Done)) => Some("links are not counted".to_owned()),
            (Ok(Link::Done), _) => Some("a link replaced an existing name".to_owned()),
            (_, Ok(Link::Exists)) => Some("a free name counts as taken".to_owned()),
            (Err(e), _) | (_, Err(e)) => Some(e.to_string()),
        };
        Ok(match detail {
            None => Finding::good("link", "a link fails when the name is taken"),
            Some(detail) => Finding::bad("link", detail, LOCAL_DISK),
        })
    }

    fn locks(&self) -> Result<Finding> {
        let name = self.name("lock");
        LockFile::create(self.dir, &name)?;
        let file = LockFile::new(self.dir, &name)?;
        let held = match file.try_exclusive(7) {
            Ok(Some(guard)) => guard,
            Ok(None) => return Ok(Finding::bad("lock", "a free lock counts as held", LOCAL_DISK)),
            Err(e) => return Ok(Finding::bad("lock", e.to_string(), LOCAL_DISK)),
        };
        let excludes = file.try_exclusive(7)?.is_none() && file.is_locked(7)?;
        let apart = file.try_exclusive(8)?.is_some();
        let classic = self.classic_lock_is_refused(&name)?;
        drop(held);
        let freed = file.try_exclusive(7)?.is_some();
        let ok = excludes && apart && classic && freed;
        let bad = format!(
            "excludes: {excludes}, by byte: {apart}, seen by fcntl: {classic}, freed: {freed}"
        );
        Ok(Finding::judge("lock", ok, "byte locks exclude each other", &bad, LOCAL_DISK))
    }

    fn classic_lock_is_refused(&self, name: &str) -> Result<bool> {
        let file = self.dir.open_read(name)?;
        look("lock", &self.dir.at(name), || {
            match rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockShared) {
                Ok(()) => Ok(false),
                Err(Errno::AGAIN | Errno::ACCESS) => Ok(true),
                Err(e) => Err(e.into()),
            }
        })
    }

    fn kept_apart(&self, check: &'static str, one: &str, two: &str, bad: &str) -> Result<Finding> {
        let (one, two) = (self.name(one), self.name(two));
        self.dir.create(&one)?.close()?;
        let apart = match self.dir.create(&two) {
            Ok(file) => {
                file.close()?;
                let names: Vec<String> =
                    self.dir.list()?.into_iter().map(|entry| entry.name).collect();
                names.contains(&one) && names.contains(&two)
            }
            Err(e) if e.kind == Kind::AlreadyExists => false,
            Err(e) => return Err(e),
        };
        Ok(Finding::judge(check, apart, "names are kept as they are", bad, LOCAL_DISK))
    }

    fn same_device(&self, root: &Root) -> Result<Finding> {
        let device =
            |dir: &Dir| look("stat", &dir.at(""), || Ok(rustix::fs::fstat(dir.fd())?.st_dev));
        let same = device(self.dir)? == device(&root.top()?)?;
        let bad = "staging is on another file system, so nothing can be moved into place";
        Ok(Finding::judge(
            "device",
            same,
            "staging and data share a file system",
            bad,
            "put the whole lake on one file system",
        ))
    }

    fn clean(&self) -> Result<()> {
        for entry in self.dir.list()? {
            if entry.name.starts_with(&self.stem) && !entry.lossy {
                self.dir.unlink(&entry.name)?;
            }
        }
        Ok(())
    }
}

fn works(check: &'static str, outcome: Result<()>) -> Finding {
    match outcome {
        Ok(()) => Finding::good(check, "works"),
        Err(e) => Finding::bad(check, e.to_string(), LOCAL_DISK),
    }
}
