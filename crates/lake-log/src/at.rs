//! Which version a reader asks for.

use std::str::FromStr;
use std::sync::Arc;

use chrono::{NaiveDate, NaiveDateTime};
use lake_core::id::Version;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum At {
    #[default]
    Newest,
    Version(Version),
    /// The newest version at this time: microseconds since 1970, UTC.
    Time(i64),
    /// The version with this name.
    Tag(Arc<str>),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a version (42), a time in UTC (2026-11-20, 2026-11-20T15:00) nor a tag")]
pub struct BadAt(String);

impl FromStr for At {
    type Err = BadAt;

    fn from_str(text: &str) -> Result<At, BadAt> {
        let bad = || BadAt(text.into());
        if text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return Ok(At::Tag(text.into()));
        }
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().map(At::Version).map_err(|_| bad());
        }
        let text = text.strip_suffix('Z').unwrap_or(text).replace(' ', "T");
        for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
            if let Ok(time) = NaiveDateTime::parse_from_str(&text, format) {
                return Ok(At::Time(time.and_utc().timestamp_micros()));
            }
        }
        let date = NaiveDate::parse_from_str(&text, "%Y-%m-%d").map_err(|_| bad())?;
        let start = date.and_hms_opt(0, 0, 0).ok_or_else(bad)?;
        Ok(At::Time(start.and_utc().timestamp_micros()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_times() {
        let noon = 1_795_176_000_000_000;
        for (text, at) in [
            ("0", At::Version(0)),
            ("42", At::Version(42)),
            ("2026-11-20", At::Time(noon - 12 * 3_600_000_000)),
            ("2026-11-20T12:00", At::Time(noon)),
            ("2026-11-20 12:00:00", At::Time(noon)),
            ("2026-11-20T12:00:00.5Z", At::Time(noon + 500_000)),
        ] {
            assert_eq!(text.parse(), Ok(at), "{text}");
        }
        assert_eq!("eod".parse(), Ok(At::Tag("eod".into())));
        for bad in ["", "-1", "99999999999999999999", "20-11", "2026-13-01", ".x"] {
            assert!(bad.parse::<At>().is_err(), "{bad}");
        }
    }
}
