//! Segments on the disk: written where nobody looks, synced, and brought into
//! place before the commit that names them (W2, W3).

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use lake_core::edit::Transaction;
use lake_core::id::SegmentId;
use lake_core::layout;
use lake_core::segment::{Part, Rank, Segment, SegmentKind};
use lake_core::state::Table;
use lake_log::Draft;
use lake_segment::{Format, Profile, Provenance, Written};
use lake_store::{Dir, Root};

use crate::error::Result;

/// From so many files on, one flush of the file system is cheaper than theirs.
const WIDE: usize = 32;
/// Larger segments are not encoded in memory first.
const STREAM_ROWS: usize = 64 * 1024;

/// One transaction's files, staged or in place. Unless they are kept they are
/// removed when this is dropped: nothing was committed that names them.
pub(crate) struct Files {
    root: Root,
    staging: Dir,
    provenance: Provenance,
    /// They are synced by one flush at the end.
    wide: AtomicBool,
    next: AtomicU32,
    placed: Vec<(Dir, String)>,
    keep: bool,
}

/// What a segment is made of besides its rows.
pub(crate) struct Blank<'a> {
    pub(crate) table: &'a Table,
    pub(crate) format: &'a Format,
    pub(crate) part: &'a Part,
    pub(crate) rows: usize,
}

impl Files {
    pub(crate) fn new(root: &Root, draft: &Draft, txn: &Transaction) -> Files {
        Files {
            root: root.clone(),
            staging: draft.staging.clone(),
            provenance: Provenance::of(txn),
            wide: AtomicBool::new(false),
            next: AtomicU32::new(0),
            placed: Vec::new(),
            keep: false,
        }
    }

    /// Says that so many are to be written; whether they are many.
    pub(crate) fn announce(&self, count: usize) -> bool {
        let wide = count > WIDE;
        self.wide.fetch_or(wide, Ordering::Relaxed);
        wide
    }

    fn is_wide(&self) -> bool {
        self.wide.load(Ordering::Relaxed)
    }

    /// Writes a segment. Safe to call from many threads. What the log is to know of a
    /// pack's range and symbols the caller adds.
    pub(crate) fn write(
        &self,
        blank: &Blank<'_>,
        batches: impl Iterator<Item = Result<RecordBatch>>,
    ) -> Result<Segment> {
        let Blank { table, format, part, rows } = *blank;
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let id = SegmentId { txn: self.provenance.txn, n };
        let dir = layout::part_dir(&table.def.name, &table.def.directory_columns(), part);
        let above = layout::table_dir(&table.def.name);
        let label = dir.strip_prefix(&above).map_or("", |rest| rest.trim_start_matches('/'));
        let profile = Profile::of_increment(rows);
        let tmp = tmp_name(&id);
        let mut file;
        let written: Written = if rows <= STREAM_ROWS {
            let all = batches.collect::<Result<Vec<_>>>()?;
            let whole = match all.as_slice() {
                [only] => only.clone(),
                all => concat_batches(format.schema(), all)?,
            };
            let encoded = format.encode(&whole, profile, label, &self.provenance)?;
            file = self.staging.create(&tmp)?;
            file.write_all_at_once(&encoded.bytes)?;
            encoded.written
        } else {
            file = self.staging.create(&tmp)?;
            let mut writer = format.stream(&mut file, profile, label, &self.provenance)?;
            for batch in batches {
                writer.write(&batch?)?;
            }
            writer.finish()?
        };
        if !self.is_wide() {
            file.sync()?;
        }
        file.close()?;
        Ok(Segment {
            id,
            kind: SegmentKind::Increment,
            schema_version: table.schema().version,
            rows: written.rows,
            bytes: written.bytes,
            hash: written.hash,
            range: written.range,
            symbols: None,
            rank: Rank::default(),
            masks: Vec::new(),
            added: 0,
        })
    }

    /// Gives the staged files their names for good, durably.
    pub(crate) fn place(&mut self, segments: &[(&Table, &Part, &Segment)]) -> Result<()> {
        let mut fresh = BTreeSet::new();
        let mut dirs = Vec::with_capacity(segments.len());
        for (table, part, segment) in segments {
            let path = table.path(part, segment);
            let (rel, name) = path.rsplit_once('/').unwrap_or(("", &path));
            let (dir, _) = self.root.make_dir_unsynced(rel)?;
            // A partition that a commit has named lies in directories that are durable.
            if !table.parts.contains_key(*part) {
                fresh.insert(rel.rsplit_once('/').map_or("", |(above, _)| above).to_owned());
            }
            dirs.push((dir, name.to_owned()));
        }
        let wide = self.is_wide() || self.announce(segments.len());
        if !wide {
            for above in &fresh {
                self.root.sync_parents(&format!("{above}/x"))?;
            }
        }
        for ((_, _, segment), (dir, name)) in segments.iter().zip(dirs) {
            self.placed.push((dir.clone(), name.clone()));
            self.staging.rename(&tmp_name(&segment.id), &dir, &name)?;
            if !wide {
                dir.sync()?;
            }
        }
        if wide {
            self.root.sync_fs()?;
        }
        Ok(())
    }

    /// The path of a staged segment, relative to the lake.
    pub(crate) fn staged_path(&self, segment: &Segment) -> String {
        format!("{}/{}", self.staging.path(), tmp_name(&segment.id))
    }

    /// Removes a staged segment that something else has taken the place of.
    pub(crate) fn discard(&self, segment: &Segment) {
        let _ = self.staging.unlink(&tmp_name(&segment.id));
    }

    /// They are committed, or may be.
    pub(crate) fn keep(mut self) {
        self.keep = true;
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // What cannot be removed now is an orphan for the sweep.
        if !self.keep {
            for (dir, name) in &self.placed {
                let _ = dir.unlink(name);
            }
            for n in 0..*self.next.get_mut() {
                let _ = self.staging.unlink(&tmp_name(&SegmentId { txn: self.provenance.txn, n }));
            }
        }
    }
}

fn tmp_name(id: &SegmentId) -> String {
    format!("{}.tmp", layout::segment_name(SegmentKind::Increment, id))
}
