//! Opening the lake at a version, and finding a table in it.

use std::path::Path;

use lake_cli::Failure;
use lake_core::state::{State, Table};
use lake_log::{Access, At, Lake, Snapshot};

use crate::failure::of_log;

/// Which version is read.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AtVersion {
    /// Read this version, the newest at this time (UTC), or a tag: 42, 2026-11-20T15:00, eod
    #[arg(long, value_name = "V")]
    at: Option<At>,
}

impl AtVersion {
    pub(crate) fn of(at: Option<At>) -> AtVersion {
        AtVersion { at }
    }

    pub(crate) fn version(version: u64) -> AtVersion {
        AtVersion { at: Some(At::Version(version)) }
    }

    /// Whether somebody chose it.
    pub(crate) fn is_given(&self) -> bool {
        self.at.is_some()
    }

    pub(crate) fn at(&self) -> At {
        self.at.clone().unwrap_or_default()
    }

    /// The lake, and a leased snapshot of it.
    pub(crate) fn open(&self, lake: &Path) -> Result<(Lake, Snapshot), Failure> {
        let mut lake = Lake::open(lake, Access::Read).map_err(of_log)?;
        let snapshot = lake.snapshot(self.at()).map_err(of_log)?;
        Ok((lake, snapshot))
    }
}

pub(crate) fn table<'s>(state: &'s State, name: &str) -> Result<&'s Table, Failure> {
    state.table(name).ok_or_else(|| {
        let names: Vec<&str> = state.tables().map(|t| t.def.name.as_str()).collect();
        let hint = match names.is_empty() {
            true => "it has no table yet; make one with lake-writer create".into(),
            false => format!("it has: {}", names.join(", ")),
        };
        Failure::not_found(format!("the lake has no table {name:?} at version {}", state.version))
            .hint(hint)
    })
}
