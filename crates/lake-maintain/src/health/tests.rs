use serde_json::json;

use super::*;
use crate::runs::End;

const HOUR: i64 = 3_600_000_000;
const NOW: i64 = 1_000_000 * HOUR;

fn finding(rule: &str, vitals: &Vitals) -> Finding {
    let all = judge(vitals, |rule| rule.default);
    all.into_iter().find(|finding| finding.rule.name == rule).unwrap()
}

fn state(rule: &str, vitals: &Vitals) -> State {
    finding(rule, vitals).state
}

fn run(hours_ago: i64, how: Ended) -> Run {
    let started_us = NOW - hours_ago * HOUR;
    let end = End { at_us: started_us, how, message: String::new(), damaged: 0 };
    Run { started_us, host: String::new(), pid: 0, end: Some(end) }
}

fn tasks(tasks: &[(&str, &[Run])]) -> Vitals {
    let tasks = tasks.iter().map(|(name, runs)| ((*name).to_owned(), runs.to_vec())).collect();
    Vitals { tasks, now_us: NOW, ..Vitals::default() }
}

#[test]
fn each_rule_alerts_above_its_limit_and_not_at_it() {
    let none = || Vitals { now_us: NOW, ..Vitals::default() };
    let day = 86_400.0;
    let table: Vec<(&str, Vitals, Vitals)> = vec![
        (
            "spool_rows",
            Vitals { spool_rows: Some(10_000), ..none() },
            Vitals { spool_rows: Some(10_001), ..none() },
        ),
        (
            "disk_used",
            Vitals { disk: Some((90, 100)), ..none() },
            Vitals { disk: Some((91, 100)), ..none() },
        ),
        (
            "increments",
            Vitals { increments: Some((64, "bars".into())), ..none() },
            Vitals { increments: Some((65, "bars".into())), ..none() },
        ),
        (
            "lease_age",
            Vitals { lease: Some((day, 7)), ..none() },
            Vitals { lease: Some((day + 1.0, 7)), ..none() },
        ),
        (
            "rejected_rows",
            Vitals { rejected_rows: Some(1000), ..none() },
            Vitals { rejected_rows: Some(1001), ..none() },
        ),
        (
            "compaction_age",
            tasks(&[("compact", &[run(48, Ended::Done), run(1, Ended::Failed)])]),
            tasks(&[("compact", &[run(49, Ended::Done), run(1, Ended::Failed)])]),
        ),
        (
            "failed_in_a_row",
            tasks(&[("drain", &[run(3, Ended::Failed), run(2, Ended::Killed)])]),
            tasks(&[(
                "drain",
                &[run(4, Ended::Killed), run(3, Ended::Failed), run(2, Ended::Failed)],
            )]),
        ),
    ];
    for (rule, fine, bad) in table {
        assert_eq!(state(rule, &fine), State::Ok, "{rule}: {fine:?}");
        assert_eq!(state(rule, &bad), State::Alert, "{rule}: {bad:?}");
        assert_eq!(state(rule, &none()), State::Unknown, "{rule}");
    }
    // Every other has a test of its own.
    assert_eq!(state("increment_age", &none()), State::Off);
    let old = Vitals { increment_age_s: Some((1e9, "bars".into())), ..none() };
    assert_eq!(state("increment_age", &old), State::Off);
    let found = judge(&old, |_| Some(1e8));
    assert_eq!(found.iter().filter(|finding| finding.state == State::Alert).count(), 1);
}

#[test]
fn a_disk_without_a_size_is_not_known() {
    assert_eq!(
        state("disk_used", &Vitals { disk: Some((0, 0)), ..Vitals::default() }),
        State::Unknown
    );
}

#[test]
fn failures_count_within_a_day_and_a_hundred_runs_of_a_task() {
    let share = |vitals: &Vitals| finding("failed_runs", vitals).measure.map(|m| m.value);
    assert_eq!(share(&tasks(&[("compact", &[])])), None);
    assert_eq!(share(&tasks(&[("compact", &[run(25, Ended::Failed)])])), None);
    assert_eq!(share(&tasks(&[("compact", &[run(1, Ended::Stopped)])])), None);
    let both = tasks(&[
        ("compact", &[run(30, Ended::Failed), run(3, Ended::Failed), run(2, Ended::Done)]),
        ("drain", &[run(3, Ended::Done), run(2, Ended::Stopped), run(1, Ended::Killed)]),
    ]);
    assert_eq!(share(&both), Some(0.5));
    assert_eq!(finding("failed_runs", &both).measure.unwrap().of.unwrap(), "2 of 4 runs");
    let mut many = vec![run(3, Ended::Failed); 50];
    many.extend(vec![run(2, Ended::Done); 95]);
    many.extend(vec![run(1, Ended::Failed); 5]);
    let five = tasks(&[("compact", &many)]);
    assert_eq!((share(&five), state("failed_runs", &five)), (Some(0.05), State::Ok));
    many.push(run(0, Ended::Failed));
    assert_eq!(state("failed_runs", &tasks(&[("compact", &many)])), State::Alert);
}

