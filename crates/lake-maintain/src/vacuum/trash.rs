//! The trash: a directory a vacuum, in it the files under the paths they had. Moving is
//! a rename, so it costs no space and can be undone until the trash is emptied.

use std::time::Duration;

use lake_core::id::Version;
use lake_core::layout;
use lake_log::Lake;
use lake_store::{Dir, Kind, Root};

use crate::error::Result;

use super::Count;

/// One vacuum's directory, made when there is something to put in it.
pub(crate) struct Batch<'a> {
    root: &'a Root,
    name: String,
    /// Where the last file was and where it is, as they come directory by directory.
    dirs: Option<(String, Dir, Dir)>,
    used: bool,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(root: &'a Root, now: i64, version: Version) -> Batch<'a> {
        let name = layout::trash_name(now.max(0), version);
        Batch { root, name, dirs: None, used: false }
    }

    /// Moves a file away, and counts it. One that is gone already is nothing to do, and
    /// what is no regular file is not ours.
    pub(crate) fn take(
        &mut self,
        path: &str,
        count: &mut Count,
        foreign: &mut Vec<String>,
    ) -> Result<()> {
        let Some(stat) = self.root.stat(path)? else { return Ok(()) };
        if !stat.is_file {
            foreign.push(path.to_owned());
            return Ok(());
        }
        let (rel, name) = path.rsplit_once('/').unwrap_or(("", path));
        let (from, to) = self.dirs(rel)?;
        match from.rename(name, &to, name) {
            Ok(()) => {
                count.add(stat.len);
                self.used = true;
                Ok(())
            }
            Err(gone) if gone.kind == Kind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn dirs(&mut self, rel: &str) -> Result<(Dir, Dir)> {
        if let Some((last, from, to)) = &self.dirs
            && last == rel
        {
            return Ok((from.clone(), to.clone()));
        }
        let from = self.root.dir(rel)?;
        let place = format!("{}/{}/{rel}", layout::TRASH, self.name);
        let (to, _) = self.root.make_dir_unsynced(&place)?;
        self.dirs = Some((rel.to_owned(), from.clone(), to.clone()));
        Ok((from, to))
    }

    /// Makes the moves durable: what comes back after a power cut, when the log that
    /// knew it is gone, would take a fence to remove. Returns where the files are.
    pub(crate) fn settle(self) -> Result<Option<String>> {
        if !self.used {
            return Ok(None);
        }
        self.root.sync_fs()?;
        Ok(Some(format!("{}/{}", layout::TRASH, self.name)))
    }
}

/// One vacuum's files in the trash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trashed {
    pub name: String,
    /// When they were moved there.
    pub at_us: i64,
    /// The newest version then.
    pub version: Version,
    pub what: Count,
}

/// As deep as the warehouse may be.
const DEEPEST: usize = 72;

/// The batches, oldest first, with nothing counted yet.
pub(crate) fn batches(root: &Root) -> Result<(Dir, Vec<Trashed>)> {
    let trash = root.dir(layout::TRASH)?;
    let mut found = Vec::new();
    for entry in trash.list()?.into_iter().filter(|entry| entry.is_dir && !entry.lossy) {
        if let Some((at_us, version)) = layout::parse_trash(&entry.name) {
            found.push(Trashed { name: entry.name, at_us, version, what: Count::default() });
        }
    }
    found.sort_by_key(|batch| (batch.at_us, batch.version));
    Ok((trash, found))
}

/// What lies in the trash, oldest first.
pub fn list(lake: &Lake) -> Result<Vec<Trashed>> {
    let (trash, mut all) = batches(lake.root())?;
    for Trashed { name, what, .. } in &mut all {
        let mut visit = |_: &Dir, _: &str, bytes| {
            what.add(bytes);
            Ok(false)
        };
        let mut foreign = Vec::new();
        Walk { tidy: false, foreign: &mut foreign, visit: &mut visit }.through(&trash, name)?;
    }
    Ok(all)
}

/// Deletes what is in the trash for longer than the grace, as long as it `goes`.
pub(crate) fn empty(
    root: &Root,
    now: i64,
    grace: Duration,
    goes: &dyn Fn() -> bool,
    foreign: &mut Vec<String>,
) -> Result<Count> {
    let mut gone = Count::default();
    let (trash, found) = batches(root)?;
    for batch in found.iter().filter(|batch| batch.is_older(now, grace)) {
        let mut visit = |dir: &Dir, file: &str, bytes| {
            let goes = goes();
            if goes && dir.unlink(file)? {
                gone.add(bytes);
            }
            Ok(goes)
        };
        Walk { tidy: true, foreign, visit: &mut visit }.through(&trash, &batch.name)?;
    }
    Ok(gone)
}

/// What that would be.
pub(crate) fn count(
    root: &Root,
    now: i64,
    grace: Duration,
    foreign: &mut Vec<String>,
) -> Result<Count> {
    let mut all = Count::default();
    let (trash, found) = batches(root)?;
    for batch in found.iter().filter(|batch| batch.is_older(now, grace)) {
        let mut visit = |_: &Dir, _: &str, bytes| {
            all.add(bytes);
            Ok(false)
        };
        Walk { tidy: false, foreign, visit: &mut visit }.through(&trash, &batch.name)?;
    }
    Ok(all)
}

impl Trashed {
    fn is_older(&self, now: i64, grace: Duration) -> bool {
        u128::try_from(now.saturating_sub(self.at_us)).unwrap_or(0) > grace.as_micros()
    }
}

type Visit<'v> = dyn FnMut(&Dir, &str, u64) -> Result<bool> + 'v;

/// A walk through a batch: each file of ours is shown to `visit`, which says whether it
/// has left.
pub(crate) struct Walk<'w> {
    /// What has become empty is removed.
    pub(crate) tidy: bool,
    pub(crate) foreign: &'w mut Vec<String>,
    pub(crate) visit: &'w mut Visit<'w>,
}

