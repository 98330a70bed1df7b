//! Which crate may use which, and what a program must never link.

use std::collections::BTreeSet;

use crate::finding::{self, Finding};
use crate::workspace::{self, Package, Workspace};

/// The diagram of crates/README.md. A crate that is not here has no place in it yet.
const ARROWS: &[(&str, &[&str])] = &[
    ("lake-core", &[]),
    ("lake-store", &["lake-core"]),
    ("lake-log", &["lake-core", "lake-store"]),
    ("lake-segment", &["lake-core", "lake-store"]),
    ("lake-sql", &[]),
    ("lake-ingest", &["lake-core", "lake-store", "lake-log", "lake-segment", "lake-sql"]),
    ("lake-maintain", &["lake-core", "lake-store", "lake-log", "lake-segment", "lake-sql"]),
    ("lake-cli", &["lake-core"]),
    ("lake-engine", &["lake-core", "lake-store", "lake-log"]),
    ("lake-http", &["lake-engine", "lake-cli", "lake-core"]),
    (
        "lake-writer",
        &["lake-cli", "lake-core", "lake-ingest", "lake-maintain", "lake-log", "lake-store"],
    ),
    (
        "lake-query",
        &["lake-cli", "lake-core", "lake-engine", "lake-http", "lake-log", "lake-store"],
    ),
    ("lake-demo", &[]),
];
/// Beside the diagram: they see everything, and only tests see them.
const BESIDE: &[&str] = &["lake-testkit", "lake-tests"];

const PROGRAMS: &[&str] = &["lake-writer", "lake-query"];
const DUCKDB: &[&str] = &["duckdb", "libduckdb-sys"];
/// Two versions of these in one program would be two types of one name.
const ONE_VERSION: &[&str] = &["arrow-array", "arrow-schema", "parquet"];

fn arrows(workspace: &Workspace) -> Vec<Finding> {
    let own: BTreeSet<&str> = workspace.members.iter().map(|member| member.name.as_str()).collect();
    let mut findings = Vec::new();
    for package in workspace.members.iter().filter(|p| !BESIDE.contains(&p.name.as_str())) {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package.name) else {
            let what = "a crate without a place: draw it in crates/README.md, add it to ARROWS";
            findings.push(Finding::new(&package.manifest, 1, what));
            continue;
        };
        for (used, kind) in package.dependencies.iter().filter(|(d, _)| own.contains(d.as_str())) {
            let used = used.as_str();
            let helps_tests = kind == "dev" && used == "lake-testkit";
            if !allowed.contains(&used) && !helps_tests {
                let what = format!(
                    "{} must not use {used} ({kind}): move what is shared below both, or pass it in",
                    package.name
                );
                findings.push(Finding::new(&package.manifest, line_of(package, used), what));
            }
        }
    }
    findings
}

/// Where the manifest names the dependency; 1 where it cannot be read.
fn line_of(package: &Package, dependency: &str) -> usize {
    let text = std::fs::read_to_string(workspace::root().join(&package.manifest));
    let text = text.unwrap_or_default();
    text.lines().position(|line| line.starts_with(dependency)).map_or(1, |at| at + 1)
}

fn links(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for program in workspace.members.iter().filter(|p| PROGRAMS.contains(&p.name.as_str())) {
        let closure = closure(workspace, &program.id);
        let duckdb = closure.iter().find(|(name, _)| DUCKDB.contains(&name.as_str()));
        if let (Some((name, _)), "lake-writer") = (duckdb, program.name.as_str()) {
            let what =
                format!("lake-writer links {name}: only lake-engine may, and it is not below");
            findings.push(Finding::new(&program.manifest, 1, what));
        }
        for name in ONE_VERSION {
            let versions: Vec<&str> =
                closure.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect();
            if versions.len() > 1 {
                let what = format!(
                    "{} links {name} {}: the two sides meet only in the format on disk",
                    program.name,
                    versions.join(" and ")
                );
                findings.push(Finding::new(&program.manifest, 1, what));
            }
        }
    }
    findings
}

