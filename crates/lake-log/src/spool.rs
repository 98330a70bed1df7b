//! What lies in the spool, and what will become of it.

use lake_core::entry::ready_from_bytes;
use lake_core::id::TxnId;
use lake_core::layout;

use crate::commit::Outcome;
use crate::error::Result;
use crate::lake::Lake;

/// One file of the spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The next writer commits it.
    Ready,
    /// It is in the log; whoever committed it could not remove the file.
    Committed,
    /// It can never be committed.
    Refused,
    /// Half written, or another transaction under this name.
    Torn,
}

impl Lake {
    /// The transactions in the spool, as the newest state seen judges them. One whose
    /// owner lives may be something else a moment later.
    pub fn spooled_transactions(&mut self) -> Result<Vec<(TxnId, Waiting)>> {
        let mut found = Vec::new();
        for file in self.files.spool.list()? {
            let Some(id) = layout::parse_ready(&file.name) else { continue };
            let Some(bytes) = self.files.spool.read_opt(&file.name)? else { continue };
            let waiting = match ready_from_bytes(&bytes) {
                Ok(txn) if txn.id == id => match self.refuse_or_find(&txn)? {
                    None => Waiting::Ready,
                    Some(Outcome::Committed { .. }) => Waiting::Committed,
                    Some(Outcome::Duplicate { .. } | Outcome::Conflict(_)) => Waiting::Refused,
                },
                // A newer program's: that one knows.
                Err(error) if error.is_newer() => Waiting::Ready,
                _ => Waiting::Torn,
            };
            found.push((id, waiting));
        }
        Ok(found)
    }
}
