//! What lies in the root folder. The rest of the project has its place below.

use crate::finding::{self, Finding};
use crate::workspace;

const ROOT: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "crates",
    "data",
    "justfile",
    "tests",
    // Cargo's default; git ignores it.
    "target",
];

fn check(names: &[String]) -> Vec<Finding> {
    let strange = |name: &&String| !name.starts_with('.') && !ROOT.contains(&name.as_str());
    let what = "has no place in the root: move it below crates, data or tests";
    names.iter().filter(strange).map(|name| Finding::new(name, 1, what)).collect()
}

#[test]
fn the_root_is_small() {
    let entries = std::fs::read_dir(workspace::root()).expect("the root can be listed");
    let names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    finding::none(check(&names));
}

#[test]
fn a_stranger_in_the_root_is_found() {
    let names = ["Cargo.toml", ".ci", "crates", "scripts"].map(String::from);
    let found = check(&names);
    assert_eq!(found.len(), 1);
    assert!(found[0].to_string().starts_with("scripts:1: "));
}
