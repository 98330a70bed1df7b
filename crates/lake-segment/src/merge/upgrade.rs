//! Rows of an older schema version as rows of the newest.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::new_null_array;
use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray, UInt32Array};
use arrow::compute::{CastOptions, cast_with_options, take};
use arrow::datatypes::{DataType, FieldRef, Schema as ArrowSchema, SchemaRef};
use lake_core::schema::{Field, FieldId, Schema, TableDef};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use crate::error::{Result, SegmentError};
use crate::types::{arrow_schema, data_type};

/// What does not fit is an error, never NULL.
const STRICT: CastOptions<'static> =
    CastOptions { safe: false, format_options: arrow::util::display::FormatOptions::new() };

/// How the batches of one segment become batches of the table's newest schema. A
/// column is its field id: it is found under its old name and widened to its present
/// type; one that the segment is too old for is its default or NULL; one that was
/// dropped is left behind.
pub struct Upgrade {
    path: String,
    schema: SchemaRef,
    columns: Vec<Column>,
    stored: Vec<FieldId>,
}

struct Column {
    id: FieldId,
    source: Source,
}

enum Source {
    File,
    /// One value, for every row.
    Default(ArrayRef),
    Null,
}

impl Upgrade {
    /// For the segment at `path`, which has the schema of that version. `columns`:
    /// these alone, in this order; None: all of the newest schema.
    pub fn new(
        path: &str,
        def: &TableDef,
        version: u32,
        columns: Option<&[FieldId]>,
    ) -> Result<Upgrade> {
        let damaged = |why: String| SegmentError::Damaged { path: path.to_owned(), why };
        let Some(old) = def.schema_at(version) else {
            return Err(damaged(format!("table {} has no schema version {version}", def.name)));
        };
        let new = def.schema();
        let all = arrow_schema(new);
        let places: Vec<usize> = match columns {
            None => (0..new.fields.len()).collect(),
            Some(ids) => {
                let place = |id: &FieldId| new.fields.iter().position(|f| f.id == *id);
                ids.iter().filter_map(place).collect()
            }
        };
        let schema = all.project(&places).map_err(SegmentError::arrow)?;
        // A row that does not count may hold NULL in a column that is NOT NULL today.
        let open = |f: &FieldRef| f.as_ref().clone().with_nullable(true);
        let schema =
            Arc::new(ArrowSchema::new(schema.fields().iter().map(open).collect::<Vec<_>>()));
        let made = places.iter().map(|at| Column::new(&new.fields[*at], old).map_err(damaged));
        let columns = made.collect::<Result<Vec<Column>>>()?;
        let stored = columns.iter().filter(|c| matches!(c.source, Source::File));
        let stored = stored.map(|c| c.id).collect();
        Ok(Upgrade { path: path.to_owned(), schema, columns, stored })
    }

    /// What there is to be read of the segment.
    pub fn stored(&self) -> &[FieldId] {
        &self.stored
    }

    /// Of the batches as they become.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// `batch` has at least the stored columns, with their field ids.
    pub fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let damaged = |why: String| SegmentError::Damaged { path: self.path.clone(), why };
        let places = places(&batch.schema());
        let rows = batch.num_rows();
        let mut made = Vec::with_capacity(self.columns.len());
        for (column, field) in self.columns.iter().zip(self.schema.fields()) {
            made.push(match &column.source {
                Source::Null => new_null_array(field.data_type(), rows),
                Source::Default(value) => repeat(value, rows)?,
                Source::File => {
                    let Some(at) = places.get(&column.id) else {
                        return Err(damaged(format!("it has no column {}", field.name())));
                    };
                    widen(batch.column(*at), field.data_type())
                        .map_err(|e| damaged(format!("column {}: {e}", field.name())))?
                }
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema.clone(), made, &options)
            .map_err(|e| damaged(e.to_string()))
    }
}

impl Column {
    fn new(field: &Field, old: &Schema) -> std::result::Result<Column, String> {
        let source = match (old.by_id(field.id), &field.default) {
            (Some(_), _) => Source::File,
            (None, None) => Source::Null,
            (None, Some(text)) => {
                let text: ArrayRef = Arc::new(StringArray::from_iter_values([text]));
                let value = widen(&text, &data_type(&field.ty))
                    .map_err(|e| format!("the default of column {}: {e}", field.name))?;
                Source::Default(value)
            }
        };
        Ok(Column { id: field.id, source })
    }
}

fn places(schema: &ArrowSchema) -> HashMap<FieldId, usize> {
    let place = |(at, id): (usize, Option<FieldId>)| Some((id?, at));
    schema.fields().iter().map(|f| field_id(f)).enumerate().filter_map(place).collect()
}

pub(crate) fn field_id(field: &arrow::datatypes::Field) -> Option<FieldId> {
    field.metadata().get(PARQUET_FIELD_ID_META_KEY)?.parse().ok()
}

pub(super) fn widen(
    array: &ArrayRef,
    to: &DataType,
) -> std::result::Result<ArrayRef, arrow::error::ArrowError> {
    if array.data_type() == to { Ok(array.clone()) } else { cast_with_options(array, to, &STRICT) }
}

fn repeat(value: &ArrayRef, rows: usize) -> Result<ArrayRef> {
    take(value, &UInt32Array::from(vec![0; rows]), None).map_err(SegmentError::arrow)
}

#[cfg(test)]
mod tests {
    use lake_core::sqltype::parse_type;

    use super::*;

    /// The cast that each allowed change of a type relies on is there and keeps the
    /// ends of the narrower type.
    #[test]
    fn every_widening_keeps_every_value() {
        let names = "TINYINT SMALLINT INTEGER BIGINT UTINYINT USMALLINT UINTEGER UBIGINT FLOAT \
            DOUBLE DATE TIMESTAMP DECIMAL(9,2) DECIMAL(18,4) DECIMAL(20,0) DECIMAL(38,10)";
        let texts = "-128 127 -32768 32767 -2147483648 2147483647 -9223372036854775808 \
            9223372036854775807 0 255 65535 4294967295 18446744073709551615 0.25 -9999999.75 \
            99999999999999.5 2026-11-20 0001-01-01 9999-12-31";
        let types: Vec<_> = names.split_whitespace().map(|n| parse_type(n).unwrap()).collect();
        let mut pairs = 0;
        for narrow in &types {
            for wide in types.iter().filter(|wide| narrow.widens_to(wide)) {
                let (from, to) = (data_type(narrow), data_type(wide));
                for text in texts.split_whitespace() {
                    let text: ArrayRef = Arc::new(StringArray::from(vec![Some(text), None]));
                    let Ok(value) = widen(&text, &from) else { continue };
                    let back = widen(&widen(&value, &to).unwrap(), &from).unwrap();
                    assert_eq!(&back, &value, "{narrow} to {wide}");
                }
                pairs += 1;
            }
        }
        assert!(pairs > 60, "{pairs}");
    }
}
