//! Arrow -> values as the command line and HTTP print them: numbers exact, times as
//! ISO text without a zone.

use std::borrow::Cow;

use duckdb::arrow::array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use duckdb::arrow::array::{Array, AsArray};
use duckdb::arrow::compute::cast;
use duckdb::arrow::datatypes::{DataType, TimeUnit};
use duckdb::arrow::util::display::{ArrayFormatter, FormatOptions};
use lake_core::value::decimal_text;

use crate::types::Shape;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum<'a> {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Huge(i128),
    Float(f32),
    Double(f64),
    /// Also DECIMAL, DATE, TIME, TIMESTAMP.
    Text(Cow<'a, str>),
    Blob(&'a [u8]),
    List(Vec<Datum<'a>>),
    /// A STRUCT or a MAP; a map's keys as their text.
    Object(Vec<(Cow<'a, str>, Datum<'a>)>),
}

type Read<'a> = Box<dyn Fn(usize) -> Datum<'a> + 'a>;

/// Reads the values of one column of a batch.
pub struct Reader<'a> {
    array: &'a dyn Array,
    read: Read<'a>,
}

impl<'a> Reader<'a> {
    pub fn new(array: &'a dyn Array, shape: &'a Shape) -> Reader<'a> {
        Reader { array, read: reader(array, shape) }
    }

    /// The value of a row; NULL beyond the last.
    pub fn get(&self, row: usize) -> Datum<'a> {
        if row >= self.array.len() || self.array.is_null(row) {
            Datum::Null
        } else {
            (self.read)(row)
        }
    }
}

fn reader<'a>(array: &'a dyn Array, shape: &'a Shape) -> Read<'a> {
    match array.data_type() {
        DataType::Null => Box::new(|_| Datum::Null),
        DataType::Boolean => {
            let array = array.as_boolean();
            Box::new(move |i| Datum::Bool(array.value(i)))
        }
        DataType::Int8 => primitive::<Int8Type>(array, |v| Datum::Int(v.into())),
        DataType::Int16 => primitive::<Int16Type>(array, |v| Datum::Int(v.into())),
        DataType::Int32 => primitive::<Int32Type>(array, |v| Datum::Int(v.into())),
        DataType::Int64 => primitive::<Int64Type>(array, Datum::Int),
        DataType::UInt8 => primitive::<UInt8Type>(array, |v| Datum::UInt(v.into())),
        DataType::UInt16 => primitive::<UInt16Type>(array, |v| Datum::UInt(v.into())),
        DataType::UInt32 => primitive::<UInt32Type>(array, |v| Datum::UInt(v.into())),
        DataType::UInt64 => primitive::<UInt64Type>(array, Datum::UInt),
        DataType::Float32 => primitive::<Float32Type>(array, Datum::Float),
        DataType::Float64 => primitive::<Float64Type>(array, Datum::Double),
        DataType::Decimal128(_, _) if *shape == Shape::Huge => {
            primitive::<Decimal128Type>(array, Datum::Huge)
        }
        DataType::Decimal128(_, scale) => {
            let scale = u8::try_from(*scale).unwrap_or(0);
            primitive::<Decimal128Type>(array, move |v| text(decimal_text(v, scale)))
        }
        DataType::Date32 => primitive::<Date32Type>(array, |days| text(date_text(days))),
        DataType::Time64(TimeUnit::Microsecond) => {
            primitive::<Time64MicrosecondType>(array, |us| text(time_text(us, 1_000_000, 6)))
        }
        DataType::Timestamp(unit, zone) => timestamp(array, *unit, zone.is_some()),
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            Box::new(move |i| Datum::Text(Cow::Borrowed(array.value(i))))
        }
        DataType::LargeUtf8 => {
            let array = array.as_string::<i64>();
            Box::new(move |i| Datum::Text(Cow::Borrowed(array.value(i))))
        }
        DataType::Utf8View => {
            let array = array.as_string_view();
            Box::new(move |i| Datum::Text(Cow::Borrowed(array.value(i))))
        }
        DataType::Binary => {
            let array = array.as_binary::<i32>();
            Box::new(move |i| Datum::Blob(array.value(i)))
        }
        DataType::LargeBinary => {
            let array = array.as_binary::<i64>();
            Box::new(move |i| Datum::Blob(array.value(i)))
        }
        _ => nested(array, shape),
    }
}

