//! What the program says beside its data: notes, progress and logs, at a terminal and
//! away from one.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use nix::pty::{Winsize, openpty};
use serde_json::{Value, json};

use crate::kit::{Said, Shell};

/// A lake with an empty table t, and good and bad rows for it.
fn table() -> Shell {
    let shell = Shell::new();
    shell.put("good.csv", "a,b\n1,x\n2,y\n");
    shell.put("bad.csv", "a,b\n1,x\nz,y\n");
    shell.json(&["create", "t", "--schema", "a BIGINT, b VARCHAR"]);
    shell
}

fn version(shell: &Shell) -> Value {
    shell.json(&["status"])["version"].clone()
}

#[test]
fn every_line_of_a_json_log_is_an_object() {
    let shell = table();
    for (line, code, levels) in [
        ("ingest t good.csv --log-format json", 0, "info"),
        ("ingest new good.csv --key a --log-format json", 0, "info info"),
        ("ingest t bad.csv --on-error quarantine --log-format json", 0, "info"),
        ("ingest t bad.csv --log-format json", 2, "error"),
        ("ingest t bad.csv --log-format json --quiet --format jsonl", 2, "error"),
        ("ingest t good.csv --log-format=json --quiet", 0, ""),
        ("ingest-many t=good.csv new=good.csv --log-format json", 0, "info"),
        ("--log-format json ingest", 2, "error"),
        ("ingest t good.csv --log-format=json --fly", 2, "error"),
        ("--log-format json status", 0, ""),
    ] {
        let said = shell.line(line);
        assert_eq!(said.code, code, "{line}: {}", said.err);
        let log = said.log();
        let found: Vec<&str> = log.iter().filter_map(|entry| entry["level"].as_str()).collect();
        assert_eq!(found.join(" "), levels, "{line}");
        for entry in &log {
            let at = entry["at"].as_str().unwrap();
            assert!(at.starts_with("20") && at.ends_with('Z') && at.contains('T'), "{at}");
            assert!(entry["message"].as_str().is_some_and(|text| !text.is_empty()), "{entry}");
            assert_eq!(entry["exit_code"].as_i64().unwrap_or(0), i64::from(code), "{entry}");
        }
    }
    let error = &shell.line("ingest nope good.csv --log-format json").log()[0];
    assert_eq!((&error["kind"], &error["exit_code"]), (&json!("not_found"), &json!(2)));
    let done = shell.line("ingest t bad.csv --on-error quarantine --log-format json").log();
    let text = done[0]["message"].as_str().unwrap();
    assert!(text.starts_with("2 rows in "), "{text}");
    assert!(text.ends_with(", 1 rejected (see lake-writer quarantine list), version 8"), "{text}");
}

#[test]
fn a_log_is_asked_for_by_flag_or_variable() {
    let shell = table();
    let with = |line: &str, variable: &str| {
        let args: Vec<&str> = line.split(' ').collect();
        Said::of(shell.command(&args).env("LAKE_LOG_FORMAT", variable))
    };
    assert_eq!(with("ingest t no.csv", "json").log()[0]["level"], "error");
    assert_eq!(with("ingest t --fly", "json").log()[0]["level"], "error");
    let text = with("ingest t no.csv --log-format text", "json").err;
    assert!(text.starts_with("error: cannot open no.csv"), "{text}");
    assert_eq!(with("status", "xml").code, 2);
    // As it always was: an error follows the format of the data, a script hears no summary.
    let error = shell.line("ingest t no.csv --format json").log();
    assert_eq!((error.len(), &error[0]["error"]["exit_code"]), (1, &json!(2)));
    assert_eq!(shell.line("ingest t good.csv --format json").err, "");
    let text = shell.line("ingest t --fly").err;
    assert!(text.starts_with("error: unexpected argument '--fly'"), "{text}");
}

