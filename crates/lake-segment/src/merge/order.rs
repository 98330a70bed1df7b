//! The order of a table's rows, and their keys in a form that compares by bytes.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, Rows, SortField};
use lake_core::schema::{FieldId, TableDef};
use lake_core::symbol::Symbol;
use lake_core::types::Type;
use lake_core::value::Value;

use super::value;
use crate::error::{Result, SegmentError};

/// A column by which rows are sorted.
pub(super) struct Column {
    pub(super) id: FieldId,
    /// Its place in the newest schema.
    pub(super) at: usize,
    pub(super) ty: Type,
}

/// Partition columns, then range columns; ascending, NULL first, as ingest sorts.
pub(crate) struct Order {
    pub(super) partition: Vec<Column>,
    pub(super) range: Vec<Column>,
    converter: RowConverter,
}

impl Order {
    pub(crate) fn new(def: &TableDef) -> Result<Order> {
        let all: Vec<FieldId> = def.schema().fields.iter().map(|f| f.id).collect();
        Order::among(def, &all)
    }

    /// Of batches that have these columns.
    pub(super) fn among(def: &TableDef, ids: &[FieldId]) -> Result<Order> {
        let column = |id: &FieldId| {
            let at = ids.iter().position(|other| other == id)?;
            Some(Column { id: *id, at, ty: def.schema().by_id(*id)?.ty.clone() })
        };
        let partition: Vec<Column> = def.partition_by.iter().filter_map(column).collect();
        let range: Vec<Column> = def.range_columns().iter().filter_map(column).collect();
        let ty = |c: &Column| SortField::new(crate::types::data_type(&c.ty));
        let mut fields: Vec<SortField> = partition.iter().chain(&range).map(ty).collect();
        if fields.is_empty() {
            fields.push(SortField::new(DataType::Boolean));
        }
        let converter = RowConverter::new(fields).map_err(SegmentError::arrow)?;
        Ok(Order { partition, range, converter })
    }

    pub(crate) fn no_keys(&self) -> Rows {
        self.converter.empty_rows(0, 0)
    }

    /// Replaces `keys` by those of the batch's rows.
    pub(crate) fn keys(&self, batch: &RecordBatch, keys: &mut Rows) -> Result<()> {
        let columns = self.partition.iter().chain(&self.range);
        let mut columns: Vec<ArrayRef> = columns.map(|c| batch.column(c.at).clone()).collect();
        if columns.is_empty() {
            // The converter counts rows by its columns: without any, all rows are one.
            columns.push(Arc::new(BooleanArray::from(vec![false; batch.num_rows()])));
        }
        keys.clear();
        self.converter.append(keys, &columns).map_err(SegmentError::arrow)
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = &Column> {
        self.partition.iter().chain(&self.range)
    }

    /// The keys of rows with these values of its columns, of which there is one at least.
    pub(super) fn rows(&self, values: &[ArrayRef]) -> Result<Rows> {
        self.converter.convert_columns(values).map_err(SegmentError::arrow)
    }

    /// A key that no row of these symbols and from `least` on comes before. What is
    /// not known, or not of the column's type, counts as NULL, which comes first.
    pub(super) fn bound(&self, symbols: &[Symbol], least: &[Value]) -> Result<Vec<u8>> {
        let texts = symbols.iter().map(|s| Value::Text(s.as_str().into()));
        let mut known: Vec<Value> = texts.collect();
        if known.len() == self.partition.len() {
            known.extend_from_slice(least);
        }
        let mut known = known.iter();
        let mut columns = Vec::new();
        for column in self.partition.iter().chain(&self.range) {
            let value = known.next().and_then(|v| value::array(&column.ty, &[Some(v)]));
            if value.is_none() {
                known = [].iter();
            }
            columns.extend(value.or_else(|| value::array(&column.ty, &[None])));
        }
        if columns.is_empty() {
            columns.push(Arc::new(BooleanArray::from(vec![false])));
        }
        let rows = self.converter.convert_columns(&columns).map_err(SegmentError::arrow)?;
        Ok(rows.row(0).data().to_vec())
    }
}
