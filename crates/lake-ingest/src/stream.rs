//! An input without an end: its rows are committed at checkpoints, each as one batch
//! of its producer, so that whoever is killed goes on after the last one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use lake_core::edit::ProducerSeq;
use lake_core::kind::Kind;
use lake_core::schema::TableDef;
use lake_log::Lake;
use lake_segment::Upgrade;
use lake_store::{Deadline, clock, random};

use crate::error::{IngestError, Result};
use crate::ingest::{Feed, Ingested, Writer};
use crate::options::Options;
use crate::source::{Chunk, Reject, Rejects, Source};

/// Chunks that wait between the reader and the writer.
const QUEUE: usize = 4;
/// How often a stop is looked for.
const LOOK: Duration = Duration::from_millis(50);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub struct StreamOptions {
    /// Commit after so many rows; None: only by time and at the end.
    pub checkpoint_rows: Option<u64>,
    /// Commit rows that have waited so long.
    pub checkpoint_interval: Option<Duration>,
    /// Who sends; its checkpoints are numbered.
    pub producer: Option<Arc<str>>,
    /// The number of the input's first row in the producer's life.
    pub first_row: u64,
    /// How often a checkpoint is tried anew when others are in the way.
    pub retries: u32,
    /// Rows a second at most.
    pub throttle: Option<u64>,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// With its input.
    Done,
    /// It was told to stop; what it had read is committed.
    Stopped,
}

/// The last row of a producer that is committed.
pub fn committed_through(lake: &mut Lake, producer: &str) -> Result<Option<(u64, Option<u64>)>> {
    let state = lake.refresh()?;
    let Some(seq) = state.producers.last_seq(producer) else { return Ok(None) };
    let key = ProducerSeq { producer: producer.into(), seq };
    let through = lake.find_duplicate(&key)?.and_then(|(_, r)| r.first()?.through_row);
    Ok(Some((seq, through)))
}

enum Message {
    Rows(Option<Chunk>, Vec<Reject>),
    Failed(IngestError),
}

/// Rows of a schema version that are read and not yet committed.
#[derive(Default)]
struct Pending {
    chunks: Vec<Chunk>,
    rejects: Vec<Reject>,
    /// The last row of the input that is in here, or was left out.
    through: u64,
    rows: u64,
}

/// One checkpoint's rows; they can be asked for again.
struct Batch<'a> {
    pending: &'a Pending,
    schema_version: u32,
}

impl Feed for Batch<'_> {
    fn open(&self, def: &TableDef, _: &SchemaRef) -> Result<Box<dyn Source>> {
        let mut chunks = self.pending.chunks.clone();
        if def.schema().version != self.schema_version {
            let upgrade = Upgrade::new("input", def, self.schema_version, None)?;
            for chunk in &mut chunks {
                chunk.batch = upgrade.apply(&chunk.batch)?;
            }
        }
        let rejects = self.pending.rejects.clone();
        Ok(Box::new(Replay { chunks: chunks.into_iter(), rejects }))
    }
}

struct Replay {
    chunks: std::vec::IntoIter<Chunk>,
    rejects: Vec<Reject>,
}

impl Source for Replay {
    fn next(&mut self, rejects: &mut dyn Rejects) -> Result<Option<Chunk>> {
        self.rejects.drain(..).try_for_each(|r| rejects.reject(r))?;
        Ok(self.chunks.next())
    }
}

#[derive(Default)]
struct Collected(Vec<Reject>);

impl Rejects for Collected {
    fn reject(&mut self, reject: Reject) -> Result<()> {
        self.0.push(reject);
        Ok(())
    }
}

