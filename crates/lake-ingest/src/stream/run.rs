//! A stream from its queue to its commits.

use std::sync::atomic::Ordering;
use std::time::Duration;

use lake_core::edit::ProducerSeq;
use lake_core::kind::Kind;
use lake_store::{Deadline, Stopwatch, clock};

use super::pace::{Pace, Pauses, time_of};
use super::pending::{Batch, Pending};
use super::queue::{Got, Message, Outlet};
use super::{Stream, StreamEnd};
use crate::error::{IngestError, Result};
use crate::ingest::Ingested;
use crate::options::OnError;

/// How often a stop is looked for.
const LOOK: Duration = Duration::from_millis(50);
/// How long one try may wait for its turn.
const TURN: Duration = Duration::from_secs(30);

type Tell<'t> = dyn FnMut(&Ingested) -> Result<()> + 't;

pub(super) struct Run<'a> {
    stream: Stream<'a>,
    outlet: Outlet,
    pending: Pending,
    /// The schema that the input is read for.
    schema_version: u32,
    most_bytes: usize,
    pace: Pace,
    /// The producer's number of the last checkpoint.
    seq: u64,
    /// No checkpoint was made yet.
    fresh: bool,
    /// When the rows that wait have waited long enough.
    due: Option<Deadline>,
    /// When the next checkpoint may be made.
    free: Deadline,
}