#[test]
fn a_dry_run_says_what_it_did_not_do() {
    let shell = table();
    let before = version(&shell);
    for line in [
        "ingest t good.csv --dry-run --format json",
        "ingest t bad.csv --dry-run --format json --on-error quarantine",
        "ingest-many t=good.csv --dry-run --format json",
    ] {
        let dry = shell.line(line);
        assert_eq!((dry.code, dry.err.as_str()), (0, "dry run: nothing was committed\n"), "{line}");
        let receipt: Value = serde_json::from_str(&dry.out).unwrap();
        let receipt = receipt.get("tables").map_or(&receipt, |tables| &tables[0]);
        let rejected = u64::from(line.contains("bad"));
        for (field, want) in [
            ("rows_in", 2),
            ("rows_written", 2 - rejected),
            ("rows_rejected", rejected),
            ("segments", 1),
        ] {
            assert_eq!(receipt[field], want, "{line}: {field}");
        }
        assert_eq!(version(&shell), before, "{line}");
        assert_eq!(shell.line("quarantine list --format csv").out.lines().count(), 1, "{line}");
    }
    assert_eq!(shell.line("ingest t good.csv --dry-run --quiet").err, "");
    let bad = shell.line("ingest t bad.csv --dry-run");
    assert_eq!((bad.code, bad.out.as_str()), (2, ""), "{}", bad.err);
    let unmade = shell.line("ingest new good.csv --key a --dry-run");
    assert_eq!(unmade.code, 2);
    assert!(unmade.err.contains("--dry-run makes none"), "{}", unmade.err);
    assert_eq!(version(&shell), before, "a dry run made a table");
}

/// A program that reads rows from a stdin held open, and what its stderr got.
struct Waiting {
    child: Child,
    chunks: Receiver<String>,
    text: String,
}

impl Waiting {
    fn start(shell: &Shell, more: &[&str], term: &str, terminal: bool) -> Waiting {
        let args = [&["ingest", "t", "-", "--input-format", "csv"], more].concat();
        let mut command = shell.command(&args);
        command.env("TERM", term).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut side: Option<File> = None;
        if terminal {
            let size = Winsize { ws_row: 24, ws_col: 40, ws_xpixel: 0, ws_ypixel: 0 };
            let pty = openpty(&size, None).unwrap();
            command.stderr(Stdio::from(pty.slave));
            side = Some(pty.master.into());
        } else {
            command.stderr(Stdio::piped());
        }
        let mut child = command.spawn().unwrap();
        // Its end of the terminal is then the only one.
        drop(command);
        let rows = "a,b\n1,x\n2,y\n3,z\n";
        child.stdin.as_mut().unwrap().write_all(rows.as_bytes()).unwrap();
        let err: Box<dyn Read + Send> = match side {
            Some(side) => Box::new(side),
            None => Box::new(child.stderr.take().unwrap()),
        };
        Waiting { child, chunks: chunks(err), text: String::new() }
    }

    fn wait_for(&mut self, word: &str) {
        while !self.text.contains(word) {
            let more = self.chunks.recv_timeout(Duration::from_secs(60));
            assert!(more.is_ok(), "no {word:?} in {:?}", self.text);
            self.text += &more.unwrap();
        }
    }

    /// Lets it read to the end; all that its stderr got.
    fn end(mut self) -> String {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
        self.text.extend(self.chunks.iter());
        self.text
    }
}

/// What comes, until the other side is closed (a terminal says so by an error).
fn chunks(mut from: impl Read + Send + 'static) -> Receiver<String> {
    let (to, chunks) = channel();
    std::thread::spawn(move || {
        let mut block = [0; 4096];
        while let Ok(n @ 1..) = from.read(&mut block) {
            let _ = to.send(String::from_utf8_lossy(&block[..n]).into_owned());
        }
    });
    chunks
}

#[test]
fn a_terminal_sees_progress_and_nobody_else() {
    let shell = table();
    let mut others = [
        Waiting::start(&shell, &[], "xterm", false),
        Waiting::start(&shell, &["--quiet"], "xterm", true),
        Waiting::start(&shell, &[], "dumb", true),
    ];
    let mut watched = Waiting::start(&shell, &[], "xterm", true);
    watched.wait_for("\r  3 rows");
    // The others began before it and would have said something by now.
    for other in &mut others {
        other.text.extend(other.chunks.try_iter());
        assert_eq!(other.text, "");
    }
    let text = watched.end();
    let (drawn, left) = text.rsplit_once("\x1b[K").unwrap();
    assert!(!drawn.contains('\n') && drawn.contains(" B/s"), "{text:?}");
    assert!(left.starts_with("3 rows in ") && left.contains(", version "), "{text:?}");
    let [piped, quiet, dumb] = others.map(Waiting::end);
    assert_eq!((piped.as_str(), quiet.as_str()), ("", ""));
    assert!(dumb.starts_with("3 rows in ") && !dumb.contains('\x1b'), "{dumb:?}");
}