/// Name and version of everything a package links.
fn closure(workspace: &Workspace, id: &str) -> BTreeSet<(String, String)> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![id.to_string()]);
    let mut names = BTreeSet::new();
    while let Some(id) = open.pop() {
        let Some(package) = workspace.resolved.get(&id) else { continue };
        if seen.insert(id) {
            names.insert((package.name.clone(), package.version.clone()));
            open.extend(package.normal.iter().cloned());
        }
    }
    names
}

#[test]
fn crates_use_what_the_diagram_draws() {
    finding::none(arrows(workspace::load()));
}

#[test]
fn programs_link_one_arrow_and_the_writer_no_duckdb() {
    let workspace = workspace::load();
    let query = workspace.members.iter().find(|member| member.name == "lake-query");
    let linked = closure(workspace, &query.expect("lake-query is a member").id);
    assert!(linked.iter().any(|(name, _)| name == "libduckdb-sys"), "this rule sees nothing");
    finding::none(links(workspace));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Resolved;

    fn package(name: &str, dependencies: &[(&str, &str)]) -> Package {
        Package {
            id: name.into(),
            name: name.into(),
            manifest: format!("planted/{name}/Cargo.toml"),
            dependencies: dependencies
                .iter()
                .map(|(n, k)| (n.to_string(), k.to_string()))
                .collect(),
            targets: Vec::new(),
        }
    }

    fn linked(packages: &[(&str, &str, &[&str])]) -> Workspace {
        let mut workspace = Workspace::default();
        for (id, version, normal) in packages {
            let name = id.split(' ').next().unwrap().to_string();
            let normal = normal.iter().map(|id| id.to_string()).collect();
            workspace
                .resolved
                .insert(id.to_string(), Resolved { name, version: version.to_string(), normal });
        }
        workspace.members = PROGRAMS.iter().map(|name| package(name, &[])).collect();
        workspace
    }

    #[test]
    fn a_wrong_arrow_is_found() {
        let members = vec![
            package("lake-core", &[("lake-store", "normal"), ("chrono", "normal")]),
            package("lake-store", &[("lake-core", "normal"), ("lake-testkit", "dev")]),
            package("lake-log", &[("lake-testkit", "normal")]),
            package("lake-engine", &[("lake-segment", "dev")]),
            package("lake-common", &[]),
            package("lake-segment", &[]),
            package("lake-testkit", &[("lake-log", "normal")]),
        ];
        let workspace = Workspace { members, ..Workspace::default() };
        let found: Vec<String> = arrows(&workspace).iter().map(Finding::to_string).collect();
        let parts = [
            "lake-core must not use lake-store",
            "lake-log must not use lake-testkit (normal)",
            "lake-engine must not use lake-segment (dev)",
            "lake-common/Cargo.toml:1: a crate without a place",
        ];
        assert_eq!(found.len(), parts.len(), "{found:?}");
        for part in parts {
            assert!(found.iter().any(|text| text.contains(part)), "{part}: {found:?}");
        }
    }

    #[test]
    fn duckdb_below_the_writer_is_found() {
        let workspace = linked(&[
            ("lake-writer", "0", &["lake-x"]),
            ("lake-query", "0", &["libduckdb-sys"]),
            ("lake-x", "0", &["libduckdb-sys"]),
            ("libduckdb-sys", "1", &[]),
        ]);
        let found = links(&workspace);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].to_string().contains("lake-writer links libduckdb-sys"));
    }

    #[test]
    fn two_arrows_in_one_program_are_found() {
        let workspace = linked(&[
            ("lake-writer", "0", &["arrow-array 59"]),
            ("lake-query", "0", &["arrow-array 59", "arrow-array 60"]),
            ("arrow-array 59", "59.0.0", &[]),
            ("arrow-array 60", "60.0.0", &[]),
        ]);
        let found = links(&workspace);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].to_string().contains("lake-query links arrow-array 59.0.0 and 60.0.0"));
    }
}
