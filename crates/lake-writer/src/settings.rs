//! What lake.toml says of tables, and of maintenance.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lake_cli::config::{Config, Key};
use lake_cli::{Failure, parse};
use lake_ingest::Layout;
use lake_store::Root;

use crate::alerts;
use crate::failure::of_store;
use crate::tasks;

const FILE: &str = "lake.toml";
/// A file for DuckDB's clients, by its path or its name in the lake's directory.
const MOUNT_AFTER_COMMIT: &str = "mount.after_commit";
const KNOWN: &[&str] = &[
    "tables.*.increment_layout",
    "tables.*.retain",
    "tables.*.retain_by",
    "tables.*.archive",
    "quarantine.keep",
    VACUUM_GRACE.name,
    COMPACT_MEMORY.name,
    COMPACT_JOBS,
    MOUNT_AFTER_COMMIT,
];

const VACUUM_GRACE: Key<Duration> = Key {
    name: "vacuum.grace",
    env: Some("LAKE_VACUUM_GRACE"),
    default: Duration::from_secs(60 * 60),
    parse: parse::duration,
};

const COMPACT_MEMORY: Key<u64> = Key {
    name: "compact.max_memory",
    env: Some("LAKE_COMPACT_MAX_MEMORY"),
    default: 512 << 20,
    parse: parse::size,
};
const COMPACT_JOBS: &str = "compact.jobs";

/// What compaction may take, by the command and by the task:
///
/// ```toml
/// [compact]
/// max_memory = "1GiB"
/// jobs = 2
/// ```
pub(crate) struct Merging {
    pub(crate) memory: usize,
    /// None: all processors.
    pub(crate) jobs: Option<u16>,
}

pub(crate) fn merging(
    lake: &Path,
    memory: Option<u64>,
    jobs: Option<u16>,
) -> Result<Merging, Failure> {
    let config = read(lake)?;
    let memory = config.get(&COMPACT_MEMORY, memory)?.value;
    let said = match config.text(COMPACT_JOBS) {
        None => None,
        Some(text) => match text.parse::<u16>().ok().filter(|jobs| *jobs > 0) {
            Some(jobs) => Some(jobs),
            None => {
                let message = format!("{FILE}: {COMPACT_JOBS} is {text:?}");
                return Err(Failure::bad_input(message).hint("it is a number from 1 on"));
            }
        },
    };
    let memory = usize::try_from(memory).unwrap_or(usize::MAX);
    Ok(Merging { memory, jobs: jobs.or(said) })
}

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

/// How long a table's rows stay, and what becomes of them then:
///
/// ```toml
/// [tables.bars]
/// retain = "90d"
/// retain_by = "order"
/// archive = true
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Retention {
    pub(crate) older_than: Option<Duration>,
    pub(crate) by: Option<By>,
    pub(crate) archive: bool,
}

/// By what the age of rows is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum By {
    /// The table's first order column, a DATE or TIMESTAMP
    Order,
    /// When they were stored: whole files, each by its newest row
    Commit,
}

impl By {
    pub(crate) fn word(self) -> &'static str {
        match self {
            By::Order => "order",
            By::Commit => "commit",
        }
    }
}

pub(crate) fn retention(lake: &Path, table: &str) -> Result<Retention, Failure> {
    let config = read(lake)?;
    let of = |what: &str| format!("tables.{table}.{what}");
    let choice = |name: String, words: [&str; 2]| match config.text(&name) {
        None => Ok(None),
        Some(text) if words.contains(&text) => Ok(Some(text == words[0])),
        Some(other) => Err(Failure::bad_input(format!("{FILE}: {name} is {other:?}"))
            .hint(format!("it is {} or {}", words[0], words[1]))),
    };
    let by = choice(of("retain_by"), ["order", "commit"])?;
    Ok(Retention {
        older_than: time(&config, &of("retain"))?,
        by: by.map(|order| if order { By::Order } else { By::Commit }),
        archive: choice(of("archive"), ["true", "false"])?.unwrap_or(false),
    })
}

/// The tables that the file has an age for, whether or not they are there.
pub(crate) fn retained(lake: &Path) -> Result<Vec<String>, Failure> {
    let config = read(lake)?;
    let table =
        |name: &str| name.strip_prefix("tables.")?.strip_suffix(".retain").map(str::to_owned);
    Ok(config.names().filter_map(table).collect())
}

/// How long rejected rows are kept; None: until somebody drops them.
pub(crate) fn quarantine_keep(lake: &Path) -> Result<Option<Duration>, Failure> {
    time(&read(lake)?, "quarantine.keep")
}

fn time(config: &Config, name: &str) -> Result<Option<Duration>, Failure> {
    let Some(text) = config.text(name) else { return Ok(None) };
    let unusable = |e| Failure::bad_input(format!("cannot use {name} from {FILE}")).because(&e);
    parse::duration(text).map(Some).map_err(unusable)
}

pub(crate) fn read(lake: &Path) -> Result<Config, Failure> {
    // A lake that cannot be opened is told by who opens it next.
    let Ok(root) = Root::open(lake) else { return Ok(Config::default()) };
    let bytes = root.read_opt(FILE).map_err(|error| {
        let hint = format!("{FILE} is a file in the lake itself: no link, no directory");
        of_store(error).hint(hint)
    })?;
    let Some(bytes) = bytes else { return Ok(Config::default()) };
    let text =
        String::from_utf8(bytes).map_err(|_| Failure::bad_input(format!("{FILE} is not UTF-8")))?;
    let more = tasks::plan::known().chain(alerts::settings::known());
    let known: Vec<String> = KNOWN.iter().map(|name| (*name).to_owned()).chain(more).collect();
    Config::parse(&text, &known.iter().map(String::as_str).collect::<Vec<_>>())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn what_compaction_may_take_is_said_by_flags_or_the_file() {
        let temp = tempfile::tempdir().unwrap();
        let said = |text: &str, memory, jobs| {
            std::fs::write(temp.path().join(FILE), text).unwrap();
            merging(temp.path(), memory, jobs).map(|m| (m.memory, m.jobs))
        };
        assert_eq!(said("", None, None), Ok((512 << 20, None)));
        let text = "[compact]\nmax_memory = \"1GiB\"\njobs = 2\n";
        assert_eq!(said(text, None, None), Ok((1 << 30, Some(2))));
        assert_eq!(said(text, Some(5), Some(7)), Ok((5, Some(7))));
        for (bad, part) in [
            ("compact.jobs = 0", "compact.jobs is \"0\""),
            ("compact.jobs = \"all\"", "compact.jobs is \"all\""),
            ("compact.max_memory = \"much\"", "compact.max_memory"),
        ] {
            let failure = said(bad, None, None).unwrap_err();
            assert!(failure.message.contains(part), "{failure:?}");
        }
    }
}
