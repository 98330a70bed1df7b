//! What may run: one statement, and a question. DuckDB's own parser decides where it
//! can: it writes the tree of SELECT-like statements as JSON and refuses all others.
//!
//! Two kinds that it refuses are let in by their first word, and only when the text has
//! no second statement: EXPLAIN of a question, and a PRAGMA that only tells.

use duckdb::Connection;
use serde_json::Value;

use crate::error::{EngineError, Result};

const HINT: &str = "lake-query reads; rows are written with lake-writer";

/// Pragmas that tell something and change nothing.
const PRAGMAS: [&str; 9] = [
    "COLLATIONS",
    "DATABASE_LIST",
    "DATABASE_SIZE",
    "FUNCTIONS",
    "SHOW",
    "SHOW_TABLES",
    "SHOW_TABLES_EXPANDED",
    "TABLE_INFO",
    "VERSION",
];

/// Words that begin a statement which may have a PIVOT in it, and those that write.
const ASKS: [&str; 5] = ["PIVOT", "UNPIVOT", "SELECT", "FROM", "WITH"];
const WRITES: [&str; 6] = ["COPY", "DELETE", "INSERT", "INTO", "MERGE", "UPDATE"];

/// Refuses what is not one question. Returns the question's parse tree; null of a PRAGMA.
pub(crate) fn check(connection: &Connection, sql: &str) -> Result<Value> {
    match parse(connection, sql)? {
        Parsed::Questions(tree) => match count(&tree) {
            0 => Err(EngineError::refused("there is no statement", HINT)),
            1 => Ok(tree),
            n => Err(EngineError::refused(
                format!("there are {n} statements; a query is one"),
                "run them one by one, or join them with UNION ALL or WITH",
            )),
        },
        // DuckDB runs such a one as two statements; prepared, it shows a part of them.
        Parsed::Other if pivots(trimmed(sql)) => Err(EngineError::refused(
            "the columns of this PIVOT depend on the data",
            "name them: PIVOT ... ON column IN ('a', 'b') USING ...",
        )),
        Parsed::Other => told(connection, sql)?.ok_or_else(|| {
            EngineError::refused("only one SELECT-like statement can be run here", HINT)
        }),
    }
}

enum Parsed {
    /// The tree of SELECT-like statements and no others.
    Questions(Value),
    Other,
}

fn parse(connection: &Connection, sql: &str) -> Result<Parsed> {
    let ask = "SELECT json_serialize_sql($1::VARCHAR)";
    let text: String = connection
        .prepare_cached(ask)
        .and_then(|mut ask| ask.query_row([sql], |row| row.get(0)))
        .map_err(|error| EngineError::of(&error, "/"))?;
    let tree: Value = serde_json::from_str(&text)
        .map_err(|error| EngineError::Internal(format!("unreadable parse tree: {error}")))?;
    if tree["error"] == Value::Bool(false) {
        if writes(&text) {
            return Ok(Parsed::Other);
        }
        return Ok(Parsed::Questions(tree));
    }
    if tree["error_type"] != "parser" && tree["error_type"] != "syntax" {
        return Ok(Parsed::Other);
    }
    // Nothing of a text that does not parse is run; preparing it tells the place.
    match connection.prepare(sql) {
        Err(error) => Err(EngineError::of(&error, "/")),
        Ok(_) => Ok(Parsed::Other),
    }
}

fn count(tree: &Value) -> usize {
    tree["statements"].as_array().map_or(0, Vec::len)
}

/// Whether a common table expression changes data. No literal of the user's looks
/// like this: in a tree its quotes have a backslash.
fn writes(tree: &str) -> bool {
    ["INSERT", "UPDATE", "DELETE", "MERGE"]
        .iter()
        .any(|word| tree.contains(&format!("\"type\":\"{word}_QUERY_NODE\"")))
}

/// The tree of what an EXPLAIN explains, null of a PRAGMA that tells; None: it is neither.
fn told(connection: &Connection, sql: &str) -> Result<Option<Value>> {
    let text = trimmed(sql);
    if text.contains(';') {
        return Ok(None);
    }
    let (first, rest) = first_word(text);
    Ok(match first.as_str() {
        "EXPLAIN" => match parse(connection, explained(rest))? {
            Parsed::Questions(tree) if count(&tree) == 1 => Some(tree),
            _ => None,
        },
        "PRAGMA" if PRAGMAS.contains(&first_word(rest).0.as_str()) && !rest.contains('=') => {
            Some(Value::Null)
        }
        _ => None,
    })
}

/// Whether it is an EXPLAIN, whose tree is of a part of the text.
pub(crate) fn explains(sql: &str) -> bool {
    first_word(trimmed(sql)).0 == "EXPLAIN"
}

/// Without line comments at the start, and without the last semicolon. A block
/// comment stays: whether it nests is DuckDB's to know, not ours.
fn trimmed(sql: &str) -> &str {
    let mut text = sql.trim();
    while let Some(comment) = text.strip_prefix("--") {
        text = comment.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
    }
    text.strip_suffix(';').unwrap_or(text).trim_end()
}

fn first_word(text: &str) -> (String, &str) {
    let text = text.trim_start();
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    (text[..end].to_uppercase(), &text[end..])
}

/// What stands after EXPLAIN and its options.
fn explained(rest: &str) -> &str {
    let (word, after) = first_word(rest);
    if word == "ANALYZE" {
        return explained(after);
    }
    if let Some((options, rest)) =
        rest.trim_start().strip_prefix('(').and_then(|r| r.split_once(')'))
        && ["FORMAT", "ANALYZE"].contains(&first_word(options).0.as_str())
    {
        return rest;
    }
    rest
}

fn pivots(text: &str) -> bool {
    let words: Vec<String> = text
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .map(str::to_uppercase)
        .collect();
    let has = |list: &[&str]| words.iter().any(|w| list.contains(&w.as_str()));
    ASKS.contains(&first_word(text).0.as_str()) && has(&["PIVOT", "PIVOT_WIDER"]) && !has(&WRITES)
}

#[cfg(test)]
mod tests;
