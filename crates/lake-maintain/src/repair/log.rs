//! What repair does about the log's own files.

use lake_core::id::Version;
use lake_core::layout;
use lake_log::{Flaw, mend};

use super::aside::move_aside;
use super::{Act, Options};
use crate::error::Result;
use crate::verify::{Finding, Sight, What};

type Outcome = (Act, String);

fn left(why: &str) -> Outcome {
    (Act::Left, why.to_owned())
}

pub(super) fn repair(sight: &Sight, finding: &Finding, options: &Options) -> Result<Outcome> {
    let What::Log(flaw) = &finding.what else { return Ok(left(&finding.remedy())) };
    let root = &sight.audit.root;
    let version = sight.report.version;
    Ok(match flaw {
        Flaw::Missing { path, is_dir } => {
            if !options.dry_run {
                mend::furnish(root, path, *is_dir)?;
                if path.ends_with(layout::LOCK_PINS) {
                    [0, 1].iter().try_for_each(|place| sight.audit.set_slot(*place))?;
                }
                if path.ends_with(layout::HEAD) {
                    mend::set_head(root, version)?;
                }
            }
            (Act::Recreated, "as init makes it".to_owned())
        }
        Flaw::Head => {
            if !options.dry_run {
                mend::set_head(root, version)?;
            }
            (Act::Recreated, format!("it hints at version {version}"))
        }
        Flaw::Slot(place) => {
            if !options.dry_run {
                sight.audit.set_slot(*place)?;
            }
            let slots = sight.audit.slots()?;
            (Act::Recreated, format!("boundary {}, floor {}", slots.boundary, slots.floor))
        }
        Flaw::Checkpoint { spare: true, .. } | Flaw::Spent { .. } => {
            let to = match options.dry_run {
                true => Some(layout::QUARANTINE.to_owned()),
                false => move_aside(root, &finding.path)?,
            };
            (Act::MovedAside, format!("to {}", to.unwrap_or_default()))
        }
        Flaw::Entry { next: None, .. } | Flaw::End { .. } => cut(sight, finding, options)?,
        Flaw::Lake(_) | Flaw::Entry { .. } | Flaw::Checkpoint { .. } | Flaw::Rule { .. } => {
            left(&finding.remedy())
        }
    })
}

/// The end of the log is what can be read: the rest is given up, if it may be.
fn cut(sight: &Sight, finding: &Finding, options: &Options) -> Result<Outcome> {
    let newest = sight.report.version;
    if sight.audit.slots()?.boundary > newest {
        return Ok(left(
            "older entries are gone on purpose; restore the newer from a copy of _lake/log",
        ));
    }
    if !options.drop_damaged {
        return Ok(left(&finding.remedy()));
    }
    let root = &sight.audit.root;
    let doomed = beyond(sight, newest)?;
    if !options.dry_run {
        // Checkpoints first: one that is left would bring its version back.
        for path in &doomed {
            move_aside(root, path)?;
        }
        mend::set_head(root, newest)?;
    }
    let files = doomed.len();
    Ok((
        Act::Dropped,
        format!(
            "the log ends at version {newest}; {files} files of later versions are in {}; what \
             those versions wrote lies in the warehouse still, and no version names it",
            layout::QUARANTINE
        ),
    ))
}

/// Checkpoints and entries after a version, the newest first.
fn beyond(sight: &Sight, newest: Version) -> Result<Vec<String>> {
    let root = &sight.audit.root;
    let mut checkpoints = Vec::new();
    for file in root.dir(layout::CHECKPOINTS)?.list()? {
        if let Some(version) = layout::parse_checkpoint(&file.name).filter(|v| *v > newest) {
            checkpoints.push((version, format!("{}/{}", layout::CHECKPOINTS, file.name)));
        }
    }
    let mut entries = Vec::new();
    let log = root.dir(layout::LOG)?;
    for epoch in log.list()?.iter().filter(|e| layout::parse_epoch(&e.name).is_some()) {
        for file in log.sub(&epoch.name)?.list()? {
            if let Some(version) = layout::parse_entry(&file.name).filter(|v| *v > newest) {
                entries.push((version, format!("{}/{}/{}", log.path(), epoch.name, file.name)));
            }
        }
    }
    checkpoints.sort();
    entries.sort();
    let all = checkpoints.into_iter().rev().chain(entries.into_iter().rev());
    Ok(all.map(|(_, path)| path).collect())
}
