//! One batch, from the lease to the commit.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};

use arrow::array::RecordBatch;
use lake_core::archive::{Archive, archive_key};
use lake_core::edit::{Action, Cause, Expect, Receipt, Transaction};
use lake_core::id::{SegmentId, Version};
use lake_core::kind::Kind;
use lake_core::mask::{self, Mask, Owners};
use lake_core::schema::TableDef;
use lake_core::segment::{Part, Segment, SegmentKind};
use lake_core::state::{Conflict, Table};
use lake_core::symbol::Symbol;
use lake_log::{At, Lake, Outcome};
use lake_segment::{Blank, Files, Format, PACK_ROWS, Within, end_of, symbols_at};

use super::ArchiveOptions;
use super::shelf::Shelf;
use crate::compact::Watch;
use crate::error::{MaintainError, Result};
use crate::retain::{Doom, DoomedRows, Met, Retained, table_of};

/// Rows of a file.
const FILE_ROWS: u64 = 4 * PACK_ROWS as u64;

pub(super) enum End {
    Done(Batch),
    /// Nothing visible is left that should go.
    Nothing,
    Conflict(Conflict),
}

pub(super) struct Batch {
    pub(super) done: Retained,
    /// The next batch begins after it. None: there is none.
    pub(super) last: Option<Vec<Symbol>>,
}

/// What was staged.
struct Written {
    files: Vec<(Part, Segment)>,
    last: Option<Vec<Symbol>>,
}

pub(super) fn run(
    lake: &mut Lake,
    name: &str,
    doom: &Doom,
    from: &Bound<Vec<Symbol>>,
    options: &ArchiveOptions,
    watch: &dyn Watch,
) -> Result<End> {
    let root = lake.root().clone();
    let snapshot = lake.snapshot(At::Newest)?;
    let state = snapshot.state().clone();
    let table = table_of(&state, name)?;
    let met = doom.met(table);
    if met.is_empty() {
        return Ok(End::Nothing);
    }
    let draft = lake.begin()?;
    let mut txn = draft.transaction(Cause::Retain);
    let files = Files::new(&root, &draft.staging, &txn, SegmentKind::Base);
    let wide = files.announce(symbols_in(&met));
    let within = (from.clone(), Bound::Unbounded);
    let rows = DoomedRows::open(&root, table, &table.def, doom, &within)?;
    let feed = Feed { def: &table.def, rows, rest: None, watch };
    let Written { files: staged, last } = write(&files, table, feed, options)?;
    if staged.is_empty() {
        return Ok(End::Nothing);
    }
    let to = last.clone().map_or(Bound::Unbounded, Bound::Included);
    let owners = owners_of(&staged);
    let mut archive =
        Archive { table: table.def.id, seq: 0, txn: draft.id, at_us: txn.at_us, files: staged };
    let mut done = take(&mut txn, table, &met, doom, &(from.clone(), to), &owners);
    txn.expects = expects(&txn, table, snapshot.version());
    let (rows_archived, archive_bytes) = (archive.rows(), archive.bytes());
    txn.receipts.push(Receipt {
        table: table.def.name.as_str().into(),
        rows_in: rows_archived,
        ..Receipt::default()
    });
    let mut shelf = Shelf::new(&root);
    shelf.claim(&state, &table.def.name, &draft.staging, &mut archive)?;
    shelf.place(&files, wide, &draft.staging, &table.def, &archive)?;
    txn.producer = Some(archive_key(&table.def.name, archive.seq));
    match lake.commit(txn) {
        Ok(Outcome::Committed { version, .. }) => {
            shelf.keep();
            done.version = version;
            done.rows_archived = rows_archived;
            done.archive_files = archive.files.len() as u64;
            done.archive_bytes = archive_bytes;
            Ok(End::Done(Batch { done, last }))
        }
        // Somebody else committed this number, although the list was ours.
        Ok(Outcome::Duplicate { .. }) => {
            Ok(End::Conflict(Conflict::SegmentTwice(SegmentId { txn: archive.txn, n: 0 })))
        }
        Ok(Outcome::Conflict(conflict)) => Ok(End::Conflict(conflict)),
        Err(error) => {
            if error.kind() == Kind::Unknown {
                shelf.keep();
            }
            Err(error.into())
        }
    }
}

