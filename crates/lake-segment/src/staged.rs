//! Segments on the disk: written where nobody looks, synced, and brought into
//! place before the commit that names them (W2, W3).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use lake_core::census::Census;
use lake_core::edit::Transaction;
use lake_core::id::SegmentId;
use lake_core::layout;
use lake_core::segment::{Part, Rank, Segment, SegmentKind};
use lake_core::state::Table;
use lake_store::{Dir, NewFile, Root};

use crate::error::{Result, SegmentError};
use crate::format::{Format, Profile};
use crate::group::{Copied, Copies, Piece};
use crate::metadata::Provenance;
use crate::writer::Written;

/// From so many files on, one flush of the file system is cheaper than theirs.
const WIDE: usize = 32;
/// Larger segments are not encoded in memory first.
const STREAM_ROWS: usize = 64 * 1024;

/// One transaction's files, staged or in place. Unless they are kept they are
/// removed when this is dropped: nothing was committed that names them.
pub struct Files {
    root: Root,
    staging: Dir,
    kind: SegmentKind,
    provenance: Provenance,
    /// They are synced by one flush at the end.
    wide: AtomicBool,
    next: AtomicU32,
    placed: Vec<(Dir, String)>,
    keep: bool,
}

/// What a segment is made of besides its rows.
pub struct Blank<'a> {
    pub table: &'a Table,
    pub format: &'a Format,
    pub part: &'a Part,
    pub rows: usize,
    /// Asked when all rows are written.
    pub census: Option<&'a dyn Fn() -> Census>,
    /// None: its row groups are all encoded here.
    pub copies: Option<&'a Copies>,
}

/// What a file is called and says of itself.
struct Label<'a> {
    id: SegmentId,
    profile: Profile,
    label: &'a str,
}

impl Files {
    /// `staging`: the session's own directory.
    pub fn new(root: &Root, staging: &Dir, txn: &Transaction, kind: SegmentKind) -> Files {
        Files {
            root: root.clone(),
            staging: staging.clone(),
            kind,
            provenance: Provenance::of(txn),
            wide: AtomicBool::new(false),
            next: AtomicU32::new(0),
            placed: Vec::new(),
            keep: false,
        }
    }

    /// Says that so many are to be written; whether they are many.
    pub fn announce(&self, count: usize) -> bool {
        let wide = count > WIDE;
        self.wide.fetch_or(wide, Ordering::Relaxed);
        wide
    }

    fn is_wide(&self) -> bool {
        self.wide.load(Ordering::Relaxed)
    }

    /// Writes a segment. Safe to call from many threads. What the log is to know of a
    /// pack's range and symbols the caller adds.
    pub fn write<P: Into<Piece>, E: From<SegmentError>>(
        &self,
        blank: &Blank<'_>,
        pieces: impl Iterator<Item = std::result::Result<P, E>>,
    ) -> std::result::Result<Segment, E> {
        let Blank { table, format, part, rows, census, copies } = *blank;
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let id = SegmentId { txn: self.provenance.txn, n };
        let dir = layout::part_dir(&table.def.name, &table.def.directory_columns(), part);
        let above = layout::table_dir(&table.def.name);
        let label = dir.strip_prefix(&above).map_or("", |rest| rest.trim_start_matches('/'));
        let profile = match self.kind {
            SegmentKind::Increment => Profile::of_increment(rows),
            SegmentKind::Base => Profile::Base,
        };
        let label = Label { id, profile, label };
        let written: Written = if rows <= STREAM_ROWS && self.kind == SegmentKind::Increment {
            let batches = pieces.map(|piece| Ok(piece?.into().into_batch()?));
            let all = batches.collect::<std::result::Result<Vec<_>, E>>()?;
            self.write_whole(format, &label, &all, census)?
        } else {
            let mut file = self.staging.create(&self.tmp_name(&id)).map_err(SegmentError::from)?;
            let mut writer = format.stream(&mut file, profile, label.label, &self.provenance)?;
            for piece in pieces {
                writer.put(&piece?.into())?;
                copies.inspect(|copies| copies.welcome(writer.is_even()));
            }
            let written = writer.finish(census.map(|census| census()).as_ref())?;
            self.close(file)?;
            let copied = |&(group, rows, digest)| Copied { segment: id, group, rows, digest };
            copies.inspect(|copies| copies.add(written.copied.iter().map(copied)));
            written
        };
        Ok(Segment {
            id,
            kind: self.kind,
            schema_version: table.schema().version,
            rows: written.rows,
            bytes: written.bytes,
            hash: written.hash,
            sum: written.sum,
            range: written.range,
            symbols: None,
            rank: Rank::default(),
            masks: Vec::new(),
            at_us: 0,
            census: written.census,
            added: 0,
        })
    }

    fn write_whole(
        &self,
        format: &Format,
        label: &Label<'_>,
        all: &[RecordBatch],
        census: Option<&dyn Fn() -> Census>,
    ) -> Result<Written> {
        let whole = match all {
            [only] => only.clone(),
            all => concat_batches(format.schema(), all).map_err(SegmentError::arrow)?,
        };
        let census = census.map(|census| census());
        let encoded =
            format.encode(&whole, label.profile, label.label, &self.provenance, census.as_ref())?;
        let mut file = self.staging.create(&self.tmp_name(&label.id))?;
        file.write_all_at_once(&encoded.bytes)?;
        self.close(file)?;
        Ok(encoded.written)
    }

    fn close(&self, mut file: NewFile) -> Result<()> {
        if !self.is_wide() {
            file.sync()?;
        }
        Ok(file.close()?)
    }

    /// Gives the staged files their names for good, durably.
    pub fn place(&mut self, segments: &[(&Table, &Part, &Segment)]) -> Result<()> {
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
            self.staging.rename(&self.tmp_name(&segment.id), &dir, &name)?;
            if !wide {
                dir.sync()?;
            }
        }
        if wide {
            self.root.sync_fs()?;
        }
        Ok(())
    }

    fn tmp_name(&self, id: &SegmentId) -> String {
        format!("{}.tmp", layout::segment_name(self.kind, id))
    }

    /// Who is said to have brought the rows.
    pub fn producer(&self) -> Option<Arc<str>> {
        self.provenance.producer.as_ref().map(|key| key.producer.clone())
    }

    pub fn kind(&self) -> SegmentKind {
        self.kind
    }

    /// The path of a staged segment, relative to the lake.
    pub fn staged_path(&self, segment: &Segment) -> String {
        format!("{}/{}", self.staging.path(), self.tmp_name(&segment.id))
    }

    /// Removes a staged segment that something else has taken the place of.
    pub fn discard(&self, segment: &Segment) {
        let _ = self.staging.unlink(&self.tmp_name(&segment.id));
    }

    /// They are committed, or may be.
    pub fn keep(mut self) {
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
                let _ =
                    self.staging.unlink(&self.tmp_name(&SegmentId { txn: self.provenance.txn, n }));
            }
        }
    }
}
