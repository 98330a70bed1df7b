//! Files that the log never named: who made them, and whether he may still commit them.

use std::collections::{BTreeSet, HashMap};

use lake_core::id::{TxnId, Version};
use lake_core::layout;
use lake_core::state::State;
use lake_log::{Lake, Waiting};
use lake_store::{LockFile, fault};

use crate::error::{MaintainError, Result};

use super::listing::Listing;
use super::plan::File;
use super::reach::Reach;
use super::{Count, Hold, Holder};

/// What killed writers leave is little. More than this share of the live bytes and more
/// than so many bytes looks like a log that was lost.
const SHARE: f64 = 0.5;
const AT_LEAST: u64 = 64 << 20;

#[derive(Default)]
pub(crate) struct Orphans {
    dead: Vec<(TxnId, File)>,
    writing: Keeping,
    waiting: Keeping,
    /// Files that stay because the log seems to have lost its end, and where it was.
    ahead: Option<(Version, Count)>,
    /// They only have the name of a segment, as a symbolic link has.
    pub(crate) foreign: Vec<String>,
}

#[derive(Default)]
struct Keeping {
    sessions: BTreeSet<u64>,
    what: Count,
}

impl Keeping {
    fn add(&mut self, session: u64, bytes: u64) {
        self.sessions.insert(session);
        self.what.add(bytes);
    }
}

impl Orphans {
    /// V6, up to the fence: the disk was listed before; now the live bytes, then the
    /// spool, then the log. Whoever commits in between is seen by one of them.
    pub(crate) fn find(lake: &mut Lake, listing: &Listing, reach: &mut Reach) -> Result<Orphans> {
        let mut living = Living::new(lake)?;
        let (mut unknown, mut foreign) = (Vec::new(), Vec::new());
        for found in listing.segments.iter().filter(|found| reach.of(&found.path).is_none()) {
            match lake.root().stat(&found.path)? {
                Some(stat) if stat.is_file => {
                    unknown.push((found, stat.len, living.has(found.id.txn.session)?));
                }
                Some(_) => foreign.push(found.path.clone()),
                // Its owner was quicker.
                None => {}
            }
        }
        let waiting = waiting(lake)?;
        reach.follow(lake)?;
        let newest = lake.state().version;
        let mut orphans = Orphans { foreign, ..Orphans::default() };
        for (found, bytes, lives) in unknown {
            let txn = found.id.txn;
            if reach.of(&found.path).is_some() {
                continue;
            }
            if lives {
                orphans.writing.add(txn.session, bytes);
            } else if waiting.contains(&txn.session) {
                orphans.waiting.add(txn.session, bytes);
            } else {
                orphans.dead.push((txn, File { path: found.path.clone(), bytes }));
            }
        }
        orphans.keep_if_the_log_is_short(newest);
        Ok(orphans)
    }

    /// A file cannot have begun at a version that is not there yet, unless the log has
    /// lost some: then who knows what else it has lost.
    fn keep_if_the_log_is_short(&mut self, newest: Version) {
        let Some(start) = self.dead.iter().map(|(txn, _)| txn.start).max() else { return };
        if start <= newest {
            return;
        }
        let mut what = Count::default();
        self.dead.drain(..).for_each(|(_, file)| what.add(file.bytes));
        self.ahead = Some((start, what));
    }

    pub(crate) fn refuse_too_many(&self, max_share: Option<f64>, live: u64) -> Result<()> {
        let files = self.dead.len() as u64;
        let bytes: u64 = self.dead().map(|file| file.bytes).sum();
        let share = max_share.unwrap_or(SHARE);
        let is_little = max_share.is_none() && bytes <= AT_LEAST;
        match is_little || bytes as f64 <= share * live as f64 {
            true => Ok(()),
            false => Err(MaintainError::TooMuch { files, bytes, live }),
        }
    }

    pub(crate) fn dead(&self) -> impl Iterator<Item = &File> {
        self.dead.iter().map(|(_, file)| file)
    }

    /// Those who are to be declared dead, and are not yet.
    pub(crate) fn sessions(&self, state: &State) -> BTreeSet<u64> {
        let all = self.dead.iter().map(|(txn, _)| txn.session);
        all.filter(|session| !state.is_fenced(*session)).collect()
    }

    pub(crate) fn forget_known(&mut self, reach: &Reach) {
        self.dead.retain(|(_, file)| reach.of(&file.path).is_none());
    }

    pub(crate) fn held(&self) -> impl Iterator<Item = Hold> {
        let writers = (&self.writing, Holder::Writers as fn(u64) -> Holder);
        let both = [writers, (&self.waiting, Holder::Spool)];
        let living = both.into_iter().filter(|(kept, _)| kept.what.files > 0);
        let living =
            living.map(|(kept, by)| Hold { by: by(kept.sessions.len() as u64), what: kept.what });
        let ahead = self.ahead.map(|(start, what)| Hold { by: Holder::Log(start), what });
        living.chain(ahead)
    }
}

/// Which sessions live. One asked for is not asked for again: between listing its files
/// and the fence it may only die.
pub(crate) struct Living {
    live: LockFile,
    known: HashMap<u64, bool>,
}

impl Living {
    pub(crate) fn new(lake: &Lake) -> Result<Living> {
        let live = LockFile::new(&lake.root().dir(layout::LOCKS)?, layout::LOCK_LIVE)?;
        Ok(Living { live, known: HashMap::new() })
    }

    pub(crate) fn has(&mut self, session: u64) -> Result<bool> {
        if fault::mutant("vacuum_live") {
            return Ok(false);
        }
        if let Some(known) = self.known.get(&session) {
            return Ok(*known);
        }
        let lives = self.live.is_locked(session)?;
        self.known.insert(session, lives);
        Ok(lives)
    }
}

/// Sessions with a transaction that the next writer commits: to declare them dead would
/// refuse it.
fn waiting(lake: &mut Lake) -> Result<BTreeSet<u64>> {
    if fault::mutant("vacuum_spool") {
        return Ok(BTreeSet::new());
    }
    lake.refresh()?;
    let all = lake.spooled_transactions()?.into_iter();
    let ready = all.filter(|(_, waiting)| *waiting == Waiting::Ready);
    Ok(ready.map(|(txn, _)| txn.session).collect())
}
