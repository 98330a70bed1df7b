//! One door for change: a transaction becomes part of one entry of the log, or
//! is told why not.

use std::sync::Arc;
use std::time::Duration;

use lake_core::edit::{Expect, Receipt, Transaction};
use lake_core::entry::{Entry, ready_to_bytes};
use lake_core::id::{TxnId, Version};
use lake_core::layout;
use lake_core::state::Conflict;
use lake_store::{Deadline, Dir, Guard, Kind, Link, clock, fault, random};

use crate::error::{LogError, Result};
use crate::lake::Lake;

/// How long to wait for the commit lock before going on without it.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// How long to try in all, unless a lake is told otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_micros(800);
/// What a session leaves in its staging directory for the spool.
pub(crate) const READY: &str = "ready";

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    Committed {
        version: Version,
        receipts: Arc<[Receipt]>,
    },
    /// Its producer and seq were committed before: the receipts are those.
    Duplicate {
        version: Version,
        receipts: Arc<[Receipt]>,
    },
    /// What it was based on is gone; nothing was done.
    Conflict(Conflict),
}

/// How the wait for the commit lock ended.
enum Turn {
    /// It is ours to publish, with the lock or, when that took too long, without.
    Lead(Option<Guard>),
    /// Whoever held the lock has committed it along with its own.
    Carried(Version),
}

/// What became of an attempt to publish one version.
enum Attempt {
    Published,
    /// Another won this version.
    Taken,
    /// The log has moved on and let this version go.
    TooLate(Conflict),
}

impl Lake {
    /// W4-W9. On an error nothing was done, unless its kind is `Unknown`.
    pub fn commit(&mut self, txn: Transaction) -> Result<Outcome> {
        self.commit_beside(txn, Vec::new())
    }

    /// The same with keys of producers that are committed in the same entry, each by a
    /// transaction that does nothing else, unless they are in the log by then.
    pub fn commit_beside(&mut self, txn: Transaction, keys: Vec<Transaction>) -> Result<Outcome> {
        let (txn, keys) = (Arc::new(txn), keys.into_iter().map(Arc::new).collect::<Vec<_>>());
        let alone = keys.is_empty();
        let mut spooled = false;
        let outcome = match self.wait_turn(&txn, alone, &mut spooled) {
            Ok(Turn::Carried(version)) => Ok(committed(version, &txn)),
            Ok(Turn::Lead(guard)) => self.lead(&txn, &keys, guard),
            Err(error) => Err(error),
        };
        let outcome = match outcome {
            Err(LogError::Busy) if alone && can_wait(&txn) => self.spool(&txn),
            Err(error) if spooled => self.settle(&txn, error),
            done => done,
        };
        if matches!(outcome, Ok(Outcome::Committed { .. })) {
            // The commit stands whatever becomes of this; the next one tries again.
            let _ = self.checkpoint_if_due();
        }
        outcome
    }

    /// W4: takes the commit lock, or leaves the transaction in the spool, where
    /// whoever has the lock finds it, if it is `alone`.
    fn wait_turn(
        &mut self,
        txn: &Arc<Transaction>,
        alone: bool,
        spooled: &mut bool,
    ) -> Result<Turn> {
        if let Some(guard) = self.files.commit.try_exclusive(0)? {
            return Ok(Turn::Lead(Some(guard)));
        }
        let ready = ready_name(txn);
        let is_shared = alone && txn.is_unconditional();
        if is_shared {
            *spooled = true;
            self.wait_in_spool(txn, &ready)?;
        }
        let mut lock = self.files.commit.waiter(0);
        let deadline = Deadline::after(LOCK_WAIT.min(self.patience));
        let mut pause = FIRST_PAUSE;
        while !deadline.passed() {
            clock::pause(pause / 2 + random::jitter(pause / 2));
            pause = (pause * 2).min(LONGEST_PAUSE);
            if is_shared && !self.files.spool.exists(&ready)? {
                self.refresh()?;
                if let Some(version) = self.find_own(txn)? {
                    return Ok(Turn::Carried(version));
                }
            }
            if let Some(guard) = lock.try_now()? {
                return Ok(Turn::Lead(Some(guard)));
            }
        }
        Ok(Turn::Lead(None))
    }

