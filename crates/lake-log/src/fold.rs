//! Group commit: whoever holds the commit lock takes along the transactions that
//! wait in the spool, so that twenty processes share one sync.

use std::sync::Arc;

use lake_core::edit::{Action, Expect, Transaction};
use lake_core::entry::{MAX_FOLD, ready_from_bytes};
use lake_core::layout;

use crate::commit::Outcome;
use crate::error::Result;
use crate::lake::Lake;

impl Lake {
    /// Adds to `batch` what can share its entry. Only under the commit lock: a
    /// transaction's owner who has the lock may then conclude from the log alone.
    /// Returns how many it found that are refused for good.
    pub(crate) fn fold_others(&mut self, batch: &mut Vec<Arc<Transaction>>) -> Result<u64> {
        let mut refused = 0;
        if !batch.iter().all(|t| t.is_unconditional()) {
            return Ok(refused);
        }
        for file in self.files.spool.list()? {
            let id = layout::parse_ready(&file.name);
            let Some(id) = id.filter(|id| batch.iter().all(|t| t.id != *id)) else { continue };
            let Some(bytes) = self.files.spool.read_opt(&file.name)? else { continue };
            // Still being written, or torn by a power cut: its owner knows.
            let Ok(txn) = ready_from_bytes(&bytes) else { continue };
            if txn.id != id || !can_share(batch, &txn) {
                continue;
            }
            match self.refuse_or_find(&txn)? {
                None => batch.push(Arc::new(txn)),
                // It is in the log and its file was left over.
                Some(Outcome::Committed { .. }) => {
                    self.files.spool.unlink(&file.name)?;
                }
                // Its owner is told so when it looks.
                Some(_) => refused += 1,
            }
            if batch.len() == MAX_FOLD {
                break;
            }
        }
        Ok(refused)
    }
}

/// Whether a transaction that is fine by itself is also fine after those of
/// `batch` in one entry. It must be as strict as applying the entry is: an entry
/// that cannot be applied would stop every reader.
fn can_share(batch: &[Arc<Transaction>], txn: &Transaction) -> bool {
    let own_segments = txn.actions.iter().all(|action| match action {
        Action::Add { segments, .. } => segments.iter().all(|s| s.id.txn == txn.id),
        Action::Hide { .. } => true,
        _ => false,
    });
    let same_seq = txn.producer.is_some() && batch.iter().any(|t| t.producer == txn.producer);
    let touched = txn.expects.iter().any(|expect| match expect {
        Expect::Untouched { table, part, .. } | Expect::Uncut { table, part, .. } => {
            batch.iter().any(|t| t.touches(*table, part))
        }
        Expect::Still { table, .. } => batch.iter().any(|t| t.touches_table(*table)),
        Expect::Schema { .. } => false,
    });
    own_segments && !same_seq && !touched
}
