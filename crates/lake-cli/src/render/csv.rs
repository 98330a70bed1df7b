//! CSV cells after RFC 4180. NULL is empty and the empty string is `""`, so that
//! what is read back is what was there.

use super::cell::Cell;

pub(super) fn push_cell(out: &mut String, cell: &Cell<'_>) {
    match cell {
        Cell::Text(text) | Cell::Json(text) => push_text(out, text),
        other => other.push_plain(out),
    }
}

pub(super) fn push_text(out: &mut String, text: &str) {
    if !text.is_empty() && !text.contains([',', '"', '\n', '\r']) {
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
    out: &mut String,
    cells: impl Iterator<Item = &'a T>,
    push: impl Fn(&mut String, &'a T),
) {
    for (i, cell) in cells.enumerate() {
        if i > 0 {
            out.push(',');
        }
        push(out, cell);
    }
    out.push('\n');
}
