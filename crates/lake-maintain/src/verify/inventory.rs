//! Which files each version needs, learnt while the log is folded, and whether what
//! compactions say of their rows fits what the log says of their files.

use std::collections::{BTreeMap, HashMap, HashSet};

use lake_core::edit::{Action, Cause, Sums, Transaction};
use lake_core::entry::Entry;
use lake_core::id::{SegmentId, TableId, Version};
use lake_core::layout;
use lake_core::segment::{Part, Segment};
use lake_core::state::State;
use lake_log::Witness;

use crate::vacuum::reach::{Place, Touched, added, shrinking};

/// A file that the log names or has named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub table: TableId,
    pub part: Part,
    pub segment: Segment,
    /// The version that took it away; None: the newest has it.
    pub gone: Option<Version>,
}

/// Of a segment: of which schema it is, and the sum of its rows.
type SchemaSum = (u32, Option<u64>);

pub(super) struct BadReceipt {
    pub(super) path: String,
    pub(super) table: String,
    pub(super) why: String,
}

#[derive(Default)]
pub(super) struct Inventory {
    version: Version,
    files: HashMap<String, Held>,
    /// Of the entry that is being applied.
    touched: Vec<Touched>,
    bad: Vec<BadReceipt>,
    pub(super) receipts: Vec<BadReceipt>,
}

impl Inventory {
    pub(super) fn knows(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// The files that a version from the floor on needs.
    pub(super) fn needed_from(&self, floor: Version) -> impl Iterator<Item = (String, Held)> {
        let needed = move |held: &Held| held.gone.is_none_or(|gone| gone > floor);
        let files = self.files.iter().filter(move |(_, held)| needed(held));
        files.map(|(path, held)| (path.clone(), held.clone()))
    }
}

impl Witness for Inventory {
    fn begin(&mut self, state: &State) {
        if state.version < self.version {
            // It begins anew.
            *self = Inventory::default();
        }
        self.version = state.version;
        let mut live = HashSet::new();
        for table in state.tables() {
            for (part, segment) in table.segments() {
                let path = table.path(part, segment);
                live.insert(path.clone());
                let (part, segment) = (part.clone(), segment.clone());
                self.files.insert(path, Held { table: table.def.id, part, segment, gone: None });
            }
        }
        for (path, held) in &mut self.files {
            if held.gone.is_none() && !live.contains(path) {
                held.gone = Some(state.version);
            }
        }
    }

    fn before(&mut self, state: &State, entry: &Entry) {
        self.touched = shrinking(state, entry);
        self.touched.extend(added(entry));
        self.bad.clear();
        let compacts = |txn: &&Transaction| txn.cause == Cause::Compact;
        for txn in entry.transactions.iter().filter(compacts) {
            if let Some((table, why)) = unbalanced(state, txn) {
                let version = entry.version;
                let dir = layout::epoch_dir(layout::epoch(version));
                let path = format!("{dir}/{}", layout::entry_name(version));
                self.bad.push(BadReceipt { path, table, why });
            }
        }
    }

    fn after(&mut self, state: &State, entry: &Entry) {
        self.version = entry.version;
        self.receipts.append(&mut self.bad);
        let mut live: BTreeMap<Place, HashMap<SegmentId, &Segment>> = BTreeMap::new();
        for Touched { place, segment } in std::mem::take(&mut self.touched) {
            let Some(table) = state.table_by_id(place.0) else { continue };
            let own = live
                .entry(place.clone())
                .or_insert_with(|| table.part(&place.1).iter().map(|s| (s.id, s)).collect());
            // As it is now: masks may have come.
            let now = own.get(&segment.id).map(|s| (*s).clone());
            let gone = now.is_none().then_some(entry.version);
            let path = table.path(&place.1, &segment);
            let segment = now.unwrap_or(segment);
            self.files.insert(path, Held { table: place.0, part: place.1, segment, gone });
        }
    }
}

/// What a compaction's receipt and its files contradict each other in.
fn unbalanced(state: &State, txn: &Transaction) -> Option<(String, String)> {
    let (mut rows_in, mut rows_out, mut masked) = (0, 0, false);
    let (mut read, mut written) = (Vec::new(), Vec::new());
    for action in &txn.actions {
        match action {
            Action::Remove { table, part, segments } => {
                let gone: HashSet<&SegmentId> = segments.iter().collect();
                let live = state.table_by_id(*table).map_or(&[][..], |t| t.part(part));
                for segment in live.iter().filter(|s| gone.contains(&s.id)) {
                    rows_in += segment.rows;
                    masked |= !segment.masks.is_empty();
                    read.push((segment.schema_version, segment.sum));
                }
            }
            Action::Add { segments, .. } => {
                rows_out += segments.iter().map(|s| s.rows).sum::<u64>();
                written.extend(segments.iter().map(|s| (s.schema_version, s.sum)));
            }
            _ => {}
        }
    }
    let said = txn.receipts.first()?;
    let kept = said.rows_written.saturating_add(said.rows_superseded);
    let balanced = match masked {
        true => kept <= rows_in,
        false => kept == rows_in,
    };
    if let Some(sums) = said.sums.filter(|sums| !proves(sums, &read, &written)) {
        let Sums { read, written, superseded, deleted } = sums;
        let why = format!(
            "compaction says that rows with the sum {read:016x} became {written:016x}, \
             {superseded:016x} superseded and {deleted:016x} deleted, which is not so of the \
             sums that its inputs and outputs have"
        );
        return Some((said.table.to_string(), why));
    }
    let fits = said.rows_in == rows_in && said.rows_written == rows_out && balanced;
    (!fits).then(|| {
        let (read, written, superseded) = (said.rows_in, said.rows_written, said.rows_superseded);
        let why = format!(
            "compaction says that {read} rows became {written} and {superseded} superseded, but \
             its inputs have {rows_in} rows and its outputs {rows_out}"
        );
        (said.table.to_string(), why)
    })
}

/// Whether a receipt's sums are those of its files, as far as they have some, of one schema.
fn proves(sums: &Sums, read: &[SchemaSum], written: &[SchemaSum]) -> bool {
    let schema = written.first().map(|(schema, _)| *schema);
    let total = |files: &[SchemaSum]| {
        files.iter().try_fold(0u64, |total, (version, sum)| {
            Some(total.wrapping_add(sum.filter(|_| Some(*version) == schema)?))
        })
    };
    let is = |said: u64, total: Option<u64>| total.is_none_or(|total| total == said);
    sums.balance() && is(sums.written, total(written)) && is(sums.read, total(read))
}
