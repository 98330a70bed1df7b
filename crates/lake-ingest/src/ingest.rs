//! The way of rows into the lake:
//! source -> rows -> groups, one a symbol -> staged segments -> one commit.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use lake_core::edit::{Action, Cause, Expect, ProducerSeq, Receipt, Transaction};
use lake_core::id::{TableId, Version};
use lake_core::kind::Kind;
use lake_core::schema::TableDef;
use lake_core::segment::{Part, Segment};
use lake_core::state::{Conflict, State, Table};
use lake_log::{Access, At, Draft, Lake, Outcome};
use lake_segment::Format;
use lake_store::Stopwatch;
use rayon::prelude::*;

use crate::absent::{expectation, refuse_present};
use crate::error::{IngestError, Result};
use crate::rows::Rows;
use crate::source::{self, InputFormat};
use crate::split::{Equal, Group, Keys, groups};
use crate::stage::Files;

/// How often a commit is tried anew after somebody changed what it was based on.
const TRIES: u32 = 4;
/// From so many rows on, segments are encoded by all processors.
const MANY_ROWS: usize = 64 * 1024;

/// What to do with a key that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Refuse it; without a key, every row is new.
    Append,
    /// The later commit wins.
    Upsert,
}

#[derive(Clone, Debug, Default)]
pub struct Options {
    /// None: upsert for a table with a key, append for one without.
    pub mode: Option<Mode>,
    /// Commits once, however often it is sent.
    pub producer: Option<ProducerSeq>,
}

/// A file, and its format where it is known.
#[derive(Clone, Debug)]
pub struct Input {
    pub path: PathBuf,
    pub format: Option<InputFormat>,
}

/// What became of it: durable and visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingested {
    pub version: Version,
    pub receipt: Receipt,
    /// It had been committed before; version and receipt are of that time.
    pub duplicate: bool,
}

/// A long-lived writer: each call is one commit.
pub struct Writer {
    lake: Lake,
    formats: HashMap<TableId, (u32, Arc<Format>)>,
}

impl Writer {
    pub fn open(path: &Path) -> Result<Writer> {
        Ok(Writer::new(Lake::open(path, Access::Write)?))
    }

    pub fn new(lake: Lake) -> Writer {
        Writer { lake, formats: HashMap::new() }
    }

    pub fn lake(&mut self) -> &mut Lake {
        &mut self.lake
    }

    /// All files' rows in one commit.
    pub fn ingest_files(
        &mut self,
        table: &str,
        inputs: &[Input],
        options: &Options,
    ) -> Result<Ingested> {
        self.ingest(table, options, |def, rows| {
            inputs.iter().try_for_each(|i| source::read(&i.path, i.format, def.schema(), rows))
        })
    }

    /// A batch with the table's columns, by name, in any order and in any types that
    /// convert without loss.
    pub fn ingest_batch(
        &mut self,
        table: &str,
        batch: &RecordBatch,
        options: &Options,
    ) -> Result<Ingested> {
        self.ingest(table, options, |def, rows| source::take(batch, def.schema(), rows))
    }

    pub(crate) fn ingest(
        &mut self,
        name: &str,
        options: &Options,
        load: impl Fn(&TableDef, &mut Rows) -> Result<()>,
    ) -> Result<Ingested> {
        let watch = Stopwatch::start();
        let mut loaded: Option<(u32, Rows)> = None;
        let mut tries = 1;
        loop {
            let draft = self.lake.begin()?;
            if let Some(done) = self.committed_before(options)? {
                return Ok(done);
            }
            let table = draft.state.table(name).ok_or_else(|| IngestError::NoTable(name.into()))?;
            let format = self.format(&table.def)?;
            let schema = table.schema().version;
            let rows = match loaded.take() {
                Some((version, rows)) if version == schema => rows,
                _ => {
                    let mut rows = Rows::new(format.schema().clone());
                    load(&table.def, &mut rows)?;
                    rows
                }
            };
            match self.attempt(&draft, table, &format, &rows, options, &watch)? {
                Ok(done) => return Ok(done),
                Err(conflict) if tries < TRIES && can_be_redone(&conflict) => tries += 1,
                Err(source) => return Err(IngestError::Conflict { tries, source }),
            }
            loaded = Some((schema, rows));
        }
    }

    /// One try, from rows to a commit or the reason why it cannot be.
    fn attempt(
        &mut self,
        draft: &Draft,
        table: &Table,
        format: &Format,
        rows: &Rows,
        options: &Options,
        watch: &Stopwatch,
    ) -> Result<std::result::Result<Ingested, Conflict>> {
        let keyed = !table.def.key.is_empty();
        let mode = options.mode.unwrap_or(if keyed { Mode::Upsert } else { Mode::Append });
        let equal = match (mode, keyed) {
            (Mode::Upsert, false) => return Err(IngestError::NoKey(table.def.name.clone())),
            (Mode::Append, false) => Equal::Keep,
            (Mode::Append, true) => Equal::Refuse,
            (Mode::Upsert, true) => Equal::LastWins,
        };
        if rows.count() == 0 && options.producer.is_none() {
            let receipt = receipt(table, rows, &[], 0, watch);
            return Ok(Ok(Ingested { version: draft.state.version, receipt, duplicate: false }));
        }
        let mut txn = draft.transaction(Cause::Ingest);
        txn.producer = options.producer.clone();
        let batch = rows.whole()?;
        let groups = groups(&table.def, &batch, rows)?;
        let mut files = Files::new(self.lake.root(), draft, &txn, groups.len());
        let work = Work { table, format, rows, equal, keys: Keys::of(&table.def, &batch)?, batch };
        let staged = work.stage(&groups, &files)?;
        if equal == Equal::Refuse {
            self.refuse_present(&work, &staged, &mut txn)?;
        }
        let superseded = staged.iter().map(|s| s.superseded).sum();
        let placing: Vec<_> = staged.iter().map(|s| (s.part, &s.segment)).collect();
        files.place(table, &placing)?;
        let segments: Vec<&Segment> = staged.iter().map(|s| &s.segment).collect();
        txn.receipts.push(receipt(table, rows, &segments, superseded, watch));
        let (id, version) = (table.def.id, table.schema().version);
        txn.expects.push(Expect::Schema { table: id, version });
        txn.actions.extend(staged.into_iter().map(Staged::into_action(id)));
        self.commit(txn, files)
    }

