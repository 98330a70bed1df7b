//! What was meant to go before it was done.

use crate::finding::{self, Finding};
use crate::lexer;
use crate::sources;

const MARKS: &[&str] = &["FIXME", "XXX", "TODO", "HACK"];

fn check(path: &str, text: &str) -> Vec<Finding> {
    let lexed = lexer::lex(text);
    let mut findings = Vec::new();
    for comment in &lexed.comments {
        for (at, line) in comment.text.lines().enumerate() {
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            if let Some(mark) = words.find(|word| MARKS.contains(word)) {
                let what = format!("{mark}: do it, or open an issue and drop the mark");
                findings.push(Finding::new(path, comment.line + at, what));
            }
        }
    }
    for window in lexed.tokens.windows(2) {
        if window[0].text == "dbg" && window[1].text == "!" {
            findings.push(Finding::new(path, window[0].line, "dbg!: take it out"));
        }
    }
    for window in lexed.tokens.windows(4) {
        if window.iter().map(|token| token.text).eq(["#", "[", "ignore", "]"]) {
            let what = "#[ignore] without a reason: #[ignore = \"why, and who runs it\"]";
            findings.push(Finding::new(path, window[0].line, what));
        }
    }
    findings
}

#[test]
fn nothing_is_left_over() {
    finding::none(sources::rust().flat_map(|(path, text)| check(path, text)).collect());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_leftover_is_found() {
        for mark in MARKS {
            let text = format!("fn a() {{}}\n// {mark}: later\n/* so\n {mark} */");
            assert_eq!(finding::lines(&check("a.rs", &text)), [2, 4], "{mark}");
            let text = format!("fn {mark}() {{ \"{mark}\" }} // a{mark}b");
            assert_eq!(check("a.rs", &text), [], "{mark} is no word of a comment here");
        }
        let text = "fn a() {\n dbg!(1);\n}\n#[ignore]\n#[ignore = \"slow\"]";
        assert_eq!(finding::lines(&check("a.rs", text)), [2, 4]);
    }
}