/// How many symbols may have rows in these.
fn symbols_in(met: &[Met<'_>]) -> usize {
    let count = |m: &Met<'_>| m.segment.symbols.as_ref().map_or(1, |span| span.count as usize);
    met.iter().map(count).sum()
}

fn owners_of(staged: &[(Part, Segment)]) -> Owners {
    let own = |(part, _): &(Part, Segment)| match part {
        Part::Of(symbols) => Some(symbols.clone()),
        Part::Packed => None,
    };
    Owners::new(staged.iter().filter_map(own).collect())
}

/// Takes the rows of `within`, which are those of `owners`, out of what was read.
fn take(
    txn: &mut Transaction,
    table: &Table,
    met: &[Met<'_>],
    doom: &Doom,
    within: &Within,
    owners: &Owners,
) -> Retained {
    let mut done = Retained::default();
    let mut removed: BTreeMap<&Part, Vec<SegmentId>> = BTreeMap::new();
    let mut masked: BTreeMap<&Part, Vec<Segment>> = BTreeMap::new();
    for Met { part, segment, whole } in met {
        let (meets, inside) = match (part, segment.symbols.as_deref()) {
            (Part::Of(own), _) => (within.contains(own), true),
            (Part::Packed, Some(span)) => {
                let inside = within.contains(&span.first) && within.contains(&span.last);
                (inside || owners.meet(part, segment), inside)
            }
            (Part::Packed, None) => (true, false),
        };
        if !meets {
            continue;
        }
        removed.entry(part).or_default().push(segment.id);
        if *whole && inside {
            done.segments_removed += 1;
            done.bytes_removed += segment.bytes;
            continue;
        }
        let mut left = (*segment).clone();
        let owners = (!inside).then(|| owners.clone());
        mask::add(&mut left.masks, Mask { owners, stretch: doom.stretch.clone() });
        masked.entry(part).or_default().push(left);
        done.segments_masked += 1;
    }
    let id = table.def.id;
    for (part, segments) in removed {
        txn.actions.push(Action::Remove { table: id, part: part.clone(), segments });
    }
    for (part, segments) in masked {
        txn.actions.push(Action::Add { table: id, part: part.clone(), segments });
    }
    done
}

/// No row was taken away from what was read: it would come back from the archive.
fn expects(txn: &Transaction, table: &Table, since: Version) -> Vec<Expect> {
    let uncut = |action: &Action| match action {
        Action::Remove { part, .. } => {
            Some(Expect::Uncut { table: table.def.id, part: part.clone(), since })
        }
        _ => None,
    };
    txn.actions.iter().filter_map(uncut).collect()
}

fn write(
    files: &Files,
    table: &Table,
    mut feed: Feed<'_>,
    options: &ArchiveOptions,
) -> Result<Written> {
    let format = Format::new(&table.def)?;
    let mut written = Written { files: Vec::new(), last: None };
    let (mut rows, mut before) = (0, None);
    while let Some(symbols) = feed.peek()? {
        let is_new = before.as_ref() != Some(&symbols);
        if is_new && before.is_some() && rows >= options.batch_rows {
            written.last = before;
            break;
        }
        let part = Part::Of(symbols.clone());
        let whole = usize::MAX;
        let blank =
            Blank { table, format: &format, part: &part, rows: whole, census: None, copies: None };
        let mut own = 0;
        let portion = std::iter::from_fn(|| {
            let next = (own < FILE_ROWS).then(|| feed.next_of(&symbols))??;
            own += next.as_ref().map_or(0, RecordBatch::num_rows) as u64;
            Some(next)
        });
        let file = files.write(&blank, portion)?;
        rows += file.rows;
        written.files.push((part, file));
        before = Some(symbols);
    }
    Ok(written)
}

/// The rows that go, symbol by symbol.
struct Feed<'a> {
    def: &'a TableDef,
    rows: DoomedRows,
    rest: Option<RecordBatch>,
    watch: &'a dyn Watch,
}

impl Feed<'_> {
    /// Whose rows come next.
    fn peek(&mut self) -> Result<Option<Vec<Symbol>>> {
        if self.rest.is_none() {
            self.rest = self.rows.next().transpose()?;
        }
        Ok(self.rest.as_ref().map(|batch| symbols_at(self.def, batch, 0)))
    }

    /// The next rows, if they are this symbol's.
    fn next_of(&mut self, symbols: &[Symbol]) -> Option<Result<RecordBatch>> {
        match self.peek() {
            Ok(Some(next)) if next == symbols => {}
            Ok(_) => return None,
            Err(error) => return Some(Err(error)),
        }
        let batch = self.rest.take()?;
        let end = end_of(self.def, &batch, 0);
        if end < batch.num_rows() {
            self.rest = Some(batch.slice(end, batch.num_rows() - end));
        }
        match self.watch.merged(end as u64) {
            true => Some(Ok(batch.slice(0, end))),
            false => Some(Err(MaintainError::Stopped)),
        }
    }
}