    /// One file a session, linked into the spool for each transaction and written
    /// over for the next: a file made and removed each time would leave the file
    /// system a trail of dead inodes to search past.
    fn wait_in_spool(&mut self, txn: &Transaction, ready: &str) -> Result<()> {
        let staging = self.staging_or_begin()?;
        let bytes = ready_to_bytes(txn);
        if staging.exists(READY)? {
            lake_store::rewrite(&staging, READY, &bytes)?;
        } else {
            staging.create(READY)?.write_all_at_once(&bytes)?;
        }
        match staging.link(READY, &self.files.spool, ready)? {
            Link::Done | Link::Exists => Ok(()),
        }
    }

    fn staging_or_begin(&mut self) -> Result<Dir> {
        loop {
            match self.staging() {
                Some(staging) => return Ok(staging.clone()),
                None => drop(self.begin()?),
            }
        }
    }

    /// W5-W9, until a version is won or there is nothing to win.
    fn lead(
        &mut self,
        txn: &Arc<Transaction>,
        keys: &[Arc<Transaction>],
        guard: Option<Guard>,
    ) -> Result<Outcome> {
        let deadline = Deadline::after(self.patience);
        loop {
            self.refresh()?;
            if let Some(outcome) = self.refuse_or_find(txn)? {
                // What is settled stays so: a file left there changes nothing.
                let _ = self.files.spool.unlink(&ready_name(txn));
                return Ok(outcome);
            }
            if self.leftover.is_some() {
                match guard {
                    Some(_) => self.move_leftover_aside()?,
                    None => return Err(LogError::Busy),
                }
                continue;
            }
            let is_new = |key: &&Arc<Transaction>| {
                key.producer.as_ref().is_some_and(|p| !self.state.producers.contains(p))
            };
            let keys = keys.iter().filter(is_new);
            let mut batch: Vec<_> = [txn].into_iter().chain(keys).cloned().collect();
            if guard.is_some() {
                self.fold_others(&mut batch)?;
            }
            let version = self.state.version + 1;
            match self.publish(&batch)? {
                Attempt::Published => {
                    for done in &batch {
                        // Gone already when its owner found itself committed.
                        let _ = self.files.spool.unlink(&ready_name(done));
                    }
                    return Ok(committed(version, txn));
                }
                Attempt::TooLate(conflict) => return Ok(Outcome::Conflict(conflict)),
                Attempt::Taken if deadline.passed() => return Err(LogError::Busy),
                Attempt::Taken => clock::pause(random::jitter(LONGEST_PAUSE)),
            }
        }
    }

    /// W5: what the log already says about a transaction, if that settles it.
    pub(crate) fn refuse_or_find(&mut self, txn: &Transaction) -> Result<Option<Outcome>> {
        if let Some(version) = self.find_own(txn)? {
            return Ok(Some(committed(version, txn)));
        }
        if let Some(key) = &txn.producer
            && let Some((version, receipts)) = self.find_duplicate(key)?
        {
            return Ok(Some(Outcome::Duplicate { version, receipts }));
        }
        let boundary = self.slots()?.boundary;
        if txn.id.start < boundary && !fault::mutant("boundary") {
            let start = txn.id.start;
            return Ok(Some(Outcome::Conflict(Conflict::TooOld { start, boundary })));
        }
        Ok(match self.state.check(txn) {
            Err(Conflict::Fenced) if fault::mutant("fence") => None,
            Err(_) if fault::mutant("revalidate") => None,
            checked => checked.err().map(Outcome::Conflict),
        })
    }

    /// The version that holds a transaction, if one does. Whoever retries without
    /// this look adds its segments twice.
    pub(crate) fn find_own(&mut self, txn: &Transaction) -> Result<Option<Version>> {
        if fault::mutant("txn_lookup") {
            return Ok(None);
        }
        self.find_after(&txn.id, txn.ready_at)
    }

