//! A snapshot: what is true at one version. It is the fold of the log's entries,
//! and this is the fold.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::census::Touch;
use crate::edit::{Action, Cause, Expect, Transaction};
use crate::entry::Entry;
use crate::id::{SegmentId, TableId, TxnId, Version};
use crate::mask::{self, Effect, Mask, Owners, Stretch};
use crate::producers::Producers;
use crate::schema::{Schema, TableDef};
use crate::segment::{Part, Rank, Segment};

/// How many transactions' ids are remembered for the look-up of one's own.
const RECENT: usize = 4096;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartState {
    /// In the order in which they win a key: the last one most.
    pub segments: Vec<Segment>,
    pub touched: Touch,
    /// When rows were last taken away, by other means than compaction.
    pub cut: Version,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub def: TableDef,
    pub parts: BTreeMap<Part, Arc<PartState>>,
}

/// Everything of one version. Cloning shares; changing copies what is shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub version: Version,
    /// The checksum of this version's entry.
    pub hash: u64,
    pub at_us: i64,
    pub floor: Version,
    pub next_table: u32,
    /// Segments added and removed since the lake began: the work of a replay.
    pub changes: u64,
    /// Live segments of all tables.
    pub(crate) live: u64,
    pub producers: Arc<Producers>,
    pub tags: Arc<BTreeMap<String, Version>>,
    pub(crate) tables: BTreeMap<TableId, Arc<Table>>,
    pub(crate) fences: Arc<BTreeMap<u64, Version>>,
    recent: Arc<VecDeque<(Version, TxnId)>>,
    /// `recent` holds every transaction after this version.
    recent_after: Version,
}

/// Why a transaction cannot be committed, now and ever: what it was based on is
/// gone. Its owner makes a new one or gives up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    #[error("this session was declared dead")]
    Fenced,
    #[error("it began at version {start}, before version {boundary} from which the log is kept")]
    TooOld { start: Version, boundary: Version },
    #[error("table {0} exists already")]
    TableExists(String),
    #[error("another table was created meanwhile")]
    TableNumber,
    #[error("the table is gone")]
    NoTable,
    #[error("the schema of table {0} has changed")]
    SchemaChanged(String),
    #[error("segment {0} is no longer live")]
    SegmentGone(SegmentId),
    #[error("segment {0} is in the lake already")]
    SegmentTwice(SegmentId),
    #[error("partition {part} of table {table} has got overlapping rows meanwhile")]
    Touched { table: String, part: Part },
    #[error("the floor is at version {0} already")]
    FloorBack(Version),
    #[error("version {0} cannot be opened, so it cannot be tagged")]
    NoVersion(Version),
    #[error("there is no tag {0}")]
    NoTag(String),
    #[error("version {version} is tagged {name}")]
    Tagged { name: String, version: Version },
    #[error("it breaks rule {0}")]
    Rule(&'static str),
}

/// An entry that does not follow from the state before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadChain {
    #[error("version {found} where {want} is due")]
    Version { want: Version, found: Version },
    #[error("version {0} does not continue the version before it")]
    Hash(Version),
    #[error("version {version}, transaction {txn}: {why}")]
    Edit { version: Version, txn: TxnId, why: Conflict },
}

impl State {
    /// Version 0 of the lake with this id.
    pub fn empty(lake_id: &str) -> State {
        State {
            version: 0,
            hash: crate::frame::hash(lake_id.as_bytes()),
            at_us: 0,
            floor: 0,
            next_table: 1,
            changes: 0,
            live: 0,
            producers: Arc::default(),
            tags: Arc::default(),
            tables: BTreeMap::new(),
            fences: Arc::default(),
            recent: Arc::default(),
            recent_after: 0,
        }
    }

