//! A directory whose files are ingested as they arrive, each exactly once.
//!
//! The listing of the directory is the truth; events only say when to look again,
//! and which names were moved in. A file's way is a chain of renames:
//!
//! ```text
//! DIR/name -> DIR/.lake-watch/claimed/<seq>.<name> -> DIR/done/name or DIR/failed/name
//! ```
//!
//! 1. Only who holds the lock of `.lake-watch` moves files.
//! 2. A file is claimed, and its number durable, before its first row is read.
//! 3. It is ingested as that number of the directory's producer, so that the lake
//!    answers a second try with the first receipt.
//! 4. It leaves `claimed` when it is in the lake, or can never be.
//!
//! So whatever stops the program, what lies in `claimed` says all there is to know:
//! a round begins with it, as a start does, and an error in a round needs no other
//! remedy than the next round. A file in the spool (its commit is durable, and not
//! yet visible) stays claimed like one whose outcome is unknown: were its number
//! free, the next file would be taken for a duplicate.

mod bell;
mod error;
mod inbox;
mod names;
mod report;
mod ripe;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use lake_core::edit::ProducerSeq;
use lake_core::kind::Kind;
use lake_core::schema::TableDef;
use lake_store::{Stat, Stopwatch, clock, random};

pub use bell::Stop;
pub use error::WatchError;
pub use report::{Report, Told};

use crate::error::{IngestError, Result};
use crate::feed::newer_columns;
use crate::ingest::{Feed, Ingested, Writer};
use crate::make::Way;
use crate::options::Options;
use crate::source::{Input, Source, SourceOptions, open_source};
use bell::{Bell, Ears};
use inbox::{Claim, Inbox};
use ripe::{Moment, Ripening};

/// How often to look without having been called: events can be lost.
const LOOK: Duration = Duration::from_secs(30);
/// The same where there are no events.
const LOOK_DEAF: Duration = Duration::from_secs(1);
/// Between two looks, so that a burst is listed a few times and not once a file.
const GAP: Duration = Duration::from_millis(50);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub struct WatchOptions {
    pub table: String,
    pub batch: Options,
    pub source: SourceOptions,
    /// A file that was not moved in is complete when it has not changed for so long.
    pub quiet: Duration,
    /// Take what is there and complete, then end.
    pub once: bool,
    /// Under which name files are sent. None: the one used before, or a random one.
    pub producer: Option<String>,
}

pub struct Watch {
    lake: PathBuf,
    /// None: to be opened anew, as an error may have left it anywhere.
    writer: Option<Writer>,
    inbox: Inbox,
    producer: String,
    options: WatchOptions,
    ripening: Ripening,
    bell: Bell,
    ears: Option<Ears>,
    deaf: Option<String>,
    since: Stopwatch,
    /// The highest number that was given to a file.
    seq: u64,
    pause: Duration,
    bad_names: HashSet<String>,
}

struct Claimed<'a> {
    path: PathBuf,
    known_as: PathBuf,
    options: &'a SourceOptions,
}

impl Feed for Claimed<'_> {
    fn open(&self, def: &TableDef, schema: &SchemaRef) -> Result<Box<dyn Source>> {
        let (path, known_as) = (self.path.clone(), self.known_as.clone());
        let input = Input::Moved { path, known_as: known_as.clone() };
        let optional = newer_columns(def);
        open_source(input, self.options, def.schema(), schema, &optional, &def.partition_by)
            .map_err(|error| match error {
                IngestError::Open { source, .. } => IngestError::Open { path: known_as, source },
                other => other,
            })
    }
}

impl Watch {
    /// Takes the directory for this process, and refuses what no file could change.
    pub fn open(lake: &Path, dir: &Path, options: WatchOptions) -> Result<Watch> {
        let mut writer = Writer::open(lake)?;
        let state = writer.lake().refresh()?.clone();
        let table = state.table(&options.table);
        let table = table.ok_or_else(|| IngestError::NoTable(options.table.clone()))?;
        Way::of(table, &options.batch)?;
        options.source.check().map_err(WatchError::Flags)?;
        let inbox = Inbox::open(dir, writer.lake().root().path())?;
        let (id, table) = (writer.lake().id().to_owned(), table.def.name.clone());
        let producer = inbox.belong_to(&id, &table, options.producer.as_deref())?.producer;
        let bell = Bell::default();
        let (ears, deaf) = match options.once {
            true => (None, None),
            false => match Ears::new(&bell, inbox.path()) {
                Ok(ears) => (Some(ears), None),
                Err(e) => (None, Some(e.to_string())),
            },
        };
        Ok(Watch {
            lake: lake.to_owned(),
            writer: Some(writer),
            inbox,
            producer,
            ripening: Ripening::new(options.quiet),
            options,
            bell,
            ears,
            deaf,
            since: Stopwatch::start(),
            seq: 0,
            pause: FIRST_PAUSE,
            bad_names: HashSet::new(),
        })
    }

    /// To end it from another thread.
    pub fn stop(&self) -> Stop {
        self.bell.stop()
    }

    pub fn producer(&self) -> &str {
        &self.producer
    }

