//! The one place where a text or a value becomes an SQL literal. (An identifier is
//! quoted by `lake_core::types::quoted`.)

use lake_core::value::{Value, decimal_text};

use crate::value::{date_text, time_text, timestamp_text};

/// A string constant, whatever is in the text.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A value of its own type, the widest there is of its kind.
pub(crate) fn constant(value: &Value) -> String {
    match value {
        Value::Text(text) => literal(text),
        other => {
            let (text, ty) = spelled(other);
            format!("CAST({} AS {ty})", literal(&text))
        }
    }
}

/// The text of a value, and the type that it is to be cast to. Every DuckDB since 1.1
/// reads it back as the same value.
pub(crate) fn spelled(value: &Value) -> (String, String) {
    let (text, ty) = match value {
        Value::Bool(v) => (v.to_string(), "BOOLEAN"),
        Value::Int(v) => (v.to_string(), "BIGINT"),
        Value::UInt(v) => (v.to_string(), "UBIGINT"),
        Value::Decimal { unscaled, scale } => {
            let digits = unscaled.unsigned_abs().checked_ilog10().map_or(1, |n| n + 1);
            let width = digits.max(u32::from(*scale)).min(38);
            return (decimal_text(*unscaled, *scale), format!("DECIMAL({width},{scale})"));
        }
        Value::Text(text) => (text.to_string(), "VARCHAR"),
        Value::Date(days) => (date_text(*days), "DATE"),
        Value::Timestamp(us) => (timestamp_text(*us, 1_000_000, 6, false), "TIMESTAMP"),
        Value::Time(us) => (time_text(*us, 1_000_000, 6), "TIME"),
    };
    (text, ty.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Lake, rows};

    #[test]
    fn a_quote_cannot_end_it() {
        assert_eq!(literal("x'); DROP"), "'x''); DROP'");
        assert_eq!(literal(""), "''");
        assert_eq!(literal("a\\'b\n"), "'a\\''b\n'");
    }

    #[test]
    fn a_constant_is_its_value() {
        let mut mounted = Lake::new("lake").mount();
        let decimal = |unscaled, scale| Value::Decimal { unscaled, scale };
        let widest = "9".repeat(38).parse().unwrap();
        for (value, ty, text) in [
            (Value::Bool(false), "BOOLEAN", "false"),
            (Value::Int(i64::MIN), "BIGINT", "-9223372036854775808"),
            (Value::UInt(u64::MAX), "UBIGINT", "18446744073709551615"),
            (decimal(-5, 3), "DECIMAL(3,3)", "-0.005"),
            (decimal(120, 0), "DECIMAL(3,0)", "120"),
            (decimal(widest, 38), "DECIMAL(38,38)", &format!("0.{}", "9".repeat(38))),
            (Value::Text("it's".into()), "VARCHAR", "it's"),
            (Value::Date(-719_529), "DATE", "-0001-12-31"),
            (Value::Date(i32::MAX), "DATE", "infinity"),
            (Value::Timestamp(-1), "TIMESTAMP", "1969-12-31T23:59:59.999999"),
            (Value::Timestamp(i64::MAX), "TIMESTAMP", "infinity"),
            (Value::Timestamp(-i64::MAX), "TIMESTAMP", "-infinity"),
            (Value::Time(86_399_000_001), "TIME", "23:59:59.000001"),
        ] {
            let sql = format!("SELECT typeof(c), c FROM (SELECT {} AS c)", constant(&value));
            assert_eq!(rows(&mut mounted, &sql).unwrap(), [[ty, text]], "{sql}");
        }
    }
}
