//! A number for each row, made of all its values and of nothing else: sums of these
//! tell, in any order, whether two sets of rows are the same. The log holds such sums, so
//! that the numbers are FORMAT.md's and never change.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, downcast_primitive_array};
use arrow::datatypes::{ArrowNativeType, DataType, ToByteSlice};
use parquet::errors::ParquetError;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Result, SegmentError};

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const STEP: u64 = 0xd6e8_feb8_6659_fd93;
const NULL: u64 = 0x5851_f42d_4c95_7f2d;

/// Replaces `numbers` by those of the batch's rows.
pub(crate) fn row_numbers(batch: &RecordBatch, numbers: &mut Vec<u64>) -> Result<()> {
    numbers.clear();
    numbers.resize(batch.num_rows(), SEED);
    batch.columns().iter().try_for_each(|column| add(column, numbers))
}

/// The sum of the numbers of all rows.
pub fn row_sum(batch: &RecordBatch, numbers: &mut Vec<u64>) -> Result<u64> {
    row_numbers(batch, numbers)?;
    Ok(numbers.iter().fold(0, |sum, number| sum.wrapping_add(*number)))
}

fn mix(number: u64, value: u64) -> u64 {
    let product = u128::from(number ^ value) * u128::from(STEP);
    (product as u64) ^ ((product >> 64) as u64).rotate_left(32) ^ value.rotate_left(17)
}

fn add(column: &ArrayRef, numbers: &mut [u64]) -> Result<()> {
    let array = column.as_ref();
    downcast_primitive_array! {
        array => natives(array.values(), array, numbers),
        DataType::Boolean => {
            let values = array.as_boolean().values();
            all(array, numbers, |row| u64::from(values.value(row)));
        }
        DataType::Utf8 => {
            let values = array.as_string::<i32>();
            all(array, numbers, |row| xxh3_64(values.value(row).as_bytes()));
        }
        DataType::Binary => {
            let values = array.as_binary::<i32>();
            all(array, numbers, |row| xxh3_64(values.value(row)));
        }
        DataType::Struct(_) => {
            let mut own = vec![SEED; array.len()];
            array.as_struct().columns().iter().try_for_each(|field| add(field, &mut own))?;
            all(array, numbers, |row| own[row]);
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            lists(array, list.offsets(), list.values(), numbers)?;
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            lists(array, map.offsets(), &entries, numbers)?;
        }
        other => {
            let why = format!("values of {other} have no number");
            return Err(SegmentError::encode(ParquetError::General(why)));
        }
    }
    Ok(())
}

fn lists(array: &dyn Array, ends: &[i32], items: &ArrayRef, numbers: &mut [u64]) -> Result<()> {
    let place = |row: usize| ends.get(row).map_or(0, |end| *end as usize);
    let (first, last) = (place(0), place(array.len()));
    let mut own = vec![SEED; last - first];
    add(&items.slice(first, last - first), &mut own)?;
    all(array, numbers, |row| {
        let own = &own[place(row) - first..place(row + 1) - first];
        own.iter().fold(mix(SEED, own.len() as u64), |number, item| mix(number, *item))
    });
    Ok(())
}

fn natives<T: ArrowNativeType + ToByteSlice>(values: &[T], array: &dyn Array, numbers: &mut [u64]) {
    all(array, numbers, |row| {
        let mut number = 0;
        for word in values[row].to_byte_slice().chunks(8) {
            let mut bytes = [0; 8];
            bytes[..word.len()].copy_from_slice(word);
            number = u64::from_le_bytes(bytes) ^ u64::rotate_left(number, 29);
        }
        number
    });
}