    fn commit(
        &mut self,
        txn: Transaction,
        files: Files,
    ) -> Result<std::result::Result<Ingested, Conflict>> {
        match self.lake.commit(txn) {
            Ok(Outcome::Committed { version, receipts }) => {
                files.keep();
                Ok(Ok(ingested(version, &receipts, false)))
            }
            // The files are removed: the ones that count were committed earlier.
            Ok(Outcome::Duplicate { version, receipts }) => {
                Ok(Ok(ingested(version, &receipts, true)))
            }
            Ok(Outcome::Conflict(conflict)) => Ok(Err(conflict)),
            Err(error) => {
                if error.kind() == Kind::Unknown {
                    files.keep();
                }
                Err(error.into())
            }
        }
    }

    fn committed_before(&mut self, options: &Options) -> Result<Option<Ingested>> {
        let Some(key) = &options.producer else { return Ok(None) };
        let found = self.lake.find_duplicate(key)?;
        Ok(found.map(|(version, receipts)| ingested(version, &receipts, true)))
    }

    /// Checks against a version that is leased while its files are read, and makes
    /// the commit depend on nothing being added since.
    fn refuse_present(
        &mut self,
        work: &Work<'_>,
        staged: &[Staged<'_>],
        txn: &mut Transaction,
    ) -> Result<()> {
        let snapshot = self.lake.snapshot(At::Newest)?;
        let state: &State = snapshot.state();
        let Some(table) = state.table_by_id(work.table.def.id) else { return Ok(()) };
        for Staged { part, piece, segment, .. } in staged {
            let range = segment.range.as_ref();
            if let Some(piece) = piece {
                refuse_present(self.lake.root(), table, part, piece, range)?;
            }
            txn.expects.extend(expectation(table, part, snapshot.version(), range));
        }
        Ok(())
    }

    fn format(&mut self, def: &TableDef) -> Result<Arc<Format>> {
        let version = def.schema().version;
        match self.formats.get(&def.id) {
            Some((of, format)) if *of == version => Ok(format.clone()),
            _ => {
                let format = Arc::new(Format::new(def)?);
                self.formats.insert(def.id, (version, format.clone()));
                Ok(format)
            }
        }
    }
}

/// What every segment of one attempt is made of.
struct Work<'a> {
    table: &'a Table,
    format: &'a Format,
    rows: &'a Rows,
    batch: RecordBatch,
    keys: Keys,
    equal: Equal,
}

/// A segment that is written, and its rows.
struct Staged<'a> {
    part: &'a Part,
    /// Kept where its keys are still to be looked up.
    piece: Option<RecordBatch>,
    superseded: u64,
    segment: Segment,
}

impl Work<'_> {
    fn stage<'g>(&self, groups: &'g [Group], files: &Files) -> Result<Vec<Staged<'g>>> {
        let one = |(n, group): (usize, &'g Group)| -> Result<Staged<'g>> {
            let piece = group.arrange(&self.batch, &self.keys, self.equal, self.rows)?;
            let (part, n) = (&group.part, n as u32);
            let segment = files.write(n, self.table, self.format, part, &piece.batch)?;
            let superseded = piece.superseded;
            let piece = (self.equal == Equal::Refuse).then_some(piece.batch);
            Ok(Staged { part, piece, superseded, segment })
        };
        // A few small segments are done sooner than threads are woken.
        if files.is_wide() || (groups.len() > 1 && self.batch.num_rows() > MANY_ROWS) {
            groups.par_iter().enumerate().map(one).collect()
        } else {
            groups.iter().enumerate().map(one).collect()
        }
    }
}

impl Staged<'_> {
    fn into_action(table: TableId) -> impl FnMut(Staged<'_>) -> Action {
        move |s| Action::Add { table, part: s.part.clone(), segments: vec![s.segment] }
    }
}

fn receipt(
    table: &Table,
    rows: &Rows,
    segments: &[&Segment],
    superseded: u64,
    watch: &Stopwatch,
) -> Receipt {
    Receipt {
        table: table.def.name.as_str().into(),
        rows_in: rows.count(),
        rows_written: segments.iter().map(|s| s.rows).sum(),
        rows_superseded: superseded,
        rows_rejected: 0,
        segments: segments.len() as u64,
        bytes: segments.iter().map(|s| s.bytes).sum(),
        elapsed_ms: watch.elapsed().as_millis() as u64,
        through_row: None,
    }
}

fn ingested(version: Version, receipts: &[Receipt], duplicate: bool) -> Ingested {
    let receipt = receipts.first().cloned().unwrap_or_default();
    Ingested { version, receipt, duplicate }
}

/// Whether the newest state may allow what the one before did not.
fn can_be_redone(conflict: &Conflict) -> bool {
    matches!(
        conflict,
        Conflict::SchemaChanged(_) | Conflict::Touched { .. } | Conflict::TooOld { .. }
    )
}
