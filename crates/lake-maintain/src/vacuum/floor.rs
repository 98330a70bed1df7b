//! Which versions may go: by age, and by the tags that hold theirs.

use std::ops::RangeInclusive;
use std::time::Duration;

use lake_core::edit::Cause;
use lake_core::entry::Entry;
use lake_core::id::Version;
use lake_core::kind::Kind;
use lake_log::Lake;

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
        match legible(lake, middle..=high)? {
            Some(entry) if entry.at_us <= us => low = entry.version,
            _ => high = middle - 1,
        }
    }
    Ok(low)
}

/// The first entry of these that is not damaged.
fn legible(lake: &mut Lake, versions: RangeInclusive<Version>) -> Result<Option<Entry>> {
    for version in versions {
        match lake.entry(version) {
            Ok(Some(entry)) => return Ok(Some(entry)),
            Ok(None) => {}
            Err(damage) if damage.kind() == Kind::Damaged => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// The floor to ask for: `wanted`, unless all that came since the present one are
/// vacuums. Each adds a version by raising it, and would never come to an end.
pub(crate) fn worth(lake: &mut Lake, wanted: Version) -> Result<Version> {
    let floor = lake.state().floor;
    for version in floor + 1..=wanted {
        let is_vacuum = |entry: Entry| entry.transactions.iter().all(|t| t.cause == Cause::Vacuum);
        if !legible(lake, version..=version)?.is_some_and(is_vacuum) {
            return Ok(wanted);
        }
    }
    Ok(floor)
}
