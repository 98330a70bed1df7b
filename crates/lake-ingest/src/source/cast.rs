//! Arrow columns in the table's types: exactly the same values, or refused.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::kernels::cmp::distinct;
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{
    ArrowTimestampType, DataType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow::util::display::array_value_to_string;
use lake_core::schema::Schema;
use lake_core::types::Type;
use lake_segment::data_type;

use crate::error::{IngestError, Result};
use crate::rows::Rows;

/// Why a column does not become another.
#[derive(Debug)]
pub(crate) enum Refused {
    /// None of its values would.
    Type,
    /// The value of this row does not.
    Row(usize),
}

/// What proves that a cast has kept every value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// What does not fit has become NULL.
    NoNewNulls,
    /// Casting back gives the value again.
    Back,
}

fn proof(from: &DataType, to: &DataType) -> Option<Proof> {
    use DataType as D;
    let decimal = |t: &D| {
        matches!(t, D::Decimal32(..) | D::Decimal64(..) | D::Decimal128(..) | D::Decimal256(..))
    };
    Some(match (from, to) {
        (D::Null, _) => Proof::NoNewNulls,
        (a, b) if a.is_integer() && (b.is_integer() || decimal(b)) => Proof::NoNewNulls,
        (a, D::Float32 | D::Float64) if a.is_integer() => Proof::Back,
        (D::Float16, D::Float32 | D::Float64) | (D::Float32, D::Float64) => Proof::NoNewNulls,
        (D::Float64, D::Float32) => Proof::Back,
        (a, b) if decimal(a) && decimal(b) => Proof::Back,
        (D::Date32, D::Timestamp(..)) => Proof::NoNewNulls,
        (D::Date64 | D::Timestamp(..), D::Date32) => Proof::Back,
        (D::Timestamp(..), D::Timestamp(..)) => Proof::Back,
        (D::Time32(_) | D::Time64(_), D::Time64(_)) => Proof::Back,
        (D::LargeUtf8 | D::Utf8View, D::Utf8) => Proof::NoNewNulls,
        (D::Binary | D::LargeBinary | D::BinaryView, D::Utf8) => Proof::NoNewNulls,
        (D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_), D::Binary) => Proof::NoNewNulls,
        // The same values under other names for the nested fields.
        (a, b) if a.is_nested() && a.equals_datatype(b) => Proof::NoNewNulls,
        _ => return None,
    })
}

/// The column with the same values in the table's type.
pub(crate) fn convert(array: &ArrayRef, ty: &Type) -> std::result::Result<ArrayRef, Refused> {
    let to = data_type(ty);
    let from = array.data_type();
    if *from == to {
        return Ok(array.clone());
    }
    if let DataType::Dictionary(_, values) = from {
        let plain = cast(array, values).map_err(|_| Refused::Type)?;
        return convert(&plain, ty);
    }
    if let DataType::Timestamp(unit, Some(_)) = from {
        return convert(&without_zone(array, *unit), ty);
    }
    let proof = proof(from, &to).ok_or(Refused::Type)?;
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let made = cast_with_options(array, &to, &options).map_err(|_| Refused::Type)?;
    let lost = (0..array.len()).find(|i| made.is_null(*i) && array.is_valid(*i));
    if let Some(row) = lost.filter(|_| *from != DataType::Null) {
        return Err(Refused::Row(row));
    }
    if proof == Proof::Back {
        let back = cast_with_options(&made, from, &options).map_err(|_| Refused::Type)?;
        let differs = distinct(array, &back).map_err(|_| Refused::Type)?;
        if let Some(row) = differs.values().set_indices().next() {
            return Err(Refused::Row(row));
        }
    }
    Ok(made)
}

/// The same instants: a timestamp with a zone counts in UTC whatever its zone.
fn without_zone(array: &ArrayRef, unit: TimeUnit) -> ArrayRef {
    fn naive<T: ArrowTimestampType>(array: &ArrayRef) -> ArrayRef {
        Arc::new(array.as_primitive::<T>().clone().with_timezone_opt(None::<Arc<str>>))
    }
    match unit {
        TimeUnit::Second => naive::<TimestampSecondType>(array),
        TimeUnit::Millisecond => naive::<TimestampMillisecondType>(array),
        TimeUnit::Microsecond => naive::<TimestampMicrosecondType>(array),
        TimeUnit::Nanosecond => naive::<TimestampNanosecondType>(array),
    }
}

/// A batch in the table's columns and types, with no NULL where there must be none.
/// `order`: for each column of the table, its place in the batch. The batch comes
/// after all that is in `rows`.
pub(crate) fn conform(
    batch: &RecordBatch,
    order: &[usize],
    schema: &Schema,
    rows: &Rows,
) -> Result<RecordBatch> {
    let place = |row: usize| rows.place(rows.count() as usize + row);
    let mut columns = Vec::with_capacity(order.len());
    for (field, at) in schema.fields.iter().zip(order) {
        let given = batch.column(*at);
        let column = convert(given, &field.ty).map_err(|refused| match refused {
            Refused::Type => IngestError::File {
                file: rows.place(rows.count() as usize).file,
                why: format!("column {} is {}, not {}", field.name, given.data_type(), field.ty),
            },
            Refused::Row(row) => IngestError::Cell {
                place: place(row),
                column: field.name.clone(),
                text: array_value_to_string(given, row).unwrap_or_default(),
                why: format!("cannot be {} without loss", field.ty),
            },
        })?;
        if field.not_null
            && column.null_count() > 0
            && let Some(row) = (0..column.len()).find(|i| column.is_null(*i))
        {
            return Err(IngestError::Null { place: place(row), column: field.name.clone() });
        }
        columns.push(column);
    }
    Ok(RecordBatch::try_new(Arc::clone(rows.schema()), columns)?)
}
