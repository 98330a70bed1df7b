//! Rows that are stored already, and what a schema demands of rows.

use lake_core::schema::{Schema, TableDef};
use lake_core::state::Table;
use lake_core::types::quoted;
use lake_segment::{Merge, MergeInput, MergeOptions, arrow_schema};
use lake_sql::Filter;
use lake_store::Root;

use crate::error::Result;

/// What a schema demands that rows of another need not keep.
pub(crate) fn demands(schema: &Schema, of_rows: &Schema) -> Vec<String> {
    if schema.version == of_rows.version {
        return Vec::new();
    }
    let nullable = |id| of_rows.by_id(id).is_some_and(|f| !f.not_null);
    let null = schema.fields.iter().filter(|f| f.not_null && nullable(f.id));
    let null = null.map(|f| format!("{} IS NOT NULL", quoted(&f.name)));
    null.chain(schema.checks.iter().map(|c| c.condition.clone())).collect()
}

/// The first of the conditions that is false of some of a table's visible rows, read
/// in the newest schema of `def`, and of how many.
pub(crate) fn broken(
    root: &Root,
    def: &TableDef,
    rows: &Table,
    conditions: &[String],
) -> Result<Option<(String, u64)>> {
    if conditions.is_empty() {
        return Ok(None);
    }
    // A NOT NULL is not taken for granted here: it may be what is asked.
    let mut def = def.clone();
    if let Some(newest) = def.schemas.last_mut() {
        newest.fields.iter_mut().for_each(|f| f.not_null = false);
    }
    let schema = arrow_schema(def.schema());
    let filter = |text: &String| -> Result<Filter> { Ok(Filter::parse(text, &schema)?) };
    let filters = conditions.iter().map(filter).collect::<Result<Vec<_>>>()?;
    let mut counts = vec![0; filters.len()];
    let inputs: Vec<MergeInput<'_>> = rows
        .segments()
        .map(|(part, segment)| MergeInput { path: rows.path(part, segment), part, segment })
        .collect();
    for batch in Merge::open(root, &def, &inputs, &MergeOptions::default())? {
        let batch = batch?;
        for (filter, count) in filters.iter().zip(&mut counts) {
            *count += filter.evaluate(&batch)?.false_count() as u64;
        }
    }
    let mut all = conditions.iter().zip(counts);
    Ok(all.find(|(_, count)| *count > 0).map(|(text, count)| (text.clone(), count)))
}
