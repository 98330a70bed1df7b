//! Values of key columns, as segments' ranges carry them.

use std::fmt;

use chrono::{DateTime, Duration, NaiveDate, NaiveTime};

use crate::codec::{Decoded, Decoder, Encoder, Malformed};

/// One value of a key column. Values of one column are all of one variant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    Bool(bool),
    Int(i64),
    UInt(u64),
    Decimal {
        unscaled: i128,
        scale: u8,
    },
    Text(Box<str>),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01, naive.
    Timestamp(i64),
    /// Microseconds since midnight.
    Time(i64),
}

/// The range columns' values of one row, in order.
pub type Key = Vec<Value>;

/// Smallest and largest key of a segment, both in it, exact. The smallest lies
/// before the largest in one piece of memory: a lake has very many of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range(Box<[Value]>);

impl Range {
    /// Both keys have the same columns; what they do not share is cut off.
    pub fn new(min: Key, max: Key) -> Range {
        let n = min.len().min(max.len());
        Range(min.into_iter().take(n).chain(max.into_iter().take(n)).collect())
    }

    pub fn min(&self) -> &[Value] {
        &self.0[..self.0.len() / 2]
    }

    pub fn max(&self) -> &[Value] {
        &self.0[self.0.len() / 2..]
    }

    pub fn overlaps(&self, other: &Range) -> bool {
        self.min() <= other.max() && other.min() <= self.max()
    }

    /// Whether the keys of both are of the same types, so that they have an order.
    pub fn is_like(&self, other: &Range) -> bool {
        let alike = |(a, b): (&Value, &Value)| match (a, b) {
            (Value::Decimal { scale: a, .. }, Value::Decimal { scale: b, .. }) => a == b,
            _ => std::mem::discriminant(a) == std::mem::discriminant(b),
        };
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(alike)
    }

    pub fn join(&self, other: &Range) -> Range {
        Range::new(self.min().min(other.min()).to_vec(), self.max().max(other.max()).to_vec())
    }

    pub(crate) fn encode(&self, e: &mut Encoder) {
        e.len(self.min().len());
        self.0.iter().for_each(|value| value.encode(e));
    }

    pub(crate) fn decode(d: &mut Decoder<'_>) -> Decoded<Range> {
        let n = d.len()? * 2;
        let mut values = Vec::with_capacity(n.min(64));
        for _ in 0..n {
            values.push(Value::decode(d)?);
        }
        Ok(Range(values.into()))
    }
}

impl Value {
    pub(crate) fn encode(&self, e: &mut Encoder) {
        match self {
            Value::Bool(v) => {
                e.u8(1);
                e.flag(*v);
            }
            Value::Int(v) => {
                e.u8(2);
                e.int(*v);
            }
            Value::UInt(v) => {
                e.u8(3);
                e.num(*v);
            }
            Value::Decimal { unscaled, scale } => {
                e.u8(4);
                e.0.extend_from_slice(&unscaled.to_le_bytes());
                e.u8(*scale);
            }
            Value::Text(v) => {
                e.u8(5);
                e.text(v);
            }
            Value::Date(v) => {
                e.u8(6);
                e.int((*v).into());
            }
            Value::Timestamp(v) => {
                e.u8(7);
                e.int(*v);
            }
            Value::Time(v) => {
                e.u8(8);
                e.int(*v);
            }
        }
    }

    pub(crate) fn decode(d: &mut Decoder<'_>) -> Decoded<Value> {
        Ok(match d.u8()? {
            1 => Value::Bool(d.flag()?),
            2 => Value::Int(d.int()?),
            3 => Value::UInt(d.num()?),
            4 => {
                let (low, high) = (d.fixed64()?, d.fixed64()?);
                let unscaled = (i128::from(high as i64) << 64) | i128::from(low);
                Value::Decimal { unscaled, scale: d.u8()? }
            }
            5 => Value::Text(d.text()?.into()),
            6 => match i32::try_from(d.int()?) {
                Ok(days) => Value::Date(days),
                Err(_) => return d.broken("date past 32 bits"),
            },
            7 => Value::Timestamp(d.int()?),
            8 => Value::Time(d.int()?),
            code => return Err(Malformed::Newer { what: "key value", code: code.into() }),
        })
    }
}

/// ISO text, without a zone; what the command line prints and reads.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(v) => write!(f, "{v}"),
            Value::Int(v) => write!(f, "{v}"),
            Value::UInt(v) => write!(f, "{v}"),
            Value::Decimal { unscaled, scale } => f.write_str(&decimal_text(*unscaled, *scale)),
            Value::Text(v) => f.write_str(v),
            Value::Date(days) => match date(*days) {
                Some(date) => write!(f, "{date}"),
                None => write!(f, "day {days}"),
            },
            Value::Timestamp(us) => f.write_str(&timestamp_text(*us)),
            Value::Time(us) => write!(f, "{}", time(*us)),
        }
    }
}

fn date(days: i32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(1970, 1, 1)?.checked_add_signed(Duration::days(days.into()))
}

fn time(us: i64) -> NaiveTime {
    NaiveTime::MIN.overflowing_add_signed(Duration::microseconds(us)).0
}

/// `2026-11-20T15:00:00` with as many decimals as there are, none or six.
pub fn timestamp_text(us: i64) -> String {
    match DateTime::from_timestamp_micros(us) {
        Some(at) if us % 1_000_000 == 0 => at.format("%Y-%m-%dT%H:%M:%S").to_string(),
        Some(at) => at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string(),
        None => format!("microsecond {us}"),
    }
}

/// Digits with `scale` of them behind the point.
pub fn decimal_text(unscaled: i128, scale: u8) -> String {
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = usize::from(scale) + 1);
    let (whole, part) = digits.split_at(digits.len() - usize::from(scale));
    let sign = if unscaled < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes() {
        let all = [
            (Value::Bool(true), "true"),
            (Value::Int(-5), "-5"),
            (Value::UInt(u64::MAX), "18446744073709551615"),
            (Value::Decimal { unscaled: -12345, scale: 4 }, "-1.2345"),
            (Value::Decimal { unscaled: 5, scale: 3 }, "0.005"),
            (
                Value::Decimal { unscaled: i128::MIN, scale: 0 },
                "-170141183460469231731687303715884105728",
            ),
            (Value::Text("x".into()), "x"),
            (Value::Date(20_777), "2026-11-20"),
            (Value::Date(i32::MAX), "day 2147483647"),
            (Value::Timestamp(1_795_186_800_000_000), "2026-11-20T15:00:00"),
            (Value::Timestamp(1_795_186_800_123_456), "2026-11-20T15:00:00.123456"),
            (Value::Timestamp(i64::MIN), "microsecond -9223372036854775808"),
            (Value::Time(54_000_000_001), "15:00:00.000001"),
        ];
        for (value, text) in all {
            assert_eq!(value.to_string(), text);
            let mut e = Encoder::default();
            value.encode(&mut e);
            let mut d = Decoder::new(&e.0);
            assert_eq!(Value::decode(&mut d), Ok(value));
            assert!(d.finish().is_ok());
        }
    }

    #[test]
    fn ranges_meet_at_their_ends() {
        let range = |a, b| Range::new(vec![Value::Int(a)], vec![Value::Int(b)]);
        assert!(range(1, 5).overlaps(&range(5, 9)));
        assert!(!range(1, 5).overlaps(&range(6, 9)));
        assert_eq!(range(3, 4).join(&range(1, 9)), range(1, 9));
        assert_eq!(range(1, 9).join(&range(3, 4)), range(1, 9));
    }
}
