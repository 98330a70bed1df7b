//! Reads the log as it grows and holds it against what processes were told to do, what
//! they said of it, and what readers saw.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use lake_core::edit::{Cause, Transaction};
use lake_core::id::Version;
use lake_log::{Access, Lake};
use lake_tests::rows::Contents;

use super::deed::Deed;
use super::site::Site;
use super::world::World;

/// How one ended, as far as somebody was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// At work, killed, or not able to know.
    Open,
    /// Acknowledged; in this version, unless there was nothing to do in it.
    Done(Version),
    /// It said that nothing was done.
    Nothing,
}

#[derive(Debug)]
pub(crate) struct Told {
    who: String,
    deed: Deed,
    pub(crate) end: End,
    found: Vec<Version>,
    settled: bool,
}

/// Everything that was told to anybody, and which process it was.
#[derive(Debug, Default)]
pub(crate) struct Book {
    told: Vec<Told>,
    by_pid: HashMap<u32, usize>,
    by_seq: HashMap<(String, u64), usize>,
}

impl Book {
    pub(crate) fn open(&mut self, who: &str, deed: &Deed, seq: Option<u64>) -> usize {
        let (who, deed) = (who.to_owned(), deed.clone());
        let at = self.told.len();
        if let Some(seq) = seq {
            self.by_seq.insert((who.clone(), seq), at);
        }
        self.told.push(Told { who, deed, end: End::Open, found: Vec::new(), settled: false });
        at
    }

    pub(crate) fn is(&mut self, pid: u32, at: usize) {
        self.by_pid.insert(pid, at);
    }

    pub(crate) fn ended(&mut self, at: usize, end: End) {
        self.told[at].end = end;
    }

    fn of(&self, txn: &Transaction) -> Option<usize> {
        let seq = txn.producer.as_ref().map(|key| (key.producer.to_string(), key.seq));
        let by_seq = seq.and_then(|seq| self.by_seq.get(&seq));
        by_seq.or_else(|| self.by_pid.get(&txn.pid)).copied()
    }
}

/// What somebody saw of a version.
#[derive(Debug)]
pub(crate) struct Sight {
    pub(crate) who: String,
    pub(crate) version: Version,
    pub(crate) contents: Contents,
    /// Whether the archive was looked at.
    pub(crate) archived: bool,
}

/// How much was there to judge.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) versions: u64,
    pub(crate) sights: u64,
    pub(crate) unknown_but_committed: u64,
    pub(crate) causes: BTreeMap<&'static str, u64>,
}

/// So many versions back somebody may still look.
const KEPT: u64 = 3000;
const TRAIL: usize = 200;

pub(crate) struct Judge<'s> {
    site: &'s Site,
    sights: Receiver<Sight>,
    lake: Lake,
    seen: Version,
    world: Arc<World>,
    past: BTreeMap<Version, Arc<World>>,
    waiting: Vec<Sight>,
    settled: usize,
    /// The version that the entry which is followed brings back.
    back_to: Option<Version>,
    tally: Tally,
    /// What was done last, for whoever looks for the cause.
    trail: VecDeque<String>,
}

type Judged<T> = Result<T, String>;

