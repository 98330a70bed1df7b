//! An input without an end: its rows are committed at checkpoints, each as one batch
//! of its producer, so that whoever is killed goes on after the last one.
//!
//! 1. Rows have the numbers that they have in the input, bad ones too. A checkpoint is
//!    all rows after the one before it up to its own `through_row`.
//! 2. One thread reads ahead into a `queue`, as far as there is room; the other takes
//!    from it what is `pending`, and commits it. So little is in memory, and the source
//!    waits for a lake that is slow.
//! 3. What a commit refused for certain may be cut anew, see `pace`. Once its outcome
//!    is open, or it lies in the spool, the batch stays as it is and is never sent as
//!    another: its number in the producer's life belongs to these rows.
//! 4. Nothing is committed that comes after a failure to read or, with `Abort`, a bad
//!    row, and nothing of its checkpoint: what is told by receipts stays, the rest of
//!    the input is to be sent again.
//! 5. The input is read as the table was when the stream began. Where its schema is
//!    another by now, rows become what stored rows would.

mod commit;
mod pace;
mod pending;
mod queue;
mod run;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use lake_core::edit::ProducerSeq;
use lake_log::Lake;

use self::queue::queue;
use self::run::Run;
use crate::error::{IngestError, Result};
use crate::ingest::{Feed, Ingested, Writer};
use crate::make::PILE_SHARE;
use crate::options::Options;

#[derive(Clone, Debug)]
pub struct StreamOptions {
    /// Commit after so many rows; None: when others say so, and when memory is full.
    pub checkpoint_rows: Option<u64>,
    /// Commit rows that have waited so long.
    pub checkpoint_interval: Option<Duration>,
    /// Commit whenever the input pauses.
    pub batch_commit: bool,
    /// How far checkpoints shrink while they are refused.
    pub min_batch_rows: u64,
    /// How long one checkpoint is tried.
    pub batch_timeout: Duration,
    /// How often a checkpoint is tried anew when others are in the way.
    pub retries: u32,
    /// Rows a second at most, on average.
    pub throttle: Option<u64>,
    /// Rows that are read ahead.
    pub queue_rows: u64,
    /// Who sends; its checkpoints are numbered.
    pub producer: Option<Arc<str>>,
    /// The number of the input's first row in the producer's life, from 1.
    pub first_row: u64,
}

impl Default for StreamOptions {
    fn default() -> StreamOptions {
        StreamOptions {
            checkpoint_rows: None,
            checkpoint_interval: None,
            batch_commit: false,
            min_batch_rows: 1000,
            batch_timeout: Duration::from_secs(60),
            retries: 5,
            throttle: None,
            queue_rows: 100_000,
            producer: None,
            first_row: 1,
        }
    }
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// With its input.
    Done,
    /// It was told to stop; what it had read is committed.
    Stopped,
}

/// A producer's last checkpoint: its number, and the last row that it made durable.
pub fn committed_through(lake: &mut Lake, producer: &str) -> Result<Option<(u64, u64)>> {
    let state = lake.refresh()?;
    let Some(seq) = state.producers.last_seq(producer) else { return Ok(None) };
    let key = ProducerSeq { producer: producer.into(), seq };
    let Some((_, receipts)) = lake.find_duplicate(&key)? else { return Ok(None) };
    match receipts.first().map(|r| r.through_row) {
        Some(Some(row)) => Ok(Some((seq, row))),
        Some(None) => Err(IngestError::NotAStream(producer.into())),
        None => Err(IngestError::Forgotten { producer: producer.into(), seq }),
    }
}

/// One stream on its way.
pub struct Stream<'a> {
    pub writer: &'a mut Writer,
    pub table: &'a str,
    pub options: Options,
    pub stream: StreamOptions,
    /// Set from outside to end it.
    pub stop: &'a AtomicBool,
}

impl Stream<'_> {
    /// Commits rows until the input ends or it is told to stop. `tell` hears of each
    /// commit when it is durable. The feed is opened and read by a thread of its own,
    /// which is left alone when it waits for an input in vain.
    pub fn run(
        self,
        feed: Box<dyn Feed + Send>,
        tell: &mut dyn FnMut(&Ingested) -> Result<()>,
    ) -> Result<StreamEnd> {
        let (def, schema) = self.writer.table_schema(self.table)?;
        let last = match &self.stream.producer {
            Some(producer) => committed_through(self.writer.lake(), producer)?,
            None => None,
        };
        // A part for the queue, as much for what is taken from it.
        let most_bytes = self.options.memory / PILE_SHARE / 2;
        let (inlet, outlet) = queue(self.stream.queue_rows, most_bytes);
        let version = def.schema().version;
        thread::Builder::new()
            .name("reader".into())
            .spawn(move || inlet.read(|| feed.open(&def, &schema)))
            .map_err(|source| IngestError::Open { path: "reader".into(), source })?;
        Run::new(self, outlet, version, most_bytes, last).drive(tell)
    }
}