fn nested<'a>(array: &'a dyn Array, shape: &'a Shape) -> Read<'a> {
    match (array.data_type(), shape) {
        (DataType::List(_), Shape::List(item)) => {
            let array = array.as_list::<i32>();
            let items = Reader::new(array.values().as_ref(), item);
            Box::new(move |i| {
                let ends = array.value_offsets();
                span(&items, ends[i] as usize, ends[i + 1] as usize)
            })
        }
        (DataType::LargeList(_), Shape::List(item)) => {
            let array = array.as_list::<i64>();
            let items = Reader::new(array.values().as_ref(), item);
            Box::new(move |i| {
                let ends = array.value_offsets();
                span(&items, ends[i] as usize, ends[i + 1] as usize)
            })
        }
        (DataType::FixedSizeList(_, n), Shape::List(item)) => {
            let n = usize::try_from(*n).unwrap_or(0);
            let items = Reader::new(array.as_fixed_size_list().values().as_ref(), item);
            Box::new(move |i| span(&items, i * n, (i + 1) * n))
        }
        (DataType::Struct(fields), Shape::Struct(shapes)) => {
            let columns = array.as_struct().columns().iter().zip(fields).zip(shapes);
            let columns: Vec<_> = columns
                .map(|((column, field), shape)| (field.name(), Reader::new(column.as_ref(), shape)))
                .collect();
            Box::new(move |i| {
                let field = |(name, reader): &(&'a String, Reader<'a>)| {
                    (Cow::Borrowed(name.as_str()), reader.get(i))
                };
                Datum::Object(columns.iter().map(field).collect())
            })
        }
        (DataType::Map(_, _), Shape::Map(key, value)) => {
            let array = array.as_map();
            let keys = Reader::new(array.keys().as_ref(), key);
            let values = Reader::new(array.values().as_ref(), value);
            Box::new(move |i| {
                let ends = array.value_offsets();
                let entries = (ends[i] as usize..ends[i + 1] as usize)
                    .map(|at| (key_text(keys.get(at)), values.get(at)));
                Datum::Object(entries.collect())
            })
        }
        (DataType::Dictionary(_, _), _) => match cast(array, &DataType::Utf8) {
            Ok(texts) => Box::new(move |i| text(texts.as_string::<i32>().value(i).to_owned())),
            Err(_) => by_arrow(array),
        },
        _ => by_arrow(array),
    }
}

fn span<'a>(items: &Reader<'a>, from: usize, to: usize) -> Datum<'a> {
    Datum::List((from..to).map(|at| items.get(at)).collect())
}

fn text<'a>(text: String) -> Datum<'a> {
    Datum::Text(Cow::Owned(text))
}

fn primitive<'a, T: ArrowPrimitiveType>(
    array: &'a dyn Array,
    convert: impl Fn(T::Native) -> Datum<'a> + 'a,
) -> Read<'a> {
    let array = array.as_primitive::<T>();
    Box::new(move |i| convert(array.value(i)))
}

/// A type that has no rule of its own reads as Arrow prints it.
fn by_arrow<'a>(array: &'a dyn Array) -> Read<'a> {
    let options = FormatOptions::default();
    match ArrayFormatter::try_new(array, &options) {
        Ok(_) => Box::new(move |i| {
            let options = FormatOptions::default();
            let shown =
                ArrayFormatter::try_new(array, &options).and_then(|f| f.value(i).try_to_string());
            text(shown.unwrap_or_default())
        }),
        Err(_) => Box::new(|_| Datum::Null),
    }
}

