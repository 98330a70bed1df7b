//! Looks at every file of the log, one by one, and goes on where opening a lake would
//! stop: what verify and repair stand on. Nothing is changed.
//!
//! The fold begins at the boundary and goes through every entry there is. Where an
//! entry cannot be used it goes on from the next checkpoint, as a reader would. Files
//! are listed before they are read, so that what others commit or truncate meanwhile
//! is never taken for damage: the log only grows at its end, and the lease keeps the
//! part that is read. The floor may rise meanwhile.

mod flaw;
mod walk;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lake_core::entry::Entry;
use lake_core::id::Version;
use lake_core::lakefile::{BadLake, LakeFile, head_from_bytes};
use lake_core::layout;
use lake_core::state::State;
use lake_store::{Dir, Guard, HINT_LEN, Kind, LockFile, Root, StoreError, clock};

use crate::boundary::{SLOT, Slots};
use crate::error::{LogError, Result};
use crate::init::DIRECTORIES;

pub use flaw::Flaw;
use walk::Walk;

/// What is overwritten in place may be read half written: it is read so often.
const LOOKS: usize = 4;
const PAUSE: Duration = Duration::from_millis(5);

/// Who looks on while the log is folded.
pub trait Witness {
    /// The fold begins here, or goes on here after entries that cannot be used.
    fn begin(&mut self, state: &State);
    /// An entry that continues this state is about to be applied.
    fn before(&mut self, state: &State, entry: &Entry);
    /// It was. This is not called for one that does not follow from the state.
    fn after(&mut self, state: &State, entry: &Entry);
}

/// What was found. As long as it lives no file is swept that a version from the floor
/// on needs.
pub struct Audit {
    pub root: Root,
    /// The newest state that can be had; None: not even that of version 0.
    pub state: Option<Arc<State>>,
    /// Entries at or below are gone.
    pub boundary: Version,
    /// Versions below cannot be opened.
    pub floor: Version,
    pub flaws: Vec<Flaw>,
    /// The end of the log and what was never acknowledged beyond it.
    pub leftover: Option<Version>,
    /// What lies in the log's directories and is not the log's.
    pub foreign: Vec<String>,
    _lease: Option<Guard>,
}

/// The log's files, as they were listed.
#[derive(Default)]
struct Listed {
    entries: BTreeSet<Version>,
    checkpoints: BTreeSet<Version>,
    foreign: Vec<String>,
}

pub fn audit(path: &Path, witness: &mut dyn Witness) -> Result<Audit> {
    let no_lake = |e: StoreError| match e.kind {
        Kind::NotFound => LogError::NoLake(path.to_owned()),
        _ => LogError::Store(e),
    };
    let root = Root::open(path).map_err(no_lake)?;
    let system = root.dir(layout::SYSTEM).map_err(no_lake)?;
    let mut flaws = missing(&root)?;
    let lake = match lake_file(&system, path)? {
        Ok(lake) => lake,
        Err(why) => {
            flaws.push(Flaw::Lake(why));
            let (boundary, floor, foreign) = (0, 0, Vec::new());
            return Ok(Audit {
                root,
                state: None,
                boundary,
                floor,
                flaws,
                leftover: None,
                foreign,
                _lease: None,
            });
        }
    };
    let (lease, mut before) = lease(&root)?;
    loop {
        let (head, torn) = head(&system)?;
        let listed = list(&root)?;
        let mut walk = Walk::new(&root, &lake, listed, head);
        let state = walk.run(before.0, witness)?;
        let now = slots(&root)?;
        if now.0.boundary != before.0.boundary {
            // A truncation was under way; it goes no further than the lease.
            before = now;
            continue;
        }
        let (slots, broken) = now;
        flaws.extend(broken.into_iter().map(Flaw::Slot));
        flaws.extend(torn.then_some(Flaw::Head));
        flaws.append(&mut walk.flaws);
        let Walk { leftover, listed, .. } = walk;
        return Ok(Audit {
            root,
            boundary: slots.boundary,
            floor: state.floor.max(slots.floor),
            state: Some(state),
            flaws,
            leftover,
            foreign: listed.foreign,
            _lease: lease,
        });
    }
}

/// Directories and lock files that init makes and nobody removes.
fn missing(root: &Root) -> Result<Vec<Flaw>> {
    let locks = layout::LOCK_FILES.map(|name| format!("{}/{name}", layout::LOCKS));
    let head = format!("{}/{}", layout::SYSTEM, layout::HEAD);
    let mut flaws = Vec::new();
    for dir in DIRECTORIES {
        if !root.stat(dir)?.is_some_and(|stat| stat.is_dir) {
            flaws.push(Flaw::Missing { path: dir.to_owned(), is_dir: true });
        }
    }
    for path in locks.into_iter().chain([head]) {
        if !root.stat(&path)?.is_some_and(|stat| stat.is_file) {
            flaws.push(Flaw::Missing { path, is_dir: false });
        }
    }
    Ok(flaws)
}

