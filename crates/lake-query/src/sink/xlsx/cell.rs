//! Values as a workbook's cells. Excel calculates with 15 digits and knows the days from
//! 1900 on; what does not fit is text, so that nothing changes on the way.

use std::borrow::Cow;

use lake_core::value::decimal_text;
use lake_engine::arrow::array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Time64MicrosecondType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use lake_engine::arrow::array::{Array, AsArray};
use lake_engine::arrow::datatypes::{DataType, TimeUnit};
use lake_engine::{Datum, Reader, Shape};

/// Whole numbers up to here are exact.
const EXACT: i128 = 1 << 53;
const DIGITS: u32 = 15;
/// Day 0 of Unix, as Excel counts.
const UNIX_DAY: i64 = 25_569;
/// Before March 1900 Excel counts a day that never was.
const DAYS: std::ops::RangeInclusive<i64> = 61..=2_958_465;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Typed<'a> {
    Empty,
    Bool(bool),
    Number(f64, Look),
    Text(Cow<'a, str>),
}

/// How a number is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Plain,
    Date,
    Second,
    Fraction,
    Clock,
    ClockFraction,
    /// With so many digits after the point.
    Decimal(u8),
}

/// One column of a batch.
pub(super) struct Source<'a> {
    array: &'a dyn Array,
    reader: Reader<'a>,
    kind: Kind,
}

enum Kind {
    Other,
    Decimal(u8),
    Date,
    Time,
    Timestamp(TimeUnit),
}

impl<'a> Source<'a> {
    pub(super) fn new(array: &'a dyn Array, shape: &'a Shape) -> Source<'a> {
        let kind = match array.data_type() {
            DataType::Decimal128(_, scale) if *shape == Shape::Plain => {
                u8::try_from(*scale).map_or(Kind::Other, Kind::Decimal)
            }
            DataType::Date32 => Kind::Date,
            DataType::Time64(TimeUnit::Microsecond) => Kind::Time,
            // Excel knows no zones.
            DataType::Timestamp(unit, None) => Kind::Timestamp(*unit),
            _ => Kind::Other,
        };
        Source { array, reader: Reader::new(array, shape), kind }
    }

    pub(super) fn get(&self, row: usize) -> Typed<'a> {
        if row >= self.array.len() || self.array.is_null(row) {
            return Typed::Empty;
        }
        let typed = match self.kind {
            Kind::Other => None,
            Kind::Decimal(scale) => decimal(self.raw::<Decimal128Type>(row), scale),
            Kind::Date => day(self.raw::<Date32Type>(row).into()),
            Kind::Time => clock(self.raw::<Time64MicrosecondType>(row)),
            Kind::Timestamp(unit) => self.timestamp(row, unit),
        };
        typed.unwrap_or_else(|| of(self.reader.get(row)))
    }

    fn raw<T: ArrowPrimitiveType>(&self, row: usize) -> T::Native {
        self.array.as_primitive::<T>().value(row)
    }

    fn timestamp(&self, row: usize, unit: TimeUnit) -> Option<Typed<'a>> {
        match unit {
            TimeUnit::Second => instant(self.raw::<TimestampSecondType>(row), 1),
            TimeUnit::Millisecond => instant(self.raw::<TimestampMillisecondType>(row), 1_000),
            TimeUnit::Microsecond => instant(self.raw::<TimestampMicrosecondType>(row), 1_000_000),
            TimeUnit::Nanosecond => {
                instant(self.raw::<TimestampNanosecondType>(row), 1_000_000_000)
            }
        }
    }
}

