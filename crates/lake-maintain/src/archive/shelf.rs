//! An archive's list and files on their way to their places. Unless they are kept they
//! are removed again, the list last: nothing was committed that counts on them.

use std::collections::BTreeSet;

use lake_core::archive::{Archive, archive_producer};
use lake_core::layout;
use lake_core::schema::TableDef;
use lake_core::state::State;
use lake_segment::Files;
use lake_store::{Dir, Link, Root, publish_new};

use super::list::seqs;
use crate::error::Result;

pub(super) struct Shelf {
    root: Root,
    placed: Vec<(Dir, String)>,
    list: Option<(Dir, String)>,
    keep: bool,
}

impl Shelf {
    pub(super) fn new(root: &Root) -> Shelf {
        Shelf { root: root.clone(), placed: Vec::new(), list: None, keep: false }
    }

    /// Publishes the list under a number that nobody has, which becomes the archive's.
    pub(super) fn claim(
        &mut self,
        state: &State,
        table: &str,
        staging: &Dir,
        archive: &mut Archive,
    ) -> Result<()> {
        let rel = layout::archive_dir(table);
        let dir = self.root.make_dir(&rel)?;
        self.root.sync_parents(&rel)?;
        let committed = state.producers.last_seq(&archive_producer(table)).unwrap_or(0);
        let listed = seqs(&self.root, table)?.last().copied().unwrap_or(0);
        archive.seq = committed.max(listed) + 1;
        loop {
            let name = layout::archive_name(archive.seq);
            self.list = Some((dir.clone(), name.clone()));
            match publish_new(staging, &name, &dir, &name, &archive.to_bytes())? {
                Link::Done => return Ok(()),
                Link::Exists => {
                    self.list = None;
                    archive.seq += 1;
                }
            }
        }
    }

    /// Gives the staged files their names for good, durably.
    pub(super) fn place(
        &mut self,
        files: &Files,
        wide: bool,
        staging: &Dir,
        def: &TableDef,
        archive: &Archive,
    ) -> Result<()> {
        let mut dirs = BTreeSet::new();
        for (part, file) in &archive.files {
            let path = Archive::path(def, part, file);
            let (rel, name) = path.rsplit_once('/').unwrap_or(("", &path));
            let (dir, _) = self.root.make_dir_unsynced(rel)?;
            let staged = files.staged_path(file);
            let tmp = staged.rsplit_once('/').map_or(staged.as_str(), |(_, tmp)| tmp);
            self.placed.push((dir.clone(), name.to_owned()));
            staging.rename(tmp, &dir, name)?;
            dirs.extend(path.match_indices('/').map(|(end, _)| path[..end].to_owned()));
        }
        if wide {
            return Ok(self.root.sync_fs()?);
        }
        self.root.top()?.sync()?;
        dirs.iter().try_for_each(|rel| self.root.dir(rel)?.sync())?;
        Ok(())
    }

    /// They are committed, or may be.
    pub(super) fn keep(mut self) {
        self.keep = true;
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        let gone = |(dir, name): &(Dir, String)| dir.unlink(name).is_ok();
        // What cannot be removed now stays on its list, for the vacuum.
        if self.placed.iter().all(gone)
            && let Some(list) = &self.list
        {
            let _ = gone(list);
        }
    }
}