    /// Ingests what arrives until it is stopped. A stop waits for the file in hand.
    pub fn run(mut self, report: &mut dyn Report) -> Result<()> {
        if let Some(why) = &self.deaf {
            report.tell(Told::Deaf { why })?;
        }
        let often = if self.ears.is_some() { LOOK } else { LOOK_DEAF };
        while !self.bell.is_stopped() {
            let look = Stopwatch::start();
            match self.round(report) {
                Ok(waiting) if self.options.once => {
                    return match waiting.files {
                        0 => Ok(()),
                        files => report.tell(Told::Incomplete { files }),
                    };
                }
                Ok(waiting) => {
                    let next = waiting.next.map_or(often, |next| next.min(often));
                    self.bell.wait(next.saturating_sub(look.elapsed()));
                    self.bell.pause(GAP.saturating_sub(look.elapsed()));
                }
                Err(error) if !self.options.once && may_pass(error.kind()) => {
                    self.writer = None;
                    let pause = self.pause / 2 + random::jitter(self.pause / 2);
                    report.tell(Told::Waits { error: &error, pause })?;
                    self.bell.pause(pause);
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// One listing, and all of it that is complete; first what was claimed before.
    fn round(&mut self, report: &mut dyn Report) -> Result<ripe::Waiting> {
        self.inbox.check()?;
        self.take_up(report)?;
        let listing = self.inbox.list()?;
        for name in listing.bad_names {
            if !self.bad_names.contains(&name) {
                report.tell(Told::BadName { file: &name })?;
                self.bad_names.insert(name);
            }
        }
        let now = Moment { wall_us: clock::now_us(), up: self.since.elapsed() };
        let (ripe, waiting) = self.ripening.sort(listing.files, &self.bell.arrived(), now);
        for file in ripe {
            if self.bell.is_stopped() {
                break;
            }
            let seq = self.next_seq()?;
            if let Some(claim) = self.inbox.claim(&file, seq)? {
                self.seq = seq;
                self.bell.forget(&claim.name);
                self.settle(claim, true, report)?;
            }
        }
        Ok(waiting)
    }

    /// Goes on with files that were claimed before an error or the end of a process.
    fn take_up(&mut self, report: &mut dyn Report) -> Result<()> {
        let claims = self.inbox.claimed()?;
        let Some(last) = claims.last() else { return Ok(()) };
        self.seq = self.seq.max(last.seq);
        // Who claimed them may have died before it could sync.
        self.inbox.sync_claims()?;
        // What a try before left in the spool is that file's commit.
        self.writer()?.lake().drain()?;
        for claim in claims {
            if !self.bell.is_stopped() {
                self.settle(claim, false, report)?;
            }
        }
        Ok(())
    }

    /// Ingests a file and moves it to where it belongs then. `fresh`: nobody has tried
    /// so under its number.
    fn settle(&mut self, mut claim: Claim, fresh: bool, report: &mut dyn Report) -> Result<()> {
        loop {
            let outcome = self.ingest(&claim);
            let file = claim.name.as_str();
            match outcome {
                Ok(done) if done.duplicate && fresh => {
                    report.tell(Told::Shared { producer: &self.producer })?;
                    let seq = self.next_seq()?;
                    claim = self.inbox.renumber(&claim, seq)?;
                    self.seq = seq;
                }
                Ok(ingested) => {
                    let content = |stat: Stat| (stat.len, stat.mtime_us);
                    let now = self.inbox.stat(&claim)?;
                    let moved_to = self.inbox.done(&claim)?;
                    self.pause = FIRST_PAUSE;
                    if now.is_some_and(|now| content(now) != content(claim.stat)) {
                        report.tell(Told::Changed { file })?;
                    }
                    let (moved_to, ingested) = (moved_to.as_deref(), &ingested);
                    return report.tell(Told::Done { file, moved_to, ingested });
                }
                Err(IngestError::Open { .. }) if self.inbox.stat(&claim)?.is_none() => {
                    return report.tell(Told::Gone { file });
                }
                Err(error) if is_its_own(&error) => {
                    let reason = report.reason(file, &error);
                    return match self.inbox.failed(&claim, &reason)?.as_deref() {
                        Some(moved_to) => {
                            report.tell(Told::Failed { file, moved_to, error: &error })
                        }
                        None => report.tell(Told::Gone { file }),
                    };
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn ingest(&mut self, claim: &Claim) -> Result<Ingested> {
        let producer = ProducerSeq { producer: self.producer.as_str().into(), seq: claim.seq };
        let batch = Options { producer: Some(producer), ..self.options.batch.clone() };
        let (path, known_as) = self.inbox.paths(claim);
        let source = self.options.source.clone();
        let table = self.options.table.clone();
        let feed = Claimed { path, known_as, options: &source };
        self.writer()?.ingest(&table, &feed, &batch)
    }

    /// Above every number that the lake or a claimed file has.
    fn next_seq(&mut self) -> Result<u64> {
        let producer = self.producer.clone();
        let state = self.writer()?.lake().refresh()?;
        let last = state.producers.last_seq(&producer).unwrap_or(0).max(self.seq);
        Ok(last.checked_add(1).ok_or(WatchError::NoNumber(producer))?)
    }

    fn writer(&mut self) -> Result<&mut Writer> {
        match &mut self.writer {
            Some(writer) => Ok(writer),
            none => Ok(none.insert(Writer::open(&self.lake)?)),
        }
    }
}

/// Whether it is the file, and no other would fare the same.
fn is_its_own(error: &IngestError) -> bool {
    match error {
        IngestError::NoKey(_) | IngestError::NoOrder(_) | IngestError::KeepNulls => false,
        IngestError::Watch(_) => false,
        IngestError::Open { source, .. } => {
            matches!(source.kind(), std::io::ErrorKind::PermissionDenied)
                || error.kind() == Kind::BadInput
        }
        // A defect that one file brings out must not stop those behind it; nothing of
        // it was committed.
        error => matches!(error.kind(), Kind::BadInput | Kind::Bug),
    }
}

/// Whether the same may succeed later, without anybody's help to the lake.
fn may_pass(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Busy
            | Kind::Conflict
            | Kind::Expired
            | Kind::DiskFull
            | Kind::Denied
            | Kind::Unknown
            | Kind::Spooled
    )
}
