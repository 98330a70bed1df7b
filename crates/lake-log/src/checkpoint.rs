//! Writes checkpoints when the tail has grown, and thins out old ones.

use lake_core::checkpoint;
use lake_core::id::Version;
use lake_core::layout;
use lake_core::state::State;
use lake_store::{Link, publish_new};

use crate::error::Result;
use crate::lake::Lake;
use crate::replay;

/// A tail is worth a checkpoint when it has so many entries or changed so many
/// segments, or a part of a large state: the larger, the less often it is written,
/// so that a commit's share stays small and a replay short beside the state.
const ENTRIES: u64 = 128;
const CHANGES: u64 = 4096;
const SEGMENTS_PER_ENTRY: u64 = 64;
const SEGMENTS_PER_CHANGE: u64 = 8;
/// Of older checkpoints one in so many versions is kept, for time travel.
const SPARSE: u64 = 10_000;
/// The newest are all kept: one of them may be damaged.
const NEWEST: usize = 3;

/// What the newest checkpoint known holds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Checkpointed {
    version: Version,
    changes: u64,
}

impl Checkpointed {
    pub(crate) fn of(state: &State) -> Checkpointed {
        Checkpointed { version: state.version, changes: state.changes }
    }
}

impl Lake {
    /// After a commit: writes a checkpoint if it is due and nobody else does.
    pub(crate) fn checkpoint_if_due(&mut self) -> Result<()> {
        let live = self.state.segment_count() as u64;
        let tail = ENTRIES.max(live / SEGMENTS_PER_ENTRY);
        let changes = CHANGES.max(live / SEGMENTS_PER_CHANGE);
        let due = |since: &Checkpointed, state: &State| {
            state.version >= since.version + tail || state.changes >= since.changes + changes
        };
        if !due(&self.checkpointed, &self.state) {
            return Ok(());
        }
        let Some(_guard) = self.files.checkpoint.try_exclusive(0)? else { return Ok(()) };
        let newest = replay::checkpoints(&self.files)?.first().copied().unwrap_or(0);
        if newest > self.checkpointed.version {
            // Somebody wrote one: of which changes is not known without reading
            // it, so the count begins anew.
            self.checkpointed = Checkpointed { version: newest, changes: self.state.changes };
            if !due(&self.checkpointed, &self.state) {
                return Ok(());
            }
        }
        self.checkpoint()?;
        self.thin_out()
    }

    /// Publishes the present state as a checkpoint.
    pub(crate) fn checkpoint(&mut self) -> Result<()> {
        let state = self.state.clone();
        self.publish_checkpoint(&state)?;
        self.checkpointed = Checkpointed::of(&state);
        Ok(())
    }

    pub(crate) fn publish_checkpoint(&mut self, state: &State) -> Result<()> {
        let name = layout::checkpoint_name(state.version);
        let bytes = checkpoint::to_bytes(state);
        let Some(staging) = self.staging().cloned() else { return Ok(()) };
        match publish_new(&staging, &name, &self.files.checkpoints, &name, &bytes)? {
            Link::Done | Link::Exists => Ok(()),
        }
    }

    /// Removes checkpoints that neither opening nor time travel needs: those
    /// between two that stay and are not far apart. The one that the floor stands
    /// on stays, as the log before it may be gone.
    fn thin_out(&mut self) -> Result<()> {
        let versions = replay::checkpoints(&self.files)?;
        let base = self.slots()?.boundary;
        for version in superfluous(&versions, base) {
            self.files.checkpoints.unlink(&layout::checkpoint_name(version))?;
        }
        Ok(())
    }
}

/// Of versions, newest first, those that can go.
fn superfluous(versions: &[Version], base: Version) -> Vec<Version> {
    let mut gone = Vec::new();
    let old = versions.get(NEWEST..).unwrap_or_default();
    for (i, version) in old.iter().enumerate() {
        let first_of_its_kind = old.get(i + 1).is_none_or(|o| o / SPARSE < version / SPARSE);
        if !first_of_its_kind && *version > base {
            gone.push(*version);
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_the_sparse_and_the_base() {
        let versions = [30_300, 30_200, 30_100, 30_000, 20_900, 20_100, 10_500, 9_000, 100];
        assert_eq!(superfluous(&versions, 0), [20_900, 9_000]);
        assert_eq!(superfluous(&versions, 20_900), [] as [Version; 0]);
        assert_eq!(superfluous(&versions[..3], 0), [] as [Version; 0]);
        assert_eq!(superfluous(&[], 0), [] as [Version; 0]);
    }
}
