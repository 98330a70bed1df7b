//! A table in GitHub's Markdown, one line a row: what could be markup, or end the
//! cell, has a backslash.

use super::Column;
use super::cell::Cell;
use super::table::{escaped, shown};

pub(super) fn push_head(out: &mut String, columns: &[Column]) {
    push_line(out, columns.iter().map(|column| escaped(&column.name)));
    for column in columns {
        out.push_str(if column.numeric { "| ---: " } else { "| --- " });
    }
    out.push_str("|\n");
}

pub(super) fn push_row(out: &mut String, cells: &[Cell<'_>]) {
    push_line(out, cells.iter().map(shown));
}

fn push_line(out: &mut String, cells: impl Iterator<Item = String>) {
    for cell in cells {
        out.push_str("| ");
        push_text(out, &cell);
        out.push(' ');
    }
    out.push_str("|\n");
}

fn push_text(out: &mut String, text: &str) {
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        // Within a word it is no markup, and names are full of them.
        let joins = before.is_alphanumeric() && rest.peek().is_some_and(|c| c.is_alphanumeric());
        if matches!(c, '\\' | '|' | '`' | '*' | '<' | '[' | '~' | '&') || (c == '_' && !joins) {
            out.push('\\');
        }
        out.push(c);
        before = c;
    }
}
