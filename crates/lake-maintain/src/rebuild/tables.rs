//! Tables from the files that count.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lake_core::census::Touch;
use lake_core::id::{TableId, Version};
use lake_core::schema::{FieldId, Schema, TableDef};
use lake_core::segment::{Part, Rank, Segment};
use lake_core::state::{PartState, Table};
use lake_core::value::Value;

use super::{Doubt, Relic, grouped};

/// A longer text is not worth its place in the log.
const MAX_TEXT: usize = 128;

/// The table as the one file tells it.
pub(super) fn own_def(relic: &Relic) -> TableDef {
    TableDef {
        id: TableId(relic.table_id),
        name: relic.table.clone(),
        partition_by: relic.partition_by.clone(),
        key: relic.key.clone(),
        order_by: relic.order_by.clone(),
        schemas: vec![own_schema(relic)],
    }
}

fn own_schema(relic: &Relic) -> Schema {
    let (version, fields) = (relic.schema_version, relic.fields.clone());
    Schema { version, fields, checks: Vec::new() }
}

/// `live`: in the order in which they win a key, the last one most.
pub(super) fn assemble(
    live: Vec<Relic>,
    version: Version,
    at_us: i64,
    unusable: &mut Vec<Doubt>,
) -> Vec<Table> {
    let ranked = live.into_iter().zip(0u32..);
    let by_table = grouped(ranked.map(|(r, order)| ((r.table_id, r.table.clone()), (r, order))));
    let mut taken = BTreeSet::new();
    let mut tables = Vec::new();
    for ((id, _), relics) in by_table {
        let newest = relics.iter().max_by_key(|(r, _)| r.schema_version);
        let Some((newest, _)) = newest.filter(|_| taken.insert(id)) else {
            let why = "another table has its number";
            unusable.extend(relics.into_iter().map(|(r, _)| doubt(&r, why)));
            continue;
        };
        let def = own_def(newest);
        let fits = |r: &Relic| {
            let own = (&r.partition_by, &r.key, &r.order_by);
            own == (&def.partition_by, &def.key, &def.order_by)
        };
        let (relics, others): (Vec<_>, Vec<_>) = relics.into_iter().partition(|(r, _)| fits(r));
        let why = "its key, partition or order is not its table's";
        unusable.extend(others.into_iter().map(|(r, _)| doubt(&r, why)));
        let def = TableDef { schemas: schemas(&relics), ..def };
        tables.push(table(def, relics, version, at_us));
    }
    tables
}

fn doubt(relic: &Relic, why: &str) -> Doubt {
    Doubt { path: relic.path.clone(), why: why.to_owned() }
}

/// Every schema that a file has, oldest first; the first one names the directories.
fn schemas(relics: &[(Relic, u32)]) -> Vec<Schema> {
    let mut known: BTreeMap<u32, Schema> = BTreeMap::new();
    for (relic, _) in relics {
        known.entry(relic.schema_version).or_insert_with(|| own_schema(relic));
    }
    let mut all: Vec<Schema> = known.into_values().collect();
    let directories = relics.iter().find(|(r, _)| !r.directories.is_empty());
    if let (Some(first), Some((relic, _))) = (all.first().cloned(), directories) {
        let mut named = Schema { version: 1, ..first.clone() };
        for (id, name) in relic.partition_by.iter().zip(&relic.directories) {
            let own = named.fields.iter_mut().find(|f| f.id == *id);
            own.into_iter().for_each(|field| field.name.clone_from(name));
        }
        if first.version > 1 {
            all.insert(0, named);
        }
    }
    if let Some(newest) = all.last().cloned() {
        let in_all = |id: FieldId| all.iter().all(|s| s.by_id(id).is_some());
        let mut open = Schema { version: newest.version + 1, ..newest.clone() };
        for field in &mut open.fields {
            field.not_null &= in_all(field.id);
        }
        // Rows without the column have NULL there, as its default is not known.
        if open.fields != newest.fields {
            all.push(open);
        }
    }
    all
}

fn table(def: TableDef, relics: Vec<(Relic, u32)>, version: Version, at_us: i64) -> Table {
    let mut parts: BTreeMap<Part, PartState> = BTreeMap::new();
    for (relic, order) in relics {
        let part = relic.part.clone();
        let producer = relic.producer.as_ref().map(|p| p.producer.clone());
        let Some(segment) = segment(relic, version, order) else { continue };
        let own = parts.entry(part).or_default();
        own.touched = Touch { version, at_us, producer };
        own.segments.push(segment);
    }
    let parts = parts.into_iter().map(|(part, own)| (part, Arc::new(own))).collect();
    Table { def, parts }
}

fn segment(relic: Relic, version: Version, order: u32) -> Option<Segment> {
    let facts = relic.facts?;
    let long = |v: &Value| matches!(v, Value::Text(text) if text.len() > MAX_TEXT);
    let range = facts.contents.range.filter(|r| !r.min().iter().chain(r.max()).any(long));
    let symbols = facts.contents.symbols.filter(|_| relic.part == Part::Packed);
    Some(Segment {
        id: relic.id,
        kind: relic.kind,
        schema_version: relic.schema_version,
        rows: facts.contents.rows,
        bytes: facts.bytes,
        hash: facts.hash,
        sum: Some(facts.contents.sum),
        range,
        symbols: symbols.map(Box::new),
        rank: Rank { version, order },
        at_us: relic.at_us,
        census: relic.census.filter(|c| c.at.checked_add(c.len).is_some_and(|e| e <= facts.bytes)),
        masks: Vec::new(),
        added: version,
    })
}
