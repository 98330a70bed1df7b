//! Rows that the table cannot hold: the first one ends the ingest, or they are
//! counted, or kept.

use crate::error::{IngestError, Result};
use crate::options::OnError;
use crate::source::{Reject, Rejects};

/// An ingest with more rejected rows than this is refused rather than kept in part.
const MOST_KEPT: usize = 100_000;
/// They are held in memory until the end.
const MOST_BYTES: usize = 256 << 20;

/// What one ingest does with bad rows, and what it did.
pub(crate) struct Gate {
    policy: OnError,
    count: u64,
    kept: Vec<Reject>,
    bytes: usize,
}

impl Gate {
    pub(crate) fn new(policy: OnError) -> Gate {
        Gate { policy, count: 0, kept: Vec::new(), bytes: 0 }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Those to be written to quarantine.
    pub(crate) fn kept(&self) -> &[Reject] {
        &self.kept
    }
}

impl Rejects for Gate {
    fn reject(&mut self, reject: Reject) -> Result<()> {
        match self.policy {
            OnError::Abort => return Err(reject.into_error()),
            OnError::Skip => {}
            OnError::Quarantine if self.kept.len() >= MOST_KEPT => {
                return Err(IngestError::TooMuch("more than 100,000 rejected rows"));
            }
            OnError::Quarantine => {
                self.bytes = self.bytes.saturating_add(reject.size());
                if self.bytes > MOST_BYTES {
                    return Err(IngestError::TooMuch("more than 256 MiB of rejected rows"));
                }
                self.kept.push(reject);
            }
        }
        self.count += 1;
        Ok(())
    }
}
