//! Removes the files that nobody can need any more, by way of the trash.
//!
//! The order is what makes it safe; the steps V1-V7 are those of FORMAT.md.
//!
//! 1. One at a time, by a lock that is tried and never waited for (V1).
//! 2. The floor is published by the log, and only then are the leases looked at (V3, V4).
//!    A reader does it the other way round, so one of the two sees the other.
//! 3. A file that the log once named goes when the version that took it away is at or
//!    below the floor and every lease (V5): no version that can be opened has it.
//! 4. A file that the log never named goes when its session is dead (its live byte is
//!    free) and nothing of it waits in the spool. The disk is listed before, the log is
//!    read after; a fence in the log then refuses the session for good, and the log is
//!    read once more (V6). So a writer that only seemed dead is told so, and never
//!    commits a file that is gone.
//! 5. Only regular files of our own names are touched. Directories stay: somebody may
//!    be about to move a file in.
//! 6. The log is truncated last, and not beyond what was swept (V7): not at all when it was
//!    told to end, between two files, before all was.
//! 7. A damaged entry stops it as long as a version before it may be opened: which files
//!    that one needs is not known then. Once all of these may go, it goes with them.

mod archived;
pub(crate) mod floor;
mod leftovers;
pub(crate) mod listing;
mod orphans;
pub(crate) mod plan;
pub(crate) mod reach;
pub(crate) mod trash;
mod undelete;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use lake_core::edit::{Action, Cause};
use lake_core::id::Version;
use lake_core::kind::Kind;
use lake_core::layout;
use lake_log::{Lake, Outcome};
use lake_store::{Deadline, Guard, LockFile, clock, fault};

use crate::error::{MaintainError, Result};

use self::orphans::Orphans;
use self::plan::Plan;
use self::reach::Reach;
use self::trash::Batch;

pub use self::archived::tidy_archive;
pub use self::trash::{Trashed, list};
pub use self::undelete::{Restored, undelete};

#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Versions stay that were the newest at any time within this span, and files stay
    /// as long in the trash. Zero: none but the newest.
    pub grace: Duration,
    /// Refuse when the files that no version names are more than this share of the live
    /// bytes. None: half of them, and more than 64 MiB.
    pub max_share: Option<f64>,
    /// Say what would be done.
    pub dry_run: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub files: u64,
    pub bytes: u64,
}

impl Count {
    pub(crate) fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

/// What keeps files that would go otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// They are of versions within the grace.
    Grace,
    /// Somebody reads this version, or an older one: the lowest that is leased.
    Lease(Version),
    /// A tag holds its version and all after it.
    Tag(String, Version),
    /// So many sessions live and have not committed them yet.
    Writers(u64),
    /// They wait in the spool to be committed, or their session has others that do.
    Spool(u64),
    /// Files that no version names stay, because some of them began at this version,
    /// which the log has not reached: it must have lost its end.
    Log(Version),
}

/// Files that stay, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub by: Holder,
    pub what: Count,
}

/// What a vacuum did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The newest version.
    pub version: Version,
    /// The oldest that can be opened.
    pub floor: Version,
    /// The log is kept from here on.
    pub boundary: Version,
    /// Files whose rows are in others now, or deleted: moved to the trash.
    pub superseded: Count,
    /// Files that were never committed: moved to the trash.
    pub orphans: Count,
    /// What else dead processes left in staging, spool, quarantine and archive, and what
    /// was brought back from there.
    pub leftovers: Count,
    /// Files that were in the trash for longer than the grace: gone for good.
    pub emptied: Count,
    /// What was moved lies there.
    pub trash: Option<String>,
    pub held: Vec<Hold>,
    /// Files that are not ours; nobody touches them.
    pub foreign: Vec<String>,
    /// Why not all was done. The next vacuum goes on.
    pub cut: Option<Cut>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Somebody said so.
    Stopped,
    /// The time was up.
    Late,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    Looking,
    Moving,
    Emptying,
}

/// Tells another thread what a vacuum is at, and is told when to end.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    phase: Arc<AtomicU8>,
    stop: Arc<AtomicBool>,
    deadline: Option<Deadline>,
    /// It is stopped when it has asked so often.
    #[cfg(test)]
    asks: Option<Arc<std::sync::atomic::AtomicI64>>,
}

impl Meter {
    /// It ends, between two files, when this becomes true or the time is up.
    pub fn until(stop: Arc<AtomicBool>, deadline: Deadline) -> Meter {
        Meter { stop, deadline: Some(deadline), ..Meter::default() }
    }

    /// None: it goes on.
    pub(crate) fn cut(&self) -> Option<Cut> {
        #[cfg(test)]
        if self.asks.as_ref().is_some_and(|asks| asks.fetch_sub(1, Ordering::Relaxed) <= 0) {
            return Some(Cut::Stopped);
        }
        if self.stop.load(Ordering::Relaxed) {
            return Some(Cut::Stopped);
        }
        self.deadline.filter(Deadline::passed).map(|_| Cut::Late)
    }

    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            1 => Phase::Moving,
            2 => Phase::Emptying,
            _ => Phase::Looking,
        }
    }

    fn set(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }
}

/// A dry run needs a lake opened for reading only.
pub fn run(lake: &mut Lake, options: &Options, meter: &Meter) -> Result<Report> {
    run_at(lake, options, meter, clock::now_us())
}

