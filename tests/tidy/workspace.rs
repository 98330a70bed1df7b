//! What cargo knows of the project.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// The project's own crates.
    pub(crate) members: Vec<Package>,
    /// Every package by its id: name, version, ids of its normal dependencies.
    pub(crate) resolved: BTreeMap<String, Resolved>,
}

#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) manifest: String,
    /// Name and kind: `normal`, `dev` or `build`.
    pub(crate) dependencies: Vec<(String, String)>,
    /// Root file and kind of each target.
    pub(crate) targets: Vec<(String, String)>,
}

#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) normal: Vec<String>,
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent")
}

pub(crate) fn load() -> &'static Workspace {
    static LOADED: OnceLock<Workspace> = OnceLock::new();
    LOADED.get_or_init(|| {
        // For one platform: the others' crates are not on a machine that only builds.
        let host = cargo(&["-vV"]);
        let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
        let fixed = ["metadata", "--format-version", "1", "--locked", "--offline"];
        let text = cargo(&[&fixed[..], &["--filter-platform", host]].concat());
        parse(&serde_json::from_str(&text).expect("cargo metadata prints JSON"), root())
    })
}

fn cargo(args: &[&str]) -> String {
    let program = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let output = Command::new(program).args(args).current_dir(root()).output().expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {}: {errors}", args.join(" "));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

fn parse(metadata: &Value, root: &Path) -> Workspace {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let relative = |value: &Value| {
        let path = Path::new(value.as_str().unwrap_or_default());
        path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
    };
    let member_ids: Vec<String> = items(&metadata["workspace_members"]).iter().map(text).collect();
    let mut workspace = Workspace::default();
    for package in items(&metadata["packages"]) {
        let (id, name) = (text(&package["id"]), text(&package["name"]));
        let version = text(&package["version"]);
        if member_ids.contains(&id) {
            let kind = |d: &Value| d["kind"].as_str().unwrap_or("normal").to_string();
            workspace.members.push(Package {
                id: id.clone(),
                name: name.clone(),
                manifest: relative(&package["manifest_path"]),
                dependencies: items(&package["dependencies"])
                    .iter()
                    .map(|d| (text(&d["name"]), kind(d)))
                    .collect(),
                targets: items(&package["targets"])
                    .iter()
                    .map(|t| (relative(&t["src_path"]), text(&t["kind"][0])))
                    .collect(),
            });
        }
        workspace.resolved.insert(id, Resolved { name, version, normal: Vec::new() });
    }
    for node in items(&metadata["resolve"]["nodes"]) {
        let normal = items(&node["deps"])
            .iter()
            .filter(|dep| items(&dep["dep_kinds"]).iter().any(|kind| kind["kind"].is_null()))
            .map(|dep| text(&dep["pkg"]))
            .collect();
        if let Some(resolved) = workspace.resolved.get_mut(&text(&node["id"])) {
            resolved.normal = normal;
        }
    }
    workspace
}
