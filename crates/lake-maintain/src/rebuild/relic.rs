//! One file, and what it tells without a log.

use std::sync::Arc;

use arrow::datatypes::Field as ArrowField;
use lake_core::census::Extent;
use lake_core::edit::ProducerSeq;
use lake_core::id::{SegmentId, Version};
use lake_core::layout;
use lake_core::schema::{Field, FieldId, check_column_name};
use lake_core::segment::{Part, SegmentKind};
use lake_segment::{Footer, Lineage, SegmentError, lake_type};
use lake_store::Root;
use rayon::prelude::*;

use super::Doubt;
use crate::error::{MaintainError, Result};
use crate::vacuum::listing::Found;
use crate::verify::Meter;

/// More than a lake comes to, and fits into the names of its log's files.
const NO_VERSION: Version = 1_000_000_000_000;
const NO_SCHEMA: u32 = 1_000_000;

#[derive(Clone, Debug)]
pub(super) struct Relic {
    pub(super) path: String,
    pub(super) id: SegmentId,
    pub(super) kind: SegmentKind,
    pub(super) part: Part,
    /// The columns that its directories name.
    pub(super) directories: Vec<String>,
    pub(super) table: String,
    pub(super) table_id: u32,
    pub(super) partition_by: Vec<FieldId>,
    pub(super) key: Vec<FieldId>,
    pub(super) order_by: Vec<FieldId>,
    pub(super) schema_version: u32,
    pub(super) fields: Vec<Field>,
    pub(super) producer: Option<ProducerSeq>,
    /// It was committed after this version; `dated`: it says so itself.
    pub(super) after: Version,
    pub(super) dated: bool,
    pub(super) at_us: i64,
    pub(super) lineage: Option<Lineage>,
    /// Where it says what it holds of each symbol.
    pub(super) census: Option<Extent>,
    pub(super) facts: Option<Facts>,
}

/// What the log would know of it.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) bytes: u64,
    pub(super) hash: u64,
    pub(super) contents: lake_segment::Contents,
}

impl Relic {
    /// The newest version that it names.
    pub(super) fn newest(&self) -> Version {
        let rank = self.lineage.as_ref().map_or(0, |lineage| lineage.rank.version);
        self.id.txn.start.max(self.after.saturating_add(1)).max(rank)
    }
}

/// All that can be used, and why the others cannot.
pub(super) fn read_all(
    root: &Root,
    found: &[Found],
    meter: &Meter,
) -> Result<(Vec<Relic>, Vec<Doubt>)> {
    meter.due(found.len() as u64);
    let read = |found: &Found| {
        let read = read(root, found, meter);
        meter.looked();
        read
    };
    let all: Vec<_> = found.par_iter().map(read).collect::<Result<_>>()?;
    let (mut relics, mut unusable) = (Vec::new(), Vec::new());
    for (outcome, found) in all.into_iter().zip(found) {
        match outcome {
            Ok(relic) => relics.push(relic),
            Err(why) => unusable.push(Doubt { path: found.path.clone(), why }),
        }
    }
    Ok((relics, unusable))
}

type Told<T> = std::result::Result<T, String>;

fn read(root: &Root, found: &Found, meter: &Meter) -> Result<Told<Relic>> {
    if !root.stat(&found.path)?.is_some_and(|stat| stat.is_file) {
        return Ok(Err("it is no regular file".to_owned()));
    }
    let footer = match Footer::read(root, &found.path) {
        Ok(footer) => footer,
        Err(SegmentError::Store(error)) => return Err(error.into()),
        Err(error) => return Ok(Err(why(error))),
    };
    let mut relic = match relic(found, &footer) {
        Ok(relic) => relic,
        Err(why) => return Ok(Err(why)),
    };
    let def = super::tables::own_def(&relic);
    let read = || {
        let (bytes, hash) = lake_segment::fingerprint(root, &found.path)?;
        let seen = |rows| meter.read(rows);
        let contents = lake_segment::Contents::read(root, &found.path, &def, &relic.part, &seen)?;
        Ok(contents.map(|contents| Facts { bytes, hash, contents }))
    };
    match read() {
        Ok(Some(facts)) if facts.contents.rows == 0 => return Ok(Err("it has no rows".into())),
        Ok(Some(facts)) => relic.facts = Some(facts),
        Ok(None) => return Err(MaintainError::Stopped),
        Err(SegmentError::Store(error)) => return Err(error.into()),
        Err(error) => return Ok(Err(why(error))),
    }
    Ok(Ok(relic))
}

fn why(error: SegmentError) -> String {
    match error {
        SegmentError::Damaged { why, .. } => why,
        error => error.to_string(),
    }
}