impl<'a> Run<'a> {
    /// `last`: number and row of the producer's last checkpoint.
    pub(super) fn new(
        stream: Stream<'a>,
        outlet: Outlet,
        schema_version: u32,
        most_bytes: usize,
        last: Option<(u64, u64)>,
    ) -> Run<'a> {
        let (seq, row) = last.unwrap_or_default();
        let done = row.saturating_sub(stream.stream.first_row.saturating_sub(1));
        Run {
            outlet,
            pending: Pending::after(done),
            schema_version,
            most_bytes,
            pace: Pace::new(stream.stream.checkpoint_rows, stream.stream.min_batch_rows),
            seq,
            fresh: true,
            due: None,
            free: Deadline::after(Duration::ZERO),
            stream,
        }
    }

    pub(super) fn drive(mut self, tell: &mut Tell<'_>) -> Result<StreamEnd> {
        loop {
            let end = match self.stopped() {
                true => Some(self.hear_the_rest(tell)?),
                false => self.hear_next()?,
            };
            self.commit_all(end.is_some() || self.is_due(), tell)?;
            if let Some(end) = end {
                return Ok(end);
            }
        }
    }

    fn stopped(&self) -> bool {
        self.stream.stop.load(Ordering::Relaxed)
    }

    fn hear_next(&mut self) -> Result<Option<StreamEnd>> {
        let patience = self.due.as_ref().map_or(LOOK, |due| due.left().min(LOOK));
        match self.outlet.take(patience) {
            Got::Message(message) => self.hear(message),
            Got::Nothing => Ok(None),
            Got::Gone => Err(IngestError::Reader),
        }
    }

    /// What was read by now counts, and nothing that comes later.
    fn hear_the_rest(&mut self, tell: &mut Tell<'_>) -> Result<StreamEnd> {
        let mut end = None;
        for message in self.outlet.close() {
            self.commit_all(false, tell)?;
            end = self.hear(message)?;
        }
        Ok(end.unwrap_or(StreamEnd::Stopped))
    }

    fn hear(&mut self, message: Message) -> Result<Option<StreamEnd>> {
        let end = match message {
            Message::Rows(chunk, rejects) => {
                self.pending.push(Some(chunk), rejects)?;
                None
            }
            Message::End(rejects) => {
                self.pending.push(None, rejects)?;
                Some(StreamEnd::Done)
            }
            Message::Failed(error) => return Err(error),
        };
        if self.due.is_none() {
            self.wait_anew();
        }
        Ok(end)
    }

    fn wait_anew(&mut self) {
        let interval = self.stream.stream.checkpoint_interval;
        self.due = interval.filter(|_| self.pending.rows() > 0).map(Deadline::after);
    }

    /// Whether rows are to be committed that are fewer than a checkpoint.
    fn is_due(&self) -> bool {
        let late = self.due.as_ref().is_some_and(Deadline::passed);
        let paused = self.stream.stream.batch_commit && self.outlet.is_empty();
        // The checkpoint with the bad row is refused, the ones before are not.
        let doomed = self.stream.options.on_error == OnError::Abort && self.pending.has_rejects();
        late || paused || doomed
    }

    /// Commits what makes whole checkpoints, or everything.
    fn commit_all(&mut self, everything: bool, tell: &mut Tell<'_>) -> Result<()> {
        while self.pending.rows() > 0 {
            let whole = self.pending.rows() >= self.pace.rows();
            if !(everything || whole || self.pending.is_full(self.most_bytes)) {
                break;
            }
            self.wait_until_free();
            let (before, watch) = (self.pending.done(), Stopwatch::start());
            let ingested = self.checkpoint()?;
            if let Some(rate) = self.stream.stream.throttle {
                let span = time_of(self.pending.done() - before, rate);
                self.free = Deadline::after(span.saturating_sub(watch.elapsed()));
            }
            // What is left came with the last chunk.
            self.wait_anew();
            tell(&ingested)?;
        }
        Ok(())
    }

    /// Nothing is taken from the queue meanwhile, so that the source is slowed down.
    fn wait_until_free(&self) {
        while !self.free.passed() && !self.stopped() {
            clock::pause(self.free.left().min(LOOK));
        }
    }

    /// Commits the next checkpoint, tried anew while others are in the way.
    fn checkpoint(&mut self) -> Result<Ingested> {
        let deadline = Deadline::after(self.stream.stream.batch_timeout);
        let mut pauses = Pauses::new(self.stream.stream.retries);
        let mut tries = 1;
        loop {
            let from = self.pending.done();
            let through = self.pending.through().min(from.saturating_add(self.pace.rows()));
            let source = match self.attempt(through, &deadline) {
                Ok(ingested) => {
                    self.pace.committed();
                    return self.settle(through, ingested);
                }
                Err(error) if matches!(error.kind(), Kind::Busy | Kind::Conflict) => error,
                Err(error) => return Err(error),
            };
            let Some(pause) = pauses.next(deadline.left()) else {
                let (first, last) = (self.absolute(from + 1), self.absolute(through));
                return Err(IngestError::Checkpoint { first, last, tries, source: source.into() });
            };
            // Nothing was done, so the next try may be of other rows.
            self.pace.refused(through - from);
            tries += 1;
            clock::pause(pause);
        }
    }

    fn attempt(&mut self, through: u64, deadline: &Deadline) -> Result<Ingested> {
        let producer = self.stream.stream.producer.clone();
        let mut options = self.stream.options.clone();
        options.through_row = Some(self.absolute(through));
        options.producer = producer.map(|producer| ProducerSeq { producer, seq: self.seq + 1 });
        let schema_version = self.schema_version;
        let batch = Batch { pending: &self.pending, through, schema_version };
        let writer = &mut *self.stream.writer;
        writer.lake().set_patience(Some(deadline.left().min(TURN)));
        let done = writer.ingest(self.stream.table, &batch, &options);
        writer.lake().set_patience(None);
        match (done, options.producer) {
            (Err(error), Some(key)) if error.kind() == Kind::Spooled => {
                self.wait_for_spool(&key, deadline)?.ok_or(error)
            }
            (done, _) => done,
        }
    }

    /// The batch is durable, but whoever has the lock does not let go of it. It is
    /// committed as it is, by us or by another. None: not in time.
    fn wait_for_spool(
        &mut self,
        key: &ProducerSeq,
        deadline: &Deadline,
    ) -> Result<Option<Ingested>> {
        let lake = self.stream.writer.lake();
        lake.set_patience(Some(deadline.left()));
        let drained = lake.drain();
        lake.set_patience(None);
        lake.refresh()?;
        if let Some((version, receipts)) = lake.find_duplicate(key)? {
            let receipt = receipts.first().cloned().unwrap_or_default();
            return Ok(Some(Ingested { version, receipt, duplicate: false }));
        }
        match drained {
            Err(error) if error.kind() != Kind::Busy => Err(error.into()),
            _ => Ok(None),
        }
    }

    /// Rows that are committed wait no more.
    fn settle(&mut self, through: u64, ingested: Ingested) -> Result<Ingested> {
        let mut through = through;
        if ingested.duplicate {
            // Whoever was killed before us may have left this number where another
            // found and committed it, after we had looked. Later it is no dead one's.
            let row = ingested.receipt.through_row.filter(|_| self.fresh);
            through = self.relative(row.ok_or(IngestError::TwoStreams)?);
        }
        self.fresh = false;
        self.seq += 1;
        self.pending.forget(through);
        Ok(ingested)
    }

    /// A row of the input as one of the producer's.
    fn absolute(&self, row: u64) -> u64 {
        row.saturating_add(self.stream.stream.first_row.saturating_sub(1))
    }

    fn relative(&self, row: u64) -> u64 {
        row.saturating_sub(self.stream.stream.first_row.saturating_sub(1))
    }
}
