//! The lake while the shell is open: the version that is read, and how it moves on.

use lake_cli::Failure;
use lake_core::id::Version;
use lake_engine::Mounted;
use lake_log::{At, Snapshot};

use crate::failure::{of_engine, of_log};
use crate::session::{Shared, locked};

pub(crate) struct Live {
    pub(crate) mounted: Mounted,
    lake: Shared,
    /// The version stays, whatever is committed.
    pinned: bool,
    /// The last move failed half way.
    torn: bool,
}

impl Live {
    pub(crate) fn new(mounted: Mounted, lake: Shared, pinned: bool) -> Live {
        Live { mounted, lake, pinned, torn: false }
    }

    pub(crate) fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// Goes on at the newest version, unless one is pinned.
    pub(crate) fn refresh(&mut self) -> Result<(), Failure> {
        if self.pinned && !self.torn {
            return Ok(());
        }
        let known = self.mounted.version();
        let newest = locked(&self.lake, |lake| lake.refresh().map(|state| state.version));
        if newest.map_err(of_log)? == known && !self.torn {
            return Ok(());
        }
        self.go(At::Newest)
    }

    /// Stays at a version from here on.
    pub(crate) fn pin(&mut self, at: At) -> Result<(), Failure> {
        self.go(at).map(|()| self.pinned = true)
    }

    /// Goes with the newest version from here on.
    pub(crate) fn unpin(&mut self) -> Result<Version, Failure> {
        self.pinned = false;
        self.refresh()?;
        Ok(self.mounted.version())
    }

    fn go(&mut self, at: At) -> Result<(), Failure> {
        let snapshot: Snapshot = locked(&self.lake, |lake| lake.snapshot(at)).map_err(of_log)?;
        // Until it is done nothing may be said of the version that was pinned.
        (self.torn, self.pinned) = (true, false);
        self.mounted.remount(snapshot).map_err(of_engine)?;
        self.torn = false;
        Ok(())
    }
}
