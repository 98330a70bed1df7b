//! Names for versions.

use lake_core::edit::{Action, Cause};
use lake_core::id::Version;
use lake_log::{At, Lake, Outcome};

use crate::error::{IngestError, Result};

const LONGEST: usize = 64;

/// Names a version, or takes the name away (None). Returns the version named, or that
/// had been named.
pub fn tag(lake: &mut Lake, name: &str, at: Option<At>) -> Result<Option<Version>> {
    check_name(name)?;
    let version = match at {
        Some(at) => Some(lake.snapshot(at)?.version()),
        None => None,
    };
    let draft = lake.begin()?;
    let before = draft.state.tags.get(name).copied();
    if version.is_some() && version == before {
        return Ok(before);
    }
    let mut txn = draft.transaction(Cause::Tag);
    txn.actions.push(Action::Tag { name: name.into(), version });
    match lake.commit(txn)? {
        Outcome::Committed { .. } | Outcome::Duplicate { .. } => Ok(version.or(before)),
        Outcome::Conflict(source) => Err(IngestError::Conflict { tries: 1, source }),
    }
}

fn check_name(name: &str) -> Result<()> {
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    match first && name.len() <= LONGEST && name.bytes().all(word) {
        true => Ok(()),
        false => Err(IngestError::BadTag(name.into())),
    }
}
