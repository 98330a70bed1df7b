//! Arrow columns in the table's types: exactly the same values, or refused.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::kernels::cmp::distinct;
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{
    ArrowTimestampType, DataType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use lake_core::types::Type;
use lake_segment::data_type;

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

/// The column in the table's type, and the rows whose values are not the same in it,
/// in order. None: no value would be.
pub(crate) fn convert_rows(array: &ArrayRef, ty: &Type) -> Option<(ArrayRef, Vec<usize>)> {
    let to = data_type(ty);
    let from = array.data_type();
    if *from == to {
        return Some((array.clone(), Vec::new()));
    }
    if let DataType::Dictionary(_, values) = from {
        return convert_rows(&cast(array, values).ok()?, ty);
    }
    if let DataType::Timestamp(unit, Some(_)) = from {
        return convert_rows(&without_zone(array, *unit), ty);
    }
    let proof = proof(from, &to)?;
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let made = cast_with_options(array, &to, &options).ok()?;
    if *from == DataType::Null {
        return Some((made, Vec::new()));
    }
    if proof == Proof::Back {
        let back = cast_with_options(&made, from, &options).ok()?;
        let differs = distinct(array, &back).ok()?;
        return Some((made, differs.values().set_indices().collect()));
    }
    let lost = made.null_count() > array.null_count();
    let is_lost = |i: &usize| made.is_null(*i) && array.is_valid(*i);
    let bad = if lost { (0..array.len()).filter(is_lost).collect() } else { Vec::new() };
    Some((made, bad))
}

/// The same instants: a timestamp with a zone counts in UTC whatever its zone.
pub(crate) fn without_zone(array: &ArrayRef, unit: TimeUnit) -> ArrayRef {
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