    /// A state as a checkpoint tells it; transactions before it are not remembered.
    pub(crate) fn forget_recent(&mut self) {
        self.recent = Arc::default();
        self.recent_after = self.version;
    }

    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.values().map(|t| &**t)
    }

    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables().find(|t| t.def.name.eq_ignore_ascii_case(name))
    }

    pub fn table_by_id(&self, id: TableId) -> Option<&Table> {
        self.tables.get(&id).map(|t| &**t)
    }

    pub fn segment_count(&self) -> usize {
        self.live as usize
    }

    pub fn is_fenced(&self, session: u64) -> bool {
        self.fences.contains_key(&session)
    }

    /// Whether a transaction is in the log after version `after`. `None`: that
    /// reaches back further than is remembered; the log itself must be asked.
    pub fn committed_after(&self, txn: &TxnId, after: Version) -> Option<Option<Version>> {
        let newer = self.recent.iter().rev().take_while(|(version, _)| *version > after);
        match newer.into_iter().find(|(_, id)| id == txn) {
            Some((version, _)) => Some(Some(*version)),
            None if after >= self.recent_after => Some(None),
            None => None,
        }
    }

    /// The version up to which `committed_after` knows nothing.
    pub fn remembers_after(&self) -> Version {
        self.recent_after
    }

    /// Whether a transaction can follow this state. What is refused once is
    /// refused for ever, so whoever sees the refusal may act on it.
    pub fn check(&self, txn: &Transaction) -> Result<(), Conflict> {
        if self.is_fenced(txn.id.session) {
            return Err(Conflict::Fenced);
        }
        crate::invariants::check_actions(&txn.actions).map_err(Conflict::Rule)?;
        for expect in &txn.expects {
            self.check_expect(expect)?;
        }
        let mut removed = HashSet::new();
        for action in &txn.actions {
            self.check_action(action, &removed)?;
            crate::invariants::check_action(self, action).map_err(Conflict::Rule)?;
            if let Action::Remove { segments, .. } = action {
                removed.extend(segments);
            }
        }
        Ok(())
    }

    fn known(&self, id: TableId) -> Result<&Table, Conflict> {
        self.table_by_id(id).ok_or(Conflict::NoTable)
    }

    fn check_expect(&self, expect: &Expect) -> Result<(), Conflict> {
        match expect {
            Expect::Schema { table, version } => {
                let table = self.known(*table)?;
                if table.def.schema().version != *version {
                    return Err(Conflict::SchemaChanged(table.def.name.clone()));
                }
            }
            Expect::Untouched { table, part, since, range } => {
                let table = self.known(*table)?;
                let added = |s: &Segment| s.rank.version > *since && s.may_hold(range.as_ref());
                if table.cut(part) > *since || table.part(part).iter().any(added) {
                    let table = table.def.name.clone();
                    return Err(Conflict::Touched { table, part: part.clone() });
                }
            }
            Expect::Still { table, since } => {
                let table = self.known(*table)?;
                let changed = |p: &PartState| {
                    p.cut > *since || p.segments.iter().any(|s| s.rank.version > *since)
                };
                if let Some((part, _)) = table.parts.iter().find(|(_, p)| changed(p)) {
                    let (table, part) = (table.def.name.clone(), part.clone());
                    return Err(Conflict::Touched { table, part });
                }
            }
            Expect::Uncut { table, part, since } => {
                let table = self.known(*table)?;
                if table.cut(part) > *since {
                    let table = table.def.name.clone();
                    return Err(Conflict::Touched { table, part: part.clone() });
                }
            }
        }
        Ok(())
    }

    /// `removed` by the same transaction before: these may come again, with other masks.
    fn check_action(&self, action: &Action, removed: &HashSet<&SegmentId>) -> Result<(), Conflict> {
        match action {
            Action::CreateTable(def) => {
                if self.table(&def.name).is_some() {
                    return Err(Conflict::TableExists(def.name.clone()));
                }
                if def.id.0 != self.next_table {
                    return Err(Conflict::TableNumber);
                }
            }
            Action::SetSchema { table, schema } => {
                let table = self.known(*table)?;
                if schema.version != table.def.schema().version + 1 {
                    return Err(Conflict::SchemaChanged(table.def.name.clone()));
                }
            }
            Action::Add { table, part, segments } => {
                let live = self.known(*table)?.part(part).iter().map(|s| s.id);
                let mut live = live.filter(|id| !removed.contains(id));
                // One segment, the usual commit, is not worth a set of all there are.
                let one = segments.len() == 1;
                let mut taken: HashSet<SegmentId> = HashSet::new();
                if !one {
                    taken.extend(live.by_ref());
                }
                for segment in segments {
                    if segment.rank.version > self.version {
                        return Err(Conflict::Rule("I9: no segment's rank lies in the future"));
                    }
                    let there = one && live.any(|id| id == segment.id);
                    if there || !taken.insert(segment.id) {
                        return Err(Conflict::SegmentTwice(segment.id));
                    }
                }
            }
            Action::Remove { table, part, segments } => {
                let live = self.known(*table)?.part(part);
                let mut left: HashSet<_> = live.iter().map(|s| s.id).collect();
                if let Some(gone) = segments.iter().find(|id| !left.remove(id)) {
                    return Err(Conflict::SegmentGone(*gone));
                }
            }
            Action::Fence { .. } => {}
            Action::Floor { version } => {
                if *version < self.floor || *version > self.version + 1 {
                    return Err(Conflict::FloorBack(self.floor));
                }
                if let Some((name, tagged)) = self.tags.iter().find(|(_, v)| *v < version) {
                    return Err(Conflict::Tagged { name: name.clone(), version: *tagged });
                }
            }
            Action::Hide { table, .. } => {
                self.known(*table)?;
            }
            Action::Tag { version: Some(version), .. } => {
                if *version < self.floor || *version > self.version {
                    return Err(Conflict::NoVersion(*version));
                }
            }
            Action::Tag { name, version: None } => {
                if !self.tags.contains_key(name) {
                    return Err(Conflict::NoTag(name.clone()));
                }
            }
        }
        Ok(())
    }

    /// Makes this the state after `entry`, whose checksum is `hash`. On an error
    /// the state is half changed and must be thrown away.
    pub fn apply(&mut self, entry: &Entry, hash: u64) -> Result<(), BadChain> {
        if entry.version != self.version + 1 {
            return Err(BadChain::Version { want: self.version + 1, found: entry.version });
        }
        if entry.previous != self.hash {
            return Err(BadChain::Hash(entry.version));
        }
        let mut order = 0;
        for txn in &entry.transactions {
            self.check(txn).map_err(|why| BadChain::Edit {
                version: entry.version,
                txn: txn.id,
                why,
            })?;
            self.fold(entry, txn, &mut order);
        }
        self.version = entry.version;
        self.hash = hash;
        self.at_us = entry.at_us;
        Ok(())
    }

    fn fold(&mut self, entry: &Entry, txn: &Transaction, order: &mut u32) {
        for action in &txn.actions {
            self.act(entry, txn, action, order);
        }
        if let Some(key) = &txn.producer {
            Arc::make_mut(&mut self.producers).insert(key, entry.version, &txn.receipts);
        }
        let recent = Arc::make_mut(&mut self.recent);
        recent.push_back((entry.version, txn.id));
        while recent.len() > RECENT {
            if let Some((version, _)) = recent.pop_front() {
                self.recent_after = version;
            }
        }
    }

    fn act(&mut self, entry: &Entry, txn: &Transaction, action: &Action, order: &mut u32) {
        match action {
            Action::CreateTable(def) => {
                let table = Table { def: def.clone(), parts: BTreeMap::new() };
                self.next_table = def.id.0 + 1;
                self.tables.insert(def.id, Arc::new(table));
            }
            Action::SetSchema { table, schema } => {
                if let Some(table) = self.tables.get_mut(table) {
                    Arc::make_mut(table).def.schemas.push(schema.clone());
                }
            }
            Action::Add { table, part, segments } => {
                let Some(table) = self.tables.get_mut(table) else { return };
                let live = Arc::make_mut(table).part_mut(part);
                self.changes += segments.len() as u64;
                self.live += segments.len() as u64;
                for segment in segments {
                    let mut segment = Segment { added: entry.version, ..segment.clone() };
                    if segment.rank == Rank::default() {
                        segment.rank = Rank { version: entry.version, order: *order };
                        segment.at_us = entry.at_us;
                    }
                    *order += 1;
                    live.insert(segment);
                }
                live.touch(entry, txn);
            }
            Action::Remove { table, part, segments } => {
                let Some(table) = self.tables.get_mut(table) else { return };
                let live = Arc::make_mut(table).part_mut(part);
                self.changes += segments.len() as u64;
                self.live -= segments.len() as u64;
                let gone: HashSet<_> = segments.iter().collect();
                live.segments.retain(|s| !gone.contains(&s.id));
                live.touch(entry, txn);
                if txn.cause != Cause::Compact {
                    live.cut = entry.version;
                }
            }
            Action::Hide { table, owners, stretch } => {
                let Some(table) = self.tables.get_mut(table) else { return };
                let gone = hide(Arc::make_mut(table), entry, txn, owners.as_ref(), stretch);
                self.changes += gone;
                self.live -= gone;
            }
            Action::Tag { name, version } => {
                let tags = Arc::make_mut(&mut self.tags);
                match version {
                    Some(version) => tags.insert(name.clone(), *version),
                    None => tags.remove(name),
                };
            }
            Action::Fence { session } => {
                Arc::make_mut(&mut self.fences).insert(*session, entry.version);
            }
            Action::Floor { version } => self.floor = *version,
        }
    }
}

