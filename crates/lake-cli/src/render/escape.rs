//! Data shown on a terminal must not drive it.

/// Control characters (a terminal obeys them), bidirectional marks (they reorder
/// what stands around them), line separators and invisible characters. The joiners
/// U+200C and U+200D stay: scripts and emoji need them.
pub(crate) fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(
            u32::from(c),
            0x61c | 0x180e | 0x200b | 0x200e | 0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff
                | 0xfff9..=0xfffb | 0xe0000..=0xe007f
        )
}

/// Appends one line's worth of text, every hostile character as an escape.
pub(crate) fn push(out: &mut String, text: &str) {
    for c in text.chars() {
        if is_hostile(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
}

/// Appends text as whole lines, the first after the prefix, the rest below it. Line
/// ends of the text stay: an SQL error points at its place with a second line.
pub(crate) fn push_lines(out: &mut String, prefix: &str, text: &str) {
    for (i, line) in text.trim_end().split('\n').enumerate() {
        if i == 0 {
            out.push_str(prefix);
        } else {
            out.extend(std::iter::repeat_n(' ', prefix.len()));
        }
        push(out, line.trim_end_matches('\r'));
        out.push('\n');
    }
}
