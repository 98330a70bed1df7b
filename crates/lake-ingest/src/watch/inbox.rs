//! The watched directory: its lock, its state and the moves of its files.
//!
//! `.lake-watch/lock` is held while it is watched; `.lake-watch/owner` says for
//! which lake, table and producer files are claimed, and changes only while none is.

use std::fmt;
use std::path::{Path, PathBuf};

use lake_store::{Dir, Guard, Kind, LockFile, Root, Stat, StoreError, random};

use super::error::WatchError;
use super::names;
use super::ripe::Seen;
use crate::error::{IngestError, Result};

const STATE: &str = ".lake-watch";
const CLAIMED: &str = ".lake-watch/claimed";
const DONE: &str = "done";
const FAILED: &str = "failed";
const LOCK: &str = "lock";
const OWNER: &str = "owner";
const FRESH: &str = "new";

/// Under whose name files are claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub(crate) lake: String,
    pub(crate) table: String,
    pub(crate) producer: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Owner { lake, table, producer } = self;
        write!(f, "table {table} of lake {lake} by producer {producer}")
    }
}

/// A file that is ours until it is settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) seq: u64,
    /// As it was delivered.
    pub(crate) name: String,
    /// As it was when it was taken for complete.
    pub(crate) stat: Stat,
}

impl Claim {
    fn file(&self) -> String {
        names::claimed(self.seq, &self.name)
    }
}

pub(crate) struct Listing {
    pub(crate) files: Vec<Seen>,
    /// Too long, or not UTF-8.
    pub(crate) bad_names: Vec<String>,
}

pub(crate) struct Inbox {
    /// As the caller calls it.
    path: PathBuf,
    root: Root,
    top: Dir,
    state: Dir,
    claimed: Dir,
    lock: Guard,
}

impl Inbox {
    /// Makes what is missing in it and takes its lock.
    pub(crate) fn open(path: &Path, lake: &Path) -> Result<Inbox> {
        let own = || path.to_owned();
        let root = Root::open(path).map_err(|e| match std::io::Error::from(e) {
            e if e.kind() == std::io::ErrorKind::NotADirectory => {
                WatchError::NoDirectory(own()).into()
            }
            source => IngestError::Open { path: own(), source },
        })?;
        if root.path().starts_with(lake) {
            return Err(WatchError::InLake(own()).into());
        }
        let disk = |source| WatchError::Disk { dir: own(), source };
        let state = root.make_dir(STATE).map_err(disk)?;
        LockFile::create(&state, LOCK).map_err(disk)?;
        let lock = LockFile::new(&state, LOCK).and_then(|lock| lock.try_exclusive(0));
        let Some(lock) = lock.map_err(disk)? else {
            return Err(WatchError::Watched(own()).into());
        };
        let claimed = root.make_dir(CLAIMED).map_err(disk)?;
        root.make_dir(DONE).and_then(|_| root.make_dir(FAILED)).map_err(disk)?;
        let top = root.top().map_err(disk)?;
        Ok(Inbox { path: own(), root, top, state, claimed, lock })
    }

