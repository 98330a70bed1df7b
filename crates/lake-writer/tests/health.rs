//! health, the alerts in status, and who is told of them.

use serde_json::{Value, json};

use crate::kit::{Said, Shell};

fn bars() -> Shell {
    let shell = Shell::new();
    shell.put("a.csv", "symbol,date,close\nA,2026-11-19,1\nB,2026-11-20,3\n");
    let key = ["--partition-by", "symbol", "--key", "symbol,date"];
    let schema = "symbol VARCHAR, date DATE, close DOUBLE";
    shell.json(&[&["create", "bars", "--schema", schema][..], &key].concat());
    shell.json(&["ingest", "bars", "a.csv"]);
    shell
}

fn health(shell: &Shell) -> (i32, Vec<Value>) {
    let said = shell.run_as("jsonl", &["health"]);
    (said.code, crate::kit::lines(&said.out))
}

fn rule<'r>(rows: &'r [Value], name: &str) -> &'r Value {
    rows.iter().find(|row| row["rule"] == name).unwrap()
}

fn settings(shell: &Shell, text: &str) {
    // Whatever the disk of the machine that tests.
    shell.put("lake/lake.toml", &format!("alerts.disk_used = \"off\"\n{text}"));
}

#[test]
fn every_rule_is_shown_and_an_alert_exits_1() {
    let shell = bars();
    settings(&shell, "");
    let (code, rows) = health(&shell);
    assert_eq!((code, rows.len()), (0, 11));
    let states = |state: &str| rows.iter().filter(|row| row["state"] == state).count();
    assert_eq!((states("ok"), states("alert"), states("unknown"), states("off")), (6, 0, 3, 2));
    assert_eq!(rule(&rows, "spool_rows")["value"], 0);
    assert_eq!(rule(&rows, "disk_used")["state"], "off");
    assert!(rule(&rows, "disk_used")["value"].as_f64().is_some_and(|share| share > 0.0));
    assert_eq!(shell.json(&["status"])["alerts"], json!([]));

    settings(&shell, "alerts.increments = 0\n");
    let (code, rows) = health(&shell);
    assert_eq!(code, 1);
    let found = rule(&rows, "increments");
    assert_eq!(
        (&found["state"], &found["value"], &found["limit"]),
        (&json!("alert"), &json!(1), &json!(0))
    );
    assert!(found["of"].as_str().unwrap().starts_with("table bars"), "{found}");
    let alerts = &shell.json(&["status"])["alerts"];
    assert_eq!((alerts.as_array().unwrap().len(), &alerts[0]["rule"]), (1, &json!("increments")));
    let text = alerts[0]["message"].as_str().unwrap();
    assert!(text.contains("above 0: lake-writer compact"), "{text}");
    settings(&shell, "alerts.increments = \"many\"\n");
    shell.refused(&["health"], "alerts.increments is \"many\"");
}

#[test]
fn the_deepest_symbol_and_the_oldest_increment_are_named() {
    let shell = bars();
    shell.put("a.csv", "symbol,date,close\nB,2026-11-20,4\n");
    shell.json(&["ingest", "bars", "a.csv", "--layout", "per-symbol"]);
    shell.json(&["ingest", "bars", "a.csv", "--layout", "per-symbol"]);
    shell.json(&["ingest", "bars", "a.csv", "--layout", "packed"]);
    settings(&shell, "alerts.increment_age = \"0s\"\n");
    let rows = health(&shell).1;
    let deepest = rule(&rows, "increments");
    let own =
        shell.files("lake/warehouse/bars/symbol=B") + shell.files("lake/warehouse/bars/packed");
    assert_eq!((&deepest["value"], &deepest["of"]), (&json!(own), &json!("table bars, symbol B")));
    let oldest = rule(&rows, "increment_age");
    assert_eq!((&oldest["state"], &oldest["of"]), (&json!("alert"), &json!("table bars")));
}

#[test]
fn rejected_rows_count_for_a_day() {
    let shell = bars();
    shell.put("bad.csv", "symbol,date,close\nA,2026-11-19,x\nA,no,1\n");
    shell.json(&["ingest", "bars", "bad.csv", "--on-error", "quarantine"]);
    settings(&shell, "alerts.rejected_rows = 1\n");
    let rows = health(&shell).1;
    let found = rule(&rows, "rejected_rows");
    assert_eq!((&found["state"], &found["value"]), (&json!("alert"), &json!(2)));
}

