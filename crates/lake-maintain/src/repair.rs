//! Acts on a report of verify, and on nothing else.
//!
//! Each finding is looked for again first: one that is not there any more is left alone.
//! What only hints is made anew, what the log tells as well is moved aside, a file that
//! lies whole in the trash is brought back. What nobody can bring back stays as it is,
//! unless its rows or versions are given up; and then, too, what is damaged is moved to
//! the quarantine and never deleted.

mod aside;
mod files;
mod log;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;

use lake_log::{Access, Lake, mend};

use crate::error::Result;
use crate::vacuum;
use crate::verify::{Depth, Finding, Meter, Sight, look};

#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Give up what cannot be brought back: rows of files, versions of the log.
    pub drop_damaged: bool,
    /// Say what would be done.
    pub dry_run: bool,
}

/// A finding of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub kind: String,
    pub path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It is no longer so.
    Stale,
    /// Made anew.
    Recreated,
    /// Damaged, and not needed.
    MovedAside,
    /// Brought back.
    Restored,
    /// Given up.
    Dropped,
    /// Nothing was done about it.
    Left,
}

impl Act {
    pub fn word(self) -> &'static str {
        match self {
            Act::Stale => "stale",
            Act::Recreated => "recreated",
            Act::MovedAside => "moved-aside",
            Act::Restored => "restored",
            Act::Dropped => "dropped",
            Act::Left => "left",
        }
    }
}

/// What became of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    pub kind: String,
    pub path: String,
    pub act: Act,
    pub detail: String,
}

/// What is asked for and still so, in the order of the sight; what is not is stale.
fn sorted<'s>(sight: &'s Sight, asked: &[&Asked], done: &mut Vec<Repaired>) -> Vec<&'s Finding> {
    let wants = |finding: &&Finding| {
        asked.iter().any(|a| a.kind == finding.kind() && a.path == finding.path)
    };
    let still: Vec<&Finding> = sight.report.findings.iter().filter(wants).collect();
    let is_still =
        |a: &Asked| still.iter().any(|finding| a.kind == finding.kind() && a.path == finding.path);
    for a in asked.iter().filter(|a| !is_still(a)) {
        let (kind, path) = (a.kind.clone(), a.path.clone());
        // Something else may be wrong with it now, such as that it cannot be read.
        let other = sight.report.findings.iter().find(|f| f.live && f.path == path);
        let (act, detail) = match other {
            None => (Act::Stale, "it is no longer so; nothing to do".to_owned()),
            Some(other) => {
                (Act::Left, format!("now it is {}: {}; verify again", other.kind(), other.detail()))
            }
        };
        done.push(Repaired { kind, path, act, detail });
    }
    still
}

fn became(finding: &Finding, (act, detail): (Act, String)) -> Repaired {
    Repaired { kind: finding.kind().to_owned(), path: finding.path.clone(), act, detail }
}

pub fn repair(path: &Path, asked: &[Asked], options: &Options) -> Result<Vec<Repaired>> {
    let is_of_file = |a: &&Asked| a.kind.starts_with("file-") && a.kind != "file-ahead";
    let (of_files, of_log): (Vec<&Asked>, Vec<&Asked>) = asked.iter().partition(is_of_file);
    let mut done = Vec::new();
    let meter = Meter::default();
    if !of_log.is_empty() {
        // Looked at once to know where the lock is, and again under it.
        let mut sight = look(path, &Depth::Sizes, &meter)?;
        let _alone = match options.dry_run {
            true => None,
            false => mend::hold_commits(&sight.audit.root)?,
        };
        sight = look(path, &Depth::Sizes, &meter)?;
        let still = sorted(&sight, &of_log, &mut done);
        for finding in still {
            done.push(became(finding, log::repair(&sight, finding, options)?));
        }
    }
    if !of_files.is_empty() {
        let access = if options.dry_run { Access::Read } else { Access::Write };
        let mut lake = Lake::open(path, access)?;
        let _alone = match options.dry_run {
            true => None,
            false => Some(vacuum::alone(&lake)?),
        };
        let paths: BTreeSet<String> = of_files.iter().map(|a| a.path.clone()).collect();
        let sight = look(path, &Depth::These(paths), &meter)?;
        let still = sorted(&sight, &of_files, &mut done);
        files::repair(&mut lake, &sight, &still, options, &mut done)?;
    }
    Ok(done)
}
