//! Which files a target reaches through `mod`, and which of them are test code.

use std::collections::BTreeMap;

use crate::finding::{self, Finding};
use crate::lexer::{self, Token};
use crate::sources::{self, Files};
use crate::workspace::{self, Workspace};

/// A target's root file, and whether all of it is test code.
type Root = (String, bool);

/// Every reached file, and whether only tests reach it.
pub(crate) fn reached() -> BTreeMap<String, bool> {
    reach(&roots(workspace::load()), sources::all())
}

fn roots(workspace: &Workspace) -> Vec<Root> {
    let mut roots = Vec::new();
    for package in &workspace.members {
        let helper = ["lake-testkit", "lake-tests"].contains(&package.name.as_str());
        for (path, kind) in &package.targets {
            let test = helper || ["test", "bench", "example"].contains(&kind.as_str());
            roots.push((path.clone(), test));
        }
    }
    roots
}

fn reach(roots: &[Root], files: &Files) -> BTreeMap<String, bool> {
    let mut reached = BTreeMap::new();
    let mut open: Vec<(String, bool, bool)> =
        roots.iter().map(|(path, test)| (path.clone(), *test, true)).collect();
    while let Some((path, test, is_root)) = open.pop() {
        let Some(text) = files.get(&path) else { continue };
        // A file that both reach counts as shipped code.
        if reached.get(&path).is_some_and(|known| !known || test) {
            continue;
        }
        reached.insert(path.clone(), test);
        for module in declared(&lexer::lex(text).tokens) {
            let test = test || module.test;
            open.extend(
                candidates(&path, is_root, &module)
                    .into_iter()
                    .filter(|candidate| files.contains_key(candidate))
                    .map(|candidate| (candidate, test, false)),
            );
        }
    }
    reached
}

#[derive(Debug, PartialEq)]
struct Module {
    /// The inline modules around it, then its own name.
    names: Vec<String>,
    test: bool,
    /// From `#[path = "..."]`.
    path: Option<String>,
}

/// The `mod name;` of a file.
fn declared(tokens: &[Token<'_>]) -> Vec<Module> {
    let mut modules = Vec::new();
    // Inline modules that are open: name, whether test code, depth of their brace.
    let mut inside: Vec<(String, bool, usize)> = Vec::new();
    let (mut depth, mut at, mut test, mut path) = (0, 0, false, None);
    while at < tokens.len() {
        if let Some(len) = lexer::attribute_len(&tokens[at..]) {
            let attribute = &tokens[at..at + len];
            test |= lexer::is_test(attribute);
            if let [_, _, name, _, literal, _] = attribute
                && name.text == "path"
            {
                path = Some(literal.text.trim_matches('"').to_string());
            }
            at += len;
            continue;
        }
        match (tokens[at].text, tokens.get(at + 1), tokens.get(at + 2).map(|t| t.text)) {
            ("mod", Some(name), Some(";")) => {
                let mut names: Vec<String> = inside.iter().map(|(name, ..)| name.clone()).collect();
                names.push(name.text.to_string());
                let test = test || inside.iter().any(|(_, test, _)| *test);
                modules.push(Module { names, test, path: path.take() });
            }
            ("mod", Some(name), Some("{")) => inside.push((name.text.into(), test, depth + 1)),
            ("{", ..) => depth += 1,
            ("}", ..) => {
                inside.retain(|(.., opened)| *opened < depth);
                depth = depth.saturating_sub(1);
            }
            _ => {}
        }
        if [";", "{", "}"].contains(&tokens[at].text) {
            (test, path) = (false, None);
        }
        at += 1;
    }
    modules
}

/// Where the file of a module may be.
fn candidates(from: &str, is_root: bool, module: &Module) -> Vec<String> {
    let (folder, file) = from.rsplit_once('/').unwrap_or(("", from));
    if let Some(path) = &module.path {
        return vec![normal(&format!("{folder}/{path}"))];
    }
    let base = match file.trim_end_matches(".rs") {
        _ if is_root => folder.to_string(),
        "mod" => folder.to_string(),
        stem => format!("{folder}/{stem}"),
    };
    let place = format!("{base}/{}", module.names.join("/"));
    vec![format!("{place}.rs"), format!("{place}/mod.rs")]
}

fn normal(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn forgotten(roots: &[Root], files: &Files) -> Vec<Finding> {
    let reached = reach(roots, files);
    let is_source = |path: &str| path.ends_with(".rs") && !path.contains("/fixtures/");
    files
        .keys()
        .filter(|path| is_source(path) && !reached.contains_key(*path))
        .map(|path| {
            let what =
                "no target reaches this file: add its `mod`, list it in Cargo.toml or delete it";
            Finding::new(path, 1, what)
        })
        .collect()
}

#[test]
fn no_source_is_forgotten() {
    finding::none(forgotten(&roots(workspace::load()), sources::all()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> Files {
        list.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect()
    }

    #[test]
    fn a_forgotten_file_is_found() {
        let files = files(&[
            ("c/src/lib.rs", "mod a; pub(crate) mod b; // mod lost;\n mod inner { mod deep; }"),
            ("c/src/a.rs", "#[cfg(test)]\nmod tests;"),
            ("c/src/a/tests.rs", ""),
            ("c/src/b/mod.rs", "#[path = \"../odd/name.rs\"] mod c;"),
            ("c/src/inner/deep.rs", ""),
            ("c/src/odd/name.rs", ""),
            ("c/src/lost.rs", ""),
        ]);
        let roots = [("c/src/lib.rs".to_string(), false)];
        let found = forgotten(&roots, &files);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].to_string().starts_with("c/src/lost.rs:1: "));
    }

    #[test]
    fn test_code_is_what_only_tests_reach() {
        let files = files(&[
            ("c/src/lib.rs", "mod a; #[cfg(test)] mod tests; mod b; #[cfg(test)] mod t { mod u; }"),
            ("c/src/a.rs", ""),
            ("c/src/b.rs", ""),
            ("c/src/t/u.rs", ""),
            ("c/src/tests.rs", "mod more; #[path = \"a.rs\"] mod a;"),
            ("c/src/tests/more.rs", ""),
        ]);
        let reached = reach(&[("c/src/lib.rs".into(), false)], &files);
        let tests: Vec<&str> =
            reached.iter().filter(|(_, t)| **t).map(|(p, _)| p.as_str()).collect();
        assert_eq!(tests, ["c/src/t/u.rs", "c/src/tests.rs", "c/src/tests/more.rs"]);
        assert_eq!(reached.len(), 6);
    }
}
