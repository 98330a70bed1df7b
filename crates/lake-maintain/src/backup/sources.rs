//! The files that a version is made of.

use lake_core::archive::{Standing, standing};
use lake_core::frame::hash;
use lake_core::id::Version;
use lake_core::layout;
use lake_log::{At, Lake};

use crate::archive::{Listed, all, gone};
use crate::error::Result;

/// A file, and what must be in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) path: String,
    /// None: as long as it is.
    pub(super) bytes: Option<u64>,
    /// None: nobody noted it.
    pub(super) hash: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sources {
    pub(super) files: Vec<Source>,
    pub(super) archives_missing: u64,
}

impl Sources {
    /// None: of what was archived at that version, some was brought back since, so that
    /// its rows are in no file of that version any more.
    pub(super) fn of(lake: &mut Lake, version: Version) -> Result<Option<Sources>> {
        let snapshot = lake.snapshot(At::Version(version))?;
        let state = snapshot.state();
        let mut sources = Sources::default();
        for table in state.tables() {
            for (part, segment) in table.segments() {
                sources.files.push(Source {
                    path: table.path(part, segment),
                    bytes: Some(segment.bytes),
                    hash: Some(segment.hash),
                });
            }
        }
        let mut listed = all(lake.root(), state)?;
        listed.retain(|l| l.standing == Standing::Archived);
        let newest = lake.refresh()?.clone();
        for (table, seq) in gone(state, &listed) {
            if standing(&newest, &table, seq) == Standing::Restored {
                return Ok(None);
            }
            sources.archives_missing += 1;
        }
        listed.iter().for_each(|l| sources.add_archive(l));
        sources.add_rejects(lake)?;
        Ok(Some(sources))
    }

    /// The list after its files.
    fn add_archive(&mut self, listed: &Listed) {
        let Listed { archive, .. } = listed;
        let mut paths = listed.paths();
        let list = paths.pop();
        for (path, (_, file)) in paths.into_iter().zip(&archive.files) {
            self.files.push(Source { path, bytes: Some(file.bytes), hash: Some(file.hash) });
        }
        let bytes = archive.to_bytes();
        self.files.extend(list.map(|path| Source {
            path,
            bytes: Some(bytes.len() as u64),
            hash: Some(hash(&bytes)),
        }));
    }

    fn add_rejects(&mut self, lake: &Lake) -> Result<()> {
        for entry in lake.root().dir(layout::QUARANTINE)?.list()? {
            if !entry.is_dir && !entry.lossy && !layout::is_log_leftover(&entry.name) {
                let path = format!("{}/{}", layout::QUARANTINE, entry.name);
                self.files.push(Source { path, bytes: None, hash: None });
            }
        }
        Ok(())
    }

    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().filter_map(|file| file.bytes).sum()
    }
}
