//! How a text file looks, byte by byte.

use crate::finding::{self, Finding};
use crate::sources;

fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let prose = path.ends_with(".md");
    for (at, line) in text.split('\n').enumerate() {
        let mut found = |what: &str| findings.push(Finding::new(path, at + 1, what));
        if line.ends_with('\r') {
            found("a carriage return: end lines with a line feed alone");
        } else if line.ends_with([' ', '\t']) {
            found("space at the end of the line");
        }
        if line.contains('\t') {
            found("a tab: indent with spaces");
        }
        if !prose && !line.is_ascii() {
            found("not ASCII: write the character as an escape");
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        let last = text.lines().count();
        findings.push(Finding::new(path, last, "no line feed at the end of the file"));
    }
    findings
}

#[test]
fn text_is_plain() {
    finding::none(sources::all().iter().flat_map(|(path, text)| check(path, text)).collect());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_blemish_is_found() {
        let planted = ["a\r\n", "a \n", "\ta\n", "\u{e9}\n", "a"];
        for text in planted {
            assert_eq!(finding::lines(&check("a.rs", text)), [1], "{text:?}");
        }
        assert_eq!(check("a.rs", "fn a() {}\n\nfn b() {}\n"), []);
        assert_eq!(check("a.md", "\u{b5}s\n"), []);
    }
}
