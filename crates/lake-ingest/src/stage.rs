//! Segments on the disk: written where nobody looks, synced, and brought into
//! place before the commit that names them (W2, W3).

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
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
const STREAM_ROWS: usize = 256 * 1024;

/// One transaction's files, staged or in place. Unless they are kept they are
/// removed when this is dropped: nothing was committed that names them.
pub(crate) struct Files {
    root: Root,
    staging: Dir,
    provenance: Provenance,
    wide: bool,
    staged: BTreeSet<String>,
    placed: Vec<(Dir, String)>,
    keep: bool,
}

impl Files {
    /// For `count` segments of a transaction.
    pub(crate) fn new(root: &Root, draft: &Draft, txn: &Transaction, count: usize) -> Files {
        let name = |n| tmp_name(&SegmentId { txn: txn.id, n });
        Files {
            root: root.clone(),
            staging: draft.staging.clone(),
            provenance: Provenance::of(txn),
            wide: count > WIDE,
            staged: (0..count as u32).map(name).collect(),
            placed: Vec::new(),
            keep: false,
        }
    }

    pub(crate) fn is_wide(&self) -> bool {
        self.wide
    }

    /// Writes the `n`-th segment. Safe to call from many threads.
    pub(crate) fn write(
        &self,
        n: u32,
        table: &Table,
        format: &Format,
        part: &Part,
        batch: &RecordBatch,
    ) -> Result<Segment> {
        let id = SegmentId { txn: self.provenance.txn, n };
        let dir = layout::part_dir(&table.def.name, &table.def.directory_columns(), part);
        let above = layout::table_dir(&table.def.name);
        let label = dir.strip_prefix(&above).map_or("", |rest| rest.trim_start_matches('/'));
        let profile = Profile::of_increment(batch.num_rows());
        let tmp = tmp_name(&id);
        let mut file;
        let written: Written = if batch.num_rows() < STREAM_ROWS {
            let encoded = format.encode(batch, profile, label, &self.provenance)?;
            file = self.staging.create(&tmp)?;
            file.write_all_at_once(&encoded.bytes)?;
            encoded.written
        } else {
            file = self.staging.create(&tmp)?;
            let mut writer = format.stream(&mut file, profile, label, &self.provenance)?;
            writer.write(batch)?;
            writer.finish()?
        };
        if !self.wide {
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
    pub(crate) fn place(&mut self, table: &Table, segments: &[(&Part, &Segment)]) -> Result<()> {
        let mut fresh = BTreeSet::new();
        let mut dirs = Vec::with_capacity(segments.len());
        for (part, segment) in segments {
            let path = table.path(part, segment);
            let (rel, name) = path.rsplit_once('/').unwrap_or(("", &path));
            let (dir, _) = self.root.make_dir_unsynced(rel)?;
            // A partition that a commit has named lies in directories that are durable.
            if !table.parts.contains_key(*part) {
                fresh.insert(rel.rsplit_once('/').map_or("", |(above, _)| above).to_owned());
            }
            dirs.push((dir, name.to_owned()));
        }
        if !self.wide {
            for above in &fresh {
                self.root.sync_parents(&format!("{above}/x"))?;
            }
        }
        for ((_, segment), (dir, name)) in segments.iter().zip(dirs) {
            let tmp = tmp_name(&segment.id);
            self.placed.push((dir.clone(), name.clone()));
            self.staging.rename(&tmp, &dir, &name)?;
            self.staged.remove(&tmp);
            if !self.wide {
                dir.sync()?;
            }
        }
        if self.wide {
            self.root.sync_fs()?;
        }
        Ok(())
    }

    /// They are committed, or may be.
    pub(crate) fn keep(mut self) {
        self.keep = true;
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        // What cannot be removed now is an orphan for the sweep.
        for (dir, name) in &self.placed {
            let _ = dir.unlink(name);
        }
        for tmp in &self.staged {
            let _ = self.staging.unlink(tmp);
        }
    }
}

fn tmp_name(id: &SegmentId) -> String {
    format!("{}.tmp", layout::segment_name(SegmentKind::Increment, id))
}
