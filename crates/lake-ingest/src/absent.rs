//! Whether keys are in a table already, for `append` to a table with a key.

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::row::{RowConverter, SortField};
use lake_core::edit::Expect;
use lake_core::id::Version;
use lake_core::schema::{FieldId, TableDef};
use lake_core::segment::{Part, Segment, SymbolSpan};
use lake_core::state::Table;
use lake_core::symbol::Symbol;
use lake_core::value::Range;
use lake_segment::{SegmentReader, Verify, value_at};
use lake_store::Root;

use crate::error::{IngestError, Result};
use crate::source::convert;
use crate::split::column;

/// The live segments that may hold a key of `range`, in a partition's own files and
/// in those it shares.
fn suspects<'t>(
    table: &'t Table,
    symbols: &[Symbol],
    part: &'t Part,
    range: Option<&Range>,
) -> Vec<(&'t Part, &'t Segment)> {
    let meets = |s: &&Segment| match (&s.range, range) {
        (Some(a), Some(b)) => a.overlaps(b),
        _ => true,
    };
    let spans =
        |span: &SymbolSpan| span.first.as_slice() <= symbols && symbols <= span.last.as_slice();
    let own = table.part(part).iter().filter(meets).map(|s| (part, s));
    let packed = table.part(&Part::Packed).iter().filter(meets);
    let packed = packed.filter(|s| s.symbols.as_deref().is_none_or(spans));
    own.chain(packed.map(|s| (&Part::Packed, s))).collect()
}

/// Refuses a batch of one partition, sorted and without equal keys, if the table
/// has one of its keys.
pub(crate) fn refuse_present(
    root: &Root,
    table: &Table,
    part: &Part,
    batch: &RecordBatch,
    range: Option<&Range>,
) -> Result<()> {
    let Part::Of(symbols) = part else { return Ok(()) };
    let suspects = suspects(table, symbols, part, range);
    if suspects.is_empty() {
        return Ok(());
    }
    let ids = &table.def.key;
    let keys = columns(&table.def, batch, ids)?;
    let fields = keys.iter().map(|c| SortField::new(c.data_type().clone())).collect();
    let converter = RowConverter::new(fields)?;
    let ours = converter.convert_columns(&keys)?;
    let wanted: HashSet<_> = ours.iter().collect();
    for (home, segment) in suspects {
        let path = table.path(home, segment);
        for found in SegmentReader::open(root, &path, segment, Verify::Size, Some(ids))? {
            let theirs = columns(&table.def, &found?, ids)?;
            let rows = converter.convert_columns(&theirs)?;
            if let Some(row) = rows.iter().position(|row| wanted.contains(&row)) {
                let table = table.def.name.clone();
                return Err(IngestError::KeyExists { table, key: key_text(&theirs, row) });
            }
        }
    }
    Ok(())
}

/// That nobody adds such keys between our look and the commit.
pub(crate) fn expectation(
    table: &Table,
    part: &Part,
    since: Version,
    range: Option<&Range>,
) -> impl Iterator<Item = Expect> + use<> {
    let (table, range) = (table.def.id, range.cloned());
    [part.clone(), Part::Packed].into_iter().map(move |part| Expect::Untouched {
        table,
        part,
        since,
        range: range.clone(),
    })
}

/// A segment's key columns under the table's newest types.
fn columns(def: &TableDef, batch: &RecordBatch, ids: &[FieldId]) -> Result<Vec<ArrayRef>> {
    let own = |id: &FieldId| -> Result<ArrayRef> {
        let field = def.schema().by_id(*id);
        let named = field.and_then(|f| batch.column_by_name(&f.name));
        let (Some(field), Some(array)) = (field, named.or_else(|| column(def, batch, *id))) else {
            return Err(IngestError::NoKey(def.name.clone()));
        };
        convert(array, &field.ty).map_err(|_| IngestError::NoKey(def.name.clone()))
    };
    ids.iter().map(own).collect()
}

fn key_text(columns: &[ArrayRef], row: usize) -> String {
    let text = |array: &ArrayRef| match array.as_string_opt::<i32>() {
        Some(texts) => texts.value(row).to_owned(),
        None => value_at(array, row).map_or("NULL".into(), |v| v.to_string()),
    };
    format!("({})", columns.iter().map(text).collect::<Vec<_>>().join(", "))
}
