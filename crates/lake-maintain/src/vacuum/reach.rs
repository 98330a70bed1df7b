//! What the log says of files: which a version names, and since when none does.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use lake_core::edit::Action;
use lake_core::entry::Entry;
use lake_core::id::{SegmentId, TableId, Version};
use lake_core::kind::Kind;
use lake_core::segment::{Part, Segment};
use lake_core::state::State;
use lake_log::{Lake, LogError};

use crate::error::{MaintainError, Result};

/// One file that the log names or has named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// The version that took it away; None: it is live. Versions from this one on do
    /// not need the file.
    pub(crate) gone: Option<Version>,
    pub(crate) bytes: u64,
}

/// By path, as views name files by path. Built by following the log from its oldest
/// state, so that a file that came and went is told from one that never came.
pub(crate) struct Reach {
    state: Arc<State>,
    files: HashMap<String, Known>,
    /// Below this version an entry is damaged: of files that were gone by then nothing is
    /// known.
    blind: Option<(Version, MaintainError)>,
}

pub(crate) type Place = (TableId, Part);

/// A segment that an entry may bring or take away.
pub(crate) struct Touched {
    pub(crate) place: Place,
    pub(crate) segment: Segment,
}

impl Reach {
    /// From the oldest state from which every entry can be read.
    pub(crate) fn read(lake: &mut Lake) -> Result<Reach> {
        let (mut from, mut blind) = (lake.slots()?.boundary, None);
        let mut outcome = lake.oldest().map_err(MaintainError::from);
        loop {
            let damage = match outcome.and_then(|state| Reach::from(state, lake, &mut from)) {
                Ok(reach) => return Ok(Reach { blind, ..reach }),
                Err(damage) if damage.kind() == Kind::Damaged => damage,
                Err(error) => return Err(error),
            };
            let Some(next) = lake.checkpointed_after(from)? else { return Err(damage) };
            blind = Some((next.version, damage));
            outcome = Ok(next);
        }
    }

    /// That no version before the damage can be opened any more, if there is some.
    pub(crate) fn sees_from(&mut self, version: Version) -> Result<()> {
        match self.blind.take_if(|(from, _)| *from > version) {
            Some((_, damage)) => Err(damage),
            None => Ok(()),
        }
    }

    pub(crate) fn is_blind(&self) -> bool {
        self.blind.is_some()
    }

    /// `at`: how far it came.
    fn from(state: Arc<State>, lake: &mut Lake, at: &mut Version) -> Result<Reach> {
        let mut files = HashMap::new();
        for table in state.tables() {
            for (part, segment) in table.segments() {
                let known = Known { gone: None, bytes: segment.bytes };
                files.insert(table.path(part, segment), known);
            }
        }
        let mut reach = Reach { state, files, blind: None };
        let followed = reach.follow(lake);
        *at = reach.state.version;
        followed.map(|()| reach)
    }

    /// Reads on to the newest version.
    pub(crate) fn follow(&mut self, lake: &mut Lake) -> Result<()> {
        lake.refresh()?;
        while self.state.version < lake.state().version {
            let version = self.state.version + 1;
            let entry = lake.entry(version)?.ok_or(LogError::Gap { missing: version })?;
            self.step(&entry)?;
        }
        Ok(())
    }

    pub(crate) fn of(&self, path: &str) -> Option<Known> {
        self.files.get(path).copied()
    }

    /// Bytes of the newest version's files.
    pub(crate) fn live_bytes(&self) -> u64 {
        let segments = self.state.tables().flat_map(|table| table.segments());
        segments.map(|(_, segment)| segment.bytes).sum()
    }

    fn step(&mut self, entry: &Entry) -> Result<()> {
        let mut touched = shrinking(&self.state, entry);
        let shrinks = !touched.is_empty();
        touched.extend(added(entry));
        let (_, hash) = entry.seal();
        let version = entry.version;
        Arc::make_mut(&mut self.state)
            .apply(entry, hash)
            .map_err(|source| LogError::Chain { version, source })?;
        let mut live: BTreeMap<&Place, HashSet<SegmentId>> = BTreeMap::new();
        for Touched { place, segment } in &touched {
            let Some(table) = self.state.table_by_id(place.0) else { continue };
            let is_live = !shrinks || {
                let ids = || table.part(&place.1).iter().map(|s| s.id).collect();
                live.entry(place).or_insert_with(ids).contains(&segment.id)
            };
            let known = Known { gone: (!is_live).then_some(version), bytes: segment.bytes };
            self.files.insert(table.path(&place.1, segment), known);
        }
        Ok(())
    }
}

/// The live segments of every partition that an entry may take some from.
pub(crate) fn shrinking(state: &State, entry: &Entry) -> Vec<Touched> {
    let mut places: Vec<Place> = Vec::new();
    for action in entry.transactions.iter().flat_map(|txn| &txn.actions) {
        match action {
            Action::Remove { table, part, .. } => places.push((*table, part.clone())),
            Action::Hide { table, owners: None, .. } => {
                let parts = state.table_by_id(*table).into_iter().flat_map(|t| t.parts.keys());
                places.extend(parts.map(|part| (*table, part.clone())));
            }
            Action::Hide { table, owners: Some(owners), .. } => {
                let parts = owners.iter().map(|symbols| Part::Of(symbols.to_vec()));
                places.extend(parts.chain([Part::Packed]).map(|part| (*table, part)));
            }
            _ => {}
        }
    }
    places.sort();
    places.dedup();
    let segments = |place: Place| {
        let live = state.table_by_id(place.0).map_or(&[][..], |t| t.part(&place.1));
        let touched = |s: &Segment| Touched { place: place.clone(), segment: s.clone() };
        live.iter().map(touched).collect::<Vec<_>>()
    };
    places.into_iter().flat_map(segments).collect()
}

pub(crate) fn added(entry: &Entry) -> Vec<Touched> {
    let mut touched = Vec::new();
    for action in entry.transactions.iter().flat_map(|txn| &txn.actions) {
        let Action::Add { table, part, segments } = action else { continue };
        let place = (*table, part.clone());
        touched
            .extend(segments.iter().map(|s| Touched { place: place.clone(), segment: s.clone() }));
    }
    touched
}