fn all(array: &dyn Array, numbers: &mut [u64], value: impl Fn(usize) -> u64) {
    for (row, number) in numbers.iter_mut().enumerate() {
        // A NULL is no value: it goes another number of steps.
        *number = match array.is_null(row) {
            true => mix(mix(*number, NULL), NULL),
            false => mix(*number, value(row)),
        };
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray,
        StringArray, StructArray, UInt8Array,
    };
    use arrow::compute::{concat_batches, take_record_batch};
    use arrow::datatypes::{Field, Int64Type};

    use super::*;

    fn batch(rows: &[(&str, Option<i64>, Option<f64>)]) -> RecordBatch {
        let names = StringArray::from_iter_values(rows.iter().map(|r| r.0));
        let ints: Int64Array = rows.iter().map(|r| r.1).collect();
        let floats: Float64Array = rows.iter().map(|r| r.2).collect();
        let days: Date32Array = rows.iter().map(|r| r.1.map(|n| n as i32)).collect();
        let wide: Decimal128Array = rows.iter().map(|r| r.1.map(i128::from)).collect();
        RecordBatch::try_from_iter([
            ("names", Arc::new(names) as ArrayRef),
            ("ints", Arc::new(ints)),
            ("floats", Arc::new(floats)),
            ("days", Arc::new(days)),
            ("wide", Arc::new(wide)),
        ])
        .unwrap()
    }

    fn sum(batch: &RecordBatch) -> u64 {
        row_sum(batch, &mut Vec::new()).unwrap()
    }

    #[test]
    fn the_sum_does_not_know_the_order_and_knows_all_else() {
        let rows = [
            ("a", Some(1), Some(0.5)),
            ("a", None, Some(0.5)),
            ("b", Some(-1), None),
            ("", None, None),
        ];
        let whole = batch(&rows);
        let turned = take_record_batch(&whole, &arrow::array::UInt32Array::from(vec![3, 1, 0, 2]));
        assert_eq!(sum(&whole), sum(&turned.unwrap()));
        let pieces = [whole.slice(2, 2), whole.slice(0, 2)];
        assert_eq!(sum(&whole), sum(&pieces[0]).wrapping_add(sum(&pieces[1])));
        assert_eq!(sum(&whole), sum(&concat_batches(&whole.schema(), &pieces).unwrap()));
        for row in 0..rows.len() {
            let (name, number, price) = rows[row];
            let others = [("A", number, price), (name, Some(7), price), (name, number, Some(-0.0))];
            for other in others {
                let mut changed = rows;
                changed[row] = other;
                assert_ne!(sum(&whole), sum(&batch(&changed)), "{other:?}");
            }
            let mut fewer = rows.to_vec();
            fewer.remove(row);
            assert_ne!(sum(&whole), sum(&batch(&fewer)));
            let mut more = rows.to_vec();
            more.push(rows[row]);
            assert_ne!(sum(&whole), sum(&batch(&more)));
        }
    }

    fn lists(rows: &[Option<Vec<Option<i64>>>]) -> RecordBatch {
        let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(rows.iter().cloned());
        RecordBatch::try_from_iter_with_nullable([("lists", Arc::new(lists) as ArrayRef, true)])
            .unwrap()
    }

    #[test]
    fn nested_values_are_told_apart_and_not_by_where_they_lie() {
        let rows = [
            None,
            Some(vec![]),
            Some(vec![None]),
            Some(vec![Some(1)]),
            Some(vec![Some(1), Some(2)]),
            Some(vec![Some(2), Some(1)]),
            Some(vec![Some(0)]),
        ];
        let whole = lists(&rows);
        let (mut all, mut numbers) = (std::collections::HashSet::new(), Vec::new());
        row_numbers(&whole, &mut numbers).unwrap();
        for (row, number) in numbers.iter().enumerate() {
            assert!(all.insert(*number), "{:?}", rows[row]);
            assert_eq!(sum(&whole.slice(row, 1)), *number);
            assert_eq!(sum(&lists(&rows[row..=row])), *number);
        }
    }

    /// The log holds such numbers, so that no other program may come to others.
    #[test]
    fn the_numbers_are_what_they_ever_were() {
        let flat = batch(&[("a", Some(1), Some(0.5)), ("\u{e9}", None, None)]);
        let nested = lists(&[None, Some(vec![Some(7), None])]);
        let pair = StructArray::from(vec![
            (
                Arc::new(Field::new("b", DataType::Boolean, true)),
                Arc::new(BooleanArray::from(vec![Some(true), None])) as ArrayRef,
            ),
            (
                Arc::new(Field::new("n", DataType::UInt8, true)),
                Arc::new(UInt8Array::from(vec![255, 0])) as ArrayRef,
            ),
        ]);
        let pair = RecordBatch::try_from_iter([("pair", Arc::new(pair) as ArrayRef)]).unwrap();
        let ever: [u64; 3] = [0x3e62_087c_1b0f_65c6, 0xb5ab_bdae_5eb0_469c, 0x933c_2528_50ce_d1e2];
        assert_eq!([&flat, &nested, &pair].map(sum), ever);
    }

    #[test]
    fn values_do_not_wander_between_columns_or_rows() {
        let swapped = [
            [("a", Some(1), None), ("b", Some(2), None)],
            [("a", Some(2), None), ("b", Some(1), None)],
        ];
        assert_ne!(sum(&batch(&swapped[0])), sum(&batch(&swapped[1])));
        assert_ne!(sum(&batch(&[("a", None, Some(0.0))])), sum(&batch(&[("a", Some(0), None)])));
    }
}
