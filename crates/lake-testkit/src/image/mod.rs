//! What a power cut may leave of a lake. From the recorded operations, cut off at
//! any point, every effect that no sync has made durable may be there or not, in
//! any combination: the weakest file system that POSIX allows.
//!
//! 1. The bytes of a file are durable once that file is synced, its name once the
//!    directory of that name is; neither implies the other.
//! 2. A rename is two names, one come and one gone, which need not go together.
//! 3. Bytes that were not synced may be there in half.

mod choice;
mod disk;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lake_store::fault::{Op, record_start, record_stop};
use tempfile::TempDir;

use crate::broken::{Broken, Checked};
use crate::place::{clone_lake, scratch};

use self::choice::Choices;
use self::disk::Disk;

/// A lake at work, with every operation written down.
pub struct Recorder {
    root: PathBuf,
    base: TempDir,
    ops: Vec<Op>,
    acknowledged: Vec<(usize, u64)>,
}

/// What was done, and after how many operations each seq was acknowledged.
pub struct Recording {
    base: TempDir,
    ops: Vec<Op>,
    acknowledged: Vec<(usize, u64)>,
}

/// How many images one crash point is worth, when all are too many.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    pub images: usize,
    pub seed: u64,
}

/// One image, ready to be opened.
#[derive(Debug)]
pub struct Cut<'a> {
    pub path: &'a Path,
    /// What somebody had been told is committed before the power went.
    pub acknowledged: &'a [u64],
}

/// How many crash states were looked at, and how many of them were not the same
/// as another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub points: usize,
    pub states: usize,
    pub images: usize,
}

impl Recorder {
    /// What is on the disk now is taken to be durable.
    pub fn start(path: &Path) -> Checked<Recorder> {
        let root = std::fs::canonicalize(path)?;
        let base = scratch()?;
        clone_lake(&root, base.path())?;
        record_start(&root);
        Ok(Recorder { root, base, ops: Vec::new(), acknowledged: Vec::new() })
    }

    /// From here on `seq` must survive.
    pub fn acknowledge(&mut self, seq: u64) {
        self.ops.append(&mut record_stop(&self.root));
        self.acknowledged.push((self.ops.len(), seq));
        record_start(&self.root);
    }

    pub fn finish(mut self) -> Recording {
        self.ops.append(&mut record_stop(&self.root));
        Recording { base: self.base, ops: self.ops, acknowledged: self.acknowledged }
    }
}

impl Recording {
    /// As if the syncs of these files (under the names they were made with) and
    /// directories had been forgotten.
    pub fn forget_syncs(&mut self, of: impl Fn(&Path) -> bool) {
        let made: BTreeMap<u64, PathBuf> = self
            .ops
            .iter()
            .filter_map(|op| match op {
                Op::Create { path, ino } => Some((*ino, path.clone())),
                _ => None,
            })
            .collect();
        for op in &mut self.ops {
            let forgotten = match op {
                Op::SyncFile { ino } => made.get(ino).is_some_and(|path| of(path)),
                Op::SyncDir { path } => of(path),
                _ => false,
            };
            if forgotten {
                // In its place, as acknowledgements count operations.
                *op = Op::SyncFile { ino: 0 };
            }
        }
    }

    /// Shows `check` the images of every crash point; those that are the same, and
    /// promise the same, once.
    pub fn each_image(
        &self,
        budget: Budget,
        mut check: impl FnMut(&Cut<'_>) -> Checked<()>,
    ) -> Checked<Tally> {
        let mut tally = Tally::default();
        let mut seen = BTreeSet::new();
        let place = scratch()?;
        for point in 0..=self.ops.len() {
            tally.points += 1;
            let disk = Disk::after(self.base.path(), &self.ops[..point])?;
            let told = self.acknowledged.iter().take_while(|(at, _)| *at <= point);
            let told: Vec<u64> = told.map(|(_, seq)| *seq).collect();
            let seed = budget.seed ^ (point as u64) << 32;
            for kept in Choices::of(&disk.pending(), budget.images, seed) {
                tally.states += 1;
                let tree = disk.image(&kept);
                if !seen.insert((tree.digest(), told.len())) {
                    continue;
                }
                tally.images += 1;
                let path = place.path().join("image");
                tree.build(&path)?;
                check(&Cut { path: &path, acknowledged: &told })
                    .map_err(|e| e.at(self.describe(point, &disk, &kept)))?;
                std::fs::remove_dir_all(&path)?;
            }
        }
        Ok(tally)
    }

    fn describe(&self, point: usize, disk: &Disk, kept: &[choice::Kept]) -> String {
        let last = point.checked_sub(1).and_then(|i| self.ops.get(i));
        format!(
            "power cut after operation {point} of {} ({last:?}); not durable: {:?}",
            self.ops.len(),
            disk.told(kept)
        )
    }
}

fn strange(op: &Op) -> Broken {
    Broken::Promise(format!("a recorded operation does not fit the ones before: {op:?}"))
}
