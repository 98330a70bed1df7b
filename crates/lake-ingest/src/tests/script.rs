//! An input for streams that does what a test says, when it says so.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::datatypes::SchemaRef;

use super::*;
use crate::feed::newer_columns;
use crate::source::{Chunk, Places, Reject, Rejects, Source, of_batch};
use crate::{Feed, IngestError, Stream, StreamEnd, StreamOptions};

/// Longer than anything takes that is going to happen.
const NEVER: Duration = Duration::from_secs(60);

pub(super) enum Step {
    Rows(RecordBatch),
    /// A row that is no row.
    Bad,
    /// Until the other end says so.
    Wait(Receiver<()>),
    Do(Box<dyn FnOnce() + Send>),
    Fail,
    Panic,
}

pub(super) use Step::{Bad, Do, Fail, Panic, Rows, Wait};

/// So many rows of one symbol, day by day.
pub(super) fn days(days: std::ops::Range<i32>) -> Step {
    Rows(bars(&days.map(|day| ("a", day, f64::from(day))).collect::<Vec<_>>()))
}

pub(super) fn wait() -> (Sender<()>, Step) {
    let (go, wait) = channel();
    (go, Wait(wait))
}

pub(super) struct Script {
    steps: Mutex<VecDeque<Step>>,
    /// How many chunks it was asked for.
    pub(super) asked: Arc<AtomicU64>,
}

impl Script {
    pub(super) fn new(steps: Vec<Step>) -> Script {
        Script { steps: Mutex::new(steps.into()), asked: Arc::default() }
    }

    /// Streams into the table; returns what was told, by row and count.
    pub(super) fn run(
        self,
        bench: &mut Bench,
        options: Options,
        stream: StreamOptions,
        stop: &std::sync::atomic::AtomicBool,
        tell: &mut dyn FnMut(&Ingested),
    ) -> (Vec<Ingested>, Result<StreamEnd>) {
        let mut told = Vec::new();
        let stream = Stream { writer: &mut bench.writer, table: "bars", options, stream, stop };
        let end = stream.run(Box::new(self), &mut |done| {
            told.push(done.clone());
            tell(done);
            Ok(())
        });
        (told, end)
    }
}

pub(super) fn through(told: &[Ingested]) -> Vec<u64> {
    told.iter().map(|t| t.receipt.through_row.unwrap()).collect()
}

struct Player {
    steps: VecDeque<Step>,
    asked: Arc<AtomicU64>,
    row: u64,
    def: TableDef,
    schema: SchemaRef,
}

impl Feed for Script {
    fn open(&self, def: &TableDef, schema: &SchemaRef) -> Result<Box<dyn Source>> {
        let steps = std::mem::take(&mut *self.steps.lock().unwrap());
        let (asked, def, schema) = (self.asked.clone(), def.clone(), schema.clone());
        Ok(Box::new(Player { steps, asked, row: 0, def, schema }))
    }
}

impl Player {
    fn chunk(&mut self, batch: &RecordBatch) -> Result<Chunk> {
        let (def, optional) = (&self.def, newer_columns(&self.def));
        let parts = &def.partition_by;
        let mut source = of_batch(batch, def.schema(), &self.schema, &optional, parts)?;
        let batch = source.next(&mut crate::rejects::Gate::new(Default::default()))?.unwrap().batch;
        let mut places = Places::new("script".into());
        places.note(0, self.row + 1, None);
        self.row += batch.num_rows() as u64;
        Ok(Chunk { batch, places })
    }
}

impl Source for Player {
    fn next(&mut self, rejects: &mut dyn Rejects) -> Result<Option<Chunk>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        loop {
            if matches!(self.steps.front(), Some(Wait(_))) && rejects.waiting() > 0 {
                return Ok(Some(Chunk::empty(&"script".into(), &self.schema)));
            }
            match self.steps.pop_front() {
                None => return Ok(None),
                Some(Rows(batch)) if batch.num_rows() == 0 => {}
                Some(Rows(batch)) => return self.chunk(&batch).map(Some),
                Some(Bad) => {
                    self.row += 1;
                    rejects.reject(bad(self.row))?;
                }
                Some(Wait(go)) => go.recv_timeout(NEVER).map_err(|_| IngestError::Stopped)?,
                Some(Do(it)) => it(),
                Some(Fail) => return Err(IngestError::Once),
                Some(Panic) => std::panic::resume_unwind(Box::new(())),
            }
        }
    }
}

fn bad(row: u64) -> Reject {
    let place = crate::Place { file: "script".into(), row, line: None };
    Reject {
        place,
        column: None,
        value: None,
        why: "it is bad".into(),
        raw: "?".into(),
        fields: None,
    }
}
