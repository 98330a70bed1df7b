//! Calls that only one place may make, or none.

use crate::finding::{self, Finding};
use crate::lexer::{self, Token};
use crate::{modules, sources};

struct Rule {
    /// Any of these sequences of tokens.
    calls: &'static [&'static [&'static str]],
    /// Files or folders that may.
    allowed: &'static [&'static str],
    /// Whether test code may.
    tests_may: bool,
    advice: &'static str,
}

/// It drives the programs as a person would, and is no part of the lake.
const DEMO: &str = "crates/lake-demo/src/";

const RULES: &[Rule] = &[
    Rule {
        calls: &[
            &["std", "::", "fs"],
            &["unix", "::", "fs"],
            &["File", "::", "open"],
            &["File", "::", "create"],
            &["OpenOptions"],
        ],
        allowed: &["crates/lake-store/src/", DEMO],
        tests_may: true,
        advice: "only lake-store touches the disk",
    },
    Rule {
        calls: &[
            &["SystemTime"],
            &["Instant", "::", "now"],
            &["Utc", "::", "now"],
            &["Local", "::", "now"],
            &["thread", "::", "sleep"],
        ],
        allowed: &["crates/lake-store/src/clock.rs", DEMO],
        tests_may: true,
        advice: "take the time from lake_store::clock",
    },
    Rule {
        calls: &[
            &["env", "::", "var"],
            &["env", "::", "var_os"],
            &["env", "::", "vars"],
            &["env", "::", "vars_os"],
            &["env", "::", "temp_dir"],
            &["env", "::", "home_dir"],
            &["env", "::", "current_dir"],
        ],
        allowed: &["crates/lake-cli/src/env.rs", DEMO],
        tests_may: true,
        advice: "lake_cli::env reads the environment; pass the value down",
    },
    Rule {
        calls: &[
            &["print", "!"],
            &["println", "!"],
            &["eprint", "!"],
            &["eprintln", "!"],
            &["process", "::", "exit"],
            &["process", "::", "abort"],
        ],
        allowed: &[DEMO],
        tests_may: true,
        advice: "print through lake_cli::Console, return an exit code",
    },
    Rule {
        calls: &[
            &[".", "unwrap", "("],
            &[".", "expect", "("],
            &["panic", "!"],
            &["todo", "!"],
            &["unimplemented", "!"],
        ],
        allowed: &[],
        tests_may: true,
        advice: "return a typed error, or make the state impossible",
    },
    Rule {
        calls: &[&["unsafe"]],
        allowed: &[],
        tests_may: false,
        advice: "find the safe way; where there is none, one small file in the list of calls.rs",
    },
];

fn check(path: &str, text: &str, is_test: bool) -> Vec<Finding> {
    let all = lexer::lex(text).tokens;
    let shipped = if is_test { Vec::new() } else { lexer::without_tests(&all) };
    let mut findings = Vec::new();
    for rule in RULES.iter().filter(|rule| !rule.allowed.iter().any(|may| path.starts_with(may))) {
        let tokens = if rule.tests_may { &shipped } else { &all };
        for call in rule.calls {
            for line in places(tokens, call) {
                let what = format!("`{}`: {}", call.concat(), rule.advice);
                findings.push(Finding::new(path, line, what));
            }
        }
    }
    findings
}

fn places(tokens: &[Token<'_>], call: &[&str]) -> Vec<usize> {
    let found = |words: &[&str]| -> Vec<usize> {
        let same = |w: &&[Token<'_>]| w.iter().map(|token| token.text).eq(words.iter().copied());
        tokens.windows(words.len()).filter(same).map(|window| window[0].line).collect()
    };
    let mut lines = found(call);
    // A method of one's own, as parsers have; clippy knows the types.
    if *call == [".", "expect", "("] && !found(&["fn", "expect"]).is_empty() {
        lines.clear();
    }
    if let ["std", "::", module] = call {
        lines.extend(grouped(tokens, module));
    }
    lines
}

/// `use std::{fs, io}` and `use std::{io, os::unix::fs}`.
fn grouped(tokens: &[Token<'_>], module: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    for (at, window) in tokens.windows(3).enumerate() {
        if window.iter().map(|token| token.text).eq(["std", "::", "{"]) {
            let group = &tokens[at + 2..];
            let group = &group[..lexer::group_len(group)];
            lines.extend(group.iter().filter(|t| t.text == module).map(|token| token.line));
        }
    }
    lines
}

#[test]
fn every_call_is_made_where_it_may() {
    let reached = modules::reached();
    // A build script talks to cargo by printing.
    let shipped = |(path, _): &(&str, &str)| !path.ends_with("/build.rs");
    let is_test = |path: &str| reached.get(path).copied().unwrap_or(false);
    finding::none(
        sources::rust()
            .filter(shipped)
            .flat_map(|(path, text)| check(path, text, is_test(path)))
            .collect(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_of_every_rule_is_found_once_in_code() {
        for rule in RULES {
            for call in rule.calls {
                let before = if call[0] == "." { "x" } else { "x;" };
                let call = call.join(" ");
                let text = format!(
                    "fn a() {{\n {before} {call} y;\n /* {call} */ \"{call}\"; }} // {call}"
                );
                let found = check("crates/lake-x/src/a.rs", &text, false);
                assert_eq!(finding::lines(&found), [2], "{text}");
            }
        }
    }

    #[test]
    fn tests_and_allowed_files_may() {
        let text = "use std::fs;\n#[cfg(test)]\nmod tests { fn a() { b().unwrap(); } }";
        assert_eq!(check("crates/lake-store/src/file.rs", text, false), []);
        assert_eq!(finding::lines(&check("crates/lake-log/src/file.rs", text, false)), [1]);
        assert_eq!(check("crates/lake-log/src/tests.rs", text, true), []);
        let clock = "fn now() { SystemTime::now() }";
        assert_eq!(check("crates/lake-store/src/clock.rs", clock, false), []);
        assert_eq!(check("crates/lake-store/src/lock.rs", clock, false).len(), 1);
    }

    #[test]
    fn unsafe_is_found_in_tests_too() {
        let text = "#[test]\nfn a() {\n unsafe { b() } }";
        assert_eq!(finding::lines(&check("tests/crash/main.rs", text, true)), [3]);
    }

    #[test]
    fn grouped_imports_are_found() {
        let text = "use std::{\n io,\n fs::{self, File},\n};\nuse other::{fs};";
        assert_eq!(finding::lines(&check("crates/lake-x/src/a.rs", text, false)), [3]);
    }

    #[test]
    fn a_method_of_ones_own_is_not_option_expect() {
        let text = "fn a() {\n c.expect(d) }";
        assert_eq!(finding::lines(&check("crates/lake-x/src/a.rs", text, false)), [2]);
        let text = "fn a() { p.expect(b)?; } impl P { fn expect(&mut self, c: char) {} }";
        assert_eq!(check("crates/lake-x/src/a.rs", text, false), []);
    }
}