    fn find_after(&mut self, id: &TxnId, after: Version) -> Result<Option<Version>> {
        if let Some(answer) = self.state.committed_after(id, after) {
            return Ok(answer);
        }
        for version in after + 1..=self.state.remembers_after() {
            let found = self.entry(version)?;
            if found.is_some_and(|e| e.transactions.iter().any(|t| t.id == *id)) {
                return Ok(Some(version));
            }
        }
        Ok(None)
    }

    /// Whether a transaction is committed by now. None: it is so old that the log no
    /// longer tells; then it is, or it never will be.
    pub fn is_committed(&mut self, id: &TxnId) -> Result<Option<bool>> {
        self.refresh()?;
        let remembered = id.start >= self.state.remembers_after();
        let found = self.find_after(id, id.start)?.is_some();
        let told = found || remembered || id.start >= self.slots()?.boundary;
        Ok(told.then_some(found))
    }

    fn publish(&mut self, batch: &[Arc<Transaction>]) -> Result<Attempt> {
        let version = self.state.version + 1;
        let entry = Entry {
            version,
            previous: self.state.hash,
            at_us: clock::now_us().max(self.state.at_us),
            transactions: batch.iter().map(|t| (**t).clone()).collect(),
        };
        let (bytes, hash) = entry.seal();
        let Some(dir) = self.epoch_for(version)? else {
            return Ok(Attempt::TooLate(self.too_late(batch)?));
        };
        match self.link_entry(&dir, version, &bytes) {
            Ok(true) => {}
            Ok(false) => return Ok(Attempt::Taken),
            // Truncation has removed the directory while we slept.
            Err(LogError::Store(e))
                if e.kind == Kind::NotFound && version <= self.slots()?.boundary =>
            {
                return Ok(Attempt::TooLate(self.too_late(batch)?));
            }
            Err(error) => return Err(error),
        }
        // W7: from here on it may be seen, so a failure leaves the outcome open.
        dir.sync().map_err(|source| LogError::Unknown { version, source })?;
        let boundary = self.slots().map_err(|e| e.leaving_open(version))?.boundary;
        if version <= boundary && !fault::mutant("boundary") {
            return Ok(Attempt::TooLate(self.too_late(batch)?));
        }
        // W9: a hint; whoever finds it old looks further.
        let _ = self.files.set_head(version);
        Arc::make_mut(&mut self.state)
            .apply(&entry, hash)
            .map_err(|source| LogError::Chain { version, source })?;
        Ok(Attempt::Published)
    }

    fn too_late(&self, batch: &[Arc<Transaction>]) -> Result<Conflict> {
        let boundary = self.slots()?.boundary;
        Ok(Conflict::TooOld { start: batch.first().map_or(0, |t| t.id.start), boundary })
    }

    /// W6: the directory for a version's entry. The first of an epoch makes it,
    /// after making sure that the end of the epoch before is durable: an entry
    /// that outlives the one before it breaks the chain.
    fn epoch_for(&mut self, version: Version) -> Result<Option<Dir>> {
        if version.is_multiple_of(layout::EPOCH) {
            if let Some(before) = self.files.epoch_of(version - 1)? {
                before.sync()?;
            }
            let dir = layout::epoch_dir(layout::epoch(version));
            self.files.root.make_dir(&dir)?;
            self.files.log.sync()?;
        }
        self.files.epoch_of(version)
    }

    /// Puts the entry under its version's name; false when another is there.
    fn link_entry(&mut self, dir: &Dir, version: Version, bytes: &[u8]) -> Result<bool> {
        let name = layout::entry_name(version);
        let staging = self.staging_or_begin()?;
        let tmp = format!("{version}-{:08x}.e", random::session()? as u32);
        let mut file = staging.create(&tmp)?;
        let staged = file.write_all_at_once(bytes).and_then(|()| file.sync());
        let staged = staged.and_then(|()| file.close());
        let linked = match staged {
            Ok(()) => match staging.link(&tmp, dir, &name) {
                Ok(Link::Done) => Ok(true),
                Ok(Link::Exists) => Ok(is_ours(dir, version, bytes)?.unwrap_or(false)),
                // It may have happened all the same (NFS): the name tells.
                Err(error) => is_ours(dir, version, bytes)?.ok_or(error.into()),
            },
            Err(error) => Err(error.into()),
        };
        // A leftover here is the sweep's to find.
        let _ = staging.unlink(&tmp);
        linked
    }