/// Reads in its own thread, as far ahead as the queue allows.
fn read_ahead(mut source: Box<dyn Source>, to: &SyncSender<Message>) {
    loop {
        let mut rejects = Collected::default();
        let message = match source.next(&mut rejects) {
            Ok(chunk) => Message::Rows(chunk, rejects.0),
            Err(error) => Message::Failed(error),
        };
        let last = !matches!(&message, Message::Rows(Some(_), _));
        if to.send(message).is_err() || last {
            return;
        }
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
    /// commit when it is durable.
    pub fn run(
        mut self,
        feed: &dyn Feed,
        tell: &mut dyn FnMut(&Ingested) -> Result<()>,
    ) -> Result<StreamEnd> {
        let (def, schema) = self.writer.table_schema(self.table)?;
        let (mut seq, mut done) = (0, 0);
        if let Some(producer) = &self.stream.producer
            && let Some((last, through)) = committed_through(self.writer.lake(), producer)?
        {
            seq = last;
            done = through.ok_or_else(|| IngestError::NotAStream(producer.to_string()))?;
        }
        let source = feed.open(&def, &schema)?;
        let (to, from) = sync_channel(QUEUE);
        thread::Builder::new()
            .name("reader".into())
            .spawn(move || read_ahead(source, &to))
            .map_err(|source| IngestError::Open { path: "reader".into(), source })?;
        let mut pending = Pending { through: done, ..Pending::default() };
        let version = def.schema().version;
        let mut since: Option<Deadline> = None;
        loop {
            let message = self.receive(&from, since.as_ref())?;
            let is_end = matches!(message, Some(Message::Rows(None, _)));
            if let Some(Message::Rows(chunk, rejects)) = message {
                self.take(&mut pending, chunk, rejects, done);
            }
            if since.is_none() && pending.through > done {
                since = self.stream.checkpoint_interval.map(Deadline::after);
            }
            let stopped = self.stop.load(Ordering::Relaxed);
            let full = self.stream.checkpoint_rows.is_some_and(|most| pending.rows >= most);
            let late = since.as_ref().is_some_and(Deadline::passed);
            if (full || late || is_end || stopped) && pending.through > done {
                while pending.through > done {
                    let batch = self.cut(&mut pending);
                    seq += 1;
                    let ingested = self.commit(&batch, version, seq)?;
                    done = batch.through;
                    tell(&ingested)?;
                    if !(is_end || stopped || late) && pending.rows < self.most() {
                        break;
                    }
                }
                since = None;
            }
            match (is_end, stopped) {
                (true, _) => return Ok(StreamEnd::Done),
                (_, true) => return Ok(StreamEnd::Stopped),
                _ => {}
            }
        }
    }

    fn most(&self) -> u64 {
        self.stream.checkpoint_rows.unwrap_or(u64::MAX)
    }

    /// What the reader sent; None when it is time to look at the clock.
    fn receive(
        &self,
        from: &Receiver<Message>,
        since: Option<&Deadline>,
    ) -> Result<Option<Message>> {
        let patience = since.map_or(LOOK, |d| d.left().min(LOOK));
        match from.recv_timeout(patience) {
            Ok(Message::Failed(error)) => Err(error),
            Ok(message) => Ok(Some(message)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            // The reader has panicked.
            Err(RecvTimeoutError::Disconnected) => Err(IngestError::Reader),
        }
    }

    /// Adds what is not committed yet.
    fn take(&self, pending: &mut Pending, chunk: Option<Chunk>, rejects: Vec<Reject>, done: u64) {
        let before = self.stream.first_row - 1;
        for reject in rejects {
            let row = before + reject.place.row;
            pending.through = pending.through.max(row);
            if row > done {
                pending.rejects.push(reject);
            }
        }
        let Some(mut chunk) = chunk else { return };
        let rows = chunk.batch.num_rows();
        let number = |i: usize| before + chunk.places.place(i).row;
        let new = partition_point(rows, |i| number(i) <= done);
        if rows > 0 {
            pending.through = pending.through.max(number(rows - 1));
        }
        if new < rows {
            let stays: Vec<bool> = (0..rows).map(|i| i >= new).collect();
            chunk.batch = chunk.batch.slice(new, rows - new);
            chunk.places.retain(&stays);
            pending.rows += chunk.batch.num_rows() as u64;
            pending.chunks.push(chunk);
        }
    }

    /// The rows of the next checkpoint; the rest stays pending.
    fn cut(&self, pending: &mut Pending) -> Pending {
        let most = self.most();
        if pending.rows <= most {
            let through = pending.through;
            return std::mem::replace(pending, Pending { through, ..Pending::default() });
        }
        let before = self.stream.first_row - 1;
        let mut batch = Pending::default();
        let mut rest = Vec::new();
        for mut chunk in std::mem::take(&mut pending.chunks) {
            let rows = chunk.batch.num_rows();
            let room = (most - batch.rows).min(rows as u64) as usize;
            if room < rows {
                let mut later = chunk.clone();
                later.batch = chunk.batch.slice(room, rows - room);
                later.places.retain(&(0..rows).map(|i| i >= room).collect::<Vec<_>>());
                rest.push(later);
                chunk.batch = chunk.batch.slice(0, room);
                chunk.places.retain(&(0..rows).map(|i| i < room).collect::<Vec<_>>());
            }
            if room > 0 {
                batch.through = before + chunk.places.place(room - 1).row;
                batch.rows += room as u64;
                batch.chunks.push(chunk);
            }
        }
        pending.rows -= batch.rows;
        pending.chunks = rest;
        let (early, late) = std::mem::take(&mut pending.rejects)
            .into_iter()
            .partition(|r| before + r.place.row <= batch.through);
        (batch.rejects, pending.rejects) = (early, late);
        batch
    }

    /// One checkpoint; tried anew while others are in the way.
    fn commit(&mut self, batch: &Pending, schema_version: u32, seq: u64) -> Result<Ingested> {
        let mut options = self.options.clone();
        options.through_row = Some(batch.through);
        let producer = self.stream.producer.clone();
        options.producer = producer.map(|producer| ProducerSeq { producer, seq });
        let feed = Batch { pending: batch, schema_version };
        let mut pause = FIRST_PAUSE;
        let mut tries = 0;
        loop {
            match self.writer.ingest(self.table, &feed, &options) {
                Ok(done) if done.duplicate => return Err(IngestError::TwoStreams),
                Ok(done) => {
                    if let Some(rate) = self.stream.throttle.filter(|r| *r > 0) {
                        let pause = batch.rows.saturating_mul(1_000) / rate;
                        clock::pause(Duration::from_millis(pause));
                    }
                    return Ok(done);
                }
                Err(error)
                    if matches!(error.kind(), Kind::Busy | Kind::Conflict)
                        && tries < self.stream.retries =>
                {
                    tries += 1;
                    clock::pause(pause / 2 + random::jitter(pause / 2));
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// How many of the first rows are so.
fn partition_point(rows: usize, so: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, rows);
    while low < high {
        let middle = low + (high - low) / 2;
        if so(middle) { low = middle + 1 } else { high = middle }
    }
    low
}