    /// Absolute.
    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }

    fn disk(&self, source: StoreError) -> IngestError {
        WatchError::Disk { dir: self.path.clone(), source }.into()
    }

    /// Whether it is still ours.
    pub(crate) fn check(&self) -> Result<()> {
        self.lock.check().map_err(|e| self.disk(e))
    }

    /// Says from now on who claims files. Refused while there are some of another.
    pub(crate) fn belong_to(
        &self,
        lake: &str,
        table: &str,
        producer: Option<&str>,
    ) -> Result<Owner> {
        let before = self.owner()?;
        let producer = match (producer, &before) {
            (Some(producer), _) => producer.to_owned(),
            (None, Some(before)) => before.producer.clone(),
            (None, None) => format!("watch-{:016x}", random::session()?),
        };
        let owner = Owner { lake: lake.to_owned(), table: table.to_owned(), producer };
        if before.as_ref() == Some(&owner) {
            return Ok(owner);
        }
        match (self.claimed()?.len(), before) {
            (0, _) => {}
            (files, Some(owner)) => {
                return Err(WatchError::Left { dir: self.path.clone(), files, owner }.into());
            }
            (_, None) => return Err(self.strange(CLAIMED, "files without an owner")),
        }
        let text = format!("{}\n{}\n{}\n", owner.lake, owner.table, owner.producer);
        self.put(&self.state, OWNER, &text).map_err(|e| self.disk(e))?;
        Ok(owner)
    }

    fn owner(&self) -> Result<Option<Owner>> {
        let bytes = self.state.read_opt(OWNER).map_err(|e| self.disk(e))?;
        let Some(bytes) = bytes else { return Ok(None) };
        let text = String::from_utf8_lossy(&bytes);
        match text.lines().map(str::to_owned).collect::<Vec<_>>().as_slice() {
            [lake, table, producer] => Ok(Some(Owner {
                lake: lake.clone(),
                table: table.clone(),
                producer: producer.clone(),
            })),
            _ => Err(self.strange(&format!("{STATE}/{OWNER}"), "not what watch wrote")),
        }
    }

    fn strange(&self, name: &str, what: &'static str) -> IngestError {
        WatchError::State { path: self.path.join(name), what }.into()
    }

    /// Files that may be input.
    pub(crate) fn list(&self) -> Result<Listing> {
        let mut listing = Listing { files: Vec::new(), bad_names: Vec::new() };
        for entry in self.top.list().map_err(|e| self.disk(e))? {
            if entry.is_dir || names::is_ignored(&entry.name) {
                continue;
            }
            if entry.lossy || entry.name.len() > names::LONGEST {
                listing.bad_names.push(entry.name);
                continue;
            }
            let stat = self.top.stat(&entry.name).map_err(|e| self.disk(e))?;
            if let Some(stat) = stat.filter(|stat| stat.is_file) {
                listing.files.push(Seen { name: entry.name, stat });
            }
        }
        Ok(listing)
    }

    /// Claims a file under a number, durably. None: it is no longer what was seen.
    pub(crate) fn claim(&self, file: &Seen, seq: u64) -> Result<Option<Claim>> {
        let claim = Claim { seq, name: file.name.clone(), stat: file.stat };
        if self.top.stat(&file.name).map_err(|e| self.disk(e))? != Some(file.stat) {
            return Ok(None);
        }
        match self.top.rename(&file.name, &self.claimed, &claim.file()) {
            Ok(()) => self.sync_claims().map(|()| Some(claim)),
            Err(e) if e.kind == Kind::NotFound => Ok(None),
            Err(e) => Err(self.disk(e)),
        }
    }

    /// Or a power cut could give a file that is in the lake back to the directory.
    pub(crate) fn sync_claims(&self) -> Result<()> {
        self.claimed.sync().and_then(|()| self.top.sync()).map_err(|e| self.disk(e))
    }

    /// What is claimed, by number.
    pub(crate) fn claimed(&self) -> Result<Vec<Claim>> {
        let mut claims = Vec::new();
        for entry in self.claimed.list().map_err(|e| self.disk(e))? {
            match names::parse_claimed(&entry.name) {
                Some((seq, name)) if !entry.lossy && !entry.is_dir => {
                    let stat = self.claimed.stat(&entry.name).map_err(|e| self.disk(e))?;
                    claims.extend(stat.map(|stat| Claim { seq, name: name.to_owned(), stat }));
                }
                _ => {
                    let path = format!("{CLAIMED}/{}", entry.name);
                    return Err(self.strange(&path, "no file that watch has claimed"));
                }
            }
        }
        claims.sort_by_key(|claim| claim.seq);
        match claims.windows(2).find(|pair| pair[0].seq == pair[1].seq) {
            Some(pair) => {
                let path = format!("{CLAIMED}/{}", pair[1].file());
                Err(self.strange(&path, "another claimed file has its number"))
            }
            None => Ok(claims),
        }
    }

    pub(crate) fn stat(&self, claim: &Claim) -> Result<Option<Stat>> {
        self.claimed.stat(&claim.file()).map_err(|e| self.disk(e))
    }

    /// Gives a claimed file another number.
    pub(crate) fn renumber(&self, claim: &Claim, seq: u64) -> Result<Claim> {
        let to = Claim { seq, ..claim.clone() };
        let moved = self.claimed.rename(&claim.file(), &self.claimed, &to.file());
        moved.map_err(|e| self.disk(e))?;
        self.sync_claims().map(|()| to)
    }

    /// Where a claimed file lies, and as what people know it.
    pub(crate) fn paths(&self, claim: &Claim) -> (PathBuf, PathBuf) {
        (self.root.path().join(CLAIMED).join(claim.file()), self.path.join(&claim.name))
    }

    /// Not synced: a power cut puts it back among the claimed, where the lake knows it.
    pub(crate) fn done(&self, claim: &Claim) -> Result<Option<String>> {
        self.put_away(claim, DONE, |_, _| Ok(())).map_err(|e| self.disk(e))
    }

    /// Moves it away with the reason beside it, which is there first.
    pub(crate) fn failed(&self, claim: &Claim, reason: &str) -> Result<Option<String>> {
        // One that is there without its file is that of a try which did not get on.
        let write =
            |dir: &Dir, name: &str| self.put(dir, &format!("{name}{}", names::REASON), reason);
        self.put_away(claim, FAILED, write).map_err(|e| self.disk(e))
    }

    /// Under a name that nothing has there. Its path from the top; None: somebody took
    /// the file away.
    fn put_away(
        &self,
        claim: &Claim,
        to: &str,
        before: impl Fn(&Dir, &str) -> std::result::Result<(), StoreError>,
    ) -> std::result::Result<Option<String>, StoreError> {
        // People clear it away, too.
        let dir = self.root.make_dir(to)?;
        loop {
            let name = names::first_free(&claim.name, |name| dir.exists(name))?;
            before(&dir, &name)?;
            match self.claimed.rename(&claim.file(), &dir, &name) {
                Ok(()) => return Ok(Some(format!("{to}/{name}"))),
                Err(e) if e.kind == Kind::AlreadyExists => {}
                Err(e) if e.kind == Kind::NotFound && !self.claimed.exists(&claim.file())? => {
                    return Ok(None);
                }
                Err(e) => return Err(e),
            }
        }
    }

    /// The whole text under a name, or what was there before.
    fn put(&self, dir: &Dir, name: &str, text: &str) -> std::result::Result<(), StoreError> {
        // A leftover of a process that died.
        self.state.unlink(FRESH)?;
        let mut file = self.state.create(FRESH)?;
        file.write_all_at_once(text.as_bytes())?;
        file.sync()?;
        file.close()?;
        self.state.replace(FRESH, dir, name)?;
        dir.sync()
    }
}
