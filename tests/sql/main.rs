//! SQL over sample lakes, as data: `lakes/*.lake` are made by the writer, `cases/*.test`
//! ask the reader.
//!
//! What is expected was not taken from the reader. It was computed by a plain DuckDB over
//! plain tables that held the same rows, or written by hand where versions, refusals and
//! changes are told.
//!
//! A file is records divided by empty lines; `#` begins a comment. Of a lake:
//! `file NAME` and the lines of that file, and `run` with the writer's arguments. Of a case:
//! `lake NAME` first, then (a row that is one NULL alone cannot be said: it is an empty line)
//!
//! - `query [at V]`, a statement, `----`, the answer as CSV;
//! - `ask ARGS`, `----`, what the reader prints, as CSV unless the arguments say otherwise;
//! - `error CODE [at V]`, a statement, `----`, words of the message, one a line;
//! - `refuse CODE ARGS`, `----`, words of the message.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test looks at the disk by itself and fails by panicking"
)]

mod lake;
mod script;

use std::path::{Path, PathBuf};

use lake::Lake;
use script::Record;

macro_rules! cases {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            run(stringify!($name));
        })*

        const CASES: &[&str] = &[$(stringify!($name)),*];
    };
}

cases! {
    aggregates changes dates errors events joins macros nested packs pivots
    schemas select strings subqueries symbols values windows
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sql").join(name)
}

/// Runs all records of a case and tells all that failed.
fn run(name: &str) {
    let text = std::fs::read_to_string(folder("cases").join(format!("{name}.test"))).unwrap();
    let mut records = script::records(&text).into_iter();
    let lake = match records.next() {
        Some(Record { words, .. }) if words[0] == "lake" => Lake::of(&words[1]),
        _ => panic!("{name}.test names no lake"),
    };
    let mut failures = Vec::new();
    let mut count = 0;
    for record in records {
        count += 1;
        if let Err(why) = check(&lake, &record) {
            failures.push(format!("{name}.test, line {}: {why}", record.line));
        }
    }
    assert!(count > 0, "{name}.test asks nothing");
    assert!(failures.is_empty(), "{} of {count} failed\n{}", failures.len(), failures.join("\n"));
}

fn check(lake: &Lake, record: &Record) -> Result<(), String> {
    let words: Vec<&str> = record.words.iter().map(String::as_str).collect();
    let sql = record.statement.as_str();
    match words[..] {
        ["query"] => answers(lake, &["sql", sql, "--format", "csv"], record),
        ["query", "at", at] => answers(lake, &["sql", sql, "--format", "csv", "--at", at], record),
        ["ask", ref args @ ..] if args.contains(&"--format") => answers(lake, args, record),
        ["ask", ref args @ ..] => answers(lake, &[args, &["--format", "csv"]].concat(), record),
        ["error", code] => refuses(lake, code, &["sql", sql], record),
        ["error", code, "at", at] => refuses(lake, code, &["sql", sql, "--at", at], record),
        ["refuse", code, ref args @ ..] => refuses(lake, code, args, record),
        _ => Err(format!("no record begins so: {words:?}")),
    }
}

fn answers(lake: &Lake, args: &[&str], record: &Record) -> Result<(), String> {
    let said = lake.query(args);
    match said.code == Some(0) && said.out.trim_end_matches('\n') == record.expected {
        true => Ok(()),
        false => Err(format!(
            "{args:?}\nexit code {:?} {}\n--- got\n{}\n--- expected\n{}",
            said.code, said.err, said.out, record.expected
        )),
    }
}

fn refuses(lake: &Lake, code: &str, args: &[&str], record: &Record) -> Result<(), String> {
    let said = lake.query(args);
    let missing = record.expected.lines().find(|word| !said.err.contains(word));
    match (said.code.map(|c| c.to_string()).as_deref() == Some(code), missing) {
        (true, None) if said.out.is_empty() => Ok(()),
        (_, missing) => Err(format!(
            "{args:?}\nexit code {:?}, expected {code}; missing {missing:?}\n{}{}",
            said.code, said.out, said.err
        )),
    }
}

#[test]
fn no_case_is_forgotten() {
    let mut names: Vec<String> = std::fs::read_dir(folder("cases"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let listed: Vec<String> = CASES.iter().map(|name| format!("{name}.test")).collect();
    assert_eq!(names, listed);
}
