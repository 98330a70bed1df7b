//! Columns aligned by what a terminal shows, not by bytes.

use unicode_width::UnicodeWidthStr;

use super::Column;
use super::cell::Cell;
use super::escape;

/// Rows measured before the first is printed. Later rows keep these widths; a wider
/// cell pushes its own line only. So memory is bounded however long the table.
const MEASURED: usize = 1000;
const GAP: &str = "  ";

pub(super) struct Layout {
    numeric: Vec<bool>,
    widths: Vec<usize>,
    waiting: Vec<Vec<String>>,
    /// Lines above the rule.
    head: usize,
    streaming: bool,
}

impl Layout {
    pub(super) fn new(columns: &[Column]) -> Layout {
        let header = columns.iter().map(|column| escaped(&column.name)).collect();
        let mut layout = Layout {
            numeric: columns.iter().map(|column| column.numeric).collect(),
            widths: vec![0; columns.len()],
            waiting: Vec::new(),
            head: 1,
            streaming: false,
        };
        layout.hold(header);
        layout
    }

    /// With a second line above the rule: what is said of each column.
    pub(super) fn with_notes(columns: &[Column], notes: &[String]) -> Layout {
        let mut layout = Layout::new(columns);
        layout.hold(notes.iter().map(|note| escaped(note)).collect());
        layout.head = 2;
        layout
    }

    pub(super) fn row(&mut self, cells: &[Cell<'_>], out: &mut String) {
        let row: Vec<String> = cells.iter().map(shown).collect();
        if self.streaming {
            self.push_row(&row, out);
        } else {
            self.hold(row);
            if self.waiting.len() > MEASURED {
                self.release(out);
            }
        }
    }

    pub(super) fn finish(mut self, out: &mut String) {
        if !self.streaming {
            self.release(out);
        }
    }

    fn hold(&mut self, row: Vec<String>) {
        for (width, cell) in self.widths.iter_mut().zip(&row) {
            *width = (*width).max(cell.width());
        }
        self.waiting.push(row);
    }

    fn release(&mut self, out: &mut String) {
        self.streaming = true;
        for (i, row) in std::mem::take(&mut self.waiting).iter().enumerate() {
            self.push_row(row, out);
            if i + 1 == self.head {
                let rule: Vec<String> =
                    self.widths.iter().map(|width| "-".repeat(*width)).collect();
                self.push_row(&rule, out);
            }
        }
    }

    fn push_row(&self, row: &[String], out: &mut String) {
        let start = out.len();
        for (i, cell) in row.iter().enumerate() {
            if i > 0 {
                out.push_str(GAP);
            }
            let space = self.widths[i].saturating_sub(cell.width());
            let (before, after) = if self.numeric[i] { (space, 0) } else { (0, space) };
            out.extend(std::iter::repeat_n(' ', before));
            out.push_str(cell);
            out.extend(std::iter::repeat_n(' ', after));
        }
        let end = out[start..].trim_end_matches(' ').len();
        out.truncate(start + end);
        out.push('\n');
    }
}

/// One line a field: the names, then the values.
pub(super) fn push_fields(out: &mut String, columns: &[Column], cells: &[Cell<'_>]) {
    let names: Vec<String> = columns.iter().map(|column| escaped(&column.name)).collect();
    let width = names.iter().map(|name| name.width()).max().unwrap_or(0);
    for (name, cell) in names.iter().zip(cells) {
        out.push_str(name);
        out.extend(std::iter::repeat_n(' ', width - name.width()));
        out.push_str(GAP);
        out.push_str(&shown(cell));
        out.push('\n');
    }
}

/// NULL is visible, and the ticker NULL is not SQL's: as text it has quotes.
pub(super) fn shown(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Null => "NULL".into(),
        Cell::Text(text) if text == "NULL" => "'NULL'".into(),
        other => escaped(&other.plain()),
    }
}

pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape::push(&mut out, text);
    out
}
