//! run and tasks: what is due is run once, whoever runs it and whatever dies meanwhile.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use lake_store::{Deadline, Root, Stopwatch};
use serde_json::{Value, json};

use crate::kit::{Running, Shell, lines};

const TASKS: [&str; 5] = ["compact", "drain", "health", "retain", "vacuum"];

fn history(shell: &Shell) -> Vec<Value> {
    let mut runs = shell.json(&["tasks", "history", "--limit", "1000"]);
    runs.as_array_mut().unwrap().drain(..).rev().collect()
}

fn sorted(runs: &[Value], what: &str) -> Vec<String> {
    let mut all: Vec<String> = runs.iter().map(|run| run[what].as_str().unwrap().into()).collect();
    all.sort();
    all
}

/// Never but for the first time: no test waits for a clock.
fn rarely(shell: &Shell) {
    rarely_with(shell, "disk_used = \"off\"");
}

fn rarely_with(shell: &Shell, alerts: &str) {
    let one = |task| format!("[tasks.{task}]\nat = \"0 0 29 2 *\"\n");
    let tasks: String = TASKS.into_iter().map(one).collect();
    shell.put("lake/lake.toml", &format!("{tasks}[alerts]\n{alerts}\n"));
}

#[test]
fn once_runs_what_is_due_and_no_more() {
    let shell = Shell::new();
    rarely(&shell);
    let list = shell.json(&["tasks", "list"]);
    assert_eq!(sorted(list.as_array().unwrap(), "task"), TASKS);
    assert_eq!((&list[0]["last_started"], &list[0]["last_outcome"]), (&json!(null), &json!(null)));
    assert_eq!(shell.json(&["status"])["last_vacuum"], json!(null));
    let said = shell.line("run --once --format json");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let receipts = lines(&said.out);
    assert_eq!(sorted(&receipts, "task"), TASKS);
    assert_eq!(sorted(&receipts, "outcome"), ["done"; TASKS.len()]);
    assert_eq!(lines(&shell.line("run --once").out), [] as [Value; 0]);
    let mut runs = history(&shell);
    for run in &mut runs {
        assert!(receipts.contains(run), "{run}");
    }
    let list = shell.json(&["tasks", "list"]);
    assert_eq!(list[0]["last_outcome"], "done");
    assert!(list[0]["next"].as_str().unwrap().ends_with("-02-29T00:00:00"), "{list}");
    let ran = runs.iter().find(|run| run["task"] == "vacuum").unwrap();
    assert_eq!(shell.json(&["status"])["last_vacuum"], ran["ended"]);
}

#[test]
fn what_was_missed_is_run_once_or_skipped() {
    let shell = Shell::new();
    // Runs of long ago, as their history tells.
    let past = "{\"started_us\":1600000000000000,\"ended_us\":1600000000000001,\
                \"outcome\":\"done\",\"message\":\"\",\"damaged\":0,\"host\":\"h\",\"pid\":1}\n";
    shell.json(&["tasks", "run", "compact"]);
    for task in TASKS {
        shell.put(&format!("lake/_lake/tasks/{task}.runs"), past);
    }
    let skip = "[tasks]\nmissed = \"skip\"\n";
    shell.put("lake/lake.toml", skip);
    let mut running = Running::start(shell.command(&["run"]));
    let mut note = String::new();
    std::io::BufRead::read_line(&mut running.err, &mut note).unwrap();
    assert!(
        note.starts_with("running drain, retain, compact, vacuum, health by the clock of UTC"),
        "{note}"
    );
    running.signal("-TERM");
    let (code, out, _) = running.wait();
    // Unless a minute of the schedule has come just now.
    assert!(code == Some(0) && (out.is_empty() || history(&shell).len() > TASKS.len()), "{out}");
    if out.is_empty() {
        assert_eq!(lines(&shell.line("run --once").out).len(), TASKS.len());
    }
}

#[test]
fn several_at_once_run_nothing_twice() {
    let shell = Shell::new();
    rarely(&shell);
    let start = || Running::start(shell.command(&["run", "--once"]));
    let all: Vec<Running> = (0..6).map(|_| start()).collect();
    let mut receipts = Vec::new();
    for running in all {
        let (code, out, err) = running.wait();
        assert_eq!(code, Some(0), "{err}");
        receipts.extend(lines(&out));
    }
    assert_eq!(sorted(&receipts, "task"), TASKS);
    assert_eq!(sorted(&history(&shell), "task"), TASKS);
}

