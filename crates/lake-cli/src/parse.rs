//! Durations and sizes as people write them: a whole number and a unit.

use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {what}: {why}")]
pub struct Unreadable {
    text: String,
    what: &'static str,
    why: String,
}

type Units = [(&'static str, u128)];

/// Nanoseconds; the largest first, so that printing finds the shortest text.
const TIME: &Units = &[
    ("w", 7 * 86_400_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

const SIZE: &Units = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// `90d`, `1h`, `30s`, `250ms`; zero is `0` or `0s`. Other numbers need their unit.
pub fn duration(text: &str) -> Result<Duration, Unreadable> {
    let unreadable = |why: String| Unreadable { text: text.into(), what: "duration", why };
    let (number, unit) = split(text).map_err(unreadable)?;
    let factor = match unit {
        "" if number == 0 => 1,
        "" => return Err(unreadable("it needs a unit, such as 30s, 1h or 90d".into())),
        unit => find(TIME, unit).ok_or_else(|| unreadable(unknown(TIME, unit)))?,
    };
    let nanos = u128::from(number).checked_mul(factor);
    let seconds = nanos.and_then(|n| u64::try_from(n / 1_000_000_000).ok());
    match (nanos, seconds) {
        (Some(n), Some(s)) => Ok(Duration::new(s, (n % 1_000_000_000) as u32)),
        _ => Err(unreadable("it is too long".into())),
    }
}

/// `512MiB`, `1GiB`, `10MB`; a number alone counts bytes.
pub fn size(text: &str) -> Result<u64, Unreadable> {
    let unreadable = |why: String| Unreadable { text: text.into(), what: "size", why };
    let (number, unit) = split(text).map_err(unreadable)?;
    let factor = match unit {
        "" => 1,
        unit => find(SIZE, unit).ok_or_else(|| unreadable(unknown(SIZE, unit)))?,
    };
    u128::from(number)
        .checked_mul(factor)
        .and_then(|n| u64::try_from(n).ok())
        .ok_or_else(|| unreadable("it is too large".into()))
}

/// The shortest text of one unit that [`duration`] reads back as the same time.
/// Beyond 2^64 nanoseconds only what [`duration`] can give is exact.
pub fn print_duration(time: Duration) -> String {
    print(TIME, time.as_nanos()).unwrap_or_else(|| "0s".into())
}

/// The text with the largest unit that [`size`] reads back as the same number.
pub fn print_size(bytes: u64) -> String {
    print(SIZE, bytes.into()).unwrap_or_else(|| "0".into())
}

fn print(units: &Units, n: u128) -> Option<String> {
    let (unit, factor) = units.iter().find(|(_, factor)| n > 0 && n.is_multiple_of(*factor))?;
    Some(format!("{}{unit}", n / factor))
}

fn split(text: &str) -> Result<(u64, &str), String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = (&text[..end], text[end..].trim_start());
    if digits.is_empty() {
        return Err("it does not start with a number".into());
    }
    if unit.starts_with(['.', ',']) {
        return Err("it must be a whole number; take a smaller unit".into());
    }
    let number = digits.parse().map_err(|_| "the number is too large".to_string())?;
    Ok((number, unit))
}

fn find(units: &Units, name: &str) -> Option<u128> {
    units.iter().find(|(unit, _)| unit.eq_ignore_ascii_case(name)).map(|(_, factor)| *factor)
}

fn unknown(units: &Units, unit: &str) -> String {
    let known: Vec<&str> = units.iter().map(|(unit, _)| *unit).collect();
    format!("the unit {unit:?} is not one of {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations() {
        let table = [
            ("90d", Duration::from_secs(90 * 86_400)),
            ("1h", Duration::from_secs(3_600)),
            ("5m", Duration::from_secs(300)),
            ("30s", Duration::from_secs(30)),
            ("0s", Duration::ZERO),
            ("0", Duration::ZERO),
            ("250ms", Duration::from_millis(250)),
            (" 2 W ", Duration::from_secs(14 * 86_400)),
        ];
        for (text, time) in table {
            assert_eq!(duration(text), Ok(time), "{text}");
        }
    }

    #[test]
    fn sizes() {
        let table =
            [("512MiB", 512 << 20), ("1gib", 1 << 30), ("10MB", 10_000_000), ("4096", 4096)];
        for (text, bytes) in table {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let table = [
            (duration("30").unwrap_err(), "\"30\" is not a duration: it needs a unit"),
            (duration("5 parsecs").unwrap_err(), "the unit \"parsecs\" is not one of w, d, h"),
            (duration("1.5h").unwrap_err(), "whole number"),
            (duration("").unwrap_err(), "does not start with a number"),
            (duration("-1s").unwrap_err(), "does not start with a number"),
            (duration("99999999999999999999s").unwrap_err(), "the number is too large"),
            (duration("18446744073709551615w").unwrap_err(), "it is too long"),
            (size("18014398509481984KiB").unwrap_err(), "it is too large"),
            (size("1G").unwrap_err(), "the unit \"G\" is not one of TiB"),
        ];
        for (error, part) in table {
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    proptest! {
        #[test]
        fn durations_read_back(nanos in any::<u64>(), unit in 0..TIME.len()) {
            // Whole multiples of a unit are what people write; spread over all of them.
            let time = Duration::from_nanos((u128::from(nanos) / TIME[unit].1 * TIME[unit].1) as u64);
            prop_assert_eq!(duration(&print_duration(time)), Ok(time));
        }

        #[test]
        fn sizes_read_back(bytes in any::<u64>(), shift in 0u32..64) {
            let bytes = bytes >> shift << (shift / 2);
            prop_assert_eq!(size(&print_size(bytes)), Ok(bytes));
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,12}", digits in "[0-9]{0,24}[a-zA-Z]{0,3}") {
            for text in [text, digits] {
                let _ = (duration(&text), size(&text));
            }
        }
    }
}