/// Takes rows away: whole segments where it can, by masks where it must. Returns how
/// many segments are gone.
fn hide(
    table: &mut Table,
    entry: &Entry,
    txn: &Transaction,
    owners: Option<&Owners>,
    stretch: &Stretch,
) -> u64 {
    let mut gone = 0;
    let parts: Vec<Part> = match owners {
        Some(owners) => owners.iter().map(|s| Part::Of(s.to_vec())).chain([Part::Packed]).collect(),
        None => table.parts.keys().cloned().collect(),
    };
    for part in parts {
        let Some(live) = table.parts.get(&part) else { continue };
        let effect = |s: &Segment| match owners.is_none_or(|owners| owners.meet(&part, s)) {
            true => stretch.effect_on(s),
            false => Effect::Nothing,
        };
        if live.segments.iter().all(|s| effect(s) == Effect::Nothing) {
            continue;
        }
        // One symbol's rows are never all of a pack.
        let shared = part == Part::Packed && owners.is_some();
        let live = table.part_mut(&part);
        live.segments.retain_mut(|segment| match effect(segment) {
            Effect::Nothing => true,
            Effect::All if !shared => {
                gone += 1;
                false
            }
            _ => {
                let owners = owners.filter(|_| shared).cloned();
                mask::add(&mut segment.masks, Mask { owners, stretch: stretch.clone() });
                true
            }
        });
        live.touch(entry, txn);
        live.cut = entry.version;
    }
    gone
}

