//! Which leaves hold a NaN.
//!
//! Parquet's statistics leave NaN out, and a reader that is not told so takes
//! them for the whole truth: DuckDB, for which NaN is the largest number, would
//! skip a row group whose maximum is 500 when asked for more than 1000, NaN and
//! all. So a column chunk that holds a NaN carries no minimum and maximum.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type};

/// How many leaves a type has, in the order in which Parquet writes them.
pub(crate) fn leaves(ty: &DataType) -> usize {
    match ty {
        DataType::List(item) | DataType::Map(item, _) => leaves(item.data_type()),
        DataType::Struct(fields) => fields.iter().map(|f| leaves(f.data_type())).sum(),
        _ => 1,
    }
}

/// Marks the leaves of `array` that hold a NaN; may mark one where the NaN is in
/// a slot that is not shown, which costs its statistics and nothing else.
pub(crate) fn mark(array: &ArrayRef, marks: &mut [bool]) {
    match array.data_type() {
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>().values();
            marks[0] |= values.iter().fold(false, |nan, v| nan | v.is_nan());
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>().values();
            marks[0] |= values.iter().fold(false, |nan, v| nan | v.is_nan());
        }
        DataType::List(_) => mark(array.as_list::<i32>().values(), marks),
        DataType::Map(..) => mark_all(array.as_map().entries().columns(), marks),
        DataType::Struct(_) => mark_all(array.as_struct().columns(), marks),
        _ => {}
    }
}

pub(crate) fn mark_all(columns: &[ArrayRef], marks: &mut [bool]) {
    let mut at = 0;
    for column in columns {
        let count = leaves(column.data_type());
        mark(column, &mut marks[at..at + count]);
        at += count;
    }
}
