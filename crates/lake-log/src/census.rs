//! What files say of their symbols, read without their rows.

use lake_core::census::{Tallies, Tally};
use lake_core::entry::BadFile;
use lake_core::frame::Framed;
use lake_core::segment::Segment;
use lake_core::symbol::Symbol;
use lake_store::Root;

use crate::error::{LogError, Result};

/// A file's own, unharmed as far as its checksum can tell.
pub struct Census<'s> {
    path: String,
    segment: &'s Segment,
    bytes: Vec<u8>,
}

impl<'s> Census<'s> {
    /// None: the segment has none.
    pub fn read(root: &Root, path: String, segment: &'s Segment) -> Result<Option<Census<'s>>> {
        let Some(extent) = segment.census else { return Ok(None) };
        let bytes = root.read_part(&path, extent.at, extent.len)?;
        Ok(Some(Census { path, segment, bytes }))
    }

    /// One symbol's.
    pub fn find(&self, symbols: &[Symbol]) -> Result<Option<Tally>> {
        let damaged = |source| LogError::Census { path: self.path.clone(), source };
        let (body, _) = Framed::Census.open(&self.bytes).map_err(|why| damaged(why.into()))?;
        let found = Tallies::new(body).find(symbols).map_err(|why| damaged(why.into()))?;
        Ok(found.map(|tally| tally.of(self.segment)))
    }

    /// In the order of the symbols, each with the commit that last changed it.
    pub fn tallies(&self) -> impl Iterator<Item = Result<Tally>> {
        let damaged = |source: BadFile| LogError::Census { path: self.path.clone(), source };
        let (tallies, broken) = match Framed::Census.open(&self.bytes) {
            Ok((body, _)) => (Tallies::new(body), None),
            Err(why) => (Tallies::new(&[]), Some(Err(damaged(why.into())))),
        };
        let named = move |tally: std::result::Result<Tally, _>| match tally {
            Ok(tally) => Ok(tally.of(self.segment)),
            Err(why) => Err(damaged(BadFile::from(why))),
        };
        broken.into_iter().chain(tallies.map(named))
    }
}
