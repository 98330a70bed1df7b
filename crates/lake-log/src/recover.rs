//! What a power cut left beyond the end of the log is moved aside, so that the
//! next version's name is free again.

use lake_core::layout;
use lake_store::random;

use crate::error::{LogError, Result};
use crate::lake::Lake;

impl Lake {
    /// Under the commit lock only: two who do this at once could move away what
    /// the other has published since.
    pub(crate) fn move_leftover_aside(&mut self) -> Result<()> {
        let Some(version) = self.leftover else { return Ok(()) };
        let Some(dir) = self.files.epoch_of(version)? else {
            return Err(LogError::Gap { missing: version });
        };
        let name = layout::entry_name(version);
        let quarantine = self.files.root.dir(layout::QUARANTINE)?;
        let aside = layout::log_leftover_name(version, random::session()? as u32);
        dir.rename(&name, &quarantine, &aside)?;
        quarantine.sync()?;
        dir.sync()?;
        self.leftover = None;
        Ok(())
    }
}
