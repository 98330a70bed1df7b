//! What is on the disk under our own names. A directory is never asked what is in the
//! lake, only what is not.

use std::path::Path;

use lake_core::id::SegmentId;
use lake_core::layout;
use lake_core::schema::check_table_name;
use lake_store::{Dir, Kind, Root, StoreError};

use crate::error::Result;

/// Nobody partitions deeper; a planted chain of directories must not take the stack.
const DEEPEST: usize = 64;

/// A file where a segment may be, under a segment's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: String,
    pub(crate) id: SegmentId,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    /// In the order of their paths.
    pub(crate) segments: Vec<Found>,
    /// What is not ours. What is in a foreign directory is not looked at.
    pub(crate) foreign: Vec<String>,
}

/// Of a lake that may not open. One without a warehouse has no files.
pub(crate) fn of_lake(path: &Path) -> Result<Listing> {
    let missing = |e: &StoreError| e.kind == Kind::NotFound;
    match Root::open(path).and_then(|root| root.dir(layout::WAREHOUSE).map(|_| root)) {
        Ok(root) => warehouse(&root),
        Err(error) if missing(&error) => Ok(Listing::default()),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn warehouse(root: &Root) -> Result<Listing> {
    let mut listing = Listing::default();
    walk(&root.dir(layout::WAREHOUSE)?, 0, &mut listing)?;
    listing.segments.sort_by(|a, b| a.path.cmp(&b.path));
    listing.foreign.sort();
    Ok(listing)
}

fn walk(dir: &Dir, depth: usize, listing: &mut Listing) -> Result<()> {
    for entry in dir.list()? {
        let name = entry.name.as_str();
        let path = format!("{}/{name}", dir.path());
        let ours = match (entry.lossy, entry.is_dir, depth) {
            (true, ..) => false,
            (_, true, 0) => check_table_name(name).is_ok(),
            (_, true, _) => layout::is_part_dir(name) && depth < DEEPEST,
            (_, false, 0) => false,
            (_, false, _) => layout::parse_segment(name).is_some(),
        };
        match layout::parse_segment(name) {
            _ if !ours => listing.foreign.push(path),
            Some((_, id)) if !entry.is_dir => listing.segments.push(Found { path, id }),
            _ => match dir.sub(name) {
                Ok(sub) => walk(&sub, depth + 1, listing)?,
                Err(gone) if gone.kind == Kind::NotFound => {}
                Err(error) => return Err(error.into()),
            },
        }
    }
    Ok(())
}
