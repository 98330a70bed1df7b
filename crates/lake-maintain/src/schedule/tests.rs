use chrono::{DateTime, NaiveDateTime};
use proptest::prelude::*;

use super::*;

fn us(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(&format!("{text}:00Z")).unwrap().timestamp_micros()
}

/// The next moments after one, in UTC, to the minute.
fn moments(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let (cron, zone): (Cron, _) = (cron.parse().unwrap(), Zone::named(zone).unwrap());
    let mut at = us(after);
    let mut found = Vec::new();
    for _ in 0..count {
        at = cron.next_after(at, &zone).unwrap();
        let text = DateTime::from_timestamp_micros(at).unwrap();
        found.push(text.format("%m-%dT%H:%M").to_string());
    }
    found
}

#[test]
fn the_next_moment_of_every_form() {
    for (cron, after, next) in [
        ("*/5 * * * *", "2026-11-21T10:02", "11-21T10:05 11-21T10:10"),
        ("*/5 * * * *", "2026-11-21T10:05", "11-21T10:10"),
        ("0 2 * * *", "2026-11-21T10:02", "11-22T02:00 11-23T02:00"),
        ("3,1,2 4 * * *", "2026-11-21T00:00", "11-21T04:01 11-21T04:02 11-21T04:03"),
        ("10-30/10 0 * * *", "2026-11-21T00:00", "11-21T00:10 11-21T00:20 11-21T00:30 11-22T00:10"),
        ("50/5 0 * * *", "2026-11-21T00:00", "11-21T00:50 11-21T00:55 11-22T00:50"),
        ("59 23 31 12 *", "2026-12-31T23:58", "12-31T23:59 12-31T23:59"),
        // The 21st is a Saturday.
        ("0 0 * * mon-FRI", "2026-11-21T00:00", "11-23T00:00 11-24T00:00"),
        ("0 0 * * sat-sun", "2026-11-21T00:00", "11-22T00:00 11-28T00:00"),
        ("0 0 * * 7", "2026-11-21T00:00", "11-22T00:00 11-29T00:00"),
        ("0 0 * * 0,3", "2026-11-21T00:00", "11-22T00:00 11-25T00:00"),
        ("0 0 * * */2", "2026-11-21T00:00", "11-22T00:00 11-24T00:00 11-26T00:00"),
        // Both are named: either will do. One begins with a star: both must fit.
        ("0 0 25 * sun", "2026-11-21T00:00", "11-22T00:00 11-25T00:00 11-29T00:00"),
        ("0 0 */2 * sun", "2026-11-21T00:00", "11-29T00:00 12-13T00:00"),
        ("0 0 29 2 *", "2026-11-21T00:00", "02-29T00:00 02-29T00:00"),
        ("0 0 31 * *", "2026-11-21T00:00", "12-31T00:00 01-31T00:00 03-31T00:00"),
        ("0 0 1 Jan,jul *", "2026-11-21T00:00", "01-01T00:00 07-01T00:00"),
        ("@hourly", "2026-11-21T10:02", "11-21T11:00"),
        ("@daily", "2026-11-21T10:02", "11-22T00:00"),
        ("@Midnight", "2026-11-21T10:02", "11-22T00:00"),
        ("@weekly", "2026-11-21T10:02", "11-22T00:00"),
        ("@monthly", "2026-11-21T10:02", "12-01T00:00"),
        ("@yearly", "2026-11-21T10:02", "01-01T00:00"),
        (" 0  12\t* * * ", "2026-11-21T10:02", "11-21T12:00"),
    ] {
        let next: Vec<&str> = next.split(' ').collect();
        assert_eq!(moments(cron, "UTC", after, next.len()), next, "{cron}");
    }
}