impl PartState {
    /// In its place by rank.
    fn insert(&mut self, segment: Segment) {
        let after = match self.segments.last() {
            Some(last) if last.rank > segment.rank => {
                self.segments.partition_point(|s| s.rank <= segment.rank)
            }
            _ => self.segments.len(),
        };
        self.segments.insert(after, segment);
    }

    fn touch(&mut self, entry: &Entry, txn: &Transaction) {
        if !matches!(txn.cause, Cause::Compact) {
            let producer = txn.producer.as_ref().map(|p| p.producer.clone());
            self.touched = Touch { version: entry.version, at_us: entry.at_us, producer };
        }
    }
}

impl Table {
    /// The live segments of a partition, the one that wins a key last.
    pub fn part(&self, part: &Part) -> &[Segment] {
        self.parts.get(part).map_or(&[], |p| &p.segments)
    }

    /// When rows were last taken away from a partition.
    pub fn cut(&self, part: &Part) -> Version {
        self.parts.get(part).map_or(0, |p| p.cut)
    }

    fn part_mut(&mut self, part: &Part) -> &mut PartState {
        Arc::make_mut(self.parts.entry(part.clone()).or_default())
    }

    pub fn segments(&self) -> impl Iterator<Item = (&Part, &Segment)> {
        self.parts.iter().flat_map(|(part, state)| state.segments.iter().map(move |s| (part, s)))
    }

    pub fn segment_count(&self) -> usize {
        self.parts.values().map(|p| p.segments.len()).sum()
    }

    pub fn schema(&self) -> &Schema {
        self.def.schema()
    }

    /// The path of a live segment, relative to the lake.
    pub fn path(&self, part: &Part, segment: &Segment) -> String {
        let dir = crate::layout::part_dir(&self.def.name, &self.def.directory_columns(), part);
        format!("{dir}/{}", crate::layout::segment_name(segment.kind, &segment.id))
    }
}
