//! One checkpoint of a stream, from the rows that wait to the answer of the log.

use std::time::Duration;

use lake_core::edit::ProducerSeq;
use lake_core::kind::Kind;
use lake_store::{Deadline, clock};

use super::pace::Pauses;
use super::pending::Batch;
use super::run::Run;
use crate::error::{IngestError, Result};
use crate::ingest::Ingested;

/// How long one try may wait for its turn.
const TURN: Duration = Duration::from_secs(30);

impl Run<'_> {
    /// Commits the next checkpoint, tried anew while others are in the way.
    pub(super) fn checkpoint(&mut self) -> Result<Ingested> {
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
