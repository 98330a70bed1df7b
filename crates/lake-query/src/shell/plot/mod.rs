//! `.plot`: a result as lines on the terminal.

mod canvas;
mod chart;
mod gather;
mod scale;

use lake_cli::Failure;

pub(super) use gather::chart;

/// `[COLUMN, ...] [BY COLUMN] [QUERY]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    /// What is drawn; none: all numbers.
    columns: Vec<String>,
    /// What runs from left to right.
    by: Option<String>,
    /// None: that of the last result.
    pub(super) sql: Option<String>,
}

/// Words that begin a query. A column of such a name needs quotes.
const ASKS: [&str; 10] = [
    "CALL",
    "DESCRIBE",
    "FROM",
    "PIVOT",
    "SELECT",
    "SUMMARIZE",
    "TABLE",
    "UNPIVOT",
    "VALUES",
    "WITH",
];

impl Request {
    pub(super) fn parse(text: &str) -> Result<Request, Failure> {
        let mut request = Request::default();
        let mut rest = text.trim();
        if !asks(rest) {
            while !rest.is_empty() && !asks(rest) && !begins(rest, "BY") {
                let (name, after) = name(rest)?;
                request.columns.push(name);
                rest = match after.strip_prefix(',') {
                    Some(more) => more.trim_start(),
                    None => after,
                };
                if !after.starts_with(',') {
                    break;
                }
            }
            if begins(rest, "BY") {
                let (name, after) = name(rest[2..].trim_start())?;
                (request.by, rest) = (Some(name), after);
            }
        }
        if !rest.is_empty() && !asks(rest) {
            return Err(refused(format!("{rest:?} is no query")));
        }
        request.sql = Some(rest.to_owned()).filter(|sql| !sql.is_empty());
        Ok(request)
    }
}

fn refused(message: String) -> Failure {
    Failure::bad_input(message).hint("as in: .plot close BY date FROM bars WHERE symbol = 'A'")
}

fn asks(text: &str) -> bool {
    text.starts_with('(') || ASKS.iter().any(|word| begins(text, word))
}

fn begins(text: &str, word: &str) -> bool {
    let (first, rest) = text.split_at(text.find(|c| !is_word(c)).unwrap_or(text.len()));
    first.eq_ignore_ascii_case(word) && !rest.starts_with(',')
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The name that a text begins with, and what follows.
fn name(text: &str) -> Result<(String, &str), Failure> {
    if let Some(inner) = text.strip_prefix('"') {
        let mut name = String::new();
        let mut chars = inner.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if c == '"' && chars.next_if(|(_, next)| *next == '"').is_none() {
                return Ok((name, inner[at + 1..].trim_start()));
            }
            name.push(c);
        }
        return Err(refused(format!("the name {text} has no end")));
    }
    let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
    match end {
        0 => Err(refused(format!("a column is wanted before {text:?}"))),
        end => Ok((text[..end].to_owned(), text[end..].trim_start())),
    }
}

#[cfg(test)]
mod tests;