#[test]
fn a_version_that_is_held_and_outdated_is_seen() {
    use lake_log::{Access, At, Lake};
    let shell = bars();
    settings(&shell, "alerts.lease_age = \"0s\"\n");
    let mut lake = Lake::open(&shell.path("lake"), Access::Read).unwrap();
    let held = lake.snapshot(At::Newest).unwrap();
    let version = held.version();
    assert_eq!(rule(&health(&shell).1, "lease_age")["state"], "ok");
    shell.json(&["ingest", "bars", "a.csv"]);
    let rows = health(&shell).1;
    let found = rule(&rows, "lease_age");
    assert_eq!(found["state"], "alert", "{found}");
    assert_eq!(found["of"], format!("version {version}"));
    drop(held);
    assert_eq!(rule(&health(&shell).1, "lease_age")["state"], "ok");
}

/// No alert of a full disk, nor of hooks that fail.
const QUIET: &str = "[alerts]\ndisk_used = \"off\"\nfailed_runs = \"off\"\n";

#[test]
fn the_hook_hears_of_changes_and_again_of_what_it_missed() {
    let shell = bars();
    let hook = "command = [\"sh\", \"-c\", \"cat >> heard; test ! -e broken\"]\n";
    let say = |limit: u64, repeat: &str| {
        let text = format!("[alerts]\nincrements = {limit}\nrepeat = \"{repeat}\"\n{hook}");
        shell.put("lake/lake.toml", &text.replace("[alerts]\n", QUIET));
    };
    let heard = |said: Said, code: i32| -> String {
        assert_eq!(said.code, code, "{}", said.err);
        let text = std::fs::read_to_string(shell.path("heard")).unwrap_or_default();
        let _ = std::fs::remove_file(shell.path("heard"));
        let all: Vec<Value> = crate::kit::lines(&text);
        let each = all.iter().flat_map(|told| told["alerts"].as_array().unwrap());
        let words = each.map(|one| format!("{} {}", one["event"], one["rule"]).replace('"', ""));
        words.collect::<Vec<_>>().join(", ")
    };
    let check = || shell.line("tasks run health");
    say(5, "4h");
    assert_eq!(heard(check(), 0), "");
    say(0, "4h");
    shell.put("broken", "");
    assert_eq!(heard(check(), 8), "fired increments", "and it failed");
    std::fs::remove_file(shell.path("broken")).unwrap();
    assert_eq!(heard(check(), 0), "fired increments", "so it is told again");
    assert_eq!(heard(check(), 0), "");
    // By hand nobody is told.
    assert_eq!(heard(shell.line("health"), 1), "");
    say(0, "0s");
    assert_eq!(heard(check(), 0), "repeated increments");
    say(5, "4h");
    assert_eq!(heard(check(), 0), "cleared increments");
    assert_eq!(heard(check(), 0), "");
    let runs = shell.json(&["tasks", "history", "health"]);
    let failed = runs.as_array().unwrap().iter().filter(|run| run["outcome"] == "failed");
    let failed: Vec<&str> = failed.map(|run| run["message"].as_str().unwrap()).collect();
    assert_eq!(failed.len(), 1);
    assert!(failed[0].starts_with("cannot tell alerts.command: it ended with"), "{failed:?}");
}

#[test]
fn a_web_server_is_told_too_and_each_remembers_for_itself() {
    use std::io::{Read, Write};
    let shell = bars();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let text = format!(
        "{QUIET}increments = 0\ncommand = [\"false\"]\n\
         webhook = \"http://127.0.0.1:{port}/x\"\n"
    );
    shell.put("lake/lake.toml", &text);
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut heard = Vec::new();
        while !heard.ends_with(b"}\n") {
            let mut part = [0; 1024];
            let n = stream.read(&mut part).unwrap();
            assert!(n > 0);
            heard.extend_from_slice(&part[..n]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        String::from_utf8(heard).unwrap()
    });
    assert_eq!(shell.line("tasks run health").code, 8, "the command failed");
    let heard = server.join().unwrap();
    assert!(heard.contains("\"event\":\"fired\""), "{heard}");
    // Nobody listens any more, and nobody has to: only the command is told again.
    let failure = shell.line("tasks run health").err;
    assert!(failure.contains("alerts.command") && !failure.contains("webhook"), "{failure}");
}
