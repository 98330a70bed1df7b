//! One file against what the log says of it.

use lake_core::layout;
use lake_core::mask::Effect;
use lake_core::schema::TableDef;
use lake_core::segment::Part;
use lake_log::{Census, LogError};
use lake_segment::{Contents, Footer, SegmentError, fingerprint, mask_fits};
use lake_store::Root;

use super::Meter;
use super::finding::What;
use super::inventory::Held;
use crate::error::{MaintainError, Result};

/// That it is there, with its size.
pub(super) fn presence(root: &Root, path: &str, held: &Held) -> Result<Vec<What>> {
    let wanted = held.segment.bytes;
    Ok(match root.stat(path)? {
        None => vec![What::Missing],
        Some(stat) if !stat.is_file => vec![What::NoFile],
        Some(stat) if stat.len != wanted => vec![What::Size { found: stat.len, wanted }],
        Some(_) => Vec::new(),
    })
}

/// The table as it was when the file was written.
pub(crate) fn as_of(def: &TableDef, schema_version: u32) -> TableDef {
    let mut then = def.clone();
    then.schemas.retain(|schema| schema.version <= schema_version);
    if then.schemas.is_empty() {
        return def.clone();
    }
    then
}

/// What the footer calls the partition, such as `symbol=600519`.
pub(crate) fn label(def: &TableDef, part: &Part) -> String {
    let dir = layout::part_dir(&def.name, &def.directory_columns(), part);
    let above = layout::table_dir(&def.name);
    dir.strip_prefix(&above).map_or("", |rest| rest.trim_start_matches('/')).to_owned()
}

/// Every byte and every row.
pub(super) fn contents(
    root: &Root,
    path: &str,
    def: &TableDef,
    held: &Held,
    meter: &Meter,
) -> Result<Vec<What>> {
    let segment = &held.segment;
    match told(fingerprint(root, path))? {
        Err(why) => return Ok(vec![What::Contents(why)]),
        Ok((_, hash)) if hash != segment.hash => return Ok(vec![What::Hash]),
        Ok(_) => {}
    }
    let then = as_of(def, segment.schema_version);
    let footer = match told(Footer::read(root, path))? {
        Err(why) => return Ok(vec![What::Contents(why)]),
        Ok(footer) => footer,
    };
    let mut whats = Vec::new();
    let label = label(def, &held.part);
    whats.extend(footer.contradicts(&then, &label, &segment.id.txn).map(What::Footer));
    if let Some(why) = footer.differs(&then) {
        whats.push(What::Columns(why));
        return Ok(whats);
    }
    let read = Contents::read(root, path, &then, &held.part, &|rows| meter.read(rows));
    let found = match told(read)? {
        Err(why) => {
            whats.push(What::Contents(why));
            return Ok(whats);
        }
        Ok(None) => return Err(MaintainError::Stopped),
        Ok(Some(found)) => found,
    };
    whats.extend(compare(def, held, &found));
    if whats.is_empty() {
        whats.extend(census(root, path, held)?);
    }
    Ok(whats)
}

/// That what it says of each symbol is as much as it holds.
fn census(root: &Root, path: &str, held: &Held) -> Result<Option<What>> {
    let read = Census::read(root, path.to_owned(), &held.segment);
    let tallies = read.and_then(|census| match census {
        Some(census) => census.tallies().collect::<lake_log::Result<Vec<_>>>().map(Some),
        None => Ok(None),
    });
    let tallies = match tallies {
        Ok(tallies) => tallies,
        Err(LogError::Census { source, .. }) => {
            let why = format!("what it says of its symbols is damaged: {source}");
            return Ok(Some(What::Symbols(why)));
        }
        Err(error) => return Err(error.into()),
    };
    let (Some(tallies), Some(span)) = (tallies, &held.segment.symbols) else { return Ok(None) };
    let rows: u64 = tallies.iter().map(|tally| tally.rows).sum();
    let same = rows == held.segment.rows && tallies.len() == span.count as usize;
    Ok((!same).then(|| What::Symbols("what it says of its symbols is not what it holds".into())))
}

fn compare(def: &TableDef, held: &Held, found: &Contents) -> Vec<What> {
    let segment = &held.segment;
    let mut whats = Vec::new();
    if found.rows != segment.rows {
        whats.push(What::Rows { found: found.rows, wanted: segment.rows });
    }
    if segment.sum.is_some_and(|sum| sum != found.sum) {
        let why = "its rows are not those that were written: their sum is another";
        whats.push(What::Contents(why.to_owned()));
    }
    if segment.range.is_some() && segment.range != found.range {
        let why = "its first and last keys are not those that the log has of it";
        whats.push(What::Range(why.to_owned()));
    }
    if let Some(span) = segment.symbols.as_deref()
        && found.symbols.as_ref() != Some(span)
    {
        whats.push(What::Symbols("its symbols are not those that the log has of it".to_owned()));
    }
    for mask in &segment.masks {
        let meets = mask.stretch.effect_on(segment) != Effect::Nothing
            && mask.owners.as_ref().is_none_or(|owners| owners.meet(&held.part, segment));
        if !meets || !mask_fits(def, mask) {
            whats.push(What::Mask("the log hides rows of it that it cannot have".to_owned()));
        }
    }
    whats
}

/// Damage is an answer here.
fn told<T>(outcome: lake_segment::Result<T>) -> Result<std::result::Result<T, String>> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(SegmentError::Damaged { why, .. }) => Ok(Err(why)),
        Err(SegmentError::Encode(why)) => Ok(Err(why.to_string())),
        Err(SegmentError::Store(error)) if error.kind == lake_store::Kind::Io => {
            Ok(Err(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}
