//! From bytes to a state: newest valid checkpoint, then the log's entries as long
//! as they are whole and each continues the one before.

use std::sync::Arc;

use lake_core::checkpoint;
use lake_core::entry::Entry;
use lake_core::id::Version;
use lake_core::invariants::check_state;
use lake_core::layout;
use lake_core::state::{BadChain, State};
use lake_store::Dir;

use crate::checkpoint::Checkpointed;
use crate::error::{LogError, Result};
use crate::files::{Files, Slot};

/// Where the chain of entries stops.
pub(crate) enum End {
    /// The next version is not there.
    Clean,
    /// The next version's name holds something that was never acknowledged: torn
    /// by a power cut, or left over from a chain that a power cut broke.
    Leftover(Version),
}

/// The newest state, and the checkpoint it was reached from.
pub(crate) struct Loaded {
    pub(crate) state: Arc<State>,
    pub(crate) end: End,
    pub(crate) checkpointed: Checkpointed,
}

/// Versions that have a checkpoint, newest first.
pub(crate) fn checkpoints(files: &Files) -> Result<Vec<Version>> {
    let names = files.checkpoints.list()?;
    let mut versions: Vec<_> =
        names.iter().filter_map(|e| layout::parse_checkpoint(&e.name)).collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    Ok(versions)
}

/// The newest state that a whole checkpoint at or below `limit` tells, or the
/// empty lake. A checkpoint that cannot be used is passed over: an older one and
/// a longer tail tell the same.
pub(crate) fn base(files: &Files, limit: Version) -> Result<State> {
    for version in checkpoints(files)?.into_iter().filter(|v| *v <= limit) {
        let Some(bytes) = files.checkpoints.read_opt(&layout::checkpoint_name(version))? else {
            continue;
        };
        match checkpoint::from_bytes(&bytes) {
            Ok(state) if state.version == version && check_state(&state).is_ok() => {
                return Ok(state);
            }
            Err(error) if error.is_newer() => {
                return Err(LogError::Entry { version, source: error });
            }
            _ => continue,
        }
    }
    Ok(State::empty(&files.lake.id))
}

/// The state of the newest version, from nothing. The log may be truncated while
/// it is read, checkpoints first: what then ends too early is read again.
pub(crate) fn load(files: &mut Files) -> Result<Loaded> {
    const TRIES: usize = 5;
    let mut tries = 0;
    loop {
        tries += 1;
        let loaded = load_once(files)?;
        let version = loaded.state.version;
        let boundary = files.slots()?.boundary;
        if tries == TRIES {
            // HEAD may be garbage, the slots are not.
            return match version < boundary || (version == 0 && has_entries(&files.log)?) {
                true => Err(LogError::Gap { missing: version + 1 }),
                false => Ok(loaded),
            };
        }
        let lost = version == 0 && has_entries(&files.log)?;
        if version >= boundary && files.head()? <= version && !lost {
            return Ok(loaded);
        }
    }
}

fn load_once(files: &mut Files) -> Result<Loaded> {
    files.forget_epoch();
    let mut state = Arc::new(base(files, Version::MAX)?);
    let checkpointed = Checkpointed::of(&state);
    let end = follow(files, &mut state, Version::MAX)?;
    check_state(&state).map_err(|rule| LogError::Rule { version: state.version, rule })?;
    Ok(Loaded { state, end, checkpointed })
}

/// The state of one version, which must not be beyond the newest.
pub(crate) fn state_at(files: &mut Files, version: Version) -> Result<Arc<State>> {
    let mut state = Arc::new(base(files, version)?);
    follow(files, &mut state, version)?;
    if state.version < version {
        return Err(LogError::Gap { missing: state.version + 1 });
    }
    Ok(state)
}

/// Whether any epoch directory holds an entry: a log that does not begin is not
/// an empty lake.
pub(crate) fn has_entries(log: &Dir) -> Result<bool> {
    for epoch in log.list()?.iter().filter(|e| layout::parse_epoch(&e.name).is_some()) {
        let dir = log.sub(&epoch.name)?;
        if dir.list()?.iter().any(|e| layout::parse_entry(&e.name).is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Applies the entries after `state` up to `limit`.
pub(crate) fn follow(files: &mut Files, state: &mut Arc<State>, limit: Version) -> Result<End> {
    while state.version < limit {
        let next = state.version + 1;
        let (entry, hash) = match files.read_entry(next)? {
            Slot::Missing => return Ok(End::Clean),
            Slot::Whole(entry, hash) => (entry, hash),
            Slot::Broken(source)
                if source.is_newer()
                    || is_acknowledged(files, next)?
                    || is_followed(files, next)? =>
            {
                return Err(LogError::Entry { version: next, source });
            }
            Slot::Broken(_) => return Ok(End::Leftover(next)),
        };
        if entry.version != next || entry.previous != state.hash {
            if is_acknowledged(files, next)? {
                let source = chain_error(state, &entry);
                return Err(LogError::Chain { version: next, source });
            }
            return Ok(End::Leftover(next));
        }
        Arc::make_mut(state)
            .apply(&entry, hash)
            .map_err(|source| LogError::Chain { version: next, source })?;
    }
    Ok(End::Clean)
}

fn chain_error(state: &State, entry: &Entry) -> BadChain {
    if entry.version == state.version + 1 {
        BadChain::Hash(entry.version)
    } else {
        BadChain::Version { want: state.version + 1, found: entry.version }
    }
}

/// Whether somebody may have been told that `version` is committed: HEAD is
/// written after the log's directory was synced and before the answer.
fn is_acknowledged(files: &mut Files, version: Version) -> Result<bool> {
    Ok(files.head()? >= version)
}

/// Whether a whole entry follows: its writer read `version` whole, so a broken
/// one has rotted since.
fn is_followed(files: &mut Files, version: Version) -> Result<bool> {
    Ok(matches!(files.read_entry(version + 1)?, Slot::Whole(..)))
}
