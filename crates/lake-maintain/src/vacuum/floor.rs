//! Which versions may go: by age, and by the tags that hold theirs.

use std::time::Duration;

use lake_core::edit::Cause;
use lake_core::id::Version;
use lake_log::{Lake, LogError};

use crate::error::Result;

/// How far the floor may rise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// By age alone.
    pub(crate) by_age: Version,
    /// With the tags heeded: the log refuses a floor above a tagged version.
    pub(crate) floor: Version,
    /// The lowest tag, if it keeps the floor down.
    pub(crate) tag: Option<(String, Version)>,
}

/// Every version that was the newest at any time within the grace stays.
pub(crate) fn choose(lake: &mut Lake, grace: Duration, now: i64) -> Result<Wish> {
    let by_age = match grace.is_zero() {
        true => lake.state().version,
        false => {
            let grace = i64::try_from(grace.as_micros()).unwrap_or(i64::MAX);
            newest_at(lake, now.saturating_sub(grace))?
        }
    };
    let tags = lake.state().tags.iter();
    let lowest =
        tags.filter(|(_, version)| **version < by_age).min_by_key(|(_, version)| **version);
    let tag = lowest.map(|(name, version)| (name.clone(), *version));
    let floor = tag.as_ref().map_or(by_age, |(_, version)| *version).max(lake.state().floor);
    Ok(Wish { by_age: by_age.max(floor), floor, tag })
}

/// The newest version at a time, or the floor. Commit times never step back.
fn newest_at(lake: &mut Lake, us: i64) -> Result<Version> {
    let (floor, newest, at_us) = (lake.state().floor, lake.state().version, lake.state().at_us);
    if at_us <= us {
        return Ok(newest);
    }
    let (mut low, mut high) = (floor, newest);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        let entry = lake.entry(middle)?.ok_or(LogError::Gap { missing: middle })?;
        match entry.at_us <= us {
            true => low = middle,
            false => high = middle - 1,
        }
    }
    Ok(low)
}

/// The floor to ask for: `wanted`, unless all that came since the present one are
/// vacuums. Each adds a version by raising it, and would never come to an end.
pub(crate) fn worth(lake: &mut Lake, wanted: Version) -> Result<Version> {
    let floor = lake.state().floor;
    for version in floor + 1..=wanted {
        let entry = lake.entry(version)?.ok_or(LogError::Gap { missing: version })?;
        if entry.transactions.iter().any(|txn| txn.cause != Cause::Vacuum) {
            return Ok(wanted);
        }
    }
    Ok(floor)
}