impl Walk<'_> {
    pub(crate) fn through(&mut self, trash: &Dir, batch: &str) -> Result<()> {
        let before = format!("{}/{batch}/", layout::TRASH);
        self.enter(trash, batch, &before, 0).map(drop)
    }

    /// Whether nothing is left of the directory.
    fn enter(&mut self, above: &Dir, name: &str, before: &str, depth: usize) -> Result<bool> {
        let dir = match above.sub(name) {
            Err(gone) if gone.kind == Kind::NotFound => return Ok(true),
            dir => dir?,
        };
        let mut is_empty = true;
        for entry in dir.list()? {
            let path = format!("{}/{}", dir.path(), entry.name);
            let is_gone = if entry.is_dir && !entry.lossy && depth < DEEPEST {
                self.enter(&dir, &entry.name, before, depth + 1)?
            } else {
                let is_ours = !entry.lossy && path.strip_prefix(before).is_some_and(is_ours);
                let stat = if is_ours { dir.stat(&entry.name)? } else { None };
                match stat.filter(|stat| stat.is_file) {
                    Some(stat) => (self.visit)(&dir, &entry.name, stat.len)?,
                    None => {
                        self.foreign.push(path);
                        false
                    }
                }
            };
            is_empty &= is_gone;
        }
        if is_empty && self.tidy {
            above.remove_dir(name)?;
        }
        Ok(is_empty && self.tidy)
    }
}

/// Whether a file of this path may be in the trash.
fn is_ours(path: &str) -> bool {
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    match dir {
        layout::SPOOL => layout::parse_ready(name).is_some(),
        layout::QUARANTINE => layout::is_log_leftover(name),
        _ => {
            let is_list = || layout::parse_archive(name).is_some();
            match dir.split('/').next() {
                Some(layout::WAREHOUSE) => layout::parse_segment(name).is_some(),
                Some(layout::ARCHIVE) => layout::parse_archived(name).is_some() || is_list(),
                _ => false,
            }
        }
    }
}
