//! `ingest` of an input without an end: a receipt for each checkpoint, one a line.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lake_cli::{Console, Failure, Outcome, parse};
use lake_core::kind::Kind;
use lake_ingest::{Feed, IngestError, Options, Stream, StreamEnd, StreamOptions, Writer};

use super::receipt;
use crate::failure::of_ingest;
use crate::stop::Signals;

/// Rows are numbered up to here, so that no sum of two numbers is too large.
const LAST_ROW: u64 = 1 << 62;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Streams")]
pub(crate) struct StreamFlags {
    /// Commit after so many rows, or earlier where --max-memory does not hold as many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_rows: Option<u64>,
    /// Commit rows that have waited so long
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    checkpoint_interval: Option<Duration>,
    /// Commit as soon as the input pauses; what comes during a commit makes up the next
    #[arg(long)]
    batch_commit: bool,
    /// The number of the input's first row in the producer's life
    #[arg(long, value_name = "R", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=LAST_ROW))]
    first_row: u64,
    /// How often a checkpoint is tried anew when others are in the way
    #[arg(long, value_name = "N", default_value_t = 5)]
    retries: u32,
    /// How long a checkpoint is tried before the stream ends
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse::duration)]
    batch_timeout: Duration,
    /// Each refusal halves the checkpoint, down to so many rows; successes double it again
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    min_batch_rows: u64,
    /// Rows that are read ahead while a commit runs; then the source has to wait
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    queue_rows: u64,
    /// Rows a second at most, on average
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..))]
    throttle: Option<u64>,
}

impl StreamFlags {
    pub(crate) fn ask_for_checkpoints(&self) -> bool {
        let sized = self.checkpoint_rows.is_some() || self.checkpoint_interval.is_some();
        sized || self.batch_commit
    }

    fn options(&self, producer: Option<&str>) -> StreamOptions {
        StreamOptions {
            checkpoint_rows: self.checkpoint_rows,
            checkpoint_interval: self.checkpoint_interval,
            batch_commit: self.batch_commit,
            min_batch_rows: self.min_batch_rows,
            batch_timeout: self.batch_timeout,
            retries: self.retries,
            throttle: self.throttle,
            queue_rows: self.queue_rows,
            producer: producer.map(Into::into),
            first_row: self.first_row,
        }
    }

    pub(crate) fn run(
        &self,
        lake: &Path,
        (table, options): (&str, Options),
        producer: Option<&str>,
        feed: Box<dyn Feed + Send>,
        signals: Signals,
        console: &mut Console,
    ) -> Result<Outcome, Failure> {
        static STOP: AtomicBool = AtomicBool::new(false);
        signals.watch(|| STOP.store(true, Ordering::Relaxed));
        let mut writer = Writer::open(lake).map_err(of_ingest)?;
        let stream = self.options(producer);
        let stream = Stream { writer: &mut writer, table, options, stream, stop: &STOP };
        let mut failed = None;
        let end = stream.run(feed, &mut |done| {
            console.out.committed();
            let record = receipt::of_ingest(done.version, &done.receipt, done.duplicate);
            console.record_line(&record).map_err(|failure| {
                failed = Some(failure);
                IngestError::Stopped
            })
        });
        if let Some(failure) = failed {
            return Err(failure);
        }
        match end.map_err(of_ingest)? {
            StreamEnd::Done => Ok(Outcome::Done),
            StreamEnd::Stopped => {
                Err(Failure::new(Kind::Interrupted, "stopped; what was read is committed"))
            }
        }
    }
}
