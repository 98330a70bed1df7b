//! The archive against what the state says of it: its lists, and the files on them.

use std::path::Path;

use lake_core::archive::{Archive, Standing, standing};
use lake_core::state::State;
use lake_log::{Access, Audit, Lake};
use rayon::prelude::*;

use super::finding::{Finding, What};
use super::inventory::Held;
use super::notes::Note;
use super::{Depth, Meter, Report, looked};
use crate::archive::{Listed, gone, listed, lying};
use crate::error::Result;

/// What of the archive is damaged, and into the report how much there is.
pub(super) fn check(
    audit: &Audit,
    state: &State,
    path: &Path,
    (depth, meter): (&Depth, &Meter),
    report: &mut Report,
) -> Result<()> {
    let (whole, broken): (Vec<_>, Vec<_>) =
        lying(&audit.root)?.into_iter().partition(|one| one.archive.is_ok());
    for one in broken {
        let Err(why) = &one.archive else { continue };
        let what = What::List(why.to_string());
        report.findings.push(Finding::of_archive(one.path, &one.table, what));
    }
    let mut listed = listed(whole, state);
    listed.retain(|one| one.standing == Standing::Archived);
    let missing = gone(state, &listed).len() as u64;
    report.notes.extend((missing > 0).then_some(Note::Archives(missing)));
    let mut found = Vec::new();
    for one in &listed {
        report.files += one.archive.files.len() as u64;
        report.bytes += one.archive.bytes();
        let findings = files(audit, one, depth, meter)?;
        if !findings.is_empty() {
            found.push((one, findings));
        }
    }
    if !found.is_empty() {
        // Archived rows may have been brought back meanwhile.
        let now = Lake::open(path, Access::Read).ok().map(|lake| lake.state().clone());
        let is_so = |one: &Listed| {
            let stands = |state: &State| standing(state, &one.def.name, one.archive.seq);
            now.as_deref().is_none_or(|now| stands(now) == Standing::Archived)
        };
        found.retain(|(one, _)| is_so(one));
        report.findings.extend(found.into_iter().flat_map(|(_, findings)| findings));
    }
    Ok(())
}

fn files(audit: &Audit, one: &Listed, depth: &Depth, meter: &Meter) -> Result<Vec<Finding>> {
    let Listed { def, archive, .. } = one;
    let look = |(part, segment): &(_, _)| -> Result<Vec<Finding>> {
        let path = Archive::path(def, part, segment);
        let held = Held { table: def.id, part: part.clone(), segment: segment.clone(), gone: None };
        let whats = looked(&audit.root, &path, def, &held, depth, meter)?;
        let finding = |what| Finding::of_archive(path.clone(), &def.name, what);
        Ok(whats.into_iter().map(finding).collect())
    };
    let all: Vec<Vec<Finding>> = archive.files.par_iter().map(look).collect::<Result<_>>()?;
    Ok(all.into_iter().flatten().collect())
}