#[test]
fn a_success_ends_a_row_of_failures_and_a_run_that_goes_on_does_not() {
    let row = |runs: &[Run]| {
        finding("failed_in_a_row", &tasks(&[("drain", runs)])).measure.map(|m| m.value)
    };
    let going = Run { end: None, ..run(0, Ended::Done) };
    assert_eq!(row(std::slice::from_ref(&going)), None);
    assert_eq!(row(&[run(2, Ended::Failed), run(1, Ended::Done)]), Some(0.0));
    assert_eq!(row(&[run(2, Ended::Failed), run(1, Ended::Failed), going]), Some(2.0));
}

#[test]
fn a_compaction_that_never_succeeded_is_as_old_as_its_first_try() {
    let never = tasks(&[("compact", &[run(50, Ended::Failed), run(1, Ended::Killed)])]);
    assert_eq!(finding("compaction_age", &never).measure.unwrap().value, 50.0 * 3600.0);
    assert_eq!(state("compaction_age", &never), State::Alert);
}

#[test]
fn what_compaction_could_not_do_is_an_alert() {
    let path = Some("warehouse/bars/x.parquet".to_owned());
    let found = |damaged: Option<(u64, Option<String>)>| {
        state("damaged_files", &Vitals { damaged, ..Vitals::default() })
    };
    assert_eq!(found(Some((2, path))), State::Alert);
    assert_eq!([found(Some((0, None))), found(None)], [State::Ok, State::Unknown]);
    let kept = |tables: &[&str]| {
        let tables = tables.iter().map(|t| (*t).to_owned()).collect();
        finding("unproven_merges", &Vitals { unproven: Some(tables), ..Vitals::default() })
    };
    assert_eq!(kept(&[]).state, State::Ok);
    let alert = kept(&["bars", "ticks"]);
    assert_eq!(
        (alert.state, alert.measure.unwrap().of),
        (State::Alert, Some("table bars, ticks".into()))
    );
}

/// What is told of the spool's rows in turn, an hour apart; None: it is not known.
fn story(rows: &[Option<u64>], repeat_us: i64) -> Vec<&'static str> {
    let mut told = Told::default();
    let mut events = Vec::new();
    for (hour, rows) in rows.iter().enumerate() {
        let vitals = Vitals { spool_rows: *rows, ..Vitals::default() };
        let findings = judge(&vitals, |rule| rule.default.filter(|_| rule.name == "spool_rows"));
        let (notices, after) = notices(&told, &findings, hour as i64 * HOUR, repeat_us);
        events.push(notices.first().map_or("-", |notice| notice.event.word()));
        told = Told::from_json(&after.to_json());
        assert_eq!(told, after);
    }
    events
}

#[test]
fn changes_are_told_and_what_stands_now_and_then() {
    let (fine, bad) = (Some(0), Some(20_000));
    for (rows, repeat, events) in [
        (vec![fine, fine], 9, vec!["-", "-"]),
        (vec![bad, bad, bad, fine, fine], 9, vec!["fired", "-", "-", "cleared", "-"]),
        (vec![bad, bad, bad, bad, bad], 2, vec!["fired", "-", "repeated", "-", "repeated"]),
        (vec![bad, None, bad, None, fine], 9, vec!["fired", "-", "-", "-", "cleared"]),
        (vec![None, fine, bad, fine, bad], 9, vec!["-", "-", "fired", "cleared", "fired"]),
    ] {
        assert_eq!(story(&rows, repeat * HOUR), events, "{rows:?}");
    }
}

#[test]
fn what_was_not_told_is_told_the_next_time() {
    let vitals = Vitals { spool_rows: Some(20_000), ..Vitals::default() };
    let findings = judge(&vitals, |rule| rule.default);
    let before = Told::default();
    let (first, after) = notices(&before, &findings, HOUR, HOUR);
    // The way failed, and so its memory stayed.
    let (second, _) = notices(&before, &findings, 2 * HOUR, HOUR);
    assert_eq!((first[0].event, second[0].event), (Event::Fired, Event::Fired));
    // A rule that is off is forgotten, without a word.
    let off = judge(&vitals, |_| None);
    assert_eq!(notices(&after, &off, 2 * HOUR, HOUR), (vec![], Told::default()));
    assert_eq!(Told::from_json(&json!([{"a": 1}])), Told::default());
}
