//! Rows that go: by a condition, by their keys, or by a stretch of the order.

use std::collections::{BTreeMap, HashSet};

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::{filter_record_batch, not};
use arrow::row::{RowConverter, SortField};
use lake_core::edit::{Action, Cause, Expect, Receipt};
use lake_core::id::{SegmentId, Version};
use lake_core::mask::{Owners, Stretch};
use lake_core::schema::TableDef;
use lake_core::segment::{Part, Segment, SegmentKind};
use lake_core::state::Table;
use lake_core::symbol::Symbol;
use lake_core::value::Range;
use lake_log::{At, Outcome, Snapshot};
use lake_segment::{Merge, MergeInput, MergeOptions, arrow_schema};
use lake_sql::Filter;
use lake_store::{Root, Stopwatch};

use crate::clusters::{Live, clusters};
use crate::error::{IngestError, Result};
use crate::ingest::{Feed, Writer, can_be_redone};
use crate::kit::Kit;
use crate::options::OnError;
use crate::rejects::Gate;
use crate::split::column;
use lake_segment::{Blank, Files, Lineage, Touches, write_packs};

const TRIES: u32 = 8;

/// Which rows.
pub enum Which<'a> {
    /// Those of which the condition is true.
    Where(&'a str),
    /// Those with these keys: a feed of rows that have the key's columns.
    Keys(&'a dyn Feed),
    /// Those of these partitions (None: of all) in a stretch of the order.
    Range { owners: Option<Vec<Vec<Symbol>>>, stretch: Stretch },
}

/// What was deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deletion {
    pub version: Version,
    pub table: String,
    /// None: not known without reading what was hidden.
    pub rows_deleted: Option<u64>,
    /// Rows that stayed and had to be written anew.
    pub rows_written: u64,
    pub segments_removed: u64,
    pub segments: u64,
    pub bytes: u64,
    pub elapsed_ms: u64,
}

/// True for each row that goes.
type Doomed<'a> = dyn Fn(&RecordBatch) -> Result<BooleanArray> + 'a;

impl Writer {
    /// Deletes rows as one commit. With `dry_run` it only counts.
    pub fn delete(&mut self, table: &str, which: &Which<'_>, dry_run: bool) -> Result<Deletion> {
        let watch = Stopwatch::start();
        let mut tries = 1;
        loop {
            // Leased while its files are read.
            let snapshot = self.lake().snapshot(At::Newest)?;
            let found = snapshot.state().table(table);
            let found = found.ok_or_else(|| IngestError::NoTable(table.into()))?;
            let kit = self.kit(&found.def)?;
            let attempt = match which {
                Which::Range { owners, stretch } => {
                    self.hide(&snapshot, found, owners.as_deref(), stretch, dry_run)?
                }
                Which::Where(text) => {
                    let filter = Filter::parse(text, &arrow_schema(found.schema()))?;
                    let doomed = |batch: &RecordBatch| Ok(filter.evaluate(batch)?);
                    self.rewrite(&snapshot, found, &kit, &doomed, dry_run)?
                }
                Which::Keys(feed) => {
                    let keys = KeySet::read(&found.def, *feed)?;
                    let doomed = |batch: &RecordBatch| keys.find(&found.def, batch);
                    self.rewrite(&snapshot, found, &kit, &doomed, dry_run)?
                }
            };
            match attempt {
                Ok(done) => {
                    let elapsed_ms = watch.elapsed().as_millis() as u64;
                    return Ok(Deletion { elapsed_ms, table: found.def.name.clone(), ..done });
                }
                Err(conflict) if tries < TRIES && can_be_redone(&conflict) => tries += 1,
                Err(source) => return Err(IngestError::Conflict { tries, source }),
            }
        }
    }

