//! Lets old versions go: the floor says that they cannot be opened, the boundary
//! that their entries are gone. What sweep stands on.

use lake_core::edit::{Action, Cause};
use lake_core::id::Version;
use lake_core::layout;

use crate::boundary::Slots;
use crate::commit::Outcome;
use crate::error::Result;
use crate::lake::Lake;
use crate::replay;

impl Lake {
    /// V3: publishes a floor, by the log that orders it, and mirrors it beside the
    /// leases. Returns the floor that holds now.
    pub fn raise_floor(&mut self, floor: Version) -> Result<Version> {
        let draft = self.begin()?;
        if floor > draft.state.floor {
            let mut txn = draft.transaction(Cause::Vacuum);
            txn.actions.push(Action::Floor { version: floor });
            match self.commit(txn)? {
                Outcome::Committed { .. } | Outcome::Duplicate { .. } | Outcome::Conflict(_) => {}
            }
        }
        let boundary = self.slots()?.boundary;
        self.set_slots(Slots { boundary, floor: self.state.floor })?;
        Ok(self.state.floor)
    }

    /// V7: removes the log that nobody needs: below the floor, every lease and the
    /// start of every living session. Returns the boundary.
    pub fn truncate(&mut self) -> Result<Version> {
        self.truncate_to(Version::MAX)
    }

    /// The same, but nothing after `limit`: who sweeps files learns from the log which
    /// of them are dead, and keeps what it has not swept yet.
    pub fn truncate_to(&mut self, limit: Version) -> Result<Version> {
        self.begin_within(0)?;
        let floor = self.state.floor;
        let above = floor.saturating_add(1);
        let pinned = self.files.pins.lowest_locked_below(above)?.unwrap_or(floor);
        let begun = self.files.starts.lowest_locked_below(above)?.unwrap_or(floor);
        let spooled = self.spooled()?.unwrap_or(floor);
        let boundary = floor.min(limit).min(pinned).min(begun).min(spooled);
        let slots = self.slots()?;
        if boundary <= slots.boundary {
            return Ok(slots.boundary);
        }
        let state = replay::state_at(&mut self.files, boundary)?;
        self.publish_checkpoint(&state)?;
        self.set_slots(Slots { boundary, floor })?;
        self.remove_below(boundary)?;
        Ok(boundary)
    }

    /// Where the oldest transaction in the spool began: its owner may be gone, and who
    /// commits it looks for it in the log since then.
    fn spooled(&self) -> Result<Option<Version>> {
        let files = self.files.spool.list()?;
        let ids = files.iter().filter_map(|f| layout::parse_ready(&f.name));
        Ok(ids.map(|id| id.start).min())
    }

    /// Whole epochs only, so that a stalled writer's link finds no directory.
    fn remove_below(&mut self, boundary: Version) -> Result<()> {
        for version in replay::checkpoints(&self.files)? {
            if version < boundary {
                self.files.checkpoints.unlink(&layout::checkpoint_name(version))?;
            }
        }
        for epoch in self.files.log.list()? {
            let Some(number) = layout::parse_epoch(&epoch.name) else { continue };
            if (number + 1).saturating_mul(layout::EPOCH) > boundary {
                continue;
            }
            let dir = self.files.log.sub(&epoch.name)?;
            for entry in dir.list()? {
                if layout::parse_entry(&entry.name).is_some() {
                    dir.unlink(&entry.name)?;
                }
            }
            self.files.log.remove_dir(&epoch.name)?;
        }
        self.files.forget_epoch();
        Ok(())
    }
}
