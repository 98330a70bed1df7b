//! Which of the files that the log has named go, and what keeps the others.

use lake_core::id::Version;

use super::floor::Wish;
use super::listing::Listing;
use super::reach::{Known, Reach};
use super::{Count, Hold, Holder};

pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) bytes: u64,
}

pub(crate) struct Plan {
    pub(crate) superseded: Vec<File>,
    pub(crate) held: Vec<Hold>,
}

impl Plan {
    /// V5. `safe` is the lowest version that anybody may have open, or open yet.
    pub(crate) fn of(
        listing: &Listing,
        reach: &Reach,
        safe: Version,
        floor: Version,
        wish: &Wish,
    ) -> Plan {
        let mut superseded = Vec::new();
        let (mut leased, mut tagged, mut young) =
            (Count::default(), Count::default(), Count::default());
        for found in &listing.segments {
            let Some(Known { gone: Some(gone), bytes }) = reach.of(&found.path) else { continue };
            match gone {
                _ if gone <= safe => {
                    let path = found.path.clone();
                    superseded.push((gone, File { path, bytes }));
                }
                _ if gone <= floor => leased.add(bytes),
                _ if gone <= wish.by_age => tagged.add(bytes),
                _ => young.add(bytes),
            }
        }
        // What was merged goes before what it was merged to, whenever this is killed: a
        // rebuild then finds the file that says what has replaced it.
        superseded.sort_by_key(|(gone, _)| *gone);
        let superseded = superseded.into_iter().map(|(_, file)| file).collect();
        let mut held = Vec::new();
        if safe < floor {
            held.push(Hold { by: Holder::Lease(safe), what: leased });
        }
        if let Some((name, version)) = &wish.tag {
            held.push(Hold { by: Holder::Tag(name.clone(), *version), what: tagged });
        }
        if young.files > 0 {
            held.push(Hold { by: Holder::Grace, what: young });
        }
        Plan { superseded, held }
    }
}
