use std::path::Path;

use lake_cli::{Console, Failure, Outcome};
use lake_core::layout;
use lake_log::{Access, Lake, LogError};
use lake_store::{Finding, probe};

use super::findings;
use crate::failure::of_log;

/// Test what the lake stands on: locks, links, syncs, and its log
///
/// Exits 1 if a test fails.
#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {}

impl Doctor {
    pub(crate) fn run(&self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let lake = Lake::open(lake, Access::Write).map_err(of_log)?;
        let mut found = check(&lake).map_err(of_log)?;
        found.push(Finding {
            check: "log",
            ok: true,
            detail: match lake.leftovers().0 {
                None => format!("whole up to version {}", lake.state().version),
                Some(version) => format!(
                    "whole up to version {}; a power cut left {version} behind, which the next \
                     commit moves aside",
                    lake.state().version
                ),
            },
            remedy: String::new(),
        });
        console.rows(&findings(&found))?;
        Ok(if found.iter().all(|f| f.ok) { Outcome::Done } else { Outcome::No })
    }
}

fn check(lake: &Lake) -> Result<Vec<Finding>, LogError> {
    Ok(probe(lake.root(), &lake.root().dir(layout::STAGING)?)?)
}
