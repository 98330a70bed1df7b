//! The oracle of the commit log: opens a lake that nobody writes and believes
//! nothing but what is on the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use lake_core::checkpoint;
use lake_core::edit::{Action, ProducerSeq};
use lake_core::entry::Entry;
use lake_core::frame::hash;
use lake_core::id::{TxnId, Version};
use lake_core::state::State;
use lake_log::{Access, At, Lake};

use crate::broken::{Broken, Checked, ensure};

/// What the log says, after every check has passed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    pub newest: Version,
    /// Where each transaction is; of the entries that were walked.
    pub transactions: BTreeMap<TxnId, Version>,
    pub sequences: BTreeMap<ProducerSeq, Version>,
    /// What a power cut left beyond the end.
    pub leftover: Option<Version>,
}

/// How much of the log is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// All that is kept.
    Whole,
    /// The newest versions, for a lake whose past is not in question.
    Last(u64),
}

/// Of a long log, the states of the last and of one in so many are compared.
const EVERY: u64 = 200;
const SPREAD: u64 = 24;
const NEWEST: u64 = 8;

pub fn audit(path: &Path) -> Checked<Audit> {
    audit_to(path, Depth::Whole)
}

/// 1. Opening twice tells the same.
/// 2. Versions are dense, each entry continues the one before.
/// 3. A transaction is in one version, a producer's seq is committed once.
/// 4. The state of a version, wherever it is read from, is the fold of the entries.
/// 5. Every live segment's file is there, whole and with the right bytes.
pub fn audit_to(path: &Path, depth: Depth) -> Checked<Audit> {
    let mut lake = Lake::open(path, Access::Read)?;
    let again = Lake::open(path, Access::Read)?;
    same(lake.state(), again.state(), "opening it twice differs")?;
    let newest = lake.state().version;
    let floor = lake.state().floor.max(lake.slots()?.floor);
    let kept = match lake.slots()?.boundary {
        _ if lake.entry(1)?.is_some() => 0,
        boundary => boundary,
    };
    let first = match depth {
        Depth::Whole => kept,
        Depth::Last(n) => newest.saturating_sub(n).max(kept),
    };
    let mut walk = Walk::begin(&mut lake, first, floor)?;
    walk.audit.newest = newest;
    walk.audit.leftover = lake.leftovers().0;
    for version in first + 1..=newest {
        let Some(entry) = lake.entry(version)? else {
            return Err(Broken::Promise(format!("version {version} of {newest} is missing")));
        };
        walk.step(&entry)?;
        let rare = newest - first > EVERY && newest - version >= NEWEST;
        let looked_at = !rare || version.is_multiple_of((newest - first) / SPREAD);
        if let Some(state) = walk.state.as_ref()
            && version >= floor
            && looked_at
        {
            let read = lake.snapshot(At::Version(version))?;
            same(state, read.state(), "a version is not the fold of its entries")?;
            walk.files.check(&lake, state)?;
        }
    }
    if let Some(state) = &walk.state {
        same(state, lake.state(), "the newest version is not the fold of the entries")?;
    }
    walk.files.check(&lake, again.state())?;
    Ok(walk.audit)
}

struct Walk {
    /// None while below the floor in a log whose beginning is gone.
    state: Option<State>,
    floor: (Version, Option<State>),
    previous: Option<u64>,
    audit: Audit,
    segments: BTreeSet<lake_core::id::SegmentId>,
    files: Files,
}

impl Walk {
    fn begin(lake: &mut Lake, first: Version, floor: Version) -> Checked<Walk> {
        let state = match first {
            0 => Some(State::empty(lake.id())),
            v if v >= floor => Some((**lake.snapshot(At::Version(v))?.state()).clone()),
            _ => None,
        };
        let at_floor = match state {
            None => Some((**lake.snapshot(At::Version(floor))?.state()).clone()),
            Some(_) => None,
        };
        Ok(Walk {
            previous: state.as_ref().map(|s| s.hash),
            state,
            floor: (floor, at_floor),
            audit: Audit::default(),
            segments: BTreeSet::new(),
            files: Files::default(),
        })
    }

    fn step(&mut self, entry: &Entry) -> Checked<()> {
        let version = entry.version;
        let (_, hash) = entry.seal();
        ensure(self.previous.is_none_or(|p| p == entry.previous), || {
            format!("version {version} does not continue the one before")
        })?;
        self.previous = Some(hash);
        ensure(!entry.transactions.is_empty(), || format!("version {version} is empty"))?;
        for txn in &entry.transactions {
            let before = self.audit.transactions.insert(txn.id, version);
            ensure(before.is_none(), || {
                format!("transaction {} is in versions {before:?} and {version}", txn.id)
            })?;
            if let Some(key) = &txn.producer {
                let before = self.audit.sequences.insert(key.clone(), version);
                ensure(before.is_none(), || {
                    format!("{key:?} is committed in versions {before:?} and {version}")
                })?;
            }
            for action in &txn.actions {
                let Action::Add { segments, .. } = action else { continue };
                for segment in segments {
                    let fresh = self.segments.insert(segment.id);
                    ensure(fresh, || format!("segment {} is added twice", segment.id))?;
                }
            }
        }
        match &mut self.state {
            Some(state) => state
                .apply(entry, hash)
                .map_err(|e| Broken::Promise(format!("version {version} does not apply: {e}"))),
            None => {
                if version == self.floor.0 {
                    self.state = self.floor.1.take();
                    let same = self.state.as_ref().is_some_and(|s| s.hash == hash);
                    ensure(same, || format!("the floor {version} is of another log"))?;
                }
                Ok(())
            }
        }
    }
}

/// States by their bytes: what is remembered for look-ups differs.
fn same(one: &State, other: &State, promise: &str) -> Checked<()> {
    ensure(checkpoint::to_bytes(one) == checkpoint::to_bytes(other), || {
        format!("{promise}: version {} and {}", one.version, other.version)
    })
}

/// Each file is read once.
#[derive(Default)]
struct Files(BTreeSet<String>);

impl Files {
    fn check(&mut self, lake: &Lake, state: &State) -> Checked<()> {
        for table in state.tables() {
            for (part, segment) in table.segments() {
                let path = table.path(part, segment);
                if self.0.contains(&path) {
                    continue;
                }
                let Some(bytes) = lake.root().read_opt(&path)? else {
                    return Err(Broken::Promise(format!("live segment {path} has no file")));
                };
                let whole = bytes.len() as u64 == segment.bytes && hash(&bytes) == segment.hash;
                ensure(whole, || format!("live segment {path} is not what was written"))?;
                self.0.insert(path);
            }
        }
        Ok(())
    }
}
