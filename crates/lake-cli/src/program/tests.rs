use std::io;
use std::sync::{Arc, Mutex};

use clap::Parser;

use super::*;
use crate::Format;

/// A stream that keeps what it gets, or fails.
#[derive(Clone, Default)]
struct Pipe {
    bytes: Arc<Mutex<Vec<u8>>>,
    broken: Option<io::ErrorKind>,
}

impl Pipe {
    fn broken(kind: io::ErrorKind) -> Pipe {
        Pipe { broken: Some(kind), ..Pipe::default() }
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(kind) = self.broken {
            return Err(kind.into());
        }
        self.bytes.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Ended {
    code: u8,
    out: String,
    err: String,
}

fn run_with(
    format: Format,
    out: Pipe,
    run: impl FnOnce(&mut Console) -> Result<Outcome, Failure>,
) -> Ended {
    let err = Pipe::default();
    let mut console = Console::with(format, false, Box::new(out.clone()), Box::new(err.clone()));
    let code = conclude(&mut console, run);
    Ended { code, out: out.text(), err: err.text() }
}

fn run(run: impl FnOnce(&mut Console) -> Result<Outcome, Failure>) -> Ended {
    run_with(Format::Table, Pipe::default(), run)
}

#[test]
fn outcomes_and_failures_have_their_codes() {
    assert_eq!(run(|_| Ok(Outcome::Done)).code, 0);
    assert_eq!(run(|_| Ok(Outcome::No)).code, 1);
    assert_eq!(run(|_| Ok(Outcome::Spooled)).code, 7);
    let ended = run(|console| {
        console.out.line("data")?;
        Err(Failure::new(Kind::Expired, "version 4 is gone").hint("take a newer one"))
    });
    assert_eq!(ended.code, 3);
    assert_eq!(ended.out, "data\n");
    assert_eq!(ended.err, "error: version 4 is gone\nhint: take a newer one\n");
}

#[test]
fn a_closed_pipe_is_silent_success() {
    let pipe = || Pipe::broken(io::ErrorKind::BrokenPipe);
    let small = run_with(Format::Table, pipe(), |console| {
        console.out.line("fits the buffer").map(|()| Outcome::No)
    });
    assert_eq!((small.code, small.err.as_str()), (0, ""));
    let large = run_with(Format::Table, pipe(), |console| {
        console.out.text(&"x".repeat(1 << 20))?;
        unreachable!("nobody reads any more");
    });
    assert_eq!((large.code, large.err.as_str()), (0, ""));
}

#[test]
fn a_full_disk_under_stdout_is_not_silent() {
    let full = || Pipe::broken(io::ErrorKind::StorageFull);
    let before =
        run_with(Format::Table, full(), |console| console.out.line("rows").map(|()| Outcome::Done));
    assert_eq!(before.code, 8);
    assert!(before.err.starts_with("error: cannot write to stdout\n  1: "), "{}", before.err);
    let after = run_with(Format::Table, full(), |console| {
        console.out.committed();
        console.out.line("receipt").map(|()| Outcome::Done)
    });
    assert_eq!(after.code, 6, "code 8 would claim that nothing was done");
}

#[test]
fn a_failure_is_reported_although_the_pipe_closed() {
    let ended = run_with(Format::Table, Pipe::broken(io::ErrorKind::BrokenPipe), |console| {
        console.out.line("first rows")?;
        Err(Failure::new(Kind::Damaged, "a segment is damaged"))
    });
    assert_eq!((ended.code, ended.err.as_str()), (4, "error: a segment is damaged\n"));
}

#[test]
fn a_panic_is_a_bug() {
    let ended = run(|_| panic!("index {} out of range", 7));
    assert_eq!(ended.code, 70);
    assert!(ended.err.contains("panicked: index 7 out of range"), "{}", ended.err);
    assert!(ended.err.contains("please report it"), "{}", ended.err);
}

#[test]
fn errors_follow_the_format() {
    let ended = run_with(Format::Json, Pipe::default(), |_| Err(Failure::bad_input("no")));
    let value: serde_json::Value = serde_json::from_str(&ended.err).unwrap();
    assert_eq!(value["error"]["exit_code"], 2);
    assert_eq!(ended.out, "");
}

#[test]
fn quiet_drops_notes_and_keeps_warnings() {
    let err = Pipe::default();
    let (out, to) = (Box::new(Pipe::default()), Box::new(err.clone()));
    let mut console = Console::with(Format::Table, true, out, to);
    console.note("waiting for the commit lock");
    console.warn("a leftover \u{1b}[1m");
    assert_eq!(err.text(), "warning: a leftover \\u{1b}[1m\n");
}

/// A console with its stderr; the words say what it is.
fn console(words: &str) -> (Console, Pipe) {
    let err = Pipe::default();
    let quiet = words.contains("quiet");
    let to = Box::new(err.clone());
    let mut console = Console::with(Format::Json, quiet, Box::new(Pipe::default()), to);
    if words.contains("terminal") {
        console = console.at_a_terminal(!words.contains("dumb"));
    }
    (if words.contains("log") { console.logging() } else { console }, err)
}

#[test]
fn a_summary_and_progress_are_for_those_who_look_on() {
    for (words, summary, progress) in [
        ("pipe", "", false),
        ("terminal", "12 rows\n", true),
        ("dumb terminal", "12 rows\n", false),
        ("quiet terminal", "", false),
        ("log", "info", true),
        ("log on a dumb terminal", "info", true),
        ("quiet log", "", false),
    ] {
        let (mut console, err) = console(words);
        assert_eq!(console.shows_progress(), progress, "{words}");
        console.summary("12 rows");
        match summary {
            "info" => assert!(err.text().contains("\"level\":\"info\""), "{words}"),
            text => assert_eq!(err.text(), text, "{words}"),
        }
    }
}

#[test]
fn every_line_of_a_log_is_json() {
    let (mut console, err) = console("log");
    console.note("a note\nof two lines");
    console.warn("a leftover \u{1b}[1m");
    let code = conclude(&mut console, |_| Err(Failure::new(Kind::Busy, "locked").hint("wait")));
    let text = err.text();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let levels: Vec<&str> = lines.iter().filter_map(|line| line["level"].as_str()).collect();
    assert_eq!((code, levels.as_slice()), (3, &["info", "warn", "error"][..]));
    assert_eq!(lines[0]["message"], "a note\nof two lines");
    assert_eq!(
        (lines[2]["kind"].as_str(), lines[2]["exit_code"].as_u64()),
        (Some("busy"), Some(3))
    );
}

#[test]
fn what_the_parser_says_can_be_a_failure() {
    let error = Sample::try_parse_from(["sample", "go", "--formt"]).unwrap_err();
    let failure = usage(&error);
    assert_eq!(failure.message, "unexpected argument '--formt' found");
    let hint = failure.hint.as_deref().unwrap();
    assert!(hint.starts_with("tip: ") && hint.contains("Usage:"), "{hint:?}");
    assert_eq!(i32::from(failure.kind.exit_code()), error.exit_code());
}

#[derive(Debug, Parser)]
#[command(name = "sample")]
struct Sample {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Go,
    Ask {
        #[arg(id = "format", long, value_parser = Form::parser(), default_value = "table")]
        form: Form,
    },
}

#[test]
fn a_form_is_taken_where_the_help_shows_it() {
    let parsed =
        |line: &str| parse::<Sample>(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
    for line in ["sample --format parquet ask", "sample ask --format parquet"] {
        let (sample, asked) = parsed(line).unwrap();
        assert!(matches!(sample.command, Command::Ask { form: Form::Parquet }), "{line}");
        assert_eq!((sample.global.format, asked), (Form::Parquet, true), "{line}");
    }
    let (sample, asked) = parsed("sample ask").unwrap();
    assert_eq!((sample.global.format, asked), (Form::Table, false));
    for line in ["sample --format parquet go", "sample go --format parquet"] {
        let error = parsed(line).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
        let text = error.to_string();
        assert!(text.contains("go does not print parquet") && text.contains("jsonl"), "{text}");
    }
    let help = |line| parsed(line).unwrap_err().to_string();
    assert!(help("sample ask --help").contains("xlsx"));
    assert!(!help("sample go --help").contains("xlsx"));
    assert!(!help("sample --help").contains("xlsx"));
    assert!(!help("sample go --format nope").contains("xlsx"));
}

#[test]
fn global_flags_stand_on_either_side() {
    for line in [
        "sample --lake /l --format jsonl --quiet go",
        "sample go --lake /l --format jsonl --quiet",
        "sample --lake /l go -q --format jsonl",
        "sample --format csv --lake /x go --lake /l --format jsonl -q",
    ] {
        let parsed = Sample::try_parse_from(line.split(' ')).unwrap();
        assert!(matches!(parsed.command, Command::Go));
        assert_eq!(parsed.global.lake.to_str(), Some("/l"), "{line}");
        assert_eq!(parsed.global.format, Form::Jsonl, "{line}");
        assert!(parsed.global.quiet, "{line}");
    }
    let parsed = Sample::try_parse_from(["sample", "go"]).unwrap();
    assert_eq!(parsed.global.lake.to_str(), Some("./data/lake"));
    assert_eq!(parsed.global.format, Form::Table);
    assert!(!parsed.global.quiet);
}

#[test]
fn help_tells_the_variables_but_not_their_values() {
    let help = Sample::try_parse_from(["sample", "--help"]).unwrap_err();
    assert_eq!(help.exit_code(), 0);
    let text = help.to_string();
    for name in crate::env::ALL {
        assert!(text.contains(&format!("[env: {name}]")), "{name}: {text}");
    }
    assert_eq!(Sample::try_parse_from(["sample", "fly"]).unwrap_err().exit_code(), 2);
}