fn relic(found: &Found, footer: &Footer) -> Told<Relic> {
    let text = |key: &str| footer.pairs.get(key).cloned();
    let need = |key: &str| text(key).ok_or_else(|| format!("its footer has no {key}"));
    let number = |key: &str| need(key)?.parse::<u32>().map_err(|_| format!("its {key} is none"));
    let ids = |key: &str| -> Told<Vec<FieldId>> {
        let text = need(key)?;
        let all = text.split(',').filter(|id| !id.is_empty()).map(str::parse);
        all.collect::<std::result::Result<_, _>>().map_err(|_| format!("its {key} is none"))
    };
    let (dir, name) = found.path.rsplit_once('/').unwrap_or(("", &found.path));
    let (kind, id) = layout::parse_segment(name).ok_or("its name is no segment's")?;
    let mut folders = dir.split('/').skip(1);
    let table = folders.next().unwrap_or_default().to_owned();
    let folders: Vec<&str> = folders.collect();
    if need("lake.table")? != table || need("lake.partition")? != folders.join("/") {
        return Err("it is of another table or partition than the one it lies in".to_owned());
    }
    if need("lake.txn")? != id.txn.to_string() {
        return Err("its name is that of another transaction".to_owned());
    }
    let partition_by = ids("lake.partition_by")?;
    let (part, directories) = part_of(&folders, partition_by.len())?;
    let (key, order_by, fields) = (ids("lake.key")?, ids("lake.order_by")?, fields(footer)?);
    check_columns(&fields, partition_by.iter().chain(&key).chain(&order_by))?;
    let producer = match (text("lake.producer"), text("lake.seq").and_then(|s| s.parse().ok())) {
        (Some(producer), Some(seq)) => Some(ProducerSeq { producer: producer.into(), seq }),
        _ => None,
    };
    let relic = Relic {
        path: found.path.clone(),
        id,
        kind,
        part,
        directories,
        table,
        table_id: number("lake.table_id")?,
        partition_by,
        key,
        order_by,
        schema_version: number("lake.schema_version")?,
        fields,
        producer,
        after: text("lake.after").and_then(|v| v.parse().ok()).unwrap_or(id.txn.start),
        at_us: text("lake.at_us").and_then(|v| v.parse().ok()).unwrap_or(0),
        dated: footer.pairs.contains_key("lake.after"),
        lineage: Lineage::read(&footer.pairs),
        census: text("lake.census").and_then(|place| {
            let (at, len) = place.split_once(',')?;
            Some(Extent { at: at.parse().ok()?, len: len.parse().ok()? })
        }),
        facts: None,
    };
    let schemas = 1..NO_SCHEMA;
    match relic.newest() < NO_VERSION && schemas.contains(&relic.schema_version) {
        true => Ok(relic),
        false => Err("it names a version that no lake reaches".to_owned()),
    }
}

/// Columns that a table can have, and among them those that it names.
fn check_columns<'f>(fields: &[Field], named: impl Iterator<Item = &'f FieldId>) -> Told<()> {
    for (i, field) in fields.iter().enumerate() {
        check_column_name(&field.name).map_err(|why| why.to_string())?;
        if fields[..i].iter().any(|f| f.id == field.id || f.name == field.name) {
            return Err(format!("it has two columns like {}", field.name));
        }
    }
    let has = |id: &FieldId| fields.iter().any(|f| f.id == *id);
    match named.into_iter().find(|id| !has(id)) {
        None => Ok(()),
        Some(id) => Err(format!("it has no column {id}, by which its table is sorted")),
    }
}

fn part_of(folders: &[&str], columns: usize) -> Told<(Part, Vec<String>)> {
    if folders == [layout::PACKED] && columns > 0 {
        return Ok((Part::Packed, Vec::new()));
    }
    let (mut symbols, mut names) = (Vec::new(), Vec::new());
    for folder in folders {
        let (name, symbol) =
            layout::parse_partition(folder).ok_or("its directory is none of ours")?;
        names.push(name.to_owned());
        symbols.push(symbol);
    }
    match symbols.len() == columns {
        true => Ok((Part::Of(symbols), names)),
        false => Err("its directory is none of its table's".to_owned()),
    }
}

fn fields(footer: &Footer) -> Told<Vec<Field>> {
    let columns = footer.columns.fields().iter().zip(footer.field_ids());
    let field = |(column, id): (&Arc<ArrowField>, Option<FieldId>)| {
        let (name, not_null) = (column.name().clone(), !column.is_nullable());
        let unknown = || format!("its column {name} is none of a lake's");
        let (id, ty) =
            (id.ok_or_else(unknown)?, lake_type(column.data_type()).ok_or_else(unknown)?);
        Ok(Field { id, name, ty, not_null, default: None })
    };
    columns.map(field).collect()
}
