//! A file is one concept, a function one thought.

use crate::finding::{self, Finding};
use crate::lexer::{self, Token};
use crate::{modules, sources};

const FILE: usize = 500;
const FUNCTION: usize = 70;

fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = text.lines().count();
    if lines > FILE {
        let what = format!("{lines} lines, at most {FILE}: split it by concept");
        findings.push(Finding::new(path, FILE + 1, what));
    }
    let tokens = lexer::lex(text).tokens;
    for at in 0..tokens.len() {
        let Some((name, first, last)) = function(&tokens[at..]) else { continue };
        let lines = last - first + 1;
        if lines > FUNCTION {
            let what = format!("fn {name} has {lines} lines, at most {FUNCTION}: name its parts");
            findings.push(Finding::new(path, first, what));
        }
    }
    findings
}

/// Name, first and last line of the function that starts here.
fn function<'a>(tokens: &[Token<'a>]) -> Option<(&'a str, usize, usize)> {
    let [start, name, ..] = tokens else { return None };
    let named = name.text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    if start.text != "fn" || !named {
        return None;
    }
    let mut at = 2;
    while at < tokens.len() {
        match tokens[at].text {
            ";" | "}" => return None,
            "(" | "[" => at += lexer::group_len(&tokens[at..]),
            "{" => {
                let end = at + lexer::group_len(&tokens[at..]) - 1;
                return Some((name.text, start.line, tokens[end].line));
            }
            _ => at += 1,
        }
    }
    None
}

#[test]
fn files_and_functions_are_short() {
    finding::none(sources::rust().flat_map(|(path, text)| check(path, text)).collect());
}

/// Not a rule, a figure: `cargo test --test tidy median -- --nocapture`.
#[test]
fn median_of_the_shipped_files() {
    let reached = modules::reached();
    let shipped = |path: &str| reached.get(path) == Some(&false);
    let mut lines: Vec<usize> =
        sources::rust().filter(|(p, _)| shipped(p)).map(|(_, text)| text.lines().count()).collect();
    lines.sort_unstable();
    let (files, total) = (lines.len(), lines.iter().sum::<usize>());
    let longest = lines.last().copied().unwrap_or(0);
    println!("{files} files, {total} lines, median {}, longest {longest}", lines[files / 2]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_found() {
        assert_eq!(check("a.rs", &"\n".repeat(FILE)), []);
        assert_eq!(check("a.rs", &"\n".repeat(FILE + 1)).len(), 1);
    }

    #[test]
    fn a_long_function_is_found_where_it_starts() {
        let body = |lines: usize| "    a();\n".repeat(lines - 2);
        let text =
            |lines| format!("// }}\nfn short() {{}}\nfn f(x: [u8; 3]) {{\n{}}}\n", body(lines));
        assert_eq!(check("a.rs", &text(FUNCTION)), []);
        assert_eq!(finding::lines(&check("a.rs", &text(FUNCTION + 1))), [3]);
    }

    #[test]
    fn declarations_and_function_types_are_not_functions() {
        let blank = "\n".repeat(100);
        let text = format!("trait T {{ fn a(&self); {blank} }} struct S {{ f: fn(u8), {blank} }}");
        assert_eq!(check("a.rs", &text), []);
    }
}