/// Berlin goes from 02:00 to 03:00 on 2027-03-28 at 01:00 UTC, and from 03:00 back to
/// 02:00 on 2026-10-25 at 01:00 UTC.
#[test]
fn no_run_is_lost_or_doubled_when_the_clock_is_changed() {
    let berlin = "Europe/Berlin";
    for (cron, after, next) in [
        // In the gap: once, when it is over, and the next day as ever.
        ("30 2 * * *", "2027-03-27T12:00", "03-28T01:00 03-29T00:30"),
        ("*/15 2 * * *", "2027-03-28T00:00", "03-28T01:00 03-29T00:00 03-29T00:15"),
        ("0 2,3 * * *", "2027-03-28T00:00", "03-28T01:00 03-29T00:00 03-29T01:00"),
        ("0 */2 * * *", "2027-03-27T23:30", "03-28T01:00 03-28T02:00 03-28T04:00"),
        // Around it.
        ("30 1 * * *", "2027-03-28T00:00", "03-28T00:30 03-28T23:30"),
        ("30 3 * * *", "2027-03-28T00:00", "03-28T01:30 03-29T01:30"),
        // Shown twice: once.
        ("30 2 * * *", "2026-10-24T12:00", "10-25T00:30 10-26T01:30"),
        ("0,30 2 * * *", "2026-10-24T12:00", "10-25T00:00 10-25T00:30 10-26T01:00"),
        ("0 0-6/2 * * *", "2026-10-24T21:00", "10-24T22:00 10-25T00:00 10-25T03:00 10-25T05:00"),
        // Every hour: by time that passes.
        ("30 * * * *", "2027-03-28T00:00", "03-28T00:30 03-28T01:30 03-28T02:30"),
        ("30 * * * *", "2026-10-24T23:45", "10-25T00:30 10-25T01:30 10-25T02:30"),
        ("*/20 * * * *", "2026-10-25T00:30", "10-25T00:40 10-25T01:00 10-25T01:20"),
        ("*/20 * * * *", "2027-03-28T00:30", "03-28T00:40 03-28T01:00 03-28T01:20"),
    ] {
        let next: Vec<&str> = next.split(' ').collect();
        assert_eq!(moments(cron, berlin, after, next.len()), next, "{cron} after {after}");
    }
}

#[test]
fn stranger_clocks_than_berlins() {
    for (cron, zone, after, next) in [
        ("0 2 * * *", "Asia/Shanghai", "2026-11-21T00:00", "11-21T18:00 11-22T18:00"),
        ("15 9 * * *", "Asia/Kolkata", "2026-11-21T00:00", "11-21T03:45"),
        // Samoa had no 30th of December 2011, from 10:00 UTC.
        ("0 12 * * *", "Pacific/Apia", "2011-12-29T23:00", "12-30T10:00 12-30T22:00"),
        // Half an hour, from 02:00 to 02:30 at 15:30 UTC.
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00", "10-03T15:30 10-04T15:15"),
        // From midnight back to 23:00.
        ("30 23 * * *", "America/Havana", "2025-11-01T12:00", "11-02T03:30 11-03T04:30"),
        ("0,30 0 * * *", "America/Havana", "2025-11-02T03:00", "11-02T04:00 11-02T04:30"),
    ] {
        let next: Vec<&str> = next.split(' ').collect();
        assert_eq!(moments(cron, zone, after, next.len()), next, "{cron} in {zone}");
    }
    assert_eq!(Zone::named("Mars/Olympus"), None);
}

#[test]
fn what_is_no_schedule_is_told_why() {
    for (cron, part) in [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("* * * * * *", "five fields"),
        ("@reboot", "@hourly"),
        ("60 * * * *", "\"60\" is no minute: it takes 0 to 59"),
        ("* 24 * * *", "no hour: it takes 0 to 23"),
        ("* * 0 * *", "no day of the month: it takes 1 to 31"),
        ("* * * 13 *", "no month: it takes 1 to 12 or jan to dec"),
        ("* * * * 8", "no day of the week: it takes 0 to 7 or sun to sat"),
        ("* * * * funday", "sun to sat"),
        ("5-1 * * * *", "5 comes after 1"),
        ("*/0 * * * *", "at least 1"),
        ("*/x * * * *", "at least 1"),
        ("-5 * * * *", "it takes"),
        ("+5 * * * *", "it takes"),
        ("1,,2 * * * *", "\"\" is no minute"),
        ("* * L * *", "\"L\" is no day"),
        ("99999999999999999999 * * * *", "it takes"),
        ("0 0 30 2 *", "a day that no year has"),
        ("0 0 31 4,6,9,11 *", "a day that no year has"),
    ] {
        let error = cron.parse::<Cron>().unwrap_err().to_string();
        assert!(error.contains(part), "{cron}: {error}");
    }
}