fn of(datum: Datum<'_>) -> Typed<'_> {
    let whole = |n: i128| match n.abs() <= EXACT {
        true => Typed::Number(n as f64, Look::Plain),
        false => Typed::Text(n.to_string().into()),
    };
    match datum {
        Datum::Null => Typed::Empty,
        Datum::Bool(v) => Typed::Bool(v),
        Datum::Int(v) => whole(v.into()),
        Datum::UInt(v) => whole(v.into()),
        Datum::Huge(v) if v == i128::MIN => Typed::Text(v.to_string().into()),
        Datum::Huge(v) => whole(v),
        Datum::Double(v) if v.is_finite() => Typed::Number(v, Look::Plain),
        // The shortest text of a FLOAT is the number it stands for.
        Datum::Float(v) if v.is_finite() => {
            Typed::Number(v.to_string().parse().unwrap_or(f64::from(v)), Look::Plain)
        }
        Datum::Text(text) => Typed::Text(text),
        other => Typed::Text(crate::cell::of(other).plain().into_owned().into()),
    }
}

fn decimal<'a>(unscaled: i128, scale: u8) -> Option<Typed<'a>> {
    if unscaled.unsigned_abs() >= 10_u128.pow(DIGITS) || u32::from(scale) > DIGITS {
        return None;
    }
    let number = decimal_text(unscaled, scale).parse().ok()?;
    Some(Typed::Number(number, Look::Decimal(scale)))
}

fn day<'a>(days: i64) -> Option<Typed<'a>> {
    let serial = days.checked_add(UNIX_DAY).filter(|serial| DAYS.contains(serial))?;
    Some(Typed::Number(serial as f64, Look::Date))
}

fn instant<'a>(units: i64, per_second: i64) -> Option<Typed<'a>> {
    let per_day = 86_400 * per_second;
    let Some(Typed::Number(day, _)) = day(units.div_euclid(per_day)) else { return None };
    let part = units.rem_euclid(per_day);
    let look = if part % per_second == 0 { Look::Second } else { Look::Fraction };
    Some(Typed::Number(day + part as f64 / per_day as f64, look))
}

/// 24:00 would be shown as midnight.
fn clock<'a>(us: i64) -> Option<Typed<'a>> {
    let look = if us % 1_000_000 == 0 { Look::Clock } else { Look::ClockFraction };
    let serial = us as f64 / 86_400_000_000.0;
    (0.0..1.0).contains(&serial).then_some(Typed::Number(serial, look))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number<'a>(value: f64, look: Look) -> Option<Typed<'a>> {
        Some(Typed::Number(value, look))
    }

    #[test]
    fn numbers_that_stay_exact_are_numbers() {
        let plain = |value| Typed::Number(value, Look::Plain);
        let text = |text: &'static str| Typed::Text(text.into());
        let edge = 1_i64 << 53;
        assert_eq!(of(Datum::Int(-edge)), plain(-9_007_199_254_740_992.0));
        assert_eq!(of(Datum::Int(edge + 1)), text("9007199254740993"));
        assert_eq!(of(Datum::UInt(u64::MAX)), text("18446744073709551615"));
        assert_eq!(of(Datum::Huge(7)), plain(7.0));
        assert_eq!(of(Datum::Huge(i128::MIN)), text("-170141183460469231731687303715884105728"));
        assert_eq!(of(Datum::Float(0.1)), plain(0.1));
        assert_eq!(of(Datum::Double(f64::NAN)), text("NaN"));
        assert_eq!(of(Datum::Blob(b"ab")), text("YWI="));
        assert_eq!(decimal(150, 2), number(1.5, Look::Decimal(2)));
        assert_eq!(
            decimal(-999_999_999_999_999, 0),
            number(-999_999_999_999_999.0, Look::Decimal(0))
        );
        assert_eq!(decimal(1_000_000_000_000_000, 2), None);
    }

    #[test]
    fn times_that_excel_knows_are_times() {
        assert_eq!(day(20_777), number(46_346.0, Look::Date));
        assert_eq!(day(-25_508), number(61.0, Look::Date));
        assert_eq!(day(-25_509), None);
        assert_eq!(day(i32::MAX.into()), None);
        let noon = (20_777 * 86_400 + 43_200) * 1_000_000;
        assert_eq!(instant(noon, 1_000_000), number(46_346.5, Look::Second));
        assert!(matches!(instant(noon + 1, 1_000_000), Some(Typed::Number(_, Look::Fraction))));
        assert_eq!(instant(i64::MAX, 1_000_000), None);
        assert_eq!(instant(-i64::MAX, 1_000_000_000), None);
        assert_eq!(clock(43_200_000_000), number(0.5, Look::Clock));
        assert_eq!(clock(86_400_000_000), None);
    }
}
