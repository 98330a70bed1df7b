//! What stderr is told, as text for people or as one JSON object a line.
//!
//! A line of JSON has `at` (UTC), `level` and `message`; an error has the fields of
//! [`Failure`] beside them, a progress line those of [`Tally`].

use std::ffi::OsString;

use lake_core::value::timestamp_text;

use crate::render::{escape, json};
use crate::{Failure, Format, Tally};

/// Microseconds since 1970, UTC. It is passed in: the clock is not this crate's.
pub type Clock = fn() -> i64;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Text for people; with --format json or jsonl an error is {"error": {...}}
    #[default]
    Text,
    /// One object a line: at (UTC), level (info, warn, error, progress), message; an error
    /// also has kind, causes, hint, exit_code
    Json,
}

impl LogFormat {
    /// What a command line that cannot be parsed says of it, as far as can be seen.
    pub(crate) fn guess(args: &[OsString], variable: Option<String>) -> LogFormat {
        let value = |(at, word): (usize, &OsString)| {
            let word = word.to_string_lossy();
            match word.strip_prefix("--log-format")? {
                "" => args.get(at + 1).map(|next| next.to_string_lossy().into_owned()),
                rest => rest.strip_prefix('=').map(str::to_owned),
            }
        };
        match args.iter().enumerate().rev().find_map(value).or(variable).as_deref() {
            Some("json") => LogFormat::Json,
            _ => LogFormat::Text,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Info,
    Warn,
}

/// How lines are written.
#[derive(Clone, Copy)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    pub(crate) clock: Clock,
}

impl Log {
    pub(crate) fn is_json(&self) -> bool {
        self.format == LogFormat::Json
    }

    pub(crate) fn say(&self, level: Level, text: &str) -> String {
        let mut line = String::new();
        match (self.format, level) {
            (LogFormat::Text, Level::Info) => escape::push_lines(&mut line, "", text),
            (LogFormat::Text, Level::Warn) => escape::push_lines(&mut line, "warning: ", text),
            (LogFormat::Json, Level::Info) => line = self.object("info", &message(text)),
            (LogFormat::Json, Level::Warn) => line = self.object("warn", &message(text)),
        }
        line
    }

    /// `format` is that of the data: who reads JSON there has always got it here.
    pub(crate) fn fail(&self, failure: &Failure, format: Format) -> String {
        match self.format {
            LogFormat::Text => failure.render(format),
            LogFormat::Json => self.object("error", &failure.json_fields()),
        }
    }

    pub(crate) fn progress(&self, tally: &Tally) -> String {
        self.object("progress", &(message(&tally.to_string()) + "," + &tally.json_fields()))
    }

    fn object(&self, level: &str, fields: &str) -> String {
        let at = timestamp_text((self.clock)());
        format!("{{\"at\":\"{at}Z\",\"level\":\"{level}\",{fields}}}\n")
    }
}

fn message(text: &str) -> String {
    let mut field = String::from("\"message\":");
    json::push_text(&mut field, text.trim_end());
    field
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;

    const LOG: Log = Log { format: LogFormat::Json, clock: || 1_763_650_800_000_123 };

    fn parsed(line: &str) -> Value {
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        serde_json::from_str(line).unwrap()
    }

    #[test]
    fn a_line_has_time_level_and_message() {
        let at = "2025-11-20T15:00:00.000123Z";
        let line = parsed(&LOG.say(Level::Info, "two\nlines \"\u{1b}[1m\n"));
        assert_eq!(line, json!({"at": at, "level": "info", "message": "two\nlines \"\u{1b}[1m"}));
        assert_eq!(parsed(&LOG.say(Level::Warn, "w"))["level"], "warn");
        let line = LOG.fail(&Failure::bad_input("no").hint("h"), Format::Json);
        let want = json!({"at": at, "level": "error", "kind": "bad_input", "message": "no",
            "causes": [], "hint": "h", "exit_code": 2});
        assert_eq!(parsed(&line), want);
    }

    #[test]
    fn progress_is_said_in_words_and_figures() {
        let tally = Tally {
            elapsed: Duration::from_secs(10),
            rows: 25_000_000,
            rejected: 3,
            bytes: 1_000_000_000,
            share: Some(0.5),
            stage: None,
        };
        let want = json!({"at": "2025-11-20T15:00:00.000123Z", "level": "progress",
            "message": "25.0 M rows  50 %  100 MB/s  ETA 0:10  3 rejected", "rows": 25_000_000,
            "rejected": 3, "bytes": 1_000_000_000, "percent": 50, "elapsed_ms": 10_000,
            "eta_ms": 10_000});
        assert_eq!(parsed(&LOG.progress(&tally)), want);
        let unknown = parsed(&LOG.progress(&Tally::default()));
        assert!(unknown["percent"].is_null() && unknown["eta_ms"].is_null(), "{unknown}");
    }

    #[test]
    fn a_wrong_command_line_is_asked_for_its_log() {
        let guess = |line: &str, variable: Option<&str>| {
            let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            LogFormat::guess(&args, variable.map(str::to_owned))
        };
        for (line, variable, want) in [
            ("p go", None, LogFormat::Text),
            ("p go", Some("json"), LogFormat::Json),
            ("p --log-format json go", None, LogFormat::Json),
            ("p go --log-format=json", None, LogFormat::Json),
            ("p go --log-format=text", Some("json"), LogFormat::Text),
            ("p --log-format json --log-format text", None, LogFormat::Text),
            ("p go --log-format", None, LogFormat::Text),
            ("p go --log-formatjson", None, LogFormat::Text),
        ] {
            assert_eq!(guess(line, variable), want, "{line} {variable:?}");
        }
    }
}