fn lake_file(system: &Dir, path: &Path) -> Result<std::result::Result<LakeFile, String>> {
    let Some(bytes) = system.read_opt(layout::LAKE_FILE)? else {
        return Ok(Err("it is missing".to_owned()));
    };
    match LakeFile::parse(&bytes, false) {
        Ok(lake) => Ok(Ok(lake)),
        Err(BadLake::Damaged(why)) => Ok(Err(why.to_owned())),
        Err(source) => Err(LogError::Lake { path: path.to_owned(), source }),
    }
}

/// What HEAD hints at, and whether it is garbage.
fn head(system: &Dir) -> Result<(Version, bool)> {
    for _ in 0..LOOKS {
        let bytes = system.read_opt(layout::HEAD)?.unwrap_or_default();
        if bytes.is_empty() {
            return Ok((0, false));
        }
        let record = bytes.get(..HINT_LEN).and_then(|b| <&[u8; HINT_LEN]>::try_from(b).ok());
        if let Some(version) = record.and_then(head_from_bytes).filter(|_| bytes.len() == HINT_LEN)
        {
            return Ok((version, false));
        }
        clock::pause(PAUSE);
    }
    Ok((0, true))
}

/// The slots, and which of the two hold neither zeros nor a slot.
type Looked = (Slots, Vec<usize>);

fn slots(root: &Root) -> Result<Looked> {
    let path = format!("{}/{}", layout::LOCKS, layout::LOCK_PINS);
    let mut found = (Slots::default(), Vec::new());
    for _ in 0..LOOKS {
        let bytes = root.read_opt(&path)?.unwrap_or_default();
        let is_broken = |i: &usize| {
            let slot = bytes.get(i * SLOT..).unwrap_or_default();
            let slot = &slot[..slot.len().min(SLOT)];
            slot.iter().any(|byte| *byte != 0) && Slots::from_bytes(slot).is_none()
        };
        found = (Slots::choose(&bytes).0, [0, 1].into_iter().filter(is_broken).collect());
        if found.1.is_empty() {
            break;
        }
        clock::pause(PAUSE);
    }
    Ok(found)
}

/// R2, R3: the floor is leased, and then still is the floor. Whoever raises it says so in
/// the slots before he looks for leases.
fn lease(root: &Root) -> Result<(Option<Guard>, Looked)> {
    let locks = found(root.dir(layout::LOCKS))?;
    let is_there = locks.as_ref().map(|locks| locks.exists(layout::LOCK_PINS)).transpose()?;
    let Some(locks) = locks.filter(|_| is_there == Some(true)) else {
        return Ok((None, slots(root)?));
    };
    let pins = LockFile::new(&locks, layout::LOCK_PINS)?;
    loop {
        let floor = slots(root)?.0.floor;
        let Some(guard) = pins.try_shared(floor)? else {
            clock::pause(PAUSE);
            continue;
        };
        let slots = slots(root)?;
        if slots.0.floor <= floor {
            return Ok((Some(guard), slots));
        }
    }
}

/// Checkpoints first: each is written after its entry.
fn list(root: &Root) -> Result<Listed> {
    let mut listed = Listed::default();
    if let Some(dir) = found(root.dir(layout::CHECKPOINTS))? {
        for entry in dir.list()? {
            match layout::parse_checkpoint(&entry.name).filter(|_| !entry.is_dir && !entry.lossy) {
                Some(version) => drop(listed.checkpoints.insert(version)),
                None => listed.foreign.push(format!("{}/{}", dir.path(), entry.name)),
            }
        }
    }
    let Some(log) = found(root.dir(layout::LOG))? else { return Ok(listed) };
    for epoch in log.list()? {
        if !epoch.is_dir || epoch.lossy || layout::parse_epoch(&epoch.name).is_none() {
            listed.foreign.push(format!("{}/{}", log.path(), epoch.name));
            continue;
        }
        let Some(dir) = found(log.sub(&epoch.name))? else { continue };
        for entry in dir.list()? {
            let version = layout::parse_entry(&entry.name);
            match version.filter(|v| layout::epoch_name(layout::epoch(*v)) == epoch.name) {
                Some(version) => drop(listed.entries.insert(version)),
                None => listed.foreign.push(format!("{}/{}", dir.path(), entry.name)),
            }
        }
    }
    Ok(listed)
}

fn found<T>(outcome: lake_store::Result<T>) -> Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.kind == Kind::NotFound => Ok(None),
        Err(e) => Err(e.into()),
    }
}
