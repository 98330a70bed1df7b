//! Merge on read: which segments of a keyed table hide rows of which others.
//!
//! The segment of the later rank wins an equal key. Most segments overlap no other
//! and are read as they are. One that only later ones overlap is of the older side
//! (usually a big base, or the first pack of a day): a row of it counts unless the
//! newer side has its key. The newer side is read as it is, too, but for those of it
//! that overlap each other: these are contested, and the latest row of each key is
//! taken. What overlaps nothing that overlaps a segment has no part in how that is
//! read, so that a day that was written twice costs a join of its two packs.

use lake_core::segment::{Part, Rank, Segment};
use lake_core::state::Table;

pub(crate) use overlap::may_meet;
use overlap::{Place, places};

mod overlap;

/// A live segment and where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live<'a> {
    pub(crate) part: &'a Part,
    pub(crate) segment: &'a Segment,
}

/// Every live segment is in exactly one of `plain`, `older`, `contested`; `newer`
/// are those of `plain` and `contested` whose keys hide rows of `older`.
#[derive(Debug, Default)]
pub(crate) struct Split<'a> {
    pub(crate) plain: Vec<Live<'a>>,
    pub(crate) older: Vec<Live<'a>>,
    pub(crate) contested: Vec<Live<'a>>,
    pub(crate) newer: Vec<Live<'a>>,
}

impl Live<'_> {
    /// The later wins a key.
    pub(crate) fn rank(&self) -> Rank {
        self.segment.rank
    }
}

/// All live segments of a table, partition by partition, each by rank.
pub(crate) fn all(table: &Table) -> Vec<Live<'_>> {
    table.segments().map(|(part, segment)| Live { part, segment }).collect()
}

impl<'a> Split<'a> {
    /// `live`: segments of the table in its order; what was left out of them has no
    /// key that a wanted row has.
    pub(crate) fn of(table: &Table, live: Vec<Live<'a>>) -> Split<'a> {
        if table.def.key.is_empty() {
            return Split { plain: live, ..Split::default() };
        }
        let mut split = Split::default();
        for (one, place) in live.iter().zip(places(&live)) {
            match place {
                Place::Alone => split.plain.push(*one),
                Place::Under => split.older.push(*one),
                Place::Over => split.newer.push(*one),
            }
        }
        for (one, place) in split.newer.iter().zip(places(&split.newer)) {
            let side = match place {
                Place::Alone => &mut split.plain,
                Place::Under | Place::Over => &mut split.contested,
            };
            side.push(*one);
        }
        split.contested.sort_by_key(Live::rank);
        split
    }
}

#[cfg(test)]
mod tests;