fn run_at(lake: &mut Lake, options: &Options, meter: &Meter, now: i64) -> Result<Report> {
    if options.dry_run {
        return look(lake, options, now);
    }
    let _alone = alone(lake)?;
    lake.refresh()?;
    let wish = floor::choose(lake, options.grace, now)?;
    let listing = listing::warehouse(lake.root())?;
    let mut reach = Reach::read(lake)?;
    let mut orphans = Orphans::find(lake, &listing, &mut reach)?;
    orphans.refuse_too_many(options.max_share, reach.live_bytes())?;
    if let Some(cut) = meter.cut() {
        return nothing(lake, cut);
    }

    let wanted = floor::worth(lake, wish.floor)?;
    reach.sees_from(wanted)?;
    let mut report = Report::default();
    // Before anything is written: the disk may be full.
    meter.set(Phase::Emptying);
    let goes = || meter.cut().is_none();
    report.emptied = trash::empty(lake.root(), now, options.grace, &goes, &mut report.foreign)?;
    let early = fault::mutant("vacuum_floor").then(|| lowest_needed(lake, wanted)).transpose()?;
    report.floor = lake.raise_floor(wanted)?;
    let floor = report.floor;
    let safe = early.map_or_else(|| lowest_needed(lake, floor), Ok)?;
    reach.sees_from(safe)?;
    reach.follow(lake)?;
    let plan = Plan::of(&listing, &reach, safe, floor, &wish);
    fence(lake, &mut orphans, &mut reach)?;

    meter.set(Phase::Moving);
    let root = lake.root().clone();
    let mut batch = Batch::new(&root, now, lake.state().version);
    // First what was never committed: without its inputs it would look to rebuild as if it
    // had been.
    for file in orphans.dead().take_while(|_| goes()) {
        batch.take(&file.path, &mut report.orphans, &mut report.foreign)?;
    }
    for file in plan.superseded.iter().take_while(|_| goes()) {
        batch.take(&file.path, &mut report.superseded, &mut report.foreign)?;
    }
    if goes() {
        report.leftovers = leftovers::sweep(lake, &mut batch, &mut report.foreign)?;
    }
    if goes() {
        archived::sweep(lake, &mut batch, &mut report.leftovers, &mut report.foreign)?;
    }
    report.trash = batch.settle()?;
    report.cut = meter.cut();
    report.boundary = match report.cut {
        Some(_) => lake.slots()?.boundary,
        None => match lake.truncate_to(safe) {
            // Somebody still needs the log from before the damage.
            Err(damage) if reach.is_blind() && damage.kind() == Kind::Damaged => {
                lake.slots()?.boundary
            }
            boundary => boundary?,
        },
    };
    report.version = lake.state().version;
    report.held = plan.held.into_iter().chain(orphans.held()).collect();
    report.foreign.extend(listing.foreign.into_iter().chain(orphans.foreign));
    Ok(report)
}

/// It ended before it began.
fn nothing(lake: &Lake, cut: Cut) -> Result<Report> {
    let (slots, state) = (lake.slots()?, lake.state());
    let (version, floor, boundary) = (state.version, state.floor, slots.boundary);
    Ok(Report { version, floor, boundary, cut: Some(cut), ..Report::default() })
}

/// The same without a change, and so without a promise: no floor is published that
/// readers heed.
fn look(lake: &mut Lake, options: &Options, now: i64) -> Result<Report> {
    lake.refresh()?;
    let wish = floor::choose(lake, options.grace, now)?;
    let listing = listing::warehouse(lake.root())?;
    let mut reach = Reach::read(lake)?;
    let orphans = Orphans::find(lake, &listing, &mut reach)?;
    orphans.refuse_too_many(options.max_share, reach.live_bytes())?;
    let floor = floor::worth(lake, wish.floor)?;
    let safe = lowest_needed(lake, floor)?;
    reach.sees_from(safe)?;
    let plan = Plan::of(&listing, &reach, safe, floor, &wish);
    let mut report = Report { version: lake.state().version, floor, ..Report::default() };
    report.boundary = lake.slots()?.boundary;
    report.emptied = trash::count(lake.root(), now, options.grace, &mut report.foreign)?;
    plan.superseded.iter().for_each(|file| report.superseded.add(file.bytes));
    orphans.dead().for_each(|file| report.orphans.add(file.bytes));
    report.leftovers = leftovers::count(lake, &mut report.foreign)?;
    archived::count(lake, &mut report.leftovers)?;
    report.held = plan.held.into_iter().chain(orphans.held()).collect();
    report.foreign.extend(listing.foreign.into_iter().chain(orphans.foreign));
    Ok(report)
}

/// V1: the lock that vacuum, undelete and repair share.
pub(crate) fn alone(lake: &Lake) -> Result<Guard> {
    let lock = LockFile::new(&lake.root().dir(layout::LOCKS)?, layout::LOCK_VACUUM)?;
    lock.try_exclusive(0)?.ok_or(MaintainError::Sweeping)
}

/// V4: the lowest version that somebody may have open.
fn lowest_needed(lake: &Lake, floor: Version) -> Result<Version> {
    if fault::mutant("vacuum_lease") {
        return Ok(floor);
    }
    let pins = LockFile::new(&lake.root().dir(layout::LOCKS)?, layout::LOCK_PINS)?;
    Ok(pins.lowest_locked_below(floor)?.unwrap_or(floor))
}

/// V6: whoever is declared dead is refused by the log itself. What the log names by
/// then is no orphan.
fn fence(lake: &mut Lake, orphans: &mut Orphans, reach: &mut Reach) -> Result<()> {
    let doomed = orphans.sessions(lake.state());
    if !doomed.is_empty() && !fault::mutant("vacuum_fence") {
        let mut txn = lake.begin()?.transaction(Cause::Vacuum);
        txn.actions.extend(doomed.into_iter().map(|session| Action::Fence { session }));
        match lake.commit(txn)? {
            Outcome::Committed { .. } | Outcome::Duplicate { .. } => {}
            Outcome::Conflict(conflict) => return Err(MaintainError::Conflict(conflict)),
        }
    }
    reach.follow(lake)?;
    orphans.forget_known(reach);
    Ok(())
}