#[test]
fn two_daemons_share_the_tasks() {
    let shell = Shell::new();
    rarely(&shell);
    let start = || Running::start(shell.command(&["run", "--log-format", "json"]));
    let daemons = [start(), start()];
    wait_until("each task has run", || {
        let runs = history(&shell);
        runs.len() == TASKS.len() && runs.iter().all(|run| run["outcome"] == "done")
    });
    for daemon in daemons {
        daemon.signal("-TERM");
        let (code, _, err) = daemon.wait();
        assert_eq!(code, Some(0), "{err}");
        assert!(lines(&err).iter().all(|line| line["level"] == "info"), "{err}");
    }
    assert_eq!(sorted(&history(&shell), "task"), TASKS);
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Deadline::after(Duration::from_secs(120));
    while !is_so() {
        assert!(!end.passed(), "in vain: {what}");
        std::thread::yield_now();
    }
}

/// A hook that says that it was begun and goes on until that is taken away: the task
/// health is at work for as long.
fn hanging(shell: &Shell) {
    let hook = "[\"sh\", \"-c\", \"echo > begun; while test -e begun; do sleep 0.05; done\"]";
    let text = format!("[alerts]\ndisk_used = 0\ntimeout = \"1h\"\ncommand = {hook}\n");
    shell.put("lake/lake.toml", &text);
}

fn begun(shell: &Shell) -> PathBuf {
    let file = shell.path("begun");
    wait_until("the hook", || file.exists());
    file
}

#[test]
fn a_task_at_work_is_left_alone_and_a_killed_one_holds_nothing() {
    let shell = Shell::new();
    hanging(&shell);
    let mut running = Running::start(shell.command(&["tasks", "run", "health"]));
    begun(&shell);
    let runs = history(&shell);
    assert_eq!((&runs[0]["outcome"], &runs[0]["ended"]), (&json!("running"), &json!(null)));
    let other = shell.line("tasks run health");
    assert_eq!(other.code, 3);
    assert!(other.err.contains("another process is at task health"), "{}", other.err);
    // The others go on, and of this one it is said.
    let once = shell.line("run --once");
    assert_eq!(once.code, 0, "{}", once.err);
    assert_eq!(sorted(&lines(&once.out), "task"), ["compact", "drain", "retain", "vacuum"]);

    running.child.kill().unwrap();
    running.child.wait().unwrap();
    let killed = history(&shell).into_iter().find(|run| run["task"] == "health").unwrap();
    assert_eq!(killed["outcome"], "killed");
    shell.put("lake/lake.toml", "alerts.disk_used = \"off\"\n");
    shell.json(&["tasks", "run", "health"]);
    let runs = shell.json(&["tasks", "history", "health"]);
    assert_eq!((&runs[0]["outcome"], &runs[1]["outcome"]), (&json!("done"), &json!("killed")));
    let failed = shell.json(&["tasks", "history", "--failed"]);
    assert_eq!((failed.as_array().unwrap().len(), &failed[0]["outcome"]), (1, &json!("killed")));
    drop(running);
}

const ROUNDS: u32 = 24;

/// Killed at any moment of a run: the history is readable, and the task runs again.
#[test]
fn a_daemon_killed_at_any_moment_leaves_no_lock_and_a_readable_history() {
    let shell = Shell::in_memory();
    // So that the moments lie between the beginning of a run and its end.
    let clock = Stopwatch::start();
    assert_eq!(shell.line("run --once").code, 0);
    let whole = clock.elapsed();
    for round in 0..ROUNDS {
        std::fs::remove_dir_all(shell.path("lake/_lake/tasks")).unwrap();
        let mut running = Running::start(shell.command(&["run", "--once"]));
        let moment = Deadline::after(whole * round / ROUNDS);
        while !moment.passed() {
            std::thread::yield_now();
        }
        running.child.kill().unwrap();
        running.child.wait().unwrap();
        let runs = history(&shell);
        assert!(runs.iter().all(|run| run["outcome"] != "running"), "{runs:?}");
        for task in TASKS {
            shell.json(&["tasks", "run", task]);
        }
        assert!(history(&shell).len() >= runs.len() + 4);
    }
}

