//! What in the archive counts for nothing: files whose commit never came, and those whose
//! rows are in their table again.

use lake_core::archive::{Standing, standing};
use lake_core::edit::{Action, Cause};
use lake_log::{Lake, Outcome};
use lake_store::clock;

use crate::archive::{Listed, legible};
use crate::error::{MaintainError, Result};

use super::orphans::Living;
use super::trash::Batch;
use super::{Count, alone};

/// Moves it to the trash, unless a vacuum is at work, which does it, too.
pub fn tidy_archive(lake: &mut Lake) -> Result<Count> {
    let mut count = Count::default();
    let _alone = match alone(lake) {
        Err(MaintainError::Sweeping) => return Ok(count),
        alone => alone?,
    };
    let root = lake.root().clone();
    let mut batch = Batch::new(&root, clock::now_us(), lake.refresh()?.version);
    sweep(lake, &mut batch, &mut count, &mut Vec::new())?;
    batch.settle()?;
    Ok(count)
}

/// Each list goes after its files: what is in the archive is on a list.
pub(crate) fn sweep(
    lake: &mut Lake,
    batch: &mut Batch<'_>,
    count: &mut Count,
    foreign: &mut Vec<String>,
) -> Result<()> {
    let useless = useless(lake)?;
    fence(lake, &useless)?;
    for listed in useless {
        let now = standing(lake.state(), &listed.def.name, listed.archive.seq);
        if now != Standing::Archived {
            listed.paths().iter().try_for_each(|path| batch.take(path, count, foreign))?;
        }
    }
    Ok(())
}

pub(crate) fn count(lake: &mut Lake, count: &mut Count) -> Result<()> {
    for listed in useless(lake)? {
        for path in listed.paths() {
            if let Some(stat) = lake.root().stat(&path)?.filter(|stat| stat.is_file) {
                count.add(stat.len);
            }
        }
    }
    Ok(())
}

/// Of a living session it is not known yet. Damaged lists are for verify to tell: they stay,
/// with their files.
fn useless(lake: &mut Lake) -> Result<Vec<Listed>> {
    let state = lake.refresh()?.clone();
    let mut living = Living::new(lake)?;
    let mut found = Vec::new();
    for listed in legible(lake.root(), &state)? {
        let is_useless = match listed.standing {
            Standing::Archived => false,
            Standing::Restored => true,
            Standing::Uncommitted => !living.has(listed.archive.txn.session)?,
        };
        if is_useless {
            found.push(listed);
        }
    }
    Ok(found)
}

/// Whoever only seemed dead is refused by the log from here on, and the log is read once
/// more.
fn fence(lake: &mut Lake, useless: &[Listed]) -> Result<()> {
    let uncommitted = useless.iter().filter(|l| l.standing == Standing::Uncommitted);
    let mut doomed: Vec<u64> = uncommitted.map(|l| l.archive.txn.session).collect();
    doomed.sort_unstable();
    doomed.dedup();
    doomed.retain(|session| !lake.state().is_fenced(*session));
    if !doomed.is_empty() {
        let mut txn = lake.begin()?.transaction(Cause::Vacuum);
        txn.actions.extend(doomed.into_iter().map(|session| Action::Fence { session }));
        match lake.commit(txn)? {
            Outcome::Committed { .. } | Outcome::Duplicate { .. } => {}
            Outcome::Conflict(conflict) => return Err(MaintainError::Conflict(conflict)),
        }
    }
    lake.refresh()?;
    Ok(())
}
