//! The log's values as arrow's, in the type that a column has now.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int8Array, Int16Array, Int32Array,
    Int64Array, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array,
};
use lake_core::types::Type;
use lake_core::value::Value;

use crate::types::data_type;

const DAY_US: i64 = 86_400_000_000;

/// Values, possibly of an older type of the column; None among them is NULL. None
/// if one of them is not, exactly, a value of `ty`.
pub(crate) fn array(ty: &Type, values: &[Option<&Value>]) -> Option<ArrayRef> {
    macro_rules! build {
        ($array:ty, $value:ident => $convert:expr) => {{
            let convert = |$value: &Value| $convert;
            let each = values.iter().map(|v| v.map_or(Some(None), |v| convert(v).map(Some)));
            <$array>::from(each.collect::<Option<Vec<_>>>()?)
        }};
    }
    macro_rules! whole {
        ($array:ty) => {
            Arc::new(build!($array, v => whole(v)?.try_into().ok()))
        };
    }
    Some(match ty {
        Type::Int8 => whole!(Int8Array),
        Type::Int16 => whole!(Int16Array),
        Type::Int32 => whole!(Int32Array),
        Type::Int64 => whole!(Int64Array),
        Type::UInt8 => whole!(UInt8Array),
        Type::UInt16 => whole!(UInt16Array),
        Type::UInt32 => whole!(UInt32Array),
        Type::UInt64 => whole!(UInt64Array),
        Type::Decimal { precision, scale } => {
            let decimals = build!(Decimal128Array, v => decimal(v, *precision, *scale));
            Arc::new(decimals.with_data_type(data_type(ty)))
        }
        Type::Varchar => Arc::new(StringArray::from_iter(
            build!(Vec<Option<Box<str>>>, v => text(v)).iter().map(|v| v.as_deref()),
        )),
        Type::Boolean => Arc::new(build!(BooleanArray, v => boolean(v))),
        Type::Date => Arc::new(build!(Date32Array, v => date(v))),
        Type::Timestamp => Arc::new(build!(TimestampMicrosecondArray, v => timestamp(v))),
        Type::Time => Arc::new(build!(Time64MicrosecondArray, v => time(v))),
        _ => return None,
    })
}

fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Int(n) => Some((*n).into()),
        Value::UInt(n) => Some((*n).into()),
        _ => None,
    }
}

fn decimal(value: &Value, precision: u8, scale: u8) -> Option<i128> {
    let (unscaled, from) = match value {
        Value::Decimal { unscaled, scale } => (*unscaled, *scale),
        other => (whole(other)?, 0),
    };
    let made = if from <= scale {
        unscaled.checked_mul(10i128.checked_pow(u32::from(scale - from))?)?
    } else {
        let unit = 10i128.checked_pow(u32::from(from - scale))?;
        (unscaled % unit == 0).then_some(unscaled / unit)?
    };
    (made.unsigned_abs() < 10u128.checked_pow(u32::from(precision))?).then_some(made)
}

fn text(value: &Value) -> Option<Box<str>> {
    if let Value::Text(text) = value { Some(text.clone()) } else { None }
}

fn boolean(value: &Value) -> Option<bool> {
    if let Value::Bool(v) = value { Some(*v) } else { None }
}

fn date(value: &Value) -> Option<i32> {
    if let Value::Date(days) = value { Some(*days) } else { None }
}

fn timestamp(value: &Value) -> Option<i64> {
    match value {
        Value::Timestamp(us) => Some(*us),
        Value::Date(days) => i64::from(*days).checked_mul(DAY_US),
        _ => None,
    }
}

fn time(value: &Value) -> Option<i64> {
    if let Value::Time(us) = value { Some(*us) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_or_not_at_all() {
        let is = |ty: &Type, v: Value| array(ty, &[Some(&v)]);
        let d = |precision, scale| Type::Decimal { precision, scale };
        let value = |unscaled, scale| Value::Decimal { unscaled, scale };
        let date = Value::Date(2);
        for (ty, given, want) in [
            (Type::Int8, Value::Int(127), Some(Value::Int(127))),
            (Type::Int8, Value::Int(128), None),
            (Type::Int64, Value::UInt(5), Some(Value::Int(5))),
            (Type::UInt8, Value::Int(-1), None),
            (d(6, 2), Value::Int(-9999), Some(value(-999_900, 2))),
            (d(6, 2), Value::Int(10_000), None),
            (d(9, 4), value(150, 2), Some(value(15_000, 4))),
            (d(9, 1), value(150, 2), Some(value(15, 1))),
            (d(9, 1), value(151, 2), None),
            (d(38, 37), Value::Int(i64::MAX), None),
            (Type::Timestamp, date.clone(), Some(Value::Timestamp(2 * DAY_US))),
            (Type::Timestamp, Value::Date(i32::MAX), None),
            (Type::Date, Value::Timestamp(0), None),
            (Type::Varchar, Value::Text("x".into()), Some(Value::Text("x".into()))),
            (Type::Varchar, Value::Int(1), None),
            (Type::Boolean, Value::Bool(true), Some(Value::Bool(true))),
            (Type::Time, Value::Time(7), Some(Value::Time(7))),
            (Type::Double, Value::Int(1), None),
        ] {
            let made = is(&ty, given.clone());
            let found = made.as_ref().map(|a| crate::value_at(a, 0));
            assert_eq!(found, want.map(Some), "{given:?} as {ty}");
            assert!(made.is_none_or(|a| *a.data_type() == data_type(&ty)));
        }
        let none = array(&Type::Date, &[None, Some(&date)]);
        assert_eq!(none.map(|a| crate::value_at(&a, 0)), Some(None));
    }
}
