//! The range of a sorted batch, as the log carries it.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use lake_core::value::{Key, Value};

/// A longer text is not worth its place in the log: such a segment has no range.
const MAX_TEXT: usize = 128;

/// A row's value as part of a key. None: NULL, or of a type that is no key.
pub fn value_at(array: &ArrayRef, row: usize) -> Option<Value> {
    macro_rules! number {
        ($ty:ty, $variant:expr) => {
            $variant(array.as_primitive::<$ty>().value(row).into())
        };
    }
    if array.is_null(row) {
        return None;
    }
    Some(match array.data_type() {
        DataType::Utf8 => Value::Text(array.as_string::<i32>().value(row).into()),
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int8 => number!(Int8Type, Value::Int),
        DataType::Int16 => number!(Int16Type, Value::Int),
        DataType::Int32 => number!(Int32Type, Value::Int),
        DataType::Int64 => number!(Int64Type, Value::Int),
        DataType::UInt8 => number!(UInt8Type, Value::UInt),
        DataType::UInt16 => number!(UInt16Type, Value::UInt),
        DataType::UInt32 => number!(UInt32Type, Value::UInt),
        DataType::UInt64 => number!(UInt64Type, Value::UInt),
        DataType::Date32 => number!(Date32Type, Value::Date),
        DataType::Timestamp(..) => number!(TimestampMicrosecondType, Value::Timestamp),
        DataType::Time64(_) => number!(Time64MicrosecondType, Value::Time),
        DataType::Decimal128(_, scale) => Value::Decimal {
            unscaled: array.as_primitive::<Decimal128Type>().value(row),
            scale: u8::try_from(*scale).ok()?,
        },
        _ => return None,
    })
}

/// A row's values of the range columns. None where one has no place in a range.
pub(crate) fn key_at(batch: &RecordBatch, columns: &[usize], row: usize) -> Option<Key> {
    let key: Key =
        columns.iter().map(|&c| value_at(batch.column(c), row)).collect::<Option<_>>()?;
    Some(key).filter(is_short)
}

pub(crate) fn is_short(key: &Key) -> bool {
    !key.iter().any(|value| matches!(value, Value::Text(text) if text.len() > MAX_TEXT))
}
