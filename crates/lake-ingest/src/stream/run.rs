//! A stream from its queue to its commits.

use std::sync::atomic::Ordering;
use std::time::Duration;

use lake_store::{Deadline, Stopwatch, clock};

use super::pace::{Pace, time_of};
use super::pending::Pending;
use super::queue::{Got, Message, Outlet};
use super::{Stream, StreamEnd};
use crate::error::{IngestError, Result};
use crate::ingest::Ingested;
use crate::options::OnError;

/// How often a stop is looked for.
const LOOK: Duration = Duration::from_millis(50);

type Tell<'t> = dyn FnMut(&Ingested) -> Result<()> + 't;

pub(super) struct Run<'a> {
    pub(super) stream: Stream<'a>,
    outlet: Outlet,
    pub(super) pending: Pending,
    /// The schema that the input is read for.
    pub(super) schema_version: u32,
    most_bytes: usize,
    pub(super) pace: Pace,
    /// The producer's number of the last checkpoint.
    pub(super) seq: u64,
    /// No checkpoint was made yet.
    pub(super) fresh: bool,
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
}