    fn hide(
        &mut self,
        snapshot: &Snapshot,
        table: &Table,
        owners: Option<&[Vec<Symbol>]>,
        stretch: &Stretch,
        dry_run: bool,
    ) -> Result<Attempt> {
        if !stretch.is_whole() && table.def.range_columns().is_empty() {
            return Err(IngestError::NoOrder(table.def.name.clone()));
        }
        let owners = owners.map(|o| Owners::new(o.to_vec()));
        let meets = |(part, segment): &Live<'_>| {
            owners.as_ref().is_none_or(|o| o.meet(part, segment))
                && stretch.effect_on(segment) != lake_core::mask::Effect::Nothing
        };
        let met = table.segments().filter(|live| meets(live)).count();
        if met == 0 || dry_run {
            let rows_deleted = (met == 0).then_some(0);
            return Ok(Ok(Deletion { version: snapshot.version(), rows_deleted, ..zero() }));
        }
        let draft = self.lake().begin()?;
        let mut txn = draft.transaction(Cause::Delete);
        let (id, stretch) = (table.def.id, stretch.clone());
        txn.actions.push(Action::Hide { table: id, owners, stretch });
        txn.receipts.push(Receipt { table: table.def.name.as_str().into(), ..Receipt::default() });
        Ok(match self.lake().commit(txn)? {
            Outcome::Committed { version, .. } | Outcome::Duplicate { version, .. } => {
                Ok(Deletion { version, rows_deleted: None, ..zero() })
            }
            Outcome::Conflict(conflict) => Err(conflict),
        })
    }

    /// Writes what stays of each cluster in which a row goes.
    fn rewrite(
        &mut self,
        snapshot: &Snapshot,
        table: &Table,
        kit: &Kit,
        doomed: &Doomed<'_>,
        dry_run: bool,
    ) -> Result<Attempt> {
        let draft = self.lake().begin()?;
        let mut txn = draft.transaction(Cause::Delete);
        let root = self.lake().root().clone();
        let mut files = Files::new(&root, &draft.staging, &txn, SegmentKind::Increment);
        let mut done = zero();
        let mut deleted = 0;
        let mut removed: BTreeMap<Part, Vec<SegmentId>> = BTreeMap::new();
        let mut added: BTreeMap<Part, Vec<Segment>> = BTreeMap::new();
        for cluster in clusters(table) {
            let gone = doomed_rows(&root, table, &cluster, doomed)?;
            deleted += gone;
            if gone == 0 || dry_run {
                continue;
            }
            let segments = write(&files, &root, table, kit, &cluster, doomed)?;
            let joined = cluster.iter().map(|(_, s)| s.range.clone()).reduce(join).flatten();
            for (part, segment) in &cluster {
                removed.entry((*part).clone()).or_default().push(segment.id);
                let part = (*part).clone();
                let (since, range) = (snapshot.version(), joined.clone());
                txn.expects.push(Expect::Untouched { table: table.def.id, part, since, range });
            }
            for (part, segment) in segments {
                done.rows_written += segment.rows;
                done.bytes += segment.bytes;
                done.segments += 1;
                added.entry(part).or_default().push(segment);
            }
        }
        done.rows_deleted = Some(deleted);
        done.version = snapshot.version();
        if removed.is_empty() {
            return Ok(Ok(done));
        }
        let placing: Vec<_> =
            added.iter().flat_map(|(p, all)| all.iter().map(move |s| (table, p, s))).collect();
        files.place(&placing)?;
        done.segments_removed = removed.values().map(|r| r.len() as u64).sum();
        let id = table.def.id;
        txn.expects.dedup();
        for (part, segments) in removed {
            txn.actions.push(Action::Remove { table: id, part, segments });
        }
        for (part, segments) in added {
            txn.actions.push(Action::Add { table: id, part, segments });
        }
        txn.receipts.push(Receipt {
            table: table.def.name.as_str().into(),
            rows_written: done.rows_written,
            segments: done.segments,
            bytes: done.bytes,
            ..Receipt::default()
        });
        Ok(match self.commit(txn, files)? {
            Ok(committed) => Ok(Deletion { version: committed.version, ..done }),
            Err(conflict) => Err(conflict),
        })
    }
}

type Attempt = std::result::Result<Deletion, lake_core::state::Conflict>;

fn zero() -> Deletion {
    Deletion { rows_deleted: Some(0), ..Deletion::default() }
}

fn join(a: Option<Range>, b: Option<Range>) -> Option<Range> {
    Some(a?.join(&b?))
}

