//! The way of rows into the lake:
//! source -> rows -> groups, one a symbol -> staged segments -> one commit.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use lake_core::edit::{Cause, Receipt, Transaction};
use lake_core::id::{TableId, Version};
use lake_core::kind::Kind;
use lake_core::schema::TableDef;
use lake_core::segment::SegmentKind;
use lake_core::state::Conflict;
use lake_log::{Access, At, Draft, Lake, Outcome, Snapshot};
use lake_store::Stopwatch;

use crate::error::{IngestError, Result};
use crate::feed::newer_columns;
use crate::kit::Kit;
use crate::make::{Made, Maker, Seen, Way};
use crate::meter::Phase;
use crate::options::{Layout, Options};
use crate::quarantine;
use crate::rejects::Gate;
use crate::source::{Source, of_batch};
use lake_segment::Files;

/// How often a commit is tried anew after somebody changed what it was based on.
const TRIES: u32 = 8;

/// What became of it: durable and visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingested {
    pub version: Version,
    pub receipt: Receipt,
    /// It had been committed before; version and receipt are of that time.
    pub duplicate: bool,
}

/// The same for several tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestedMany {
    pub version: Version,
    pub receipts: Vec<Receipt>,
    pub duplicate: bool,
}

/// Where rows come from. It is asked anew when the commit has to be.
pub trait Feed {
    /// How many bytes its inputs have, where that is known before they are read.
    fn size(&self) -> Option<u64> {
        None
    }

    fn open(&self, def: &TableDef, schema: &SchemaRef) -> Result<Box<dyn Source>>;
}

/// One table and the rows for it.
pub struct Job<'a> {
    pub table: &'a str,
    pub feed: &'a dyn Feed,
    /// None: as the options say.
    pub layout: Option<Layout>,
}

/// A long-lived writer: each call is one commit.
pub struct Writer {
    lake: Lake,
    kits: HashMap<TableId, (u32, Arc<Kit>)>,
}

/// Whether what became of a table's rows is worth a commit.
pub(crate) type Worth<'a> = dyn Fn(&Receipt, &Gate) -> bool + 'a;

struct Batch<'a>(&'a RecordBatch);

impl Feed for Batch<'_> {
    fn open(&self, def: &TableDef, schema: &SchemaRef) -> Result<Box<dyn Source>> {
        of_batch(self.0, def.schema(), schema, &newer_columns(def), &def.partition_by)
    }
}

impl Writer {
    pub fn open(path: &Path) -> Result<Writer> {
        Ok(Writer::new(Lake::open(path, Access::Write)?))
    }

    pub fn new(lake: Lake) -> Writer {
        Writer { lake, kits: HashMap::new() }
    }

    pub fn lake(&mut self) -> &mut Lake {
        &mut self.lake
    }

    /// A batch with the table's columns, by name, in any order and in any types that
    /// convert without loss.
    pub fn ingest_batch(
        &mut self,
        table: &str,
        batch: &RecordBatch,
        options: &Options,
    ) -> Result<Ingested> {
        self.ingest(table, &Batch(batch), options)
    }

    /// All rows of a feed in one commit.
    pub fn ingest(&mut self, table: &str, feed: &dyn Feed, options: &Options) -> Result<Ingested> {
        Ok(first(self.ingest_many(&[Job { table, feed, layout: None }], options)?))
    }

