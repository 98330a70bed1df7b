//! What can be wrong with the log, file by file.

use lake_core::id::Version;
use lake_core::invariants::Rule;
use lake_core::layout;

/// See each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The birth certificate.
    Lake(String),
    /// What init makes and nobody removes is not there.
    Missing { path: String, is_dir: bool },
    /// HEAD is neither empty nor a record.
    Head,
    /// One of the two slots is neither zeros nor a slot.
    Slot(usize),
    /// An entry is missing, cannot be read, or does not follow from the one before.
    Entry {
        version: Version,
        why: String,
        /// The next version that can be had, from a checkpoint. None: the log ends here.
        next: Option<Version>,
    },
    /// An entry that no version needs any more cannot be read.
    Spent { version: Version, why: String },
    /// A checkpoint cannot be used, or says something else than the log.
    Checkpoint {
        version: Version,
        why: String,
        /// The entries tell the same.
        spare: bool,
    },
    /// Somebody was told that a version is committed that the log does not have.
    End { acknowledged: Version, newest: Version },
    /// A state breaks a rule.
    Rule { version: Version, rule: Rule },
}

pub(crate) fn entry_path(version: Version) -> String {
    format!("{}/{}", layout::epoch_dir(layout::epoch(version)), layout::entry_name(version))
}

fn checkpoint_path(version: Version) -> String {
    format!("{}/{}", layout::CHECKPOINTS, layout::checkpoint_name(version))
}

impl Flaw {
    /// The file it is about, relative to the lake.
    pub fn path(&self) -> String {
        match self {
            Flaw::Lake(_) => format!("{}/{}", layout::SYSTEM, layout::LAKE_FILE),
            Flaw::Missing { path, .. } => path.clone(),
            Flaw::Head => format!("{}/{}", layout::SYSTEM, layout::HEAD),
            Flaw::Slot(_) => format!("{}/{}", layout::LOCKS, layout::LOCK_PINS),
            Flaw::Entry { version, .. }
            | Flaw::Spent { version, .. }
            | Flaw::Rule { version, .. } => entry_path(*version),
            Flaw::Checkpoint { version, .. } => checkpoint_path(*version),
            Flaw::End { newest, .. } => entry_path(newest + 1),
        }
    }
}