/// The rows of a cluster that count.
fn visible(root: &Root, table: &Table, cluster: &[Live<'_>]) -> Result<Merge> {
    let inputs: Vec<MergeInput<'_>> = cluster
        .iter()
        .map(|(part, segment)| MergeInput { path: table.path(part, segment), part, segment })
        .collect();
    Ok(Merge::open(root, &table.def, &inputs, &MergeOptions::default())?)
}

fn doomed_rows(
    root: &Root,
    table: &Table,
    cluster: &[Live<'_>],
    doomed: &Doomed<'_>,
) -> Result<u64> {
    let mut gone = 0;
    for batch in visible(root, table, cluster)? {
        gone += doomed(&batch?)?.true_count() as u64;
    }
    Ok(gone)
}

/// What stays of a cluster, in the place of its newest rows.
fn write(
    files: &Files,
    root: &Root,
    table: &Table,
    kit: &Kit,
    cluster: &[Live<'_>],
    doomed: &Doomed<'_>,
) -> Result<Vec<(Part, Segment)>> {
    let stays = visible(root, table, cluster)?.map(|batch| -> Result<RecordBatch> {
        let batch = batch?;
        let gone = doomed(&batch)?;
        let gone = BooleanArray::from_iter(gone.iter().map(|g| Some(g == Some(true))));
        Ok(filter_record_batch(&batch, &not(&gone)?)?)
    });
    let stays = stays.filter(|b| b.as_ref().map_or(true, |b| b.num_rows() > 0));
    let mut stays = stays.peekable();
    if stays.peek().is_none() {
        return Ok(Vec::new());
    }
    let lineage = Lineage::of(cluster.iter().map(|(_, s)| *s)).cutting();
    let format = &kit.format.made_of(&lineage);
    let own = cluster.iter().map(|(part, _)| *part).find(|part| **part != Part::Packed);
    let packed = cluster.iter().any(|(part, _)| **part == Part::Packed);
    let written = match (own, packed) {
        (Some(part), false) => {
            let rows = cluster.iter().map(|(_, s)| s.rows as usize).sum();
            vec![(
                part.clone(),
                files.write(
                    &Blank { table, format, part, rows, census: None, copies: None },
                    stays,
                )?,
            )]
        }
        _ => {
            let packs = write_packs(files, table, format, &Touches::new(), None, &mut stays)?;
            packs.into_iter().map(|segment| (Part::Packed, segment)).collect()
        }
    };
    let inputs = || cluster.iter().map(|(_, segment)| *segment);
    Ok(written.into_iter().map(|(part, segment)| (part, segment.in_place_of(inputs()))).collect())
}

/// The keys of rows to go.
struct KeySet {
    converter: RowConverter,
    keys: HashSet<Box<[u8]>>,
}

impl KeySet {
    fn read(def: &TableDef, feed: &dyn Feed) -> Result<KeySet> {
        if def.key.is_empty() {
            return Err(IngestError::NoKey(def.name.clone()));
        }
        let mut only = def.clone();
        if let Some(newest) = only.schemas.last_mut() {
            newest.fields.retain(|f| def.key.contains(&f.id));
            newest.checks.clear();
        }
        let schema = arrow_schema(only.schema());
        let mut source = feed.open(&only, &schema)?;
        let types = key_columns(&only, &RecordBatch::new_empty(schema));
        let fields = types.iter().map(|c| SortField::new(c.data_type().clone())).collect();
        let mut set = KeySet { converter: RowConverter::new(fields)?, keys: HashSet::new() };
        let mut gate = Gate::new(OnError::Abort);
        while let Some(chunk) = source.next(&mut gate)? {
            let rows = set.converter.convert_columns(&key_columns(&only, &chunk.batch))?;
            set.keys.extend(rows.iter().map(|row| Box::from(row.data())));
        }
        Ok(set)
    }

    fn find(&self, def: &TableDef, batch: &RecordBatch) -> Result<BooleanArray> {
        let rows = self.converter.convert_columns(&key_columns(def, batch))?;
        Ok(rows.iter().map(|row| Some(self.keys.contains(row.data()))).collect())
    }
}

fn key_columns(def: &TableDef, batch: &RecordBatch) -> Vec<ArrayRef> {
    def.key.iter().filter_map(|id| column(def, batch, *id)).cloned().collect()
}
