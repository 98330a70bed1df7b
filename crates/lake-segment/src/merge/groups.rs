//! Row groups that hold nothing of what is asked for, by their statistics.

use std::ops::Bound;

use arrow::array::{Array, ArrayRef, make_comparator};
use arrow::compute::SortOptions;
use lake_core::mask::Stretch;
use lake_core::schema::FieldId;
use lake_core::symbol::Symbol;
use lake_core::value::Value;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;

use super::Within;
use super::order::{Column, Order};
use super::upgrade::{field_id, widen};
use super::value;

/// What a column's values must lie between.
pub(super) struct Between {
    id: FieldId,
    from: Option<ArrayRef>,
    to: Option<ArrayRef>,
}

/// None: an end of the stretch is no value of the first range column.
pub(super) fn asked(order: &Order, within: &Within, stretch: &Stretch) -> Option<Vec<Between>> {
    let mut all = Vec::new();
    let name = |column: &Column, symbol: &Symbol| {
        value::array(&column.ty, &[Some(&Value::Text(symbol.as_str().into()))])
    };
    // Of several partition columns the first alone is in the order of the symbols.
    let one = matches!(within, (Bound::Included(from), Bound::Included(to)) if from == to);
    let columns = if one { order.partition.len() } else { order.partition.len().min(1) };
    for (at, column) in order.partition.iter().enumerate().take(columns) {
        let end = |bound: &Bound<Vec<Symbol>>| match bound {
            Bound::Included(symbols) | Bound::Excluded(symbols) => match symbols.get(at) {
                Some(symbol) => name(column, symbol).map(Some),
                None => Some(None),
            },
            Bound::Unbounded => Some(None),
        };
        all.push(Between { id: column.id, from: end(&within.0)?, to: end(&within.1)? });
    }
    if !stretch.is_whole() {
        let column = order.range.first()?;
        let end = |end: &Option<Value>| match end {
            Some(value) => value::array(&column.ty, &[Some(value)]).map(Some),
            None => Some(None),
        };
        all.push(Between { id: column.id, from: end(&stretch.from)?, to: end(&stretch.to)? });
    }
    Some(all)
}

/// The row groups that may hold rows within all of these.
pub(super) fn pick(
    builder: &ParquetRecordBatchReaderBuilder<lake_store::ReadFile>,
    asked: &[Between],
) -> parquet::errors::Result<Vec<usize>> {
    let groups = builder.metadata().row_groups();
    let mut keep = vec![true; groups.len()];
    for between in asked {
        let named = |f: &&std::sync::Arc<arrow::datatypes::Field>| field_id(f) == Some(between.id);
        let Some(field) = builder.schema().fields().iter().find(named) else { continue };
        let statistics =
            StatisticsConverter::try_new(field.name(), builder.schema(), builder.parquet_schema())?;
        if let Some(from) = &between.from {
            let most = widen(&statistics.row_group_maxes(groups)?, from.data_type())?;
            let compare = make_comparator(&most, from, SortOptions::default())?;
            keep.iter_mut()
                .enumerate()
                .for_each(|(i, keep)| *keep &= most.is_null(i) || compare(i, 0).is_ge());
        }
        if let Some(to) = &between.to {
            let least = widen(&statistics.row_group_mins(groups)?, to.data_type())?;
            let compare = make_comparator(&least, to, SortOptions::default())?;
            keep.iter_mut()
                .enumerate()
                .for_each(|(i, keep)| *keep &= least.is_null(i) || compare(i, 0).is_le());
        }
    }
    Ok((0..groups.len()).filter(|i| keep[*i]).collect())
}