    /// Leaves the transaction in the spool for good, whatever becomes of this process.
    fn spool(&mut self, txn: &Transaction) -> Result<Outcome> {
        // The schema may change before it is committed; its segments say theirs.
        let mut txn = txn.clone();
        txn.expects.clear();
        let staging = self.staging_or_begin()?;
        let ready = ready_name(&txn);
        let mut file = staging.create(&ready)?;
        file.write_all_at_once(&ready_to_bytes(&txn))?;
        file.sync()?;
        file.close()?;
        let unknown = |source| LogError::Unknown { version: txn.ready_at, source };
        staging.replace(&ready, &self.files.spool, &ready).map_err(unknown)?;
        self.files.spool.sync().map_err(unknown)?;
        Err(LogError::Spooled)
    }

    /// Commits what waits in the spool. Returns how many transactions are committed
    /// now, and how many were refused for good.
    pub fn drain(&mut self) -> Result<(u64, u64)> {
        let Some(guard) = self.files.commit.exclusive_within(0, self.patience)? else {
            return Err(LogError::Busy);
        };
        let mut drained = 0;
        loop {
            self.refresh()?;
            if self.leftover.is_some() {
                self.move_leftover_aside()?;
                continue;
            }
            let mut batch = Vec::new();
            let refused = self.fold_others(&mut batch)?;
            if batch.is_empty() {
                drop(guard);
                return Ok((drained, refused));
            }
            match self.publish(&batch)? {
                Attempt::Published => {
                    drained += batch.len() as u64;
                    for done in &batch {
                        let _ = self.files.spool.unlink(&ready_name(done));
                    }
                }
                Attempt::TooLate(_) | Attempt::Taken => {}
            }
        }
    }

    /// After an error: the transaction stands in the spool, where somebody may have
    /// picked it up. Takes it back and says what is true.
    fn settle(&mut self, txn: &Transaction, error: LogError) -> Result<Outcome> {
        if matches!(error, LogError::Unknown { .. }) {
            return Err(error);
        }
        let unknown = |source| LogError::Unknown { version: txn.ready_at, source };
        self.files.spool.unlink(&ready_name(txn)).map_err(unknown)?;
        // Or a power cut brings it back, after the answer that nothing was done.
        self.files.spool.sync().map_err(unknown)?;
        // Whoever has read it holds the lock; when we have it, he has finished.
        let found = match self.files.commit.exclusive_within(0, PATIENCE).map_err(unknown)? {
            None => return Err(LogError::Uncertain),
            Some(_guard) => self.refresh().map(drop).and_then(|()| self.find_own(txn)),
        };
        match found.map_err(|e| e.leaving_open(txn.ready_at))? {
            Some(version) => Ok(committed(version, txn)),
            None => Err(error),
        }
    }
}

/// Whether a transaction means the same however late it is committed: it looked at no
/// rows.
fn can_wait(txn: &Transaction) -> bool {
    let blind = |e: &Expect| matches!(e, Expect::Schema { .. });
    txn.is_unconditional() && txn.expects.iter().all(blind)
}

/// Whether a version's name holds these bytes; None when it is free.
fn is_ours(dir: &Dir, version: Version, bytes: &[u8]) -> Result<Option<bool>> {
    match dir.read_opt(&layout::entry_name(version)) {
        Ok(there) => Ok(there.map(|there| there == bytes)),
        Err(source) => Err(LogError::Unknown { version, source }),
    }
}

pub(crate) fn ready_name(txn: &Transaction) -> String {
    layout::ready_name(&txn.id)
}

fn committed(version: Version, txn: &Transaction) -> Outcome {
    Outcome::Committed { version, receipts: txn.receipts.clone().into() }
}
