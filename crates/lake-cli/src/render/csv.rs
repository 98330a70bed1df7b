//! CSV cells after RFC 4180. NULL is empty and the empty string is `""`, so that
//! what is read back is what was there.

use super::cell::Cell;

/// What stands between the cells, and whether a line of names comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Csv {
    /// Never a character that a number or base64 may hold.
    pub delimiter: char,
    pub header: bool,
}

impl Default for Csv {
    fn default() -> Csv {
        Csv { delimiter: ',', header: true }
    }
}

impl Csv {
    pub(super) fn push_cell(self, out: &mut String, cell: &Cell<'_>) {
        match cell {
            Cell::Text(text) | Cell::Json(text) => self.push_text(out, text),
            other => other.push_plain(out),
        }
    }

    pub(super) fn push_text(self, out: &mut String, text: &str) {
        if !text.is_empty() && !text.contains([self.delimiter, '"', '\n', '\r']) {
            return out.push_str(text);
        }
        out.push('"');
        for (i, part) in text.split('"').enumerate() {
            if i > 0 {
                out.push_str("\"\"");
            }
            out.push_str(part);
        }
        out.push('"');
    }

    pub(super) fn push_line<'a, T: 'a>(
        self,
        out: &mut String,
        cells: impl Iterator<Item = &'a T>,
        push: impl Fn(Csv, &mut String, &'a T),
    ) {
        for (i, cell) in cells.enumerate() {
            if i > 0 {
                out.push(self.delimiter);
            }
            push(self, out, cell);
        }
        out.push('\n');
    }
}
