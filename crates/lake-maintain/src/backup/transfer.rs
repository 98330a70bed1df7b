//! Files on their way from one directory to another, each whole or not at all.

use std::io::Read;

use lake_core::layout;
use lake_segment::{SegmentError, hash};
use lake_store::{Dir, Kind, Link, Root, random};

use super::Copied;
use super::sources::{Source, Sources};
use crate::compact::Watch;
use crate::error::{MaintainError, Result};

const BLOCK: usize = 1 << 20;
const PREFIX: &str = "copy-";

pub(super) struct Transfer<'a> {
    from: &'a Root,
    to: &'a Root,
    /// Where nobody looks.
    staging: Dir,
    links: bool,
    watch: &'a dyn Watch,
    pub(super) done: Copied,
}

impl<'a> Transfer<'a> {
    pub(super) fn new(
        from: &'a Root,
        to: &'a Root,
        links: bool,
        watch: &'a dyn Watch,
    ) -> Result<Transfer<'a>> {
        let staging = to.dir(layout::STAGING)?;
        for entry in staging.list()? {
            if entry.name.starts_with(PREFIX) && !entry.is_dir {
                staging.unlink(&entry.name)?;
            }
        }
        Ok(Transfer { from, to, staging, links, watch, done: Copied::default() })
    }

    pub(super) fn all(&mut self, sources: &Sources) -> Result<()> {
        sources.files.iter().try_for_each(|source| self.one(source))?;
        self.settings()
    }

    fn one(&mut self, source: &Source) -> Result<()> {
        let bytes = match source.bytes {
            Some(bytes) => bytes,
            // Rejected rows that were dropped or retried meanwhile.
            None => match self.from.stat(&source.path)?.filter(|stat| stat.is_file) {
                Some(stat) => stat.len,
                None => return Ok(()),
            },
        };
        self.done.files += 1;
        self.done.bytes += bytes;
        if self.is_there(source, bytes)? {
            self.done.files_kept += 1;
        } else {
            self.bring(source, bytes)?;
        }
        match self.watch.merged(bytes) {
            true => Ok(()),
            false => Err(MaintainError::Stopped),
        }
    }

    fn is_there(&self, source: &Source, bytes: u64) -> Result<bool> {
        let stat = self.to.stat(&source.path)?;
        if stat.is_none_or(|stat| !stat.is_file || stat.len != bytes) {
            return Ok(false);
        }
        let Some(wanted) = source.hash else { return Ok(true) };
        let mut file = self.to.open_read(&source.path)?;
        Ok(hash(&mut file).is_ok_and(|found| found == wanted))
    }

    fn bring(&mut self, source: &Source, bytes: u64) -> Result<()> {
        let (rel, name) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
        let tmp = format!("{PREFIX}{:016x}", random::session()?);
        let linked = self.links && self.link(rel, name, &tmp)?;
        if !linked {
            self.copy(&source.path, &tmp)?;
        }
        if let Err(error) = self.verify(source, bytes, &tmp) {
            self.staging.unlink(&tmp)?;
            return Err(error);
        }
        let (dir, _) = self.to.make_dir_unsynced(rel)?;
        self.staging.replace(&tmp, &dir, name)?;
        match linked {
            true => self.done.files_linked += 1,
            false => {
                self.done.files_copied += 1;
                self.done.bytes_copied += bytes;
            }
        }
        Ok(())
    }

    /// False where there is no second name to be had: another file system, or one that
    /// knows none.
    fn link(&self, rel: &str, name: &str, tmp: &str) -> Result<bool> {
        match self.from.dir(rel)?.link(name, &self.staging, tmp) {
            Ok(link) => Ok(link == Link::Done),
            Err(error) if error.kind == Kind::NotFound => Err(error.into()),
            Err(_) => Ok(false),
        }
    }

    /// Synced with all the others.
    fn copy(&self, path: &str, tmp: &str) -> Result<()> {
        let mut source = self.from.open_read(path)?;
        let mut file = self.staging.create(tmp)?;
        let mut block = vec![0; BLOCK];
        loop {
            let read = source.read(&mut block).map_err(|e| damaged(path, e.to_string()))?;
            match block.get(..read) {
                None | Some([]) => return Ok(file.close()?),
                Some(part) => file.write_all_at_once(part)?,
            }
        }
    }

    fn verify(&self, source: &Source, bytes: u64, tmp: &str) -> Result<()> {
        let path = source.path.as_str();
        let len = self.staging.stat(tmp)?.map_or(0, |stat| stat.len);
        if len != bytes {
            return Err(damaged(path, format!("it should have {bytes} bytes but has {len}")));
        }
        let Some(wanted) = source.hash else { return Ok(()) };
        let mut file = self.staging.open_read(tmp)?;
        match hash(&mut file).map_err(|e| damaged(path, e.to_string()))? == wanted {
            true => Ok(()),
            false => Err(damaged(path, "its bytes do not match their hash".into())),
        }
    }

    /// lake.toml, which people change.
    fn settings(&self) -> Result<()> {
        let Some(text) = self.from.read_opt(layout::SETTINGS)? else { return Ok(()) };
        if self.to.read_opt(layout::SETTINGS)?.as_ref() == Some(&text) {
            return Ok(());
        }
        let tmp = format!("{PREFIX}{:016x}", random::session()?);
        let mut file = self.staging.create(&tmp)?;
        file.write_all_at_once(&text)?;
        file.close()?;
        Ok(self.staging.replace(&tmp, &self.to.top()?, layout::SETTINGS)?)
    }
}

fn damaged(path: &str, why: String) -> MaintainError {
    SegmentError::Damaged { path: path.to_owned(), why }.into()
}