fn timestamp<'a>(array: &'a dyn Array, unit: TimeUnit, zone: bool) -> Read<'a> {
    match unit {
        TimeUnit::Second => {
            primitive::<TimestampSecondType>(array, move |v| text(timestamp_text(v, 1, 0, zone)))
        }
        TimeUnit::Millisecond => primitive::<TimestampMillisecondType>(array, move |v| {
            text(timestamp_text(v, 1_000, 3, zone))
        }),
        TimeUnit::Microsecond => primitive::<TimestampMicrosecondType>(array, move |v| {
            text(timestamp_text(v, 1_000_000, 6, zone))
        }),
        TimeUnit::Nanosecond => primitive::<TimestampNanosecondType>(array, move |v| {
            text(timestamp_text(v, 1_000_000_000, 9, zone))
        }),
    }
}

fn key_text(key: Datum<'_>) -> Cow<'_, str> {
    match key {
        Datum::Text(text) => text,
        Datum::Bool(v) => Cow::Owned(v.to_string()),
        Datum::Int(v) => Cow::Owned(v.to_string()),
        Datum::UInt(v) => Cow::Owned(v.to_string()),
        Datum::Huge(v) => Cow::Owned(v.to_string()),
        Datum::Float(v) => Cow::Owned(format!("{v:?}")),
        Datum::Double(v) => Cow::Owned(format!("{v:?}")),
        other => Cow::Owned(format!("{other:?}")),
    }
}

pub(crate) fn date_text(days: i32) -> String {
    match days {
        i32::MAX => "infinity".into(),
        d if d == -i32::MAX => "-infinity".into(),
        days => civil(days.into()),
    }
}

/// Year, month and day of any day that DuckDB knows, of either sign.
fn civil(days: i64) -> String {
    // Days since 0000-03-01, in eras of 400 years; a year begins in March here.
    let z = days + 719_468;
    let (era, day) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day + 2) / 153;
    let day = day - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let sign = if year < 0 { "-" } else { "" };
    format!("{sign}{:04}-{month:02}-{day:02}", year.abs())
}

pub(crate) fn time_text(units: i64, per_second: i64, digits: usize) -> String {
    let (seconds, part) = (units.div_euclid(per_second), units.rem_euclid(per_second));
    let (h, m, s) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let mut text = format!("{h:02}:{m:02}:{s:02}");
    if part != 0 {
        text += &format!(".{part:0digits$}");
    }
    text
}

pub(crate) fn timestamp_text(units: i64, per_second: i64, digits: usize, zone: bool) -> String {
    if units == i64::MAX || units == -i64::MAX {
        return if units > 0 { "infinity".into() } else { "-infinity".into() };
    }
    let day = 86_400 * per_second;
    let time = time_text(units.rem_euclid(day), per_second, digits);
    format!("{}T{time}{}", civil(units.div_euclid(day)), if zone { "Z" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_all_ages() {
        for (days, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (20_777, "2026-11-20"),
            (-719_528, "0000-01-01"),
            (-719_529, "-0001-12-31"),
            (2_932_897, "10000-01-01"),
            (i32::MAX, "infinity"),
        ] {
            assert_eq!(date_text(days), text);
        }
    }

    #[test]
    fn times_have_no_decimals_or_all() {
        let us = 1_795_186_800_000_000;
        assert_eq!(timestamp_text(us, 1_000_000, 6, false), "2026-11-20T15:00:00");
        assert_eq!(timestamp_text(us + 123, 1_000_000, 6, false), "2026-11-20T15:00:00.000123");
        assert_eq!(timestamp_text(-1, 1_000, 3, true), "1969-12-31T23:59:59.999Z");
        assert_eq!(time_text(86_400_000_000, 1_000_000, 6), "24:00:00");
    }
}