#[test]
fn missed_runs_are_made_up_for_once() {
    let cron: Cron = "0 * * * *".parse().unwrap();
    let due = |last: Option<&str>, since: Option<&str>, now: &str| {
        due(&cron, &Zone::UTC, last.map(us), since.map(us), us(now))
    };
    let now = "2026-11-21T10:30";
    assert_eq!(due(None, None, now), Due::Now);
    assert_eq!(due(Some("2026-11-01T00:00"), None, now), Due::Now);
    assert_eq!(due(Some("2026-11-21T09:59"), None, now), Due::Now);
    let next = Due::At(us("2026-11-21T11:00"));
    assert_eq!(due(Some("2026-11-21T10:00"), None, now), next);
    assert_eq!(due(Some("2026-11-21T10:00"), None, "2026-11-21T11:00"), Due::Now);
    // Those before `since` are not.
    assert_eq!(due(None, Some("2026-11-21T10:10"), now), next);
    assert_eq!(due(Some("2026-11-01T00:00"), Some("2026-11-21T10:10"), now), next);
    // A clock that is a little ahead is believed, one of another year is not.
    let later = Due::At(us("2026-11-21T12:00"));
    assert_eq!(due(Some("2026-11-21T11:15"), None, now), later);
    assert_eq!(due(Some("2031-11-21T11:15"), None, now), Due::Now);
}

#[test]
fn a_clock_that_was_ahead_holds_nothing_up() {
    let hourly: Cron = "@hourly".parse().unwrap();
    let (now, hour) = (1_700_000_000_000_000, 3_600_000_000);
    let year = 365 * 24 * hour;
    let at = |last, since| due(&hourly, &Zone::UTC, last, since, now);
    assert!(matches!(at(None, Some(now)), Due::At(_)));
    assert_eq!(at(Some(now - 2 * hour), Some(now + year)), Due::Now);
    assert_eq!(at(Some(now + year), Some(now - 2 * hour)), Due::Now);
    assert_eq!(at(Some(now + year), Some(now + year)), Due::Now);
}

/// Each minute of a span by itself, without a look at any calendar.
fn by_minutes(cron: &Cron, zone: &Zone, after: i64, end: i64) -> Option<i64> {
    let first = after.div_euclid(60_000_000) + 1;
    (first..=end / 60_000_000).map(|minute| minute * 60_000_000).find(|us| {
        let tz: chrono_tz::Tz = zone.to_string().parse().unwrap();
        let shown: NaiveDateTime =
            DateTime::from_timestamp_micros(*us).unwrap().with_timezone(&tz).naive_local();
        use chrono::Timelike;
        let fits = cron.minutes.has(shown.minute()) && cron.hours.has(shown.hour());
        fits && cron.has_day(shown.date())
    })
}

proptest! {
    /// Where no clock is changed, the search is a walk through all minutes.
    #[test]
    fn the_search_finds_what_a_walk_finds(
        minute in "[0-5]?[0-9]|\\*|\\*/[1-9]|[0-2][0-9]-[3-5][0-9]",
        hour in "1?[0-9]|\\*|\\*/[1-9]|[0-9]-1[0-9]",
        day in "1?[1-9]|\\*|\\*/[1-9]",
        weekday in "[0-7]|\\*|mon-fri",
        after in 1_700_000_000i64..1_900_000_000,
    ) {
        let cron: Cron = format!("{minute} {hour} {day} * {weekday}").parse().unwrap();
        let (after, zone) = (after * 1_000_000, Zone::named("Asia/Tokyo").unwrap());
        let end = after + 50 * 86_400_000_000;
        let found = cron.next_after(after, &zone).filter(|at| *at <= end);
        prop_assert_eq!(found, by_minutes(&cron, &zone, after, end));
    }

    #[test]
    fn nothing_panics(text in "\\PC{0,20}", cron in "[-*/,0-9a-z@ ]{0,20}", us in any::<i64>()) {
        let _ = text.parse::<Cron>();
        let _ = cron.parse::<Cron>().map(|cron| cron.next_after(us, &Zone::UTC));
        let hourly: Cron = "@hourly".parse().unwrap();
        let _ = due(&hourly, &Zone::UTC, Some(us), None, us);
    }
}