impl<'s> Judge<'s> {
    pub(crate) fn new(site: &'s Site, sights: Receiver<Sight>) -> Judge<'s> {
        let lake = Lake::open(&site.lake, Access::Read).unwrap();
        let world = Arc::new(World::default());
        Judge {
            site,
            sights,
            lake,
            seen: 0,
            past: BTreeMap::from([(0, world.clone())]),
            world,
            waiting: Vec::new(),
            settled: 0,
            back_to: None,
            tally: Tally::default(),
            trail: VecDeque::new(),
        }
    }

    /// Until the site is closed and everything is judged.
    pub(crate) fn sit(&mut self) -> Judged<Tally> {
        self.go_through().map_err(|why| {
            let trail: Vec<String> = self.trail.drain(..).collect();
            format!("{}\n{why}", trail.join("\n"))
        })
    }

    fn go_through(&mut self) -> Judged<Tally> {
        loop {
            let events = self.site.events.count();
            let last = self.site.is_over();
            self.read_on()?;
            self.waiting.extend(self.sights.try_iter());
            self.look()?;
            self.settle(last)?;
            if last {
                return match self.waiting.first() {
                    None => Ok(self.tally.clone()),
                    Some(sight) => Err(format!("a version that is not in the log: {sight:?}")),
                };
            }
            self.site.events.wait_beyond(events);
        }
    }

    fn read_on(&mut self) -> Judged<()> {
        let newest = self.lake.refresh().map_err(|e| format!("the judge: {e:?}"))?.version;
        for version in self.seen + 1..=newest {
            let entry = self.lake.entry(version).map_err(|e| format!("the judge: {e:?}"))?;
            let entry = entry.ok_or_else(|| format!("version {version} of {newest} is missing"))?;
            for txn in &entry.transactions {
                self.follow(txn, version).map_err(|why| {
                    format!("version {version}, {} of process {}: {why}", txn.cause.word(), txn.pid)
                })?;
            }
            if let Some(then) = self.back_to.take().and_then(|to| self.past.get(&to))
                && let Some(seq) = self.world.archived_since(then)
            {
                return Err(format!("version {version}: archive {seq} counts after a restore"));
            }
            self.past.insert(version, self.world.clone());
            if let Some(old) = version.checked_sub(KEPT) {
                self.past.remove(&old);
            }
            self.seen = version;
            self.tally.versions += 1;
        }
        self.site.newest.store(newest, Ordering::Release);
        Ok(())
    }

    fn follow(&mut self, txn: &Transaction, version: Version) -> Judged<()> {
        *self.tally.causes.entry(txn.cause.word()).or_default() += 1;
        // Beside a restore: an archive that was made since counts no more.
        if let (Cause::Restore, Some(key)) = (txn.cause, &txn.producer) {
            let mut world = (*self.world).clone();
            world.uncount(key.seq)?;
            self.world = Arc::new(world);
            return Ok(());
        }
        if !matches!(txn.cause, Cause::Ingest | Cause::Delete | Cause::Retain | Cause::Restore) {
            return Ok(());
        }
        let mut book = self.site.book();
        let at = book.of(txn).ok_or("nobody was told to do this")?;
        let told = &mut book.told[at];
        told.found.push(version);
        let what = format!("{} was told {:?} and says {:?}", told.who, told.deed, told.end);
        if told.settled || (told.deed.is_one() && told.found.len() > 1) {
            return Err(format!("it is not the first time: {:?}; {what}", told.found));
        }
        if told.end == End::Nothing && told.deed.is_one() {
            return Err(format!("it is done: {what}"));
        }
        self.trail.push_back(format!("{version} of {:?}: {what}", txn.expects.first()));
        let past = |version| match self.past.get(&version) {
            Some(world) => Ok((**world).clone()),
            None => Err(format!("version {version} is not remembered")),
        };
        if self.trail.len() > TRAIL {
            self.trail.pop_front();
        }
        let mut world = (*self.world).clone();
        world.follow(&told.deed, txn, version, past).map_err(|why| format!("{why}; {what}"))?;
        if let Deed::Restore { to } = told.deed {
            self.back_to = Some(to);
        }
        self.world = Arc::new(world);
        Ok(())
    }

    /// What was acknowledged is there.
    fn settle(&mut self, last: bool) -> Judged<()> {
        let mut book = self.site.book();
        let settled = self.settled;
        for told in &mut book.told[settled..] {
            let what = || format!("{} was told {:?}", told.who, told.deed);
            match told.end {
                _ if told.settled || !told.deed.is_one() => {}
                End::Done(version) if version > self.seen && !last => continue,
                End::Done(version) => {
                    let nothing = told.found.is_empty() && self.has_nothing(&told.deed, version);
                    if told.found != [version] && !nothing {
                        let found = &told.found;
                        return Err(format!("{}, version {version}: found {found:?}", what()));
                    }
                    told.settled = true;
                }
                End::Nothing if !told.found.is_empty() => {
                    return Err(format!("{}, did nothing: found {:?}", what(), told.found));
                }
                End::Open if last => {
                    self.tally.unknown_but_committed += told.found.len() as u64;
                }
                _ => {}
            }
        }
        // The first ones are not looked at again and again.
        while book.told.get(self.settled).is_some_and(|told| told.settled) {
            self.settled += 1;
        }
        Ok(())
    }

    fn has_nothing(&self, deed: &Deed, version: Version) -> bool {
        let Some(world) = self.past.get(&version) else { return version + KEPT <= self.seen };
        match deed {
            Deed::Restore { to } => self.past.get(to).is_some_and(|then| {
                let (now, then) = (world.contents(), then.contents());
                now.bars == then.bars && now.ticks == then.ticks
            }),
            deed => world.has_nothing_for(deed),
        }
    }

    /// Readers saw what was there.
    fn look(&mut self) -> Judged<()> {
        for sight in std::mem::take(&mut self.waiting) {
            if sight.version > self.seen {
                self.waiting.push(sight);
                continue;
            }
            let Some(world) = self.past.get(&sight.version) else { continue };
            let mut is = world.contents();
            if !sight.archived {
                is.archived.clear();
            }
            compare(&is, &sight.contents)
                .map_err(|why| format!("{} at version {}: {why}", sight.who, sight.version))?;
            self.tally.sights += 1;
        }
        Ok(())
    }
}

fn compare(is: &Contents, seen: &Contents) -> Judged<()> {
    fn differ<T: PartialEq + std::fmt::Debug>(what: &str, is: &[T], seen: &[T]) -> Judged<()> {
        let lost: Vec<_> = is.iter().filter(|row| !seen.contains(row)).take(5).collect();
        let extra: Vec<_> = seen.iter().filter(|row| !is.contains(row)).take(5).collect();
        match is == seen {
            true => Ok(()),
            false => Err(format!(
                "{what}: {} rows, should be {}; lost {lost:?}, not to be there {extra:?}",
                seen.len(),
                is.len()
            )),
        }
    }
    differ("bars", &is.bars, &seen.bars)?;
    differ("ticks", &is.ticks, &seen.ticks)?;
    differ("archive", &is.archived, &seen.archived)
}
