//! A version that somebody reads, and the lease that keeps its files on the disk.

use std::sync::Arc;
use std::time::Duration;

use lake_core::id::Version;
use lake_core::state::State;
use lake_core::value::timestamp_text;
use lake_store::{Guard, clock, fault};

use crate::at::At;
use crate::error::{LogError, Result};
use crate::lake::Lake;
use crate::replay;

/// One version, leased: as long as this lives, sweep deletes none of its files.
/// The lease is a shared lock on the byte that is the version; the kernel frees it
/// with its process.
pub struct Snapshot {
    state: Arc<State>,
    _lease: Guard,
}

impl Snapshot {
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    pub fn version(&self) -> Version {
        self.state.version
    }
}

impl Lake {
    /// R1-R4: find the version, lease it, and only then look whether it may still
    /// be opened. Sweep does it the other way round (floor, then leases), so one
    /// of the two sees the other.
    pub fn snapshot(&mut self, at: At) -> Result<Snapshot> {
        loop {
            self.refresh()?;
            let newest = self.state.version;
            let version = match &at {
                At::Newest => newest,
                At::Version(v) if *v > newest => {
                    return Err(LogError::Future { asked: *v, newest });
                }
                At::Version(v) => *v,
                At::Time(us) => self.version_at(*us)?,
                At::Tag(name) => match self.state.tags.get(&**name) {
                    Some(version) => *version,
                    None => return Err(LogError::NoTag(name.to_string())),
                },
            };
            let Some(lease) = self.files.pins.try_shared(version)? else {
                // Nobody of ours takes it exclusively.
                clock::pause(Duration::from_millis(1));
                continue;
            };
            self.refresh()?;
            let floor = self.state.floor.max(self.slots()?.floor);
            if version >= floor || fault::mutant("reader_recheck") {
                let state = if version == self.state.version {
                    self.state.clone()
                } else {
                    replay::state_at(&mut self.files, version)?
                };
                return Ok(Snapshot { state, _lease: lease });
            }
            if at != At::Newest {
                return Err(LogError::Expired { asked: version, floor });
            }
        }
    }

    /// The newest version at a time. Commit times never step back.
    fn version_at(&mut self, us: i64) -> Result<Version> {
        let newest = self.state.version;
        if self.state.at_us <= us {
            return Ok(newest);
        }
        let (mut low, mut high) = (self.state.floor, newest);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            match self.entry(middle)? {
                Some(entry) if entry.at_us <= us => low = middle,
                _ => high = middle - 1,
            }
        }
        let first = self.entry(low.max(1))?.map_or(0, |e| e.at_us);
        if low == self.state.floor && first > us {
            return Err(LogError::TooEarly(timestamp_text(first)));
        }
        Ok(low)
    }
}
