//! An opened lake: the newest state this process has seen, and how it learns of
//! newer ones.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lake_core::edit::{ProducerSeq, Receipt};
use lake_core::entry::Entry;
use lake_core::id::Version;
use lake_core::producers::Found;
use lake_core::state::State;
use lake_store::{Root, fault};

use crate::checkpoint::Checkpointed;
use crate::commit::PATIENCE;
use crate::error::{LogError, Result};
use crate::files::{Files, Slot};
use crate::replay::{self, End, Loaded};
use crate::session::Session;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

/// What a power cut left beyond the end of the log, if anything: nobody was told
/// that it is committed, and the next writer moves it aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leftovers(pub Option<Version>);

/// One opened lake. Not shared between threads: opening another is cheap.
pub struct Lake {
    pub(crate) files: Files,
    pub(crate) state: Arc<State>,
    pub(crate) leftover: Option<Version>,
    /// After an error the state may be half changed; it is read anew.
    tainted: bool,
    pub(crate) session: Option<Session>,
    pub(crate) checkpointed: Checkpointed,
    pub(crate) patience: Duration,
}

impl Lake {
    pub fn open(path: &Path, access: Access) -> Result<Lake> {
        let mut files = Files::open(path, access == Access::Write)?;
        let Loaded { state, end, checkpointed } = replay::load(&mut files)?;
        let (session, leftover, tainted) = (None, None, false);
        let patience = PATIENCE;
        let mut lake = Lake { files, state, leftover, tainted, session, checkpointed, patience };
        lake.note(end);
        lake.help(0)?;
        Ok(lake)
    }

    pub fn root(&self) -> &Root {
        &self.files.root
    }

    pub fn id(&self) -> &str {
        &self.files.lake.id
    }

    /// How long a commit may wait for its turn, and a drain for the lock; None: as long
    /// as at first.
    pub fn set_patience(&mut self, patience: Option<Duration>) {
        self.patience = patience.unwrap_or(PATIENCE);
    }

    /// The newest state seen so far.
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    pub fn leftovers(&self) -> Leftovers {
        Leftovers(self.leftover)
    }

    /// Reads what others committed since.
    pub fn refresh(&mut self) -> Result<&Arc<State>> {
        let before = self.state.version;
        if self.tainted {
            self.reload()?;
        }
        let mut end = self.follow()?;
        if self.state.version == before && self.is_behind()? {
            // Somebody committed since we looked, or we slept while the entries in
            // between were truncated away: then a checkpoint knows what they said.
            end = self.follow()?;
            if self.state.version == before {
                self.reload()?;
                return self.helped(before);
            }
        }
        self.note(end);
        self.helped(before)
    }

    /// Whether there is more than the entries say. HEAD may be lost or lag behind a
    /// truncation; the slots never do.
    fn is_behind(&self) -> Result<bool> {
        let known = self.state.version;
        let truncated = self.files.slots()?.boundary > known && !fault::mutant("boundary");
        Ok(truncated || self.files.head()? > known)
    }

    fn helped(&mut self, before: Version) -> Result<&Arc<State>> {
        self.help(before)?;
        Ok(&self.state)
    }

    fn follow(&mut self) -> Result<End> {
        let followed = replay::follow(&mut self.files, &mut self.state, Version::MAX);
        followed.inspect_err(|_| self.tainted = true)
    }

    fn reload(&mut self) -> Result<()> {
        self.tainted = true;
        let Loaded { state, end, checkpointed } = replay::load(&mut self.files)?;
        self.checkpointed = checkpointed;
        if state.version >= self.state.version {
            self.state = state;
        }
        self.tainted = false;
        self.note(end);
        Ok(())
    }

    fn note(&mut self, end: End) {
        self.leftover = match end {
            End::Clean => None,
            End::Leftover(version) => Some(version),
        };
    }

    /// Help, then use (R1): a version beyond HEAD may not be durable yet, as its
    /// writer may have died before it could sync the log's directory.
    fn help(&mut self, before: Version) -> Result<()> {
        let newest = self.state.version;
        if newest == before || self.files.head()? >= newest {
            return Ok(());
        }
        for version in [newest.saturating_sub(1), newest] {
            if let Some(dir) = self.files.epoch_of(version)? {
                dir.sync()?;
            }
        }
        Ok(())
    }

    /// An entry of the log; None beyond its end and below what is kept.
    pub fn entry(&mut self, version: Version) -> Result<Option<Entry>> {
        if version == 0 || version > self.state.version {
            return Ok(None);
        }
        match self.files.read_entry(version)? {
            Slot::Whole(entry, _) => Ok(Some(*entry)),
            Slot::Missing => Ok(None),
            Slot::Broken(source) => Err(LogError::Entry { version, source }),
        }
    }

    /// The oldest state that the log tells, and from which it goes on entry by entry.
    pub fn oldest(&mut self) -> Result<Arc<State>> {
        let boundary = self.files.slots()?.boundary;
        replay::state_at(&mut self.files, boundary)
    }

    /// The first state after a version that a checkpoint tells.
    pub fn checkpointed_after(&mut self, version: Version) -> Result<Option<Arc<State>>> {
        let later = replay::checkpoints(&self.files)?.into_iter().rev().filter(|v| *v > version);
        for at in later.collect::<Vec<_>>() {
            let state = replay::base(&self.files, at)?;
            if state.version == at {
                return Ok(Some(Arc::new(state)));
            }
        }
        Ok(None)
    }

    /// The commit that a producer's seq has made already, with its receipts.
    pub fn find_duplicate(
        &mut self,
        key: &ProducerSeq,
    ) -> Result<Option<(Version, Arc<[Receipt]>)>> {
        let range = match self.state.producers.find(key) {
            None => return Ok(None),
            Some(Found::Whole { version, receipts }) => return Ok(Some((version, receipts))),
            Some(Found::Between(range)) => range,
        };
        for version in range.clone() {
            let Some(entry) = self.entry(version)? else { continue };
            let ours = |t: &&lake_core::edit::Transaction| t.producer.as_ref() == Some(key);
            if let Some(txn) = entry.transactions.iter().find(ours) {
                return Ok(Some((version, txn.receipts.clone().into())));
            }
        }
        // The log no longer reaches back so far: that it was committed is all
        // that is left to say.
        Ok(Some((*range.end(), Arc::from([]))))
    }
}
