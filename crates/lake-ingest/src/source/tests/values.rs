//! Values from text: exact or refused.

use super::*;

proptest! {
    #[test]
    fn dates_and_timestamps_as_chrono_has_them(
        days in -719_162i64..2_932_896, us in 0..time::DAY_US, east in -1439i64..1440
    ) {
        let date = chrono::NaiveDate::from_ymd_opt(1970, 1, 1).unwrap() + chrono::Duration::days(days);
        prop_assert_eq!(time::date(&date.format("%Y-%m-%d").to_string()), Ok(days as i32));
        prop_assert_eq!(time::date(&date.format("%Y%m%d").to_string()), Ok(days as i32));
        let at = date.and_hms_opt(0, 0, 0).unwrap() + chrono::Duration::microseconds(us);
        let text = at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string();
        prop_assert_eq!(time::timestamp(&text), Ok(days * time::DAY_US + us));
        let sign = if east < 0 { '-' } else { '+' };
        let zone = format!("{text}{sign}{:02}:{:02}", east.abs() / 60, east.abs() % 60);
        prop_assert_eq!(time::timestamp(&zone), Ok(days * time::DAY_US + us - east * 60_000_000));
        let clock = at.format("%H:%M:%S%.6f").to_string();
        prop_assert_eq!(time::time(&clock), Ok(us));
    }

    #[test]
    fn decimals_are_exact(unscaled in -9_999_999_999i128..=9_999_999_999, scale in 0u8..=10, zeros in 0usize..5) {
        let text = lake_core::value::decimal_text(unscaled, scale);
        let more = if scale > 0 { "0".repeat(zeros) } else { String::new() };
        prop_assert_eq!(text::decimal(&format!("{text}{more}"), 10, scale), Ok(unscaled));
        let shifted = format!("{unscaled}e-{scale}");
        prop_assert_eq!(text::decimal(&shifted, 10, scale), Ok(unscaled));
        if unscaled % 10 != 0 && scale > 0 {
            prop_assert!(text::decimal(&text, 10, scale - 1).is_err());
        }
    }

    #[test]
    fn numbers_as_rust_has_them(n in any::<i64>(), u in any::<u64>(), x in any::<f64>()) {
        prop_assert_eq!(text::integer::<i64>(&n.to_string(), &Type::Int64, 0, 0), Ok(n));
        prop_assert_eq!(text::integer::<u64>(&u.to_string(), &Type::UInt64, 0, 0), Ok(u));
        prop_assert_eq!(text::integer::<i8>(&n.to_string(), &Type::Int8, 0, 0).ok(), i8::try_from(n).ok());
        let got: f64 = text::float(&x.to_string(), &Type::Double).unwrap();
        prop_assert!(got.to_bits() == x.to_bits() || (got.is_nan() && x.is_nan()));
    }

    #[test]
    fn no_text_panics_a_parser(text in ".{0,24}") {
        let _ = (text::decimal(&text, 38, 10), text::blob(&text), text::boolean(&text));
        let _ = (time::date(&text), time::timestamp(&text), time::time(&text));
    }

    /// Any table of texts, written by the rules and read back.
    #[test]
    fn csv_reads_what_was_written(
        cells in prop::collection::vec(prop::collection::vec(prop::option::of("[a\",\r\n \u{e9}]{0,6}"), 3), 0..20),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"])
    ) {
        let quote = |cell: &Option<String>| match cell {
            None => String::new(),
            Some(text) => format!("\"{}\"", text.replace('"', "\"\"")),
        };
        let line = |row: &Vec<Option<String>>| row.iter().map(quote).collect::<Vec<_>>().join(",");
        let text: String = cells.iter().map(|row| line(row) + end).collect();
        let want: Vec<String> = cells
            .iter()
            .map(|row| row.iter().map(|c| c.clone().unwrap_or("NULL".into())).collect::<Vec<_>>().join("|"))
            .collect();
        let got = csv("a VARCHAR, b VARCHAR, c VARCHAR", format!("a,b,c{end}{text}").as_bytes());
        prop_assert_eq!(got, Ok(want.join("\n")));
    }
}

#[test]
fn odd_values() {
    for (text, micros) in [
        ("2026-11-20", 1_795_132_800_000_000),
        ("2026-11-20T15:00", 1_795_186_800_000_000),
        ("2026-11-20 15:00:00Z", 1_795_186_800_000_000),
        ("2026-11-20 23:00:00 +08", 1_795_186_800_000_000),
        ("2026-11-20 23:00:00.0000000+0800", 1_795_186_800_000_000),
    ] {
        assert_eq!(time::timestamp(text), Ok(micros), "{text}");
    }
    for text in [
        "",
        "2026",
        "2026-1-1",
        "2026-11-20T",
        "2026-11-20 24:00",
        "2026-11-20 23:59:60",
        "2026-11-20T15:00:00.",
        "2026-11-20T15",
        "0000-01-01",
        "2026-1120",
        "2026-11-20 15:00+8",
    ] {
        assert!(time::timestamp(text).unwrap_err().contains("is not a TIMESTAMP"), "{text}");
    }
    assert!(time::timestamp("2026-11-20 15:00:00.0000001").unwrap_err().contains("finer"));
    for text in ["", "-", ".", "1.2.3", "1e", "e5", "1_000", "0x10", "nan", "1e99999999999"] {
        assert!(text::decimal(text, 10, 2).unwrap_err().contains("is not"), "{text}");
    }
    assert!(text::decimal("1e40", 38, 0).unwrap_err().contains("does not fit"));
    assert_eq!(text::decimal("0e2147483647", 38, 0), Ok(0));
    assert_eq!(text::decimal("-0.00", 10, 2), Ok(0));
    assert_eq!(text::decimal(".5", 10, 2), Ok(50));
    assert_eq!(text::blob("3q2+7w=="), Ok(vec![0xde, 0xad, 0xbe, 0xef]));
    assert_eq!(text::blob("\\xDEadbeef"), Ok(vec![0xde, 0xad, 0xbe, 0xef]));
    assert!(text::blob("\\xabc").is_err() && text::blob("zz").is_err());
    assert_eq!(text::boolean("TRUE"), Ok(true));
    assert!(text::boolean("yes").is_err());
    let to = DataType::Timestamp(TimeUnit::Microsecond, None);
    assert_eq!(lake_segment::data_type(&Type::Timestamp), to);
}
