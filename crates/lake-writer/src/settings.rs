//! What lake.toml says of tables, and of maintenance.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lake_cli::config::{Config, Key};
use lake_cli::{Failure, parse};
use lake_ingest::Layout;
use lake_store::Root;

use crate::alerts;
use crate::tasks;

const FILE: &str = "lake.toml";
const KNOWN: &[&str] = &["tables.*.increment_layout", VACUUM_GRACE.name, MOUNT_AFTER_COMMIT];
/// A file for DuckDB's clients, by its path or its name in the lake's directory.
const MOUNT_AFTER_COMMIT: &str = "mount.after_commit";

const VACUUM_GRACE: Key<Duration> = Key {
    name: "vacuum.grace",
    env: Some("LAKE_VACUUM_GRACE"),
    default: Duration::from_secs(60 * 60),
    parse: parse::duration,
};

/// `increment_layout` of a table:
///
/// ```toml
/// [tables.bars]
/// increment_layout = "packed"
/// ```
pub(crate) fn layout(lake: &Path, table: &str) -> Result<Layout, Failure> {
    let config = read(lake)?;
    let name = format!("tables.{table}.increment_layout");
    match config.text(&name) {
        None | Some("auto") => Ok(Layout::Auto),
        Some("per-symbol") => Ok(Layout::PerSymbol),
        Some("packed") => Ok(Layout::Packed),
        Some(other) => Err(Failure::bad_input(format!("{FILE}: {name} is {other:?}"))
            .hint("it is \"auto\", \"per-symbol\" or \"packed\"")),
    }
}

/// How long old versions stay, and what vacuum moved to the trash.
pub(crate) fn vacuum_grace(lake: &Path, flag: Option<Duration>) -> Result<Duration, Failure> {
    Ok(read(lake)?.get(&VACUUM_GRACE, flag)?.value)
}

/// The file into which `lake-query` mounts the lake after each commit.
pub(crate) fn mount_after_commit(lake: &Path) -> Result<Option<PathBuf>, Failure> {
    Ok(read(lake)?.text(MOUNT_AFTER_COMMIT).map(|file| lake.join(file)))
}

pub(crate) fn read(lake: &Path) -> Result<Config, Failure> {
    let text = Root::open(lake).and_then(|root| root.read_opt(FILE));
    // A lake that cannot be opened is told by who opens it next.
    let Ok(Some(bytes)) = text else { return Ok(Config::default()) };
    let text =
        String::from_utf8(bytes).map_err(|_| Failure::bad_input(format!("{FILE} is not UTF-8")))?;
    let more = tasks::plan::known().chain(alerts::settings::known());
    let known: Vec<String> = KNOWN.iter().map(|name| (*name).to_owned()).chain(more).collect();
    Config::parse(&text, &known.iter().map(String::as_str).collect::<Vec<_>>())
}