#[test]
fn a_task_that_hangs_holds_no_other_up_and_sigterm_ends_all() {
    let shell = Shell::new();
    hanging(&shell);
    let mut running = Running::start(shell.command(&["run"]));
    let hook = begun(&shell);
    wait_until("the others", || {
        let runs = history(&shell);
        TASKS
            .iter()
            .filter(|task| **task != "health")
            .all(|task| runs.iter().any(|run| run["task"] == **task && run["outcome"] == "done"))
    });
    running.signal("-TERM");
    wait_until("it is taken", || {
        let status = format!("/proc/{}/status", running.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        status
            .lines()
            .any(|l| l.starts_with("ShdPnd:") && l.trim_end().ends_with("0000000000000000"))
    });
    // It waits for what is at work; a second one does not.
    running.signal("-TERM");
    wait_until("an end", || running.child.try_wait().unwrap().is_some());
    std::fs::remove_file(hook).unwrap();
    assert_eq!(running.wait().0, None);
}

#[test]
fn a_failed_task_ends_nobody_and_is_told() {
    let shell = Shell::new();
    rarely_with(&shell, "disk_used = 0\ncommand = [\"/no/such/program\"]");
    let mut running = Running::start(shell.command(&["run", "--log-format", "json"]));
    let receipts = TASKS.map(|_| running.receipt().unwrap());
    assert_eq!(sorted(&receipts, "task"), TASKS);
    running.signal("-TERM");
    let (code, _, err) = running.wait();
    assert_eq!(code, Some(0), "{err}");
    let outcomes: BTreeMap<&str, &str> = receipts
        .iter()
        .map(|run| (run["task"].as_str().unwrap(), run["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!((outcomes["health"], outcomes["compact"]), ("failed", "done"));
    let errors: Vec<Value> =
        lines(&err).into_iter().filter(|line| line["level"] == "error").collect();
    assert_eq!(errors.len(), 1);
    let text = errors[0]["message"].as_str().unwrap();
    assert!(text.starts_with("task health: cannot tell alerts.command: cannot start"), "{text}");
    let once = shell.line("tasks run health --format json");
    assert_eq!(once.code, 8);
}

#[test]
fn a_damaged_file_is_an_alert_until_it_is_whole_again() {
    let shell = Shell::new();
    shell.put("lake/lake.toml", "alerts.disk_used = \"off\"\n");
    shell.put("a.csv", "symbol,date,close\nA,2026-11-19,1\n");
    let key = ["--partition-by", "symbol", "--key", "symbol,date"];
    let schema = "symbol VARCHAR, date DATE, close DOUBLE";
    shell.json(&[&["create", "bars", "--schema", schema][..], &key].concat());
    for _ in 0..6 {
        shell.json(&["ingest", "bars", "a.csv", "--layout", "per-symbol"]);
    }
    let part = shell.path("lake/warehouse/bars/symbol=A");
    let file = std::fs::read_dir(part).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(shell.line("tasks run compact").code, 4);
    let alerts = &shell.json(&["status"])["alerts"];
    let rules: Vec<&str> =
        alerts.as_array().unwrap().iter().map(|alert| alert["rule"].as_str().unwrap()).collect();
    assert_eq!(rules, ["failed_runs", "damaged_files"]);
    assert_eq!(shell.line("health").code, 1);
    std::fs::write(&file, whole).unwrap();
    assert_eq!(shell.json(&["tasks", "run", "compact"])["outcome"], "done");
    let alerts = &shell.json(&["status"])["alerts"];
    assert_eq!(alerts.as_array().unwrap().len(), 1, "the run that failed is a day's");
}

#[test]
fn a_task_that_another_holds_is_passed_over_and_said_so() {
    let shell = Shell::new();
    rarely(&shell);
    let root = Root::open(&shell.path("lake")).unwrap();
    let mut turn = lake_maintain::runs::Turn::take(&root, "compact").unwrap().unwrap();
    turn.begin(1_500_000_000_000_000, "here".into(), 0).unwrap();
    let mut running = Running::start(shell.command(&["run", "--log-format", "json"]));
    let receipts: Vec<Value> = (1..TASKS.len()).map(|_| running.receipt().unwrap()).collect();
    assert_eq!(sorted(&receipts, "task"), ["drain", "health", "retain", "vacuum"]);
    running.signal("-TERM");
    let (code, _, err) = running.wait();
    assert_eq!(code, Some(0), "{err}");
    let said = err.matches("task compact: another process is at it").count();
    assert_eq!(said, 1, "{err}");
    drop(turn);
}

#[test]
fn what_is_not_known_is_refused() {
    let shell = Shell::new();
    shell.refused(&["tasks", "run", "backup"], "backup");
    shell.refused(&["tasks", "history", "backup"], "backup");
    shell.put("lake/lake.toml", "[tasks.compact]\nat = \"61 * * * *\"\n");
    for args in [&["run"][..], &["run", "--once"], &["tasks", "list"]] {
        shell.refused(args, "cannot use tasks.compact.at from lake.toml");
    }
    shell.put("lake/lake.toml", "");
    assert_eq!(Shell::bare().line("run").code, 2);
    assert_eq!(Shell::bare().line("tasks list").code, 2);
    assert_eq!(Shell::bare().line("tasks run compact").code, 2);
}