    /// The rows of several tables in one commit.
    pub fn ingest_many(&mut self, jobs: &[Job<'_>], options: &Options) -> Result<IngestedMany> {
        self.ingest_if(jobs, options, &|_, _| true)
    }

    /// Commits if what was made of the rows is worth it; else it is as a dry run.
    pub(crate) fn ingest_if(
        &mut self,
        jobs: &[Job<'_>],
        options: &Options,
        worth: &Worth<'_>,
    ) -> Result<IngestedMany> {
        let watch = Stopwatch::start();
        for (i, job) in jobs.iter().enumerate() {
            if jobs[..i].iter().any(|other| other.table.eq_ignore_ascii_case(job.table)) {
                return Err(IngestError::TableTwice(job.table.into()));
            }
        }
        let before = options.meter.read();
        let mut tries = 1;
        loop {
            let draft = self.lake.begin()?;
            if let Some(done) = self.committed_before(options)? {
                return Ok(done);
            }
            match self.attempt(&draft, jobs, options, worth, &watch)? {
                Ok(done) => return Ok(done),
                Err(conflict) if tries < TRIES && can_be_redone(&conflict) => {
                    options.meter.rewind(&before);
                    tries += 1;
                }
                Err(source) => return Err(IngestError::Conflict { tries, source }),
            }
        }
    }

    /// One try, from rows to a commit or the reason why it cannot be.
    fn attempt(
        &mut self,
        draft: &Draft,
        jobs: &[Job<'_>],
        options: &Options,
        worth: &Worth<'_>,
        watch: &Stopwatch,
    ) -> Result<std::result::Result<IngestedMany, Conflict>> {
        let mut txn = draft.transaction(Cause::Ingest);
        txn.producer.clone_from(&options.producer);
        let mut files = Files::new(self.lake.root(), &draft.staging, &txn, SegmentKind::Increment);
        let (mut made, mut worthy) = (Vec::new(), true);
        let lease = self.lease(draft, jobs, options)?;
        for job in jobs {
            let (one, gate) = self.make(draft, lease.as_ref(), job, options, &files)?;
            let table = draft.state.table(job.table).ok_or_else(|| no_table(job.table))?;
            let receipt = one.receipt(table, &gate, watch);
            worthy &= worth(&receipt, &gate);
            txn.receipts.push(receipt);
            made.push((table, one, gate));
        }
        let nothing = made.iter().all(|(_, one, gate)| one.is_nothing() && gate.kept().is_empty());
        if options.dry_run || !worthy || (nothing && options.producer.is_none()) {
            let (version, receipts) = (draft.state.version, txn.receipts);
            return Ok(Ok(IngestedMany { version, receipts, duplicate: false }));
        }
        let placing: Vec<_> = made
            .iter()
            .flat_map(|(table, one, _)| one.staged.iter().map(move |(p, s)| (*table, p, s)))
            .collect();
        options.meter.enter(Phase::Committing);
        files.place(&placing)?;
        let kept: Vec<_> = made.iter().map(|(table, _, gate)| (*table, gate.kept())).collect();
        let quarantined = quarantine::write(self.lake.root(), &txn, &kept)?;
        for (table, one, _) in &made {
            txn.actions.extend(one.hides(table));
        }
        for (table, one, _) in made {
            let (expects, adds) = one.adds(table);
            txn.expects.extend(expects);
            txn.actions.extend(adds);
        }
        let outcome = self.commit(txn, files);
        if matches!(&outcome, Ok(Ok(done)) if !done.duplicate) || may_stand(&outcome) {
            quarantined.keep();
        }
        outcome
    }

    /// The version that the draft is based on, so that its files stay while they are
    /// read.
    fn lease(
        &mut self,
        draft: &Draft,
        jobs: &[Job<'_>],
        options: &Options,
    ) -> Result<Option<Snapshot>> {
        let mut looks = false;
        for job in jobs {
            let table = draft.state.table(job.table).ok_or_else(|| no_table(job.table))?;
            looks |= Way::of(table, options)?.looks();
        }
        let at = At::Version(draft.state.version);
        Ok(looks.then(|| self.lake.snapshot(at)).transpose()?)
    }

    fn make(
        &mut self,
        draft: &Draft,
        lease: Option<&Snapshot>,
        job: &Job<'_>,
        options: &Options,
        files: &Files,
    ) -> Result<(Made, Gate)> {
        let table = draft.state.table(job.table).ok_or_else(|| no_table(job.table))?;
        let way = Way::of(table, options)?;
        let kit = self.kit(&table.def)?;
        let root = self.lake.root();
        let seen = lease.filter(|_| way.looks()).map(|snapshot| Seen { root, snapshot });
        let layout = job.layout.unwrap_or(options.layout);
        let maker = Maker { table, kit: &kit, options, layout, files, root, seen };
        let mut gate = Gate::new(options.on_error);
        let mut source = job.feed.open(&table.def, kit.format.schema())?;
        let made = maker.make(&mut *source, &mut gate)?;
        Ok((made, gate))
    }

    pub(crate) fn commit(
        &mut self,
        txn: Transaction,
        files: Files,
    ) -> Result<std::result::Result<IngestedMany, Conflict>> {
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
                if matches!(error.kind(), Kind::Unknown | Kind::Spooled) {
                    files.keep();
                }
                Err(error.into())
            }
        }
    }

    fn committed_before(&mut self, options: &Options) -> Result<Option<IngestedMany>> {
        let Some(key) = &options.producer else { return Ok(None) };
        let found = self.lake.find_duplicate(key)?;
        Ok(found.map(|(version, receipts)| ingested(version, &receipts, true)))
    }

    /// The same of one table.
    pub(crate) fn committed_once(&mut self, options: &Options) -> Result<Option<Ingested>> {
        Ok(self.committed_before(options)?.map(first))
    }

    /// What rows for a table must look like now.
    pub(crate) fn table_schema(&mut self, table: &str) -> Result<(TableDef, SchemaRef)> {
        let state = self.lake.refresh()?.clone();
        let table = state.table(table).ok_or_else(|| no_table(table))?;
        let schema = self.kit(&table.def)?.format.schema().clone();
        Ok((table.def.clone(), schema))
    }

    pub(crate) fn kit(&mut self, def: &TableDef) -> Result<Arc<Kit>> {
        let version = def.schema().version;
        match self.kits.get(&def.id) {
            Some((of, kit)) if *of == version => Ok(kit.clone()),
            _ => {
                let kit = Arc::new(Kit::new(def)?);
                self.kits.insert(def.id, (version, kit.clone()));
                Ok(kit)
            }
        }
    }
}

fn no_table(name: &str) -> IngestError {
    IngestError::NoTable(name.into())
}

fn first(done: IngestedMany) -> Ingested {
    let receipt = done.receipts.into_iter().next().unwrap_or_default();
    Ingested { version: done.version, receipt, duplicate: done.duplicate }
}

fn ingested(version: Version, receipts: &[Receipt], duplicate: bool) -> IngestedMany {
    IngestedMany { version, receipts: receipts.to_vec(), duplicate }
}

fn may_stand<T>(outcome: &Result<T>) -> bool {
    matches!(outcome, Err(error) if matches!(error.kind(), Kind::Unknown | Kind::Spooled))
}

/// Whether the newest state may allow what the one before did not.
pub(crate) fn can_be_redone(conflict: &Conflict) -> bool {
    matches!(
        conflict,
        Conflict::SchemaChanged(_)
            | Conflict::Touched { .. }
            | Conflict::TooOld { .. }
            | Conflict::SegmentGone(_)
    )
}
