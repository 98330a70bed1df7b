//! Numbers for people; never in a form that a program reads.

use std::time::Duration;

/// `1.2 MiB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1024.0;
    let mut unit = 0;
    // What would be shown as 1024.0 belongs to the next unit.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `12,500,000`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `9,999`, `12.5 k`, `3.2 M`: for counts that grow while they are looked at.
pub fn rough(n: u64) -> String {
    if n < 10_000 { count(n) } else { scaled(n as f64, &["", "k", "M", "G", "T", "P", "E"]) }
}

/// `118 MB`, in powers of a thousand, as rates are given.
pub fn decimal_bytes(n: f64) -> String {
    scaled(n, &["B", "kB", "MB", "GB", "TB", "PB", "EB"])
}

/// So many in a second; None where nothing or no time can be divided.
pub fn rate(n: u64, time: Duration) -> Option<f64> {
    let rate = n as f64 / time.as_secs_f64();
    (n > 0 && rate.is_finite()).then_some(rate)
}

/// Two or three digits of a number, and the unit they count.
fn scaled(n: f64, units: &[&str]) -> String {
    let (mut value, mut unit) = (n, 0);
    // What would be shown as 1000 belongs to the next unit.
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let decimals = usize::from(unit > 0 && value < 99.95);
    format!("{value:.decimals$} {}", units[unit])
}

/// `0:07`, `12:30`, `1:02:03`; rounded to the second.
pub fn countdown(time: Duration) -> String {
    let seconds = time.as_secs().saturating_add(u64::from(time.subsec_millis() >= 500));
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// `3.4 ms`, `12.0 s`, `2 min 5 s`, `3 h 4 min`, `9 d 1 h`.
pub fn duration(time: Duration) -> String {
    let (us, seconds) = (time.as_nanos() as f64 / 1e3, time.as_secs());
    if us < 999.95 {
        format!("{us:.1} us")
    } else if us < 999_950.0 {
        format!("{:.1} ms", us / 1e3)
    } else if us < 59_950_000.0 {
        format!("{:.1} s", us / 1e6)
    } else {
        let (large, small) = match seconds.max(60) {
            s @ 0..3_600 => ((s / 60, "min"), (s % 60, "s")),
            s @ 3_600..86_400 => ((s / 3_600, "h"), (s % 3_600 / 60, "min")),
            s => ((s / 86_400, "d"), (s % 86_400 / 3_600, "h")),
        };
        format!("{} {} {} {}", large.0, large.1, small.0, small.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_one_decimal_and_no_1024() {
        let table = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_258_291, "1.2 MiB"),
            (1024 * 1024 - 1, "1.0 MiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (n, text) in table {
            assert_eq!(bytes(n), text);
        }
    }

    #[test]
    fn counts_are_grouped_by_three() {
        let table = [(0, "0"), (999, "999"), (1000, "1,000"), (12_500_000, "12,500,000")];
        for (n, text) in table {
            assert_eq!(count(n), text);
        }
    }

    #[test]
    fn rough_counts_and_rates_have_two_or_three_digits() {
        let table = [
            (0, "0"),
            (9_999, "9,999"),
            (10_000, "10.0 k"),
            (99_949, "99.9 k"),
            (99_950, "100 k"),
            (999_499, "999 k"),
            (999_500, "1.0 M"),
            (3_200_000, "3.2 M"),
            (u64::MAX, "18.4 E"),
        ];
        for (n, text) in table {
            assert_eq!(rough(n), text);
        }
        let table = [(0.2, "0 B"), (999.4, "999 B"), (1e3, "1.0 kB"), (1.18e8, "118 MB")];
        for (n, text) in table {
            assert_eq!(decimal_bytes(n), text);
        }
        assert_eq!(rate(10, Duration::from_millis(500)), Some(20.0));
        assert_eq!(rate(10, Duration::ZERO), None);
        assert_eq!(rate(0, Duration::from_secs(1)), None);
    }

    #[test]
    fn a_countdown_reads_as_a_clock() {
        let table = [
            (0, "0:00"),
            (6_499, "0:06"),
            (6_500, "0:07"),
            (59_500, "1:00"),
            (750_000, "12:30"),
            (3_723_000, "1:02:03"),
            (360_000_000, "100:00:00"),
        ];
        for (ms, text) in table {
            assert_eq!(countdown(Duration::from_millis(ms)), text);
        }
        assert!(countdown(Duration::MAX).ends_with(":15"));
    }

    #[test]
    fn durations_keep_two_or_three_digits() {
        let us = Duration::from_micros;
        let s = Duration::from_secs;
        let table = [
            (Duration::from_nanos(1_234), "1.2 us"),
            (us(3_400), "3.4 ms"),
            (Duration::from_nanos(999_960), "1.0 ms"),
            (us(999_960), "1.0 s"),
            (s(12), "12.0 s"),
            (us(59_960_000), "1 min 0 s"),
            (s(125), "2 min 5 s"),
            (s(3_599), "59 min 59 s"),
            (s(11_040), "3 h 4 min"),
            (s(9 * 86_400 + 3_600), "9 d 1 h"),
        ];
        for (time, text) in table {
            assert_eq!(duration(time), text);
        }
    }
}
