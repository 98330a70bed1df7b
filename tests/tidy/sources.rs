//! The project's files, read once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use crate::workspace;

/// Text by path, relative to the root, `/` between the parts.
pub(crate) type Files = BTreeMap<String, String>;

const FOLDERS: &[&str] = &["crates", "tests", ".cargo", ".ci"];

/// Everything of the project that people write and read as text.
pub(crate) fn all() -> &'static Files {
    static LOADED: OnceLock<Files> = OnceLock::new();
    LOADED.get_or_init(|| {
        let mut files = Files::new();
        for entry in fs::read_dir(workspace::root()).expect("the root can be listed").flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_file() || FOLDERS.contains(&name.as_str()) {
                collect(&path, &name, &mut files);
            }
        }
        assert!(files.keys().any(|path| path.ends_with(".rs")), "no sources found");
        files
    })
}

/// A workspace of its own, with its own rules and its own output.
const APART: &str = "tests/fuzz";

fn collect(path: &Path, relative: &str, files: &mut Files) {
    if relative == APART {
        return;
    }
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder can be listed").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            collect(&entry.path(), &format!("{relative}/{name}"), files);
        }
    } else if is_text(relative) {
        let text = fs::read(path).expect("a source can be read");
        files.insert(relative.into(), String::from_utf8_lossy(&text).into_owned());
    }
}

/// Inputs of tests are data, whatever they look like.
fn is_text(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let data = path.contains("/data/") || path.contains("/golden/");
    let known = name.ends_with(".rs") || name.ends_with(".toml") || name.ends_with(".md");
    !data && (known || ["justfile", "run", ".gitignore"].contains(&name))
}

pub(crate) fn rust() -> impl Iterator<Item = (&'static str, &'static str)> {
    all().iter().filter(|(path, _)| path.ends_with(".rs")).map(|(p, t)| (p.as_str(), t.as_str()))
}

#[test]
fn data_is_not_source() {
    for path in ["crates/a/src/lib.rs", "justfile", ".ci/run", "tests/Cargo.toml"] {
        assert!(is_text(path), "{path}");
    }
    for path in ["tests/sql/data/x.toml", "tests/golden/v1/README.md", "crates/a/logo.png"] {
        assert!(!is_text(path), "{path}");
    }
}
