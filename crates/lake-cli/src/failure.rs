//! What a command returns when it cannot do what was asked.
//!
//! As text: what failed, the causes numbered, one hint. With `--format json` or
//! `jsonl` the same is one JSON line on stderr instead, so that a script reads
//! the last line of stderr and never parses prose; stdout holds data only.

use std::error::Error;

use lake_core::kind::Kind;

use crate::Format;
use crate::render::{escape, json};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Decides the exit code and the HTTP status.
    pub kind: Kind,
    /// What failed: lower case, no full stop.
    pub message: String,
    /// Why, the outermost cause first.
    pub causes: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    pub fn new(kind: Kind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into(), causes: Vec::new(), hint: None }
    }

    pub fn bad_input(message: impl Into<String>) -> Failure {
        Failure::new(Kind::BadInput, message)
    }

    pub fn not_found(message: impl Into<String>) -> Failure {
        Failure::new(Kind::NotFound, message)
    }

    pub fn bug(message: impl Into<String>) -> Failure {
        Failure::new(Kind::Bug, message).hint(
            "this is a defect of the program: please report it with the command that shows it",
        )
    }

    /// The error is the message, its sources are the causes.
    pub fn from_error(kind: Kind, error: &dyn Error) -> Failure {
        let message = error.to_string();
        let causes = error.source().map(|source| causes(&message, source)).unwrap_or_default();
        Failure { kind, message, causes, hint: None }
    }

    /// Keeps the message and names the error and its sources as the causes.
    pub fn because(mut self, error: &dyn Error) -> Failure {
        let parent = self.causes.last().unwrap_or(&self.message);
        let more = causes(parent, error);
        self.causes.extend(more);
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// What stderr gets: whole lines.
    pub fn render(&self, format: Format) -> String {
        if format.is_json() { self.to_json() + "\n" } else { self.to_text() }
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        escape::push_lines(&mut text, "error: ", &self.message);
        for (i, cause) in self.causes.iter().enumerate() {
            escape::push_lines(&mut text, &format!("  {}: ", i + 1), cause);
        }
        if let Some(hint) = &self.hint {
            escape::push_lines(&mut text, "hint: ", hint);
        }
        text
    }

    /// `{"error": {"kind", "message", "causes", "hint", "exit_code"}}`, one line.
    pub fn to_json(&self) -> String {
        format!("{{\"error\":{{{}}}}}", self.json_fields())
    }

    pub(crate) fn json_fields(&self) -> String {
        let mut text = String::from("\"kind\":");
        json::push_text(&mut text, kind_name(self.kind));
        text.push_str(",\"message\":");
        json::push_text(&mut text, &self.message);
        text.push_str(",\"causes\":[");
        for (i, cause) in self.causes.iter().enumerate() {
            if i > 0 {
                text.push(',');
            }
            json::push_text(&mut text, cause);
        }
        text.push_str("],\"hint\":");
        match &self.hint {
            Some(hint) => json::push_text(&mut text, hint),
            None => text.push_str("null"),
        }
        text.push_str(&format!(",\"exit_code\":{}", self.kind.exit_code()));
        text
    }
}

/// The error and its sources, without those that the error above already spells out.
fn causes(parent: &str, error: &dyn Error) -> Vec<String> {
    let mut kept = Vec::new();
    let mut above = parent.to_string();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !above.contains(&text) {
            kept.push(text.clone());
        }
        above = text;
        next = error.source();
    }
    kept
}

/// The name of a kind in JSON, on stderr and over HTTP.
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::No => "no",
        Kind::BadInput => "bad_input",
        Kind::NotFound => "not_found",
        Kind::Busy => "busy",
        Kind::Conflict => "conflict",
        Kind::Expired => "expired",
        Kind::Damaged => "damaged",
        Kind::Newer => "newer",
        Kind::UnsafeFs => "unsafe_fs",
        Kind::Unknown => "unknown",
        Kind::Spooled => "spooled",
        Kind::DiskFull => "disk_full",
        Kind::Denied => "denied",
        Kind::Bug => "bug",
        Kind::Interrupted => "interrupted",
        Kind::ClosedPipe => "closed_pipe",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Link>>,
    }

    fn chain(texts: &[&'static str]) -> Link {
        let source = (texts.len() > 1).then(|| Box::new(chain(&texts[1..])));
        Link { text: texts[0], source }
    }

    #[test]
    fn causes_are_said_once() {
        let error = chain(&["cannot commit", "write log/7.e: no space", "no space", "os error 28"]);
        let failure = Failure::from_error(Kind::DiskFull, &error);
        assert_eq!(failure.message, "cannot commit");
        assert_eq!(failure.causes, ["write log/7.e: no space", "os error 28"]);

        let failure = Failure::bad_input("no such file").because(&chain(&["no such file", "deep"]));
        assert_eq!(failure.causes, ["deep"]);
    }

    #[test]
    fn text_is_message_causes_hint() {
        let failure = Failure::from_error(Kind::Busy, &chain(&["a\nb", "c", "d"])).hint("wait");
        assert_eq!(failure.render(Format::Csv), "error: a\n       b\n  1: c\n  2: d\nhint: wait\n");
    }

    #[test]
    fn text_cannot_drive_the_terminal() {
        let failure = Failure::not_found("no symbol \u{1b}[2J\u{202e}x");
        assert_eq!(failure.render(Format::Table), "error: no symbol \\u{1b}[2J\\u{202e}x\n");
    }

    #[test]
    fn json_is_one_line() {
        let failure = Failure::bad_input("line 3:\n\"x\"").hint("h");
        let text = failure.render(Format::Jsonl);
        assert_eq!(text.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"error": {"kind": "bad_input", "message": "line 3:\n\"x\"",
                "causes": [], "hint": "h", "exit_code": 2}})
        );
    }
}
