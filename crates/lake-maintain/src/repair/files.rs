//! What repair does about segments' files.

use std::collections::BTreeMap;

use lake_core::edit::{Action, Cause, Receipt};
use lake_core::id::{SegmentId, TableId};
use lake_core::layout;
use lake_core::segment::Part;
use lake_log::{Lake, Outcome};
use lake_segment::{SegmentError, fingerprint};
use lake_store::Root;

use super::aside::move_aside;
use super::{Act, Options, Repaired, became};
use crate::error::{MaintainError, Result};
use crate::vacuum::trash::batches;
use crate::verify::{Finding, Held, Sight, What};

pub(super) fn repair(
    lake: &mut Lake,
    sight: &Sight,
    still: &[&Finding],
    options: &Options,
    done: &mut Vec<Repaired>,
) -> Result<()> {
    let root = lake.root().clone();
    let mut doomed: BTreeMap<&str, &Held> = BTreeMap::new();
    let mut given_up = Vec::new();
    let mut restored: Vec<&str> = Vec::new();
    for finding in still {
        let Some(held) = sight.files.get(&finding.path) else { continue };
        if restored.contains(&finding.path.as_str()) {
            done.push(became(finding, (Act::Restored, "with the finding before".to_owned())));
        } else if let Some(from) = spare(&root, finding, held)? {
            if !options.dry_run {
                bring_back(&root, &from, &finding.path)?;
            }
            restored.push(&finding.path);
            done.push(became(finding, (Act::Restored, format!("from {from}"))));
        } else if options.drop_damaged && finding.live {
            doomed.insert(&finding.path, held);
            given_up.push(*finding);
        } else {
            // What is to be given up may have been, by a run that was not told so.
            let given_up = options.drop_damaged && held.gone.is_some();
            let act = if given_up { Act::Stale } else { Act::Left };
            done.push(became(finding, (act, why_left(finding, held))));
        }
    }
    if !doomed.is_empty() && !options.dry_run {
        give_up(lake, &doomed)?;
    }
    let mut moved: BTreeMap<&str, Option<String>> = BTreeMap::new();
    for path in doomed.keys().filter(|_| !options.dry_run) {
        moved.insert(path, move_aside(&root, path)?);
    }
    for finding in given_up {
        let held = doomed[finding.path.as_str()];
        let lies = moved.get(finding.path.as_str()).cloned().flatten();
        let lies = lies.map(|to| format!("; the file is {to}")).unwrap_or_default();
        let detail = format!("{}{lies}", lost(held));
        done.push(became(finding, (Act::Dropped, detail)));
    }
    Ok(())
}

fn rows_of(held: &Held) -> String {
    match held.segment.rows {
        1 => "1 row".to_owned(),
        n => format!("{n} rows"),
    }
}

/// What is lost with a file.
fn lost(held: &Held) -> String {
    let (rows, verb) = (rows_of(held), if held.segment.rows == 1 { "is" } else { "are" });
    let whose = match (&held.part, held.segment.symbols.as_deref()) {
        (Part::Packed, Some(span)) => {
            let name =
                |symbols: &[lake_core::symbol::Symbol]| Part::Of(symbols.to_vec()).to_string();
            format!("{} symbols from {} to {}", span.count, name(&span.first), name(&span.last))
        }
        (part, _) => part.to_string(),
    };
    format!("{rows} of {whose} {verb} lost, and older rows of the same keys show again")
}

fn why_left(finding: &Finding, held: &Held) -> String {
    match held.gone {
        Some(gone) => format!(
            "no whole copy is in the trash; only versions before {gone} need it: lake-writer \
             vacuum lets them go"
        ),
        None => format!(
            "no whole copy is in the trash; {}, or give up {}: --drop-damaged",
            match finding.what {
                What::Missing => "restore it from a backup",
                _ => "replace it from a backup",
            },
            rows_of(held)
        ),
    }
}

/// A whole copy in the trash, the newest first.
fn spare(root: &Root, finding: &Finding, held: &Held) -> Result<Option<String>> {
    let is_of_bytes = matches!(
        finding.what,
        What::Missing | What::NoFile | What::Size { .. } | What::Hash | What::Contents(_)
    );
    if !is_of_bytes {
        return Ok(None);
    }
    for batch in batches(root)?.1.into_iter().rev() {
        let path = format!("{}/{}/{}", layout::TRASH, batch.name, finding.path);
        let stat = root.stat(&path)?;
        if !stat.is_some_and(|s| s.is_file && s.len == held.segment.bytes) {
            continue;
        }
        match fingerprint(root, &path) {
            Ok((_, hash)) if hash == held.segment.hash => return Ok(Some(path)),
            // It may be whole: no rows are given up because it cannot be opened now.
            Err(SegmentError::Store(error)) => return Err(error.into()),
            _ => {}
        }
    }
    Ok(None)
}

fn bring_back(root: &Root, from: &str, path: &str) -> Result<()> {
    if root.stat(path)?.is_some() {
        move_aside(root, path)?;
    }
    let (rel, name) = path.rsplit_once('/').unwrap_or(("", path));
    let (trash, same) = from.rsplit_once('/').unwrap_or(("", from));
    let (trash, place) = (root.dir(trash)?, root.make_dir(rel)?);
    trash.rename(same, &place, name)?;
    place.sync()?;
    Ok(trash.sync()?)
}

/// One commit takes the files out of the lake.
fn give_up(lake: &mut Lake, doomed: &BTreeMap<&str, &Held>) -> Result<()> {
    let draft = lake.begin()?;
    let mut txn = draft.transaction(Cause::Delete);
    let mut parts: BTreeMap<(TableId, Part), Vec<SegmentId>> = BTreeMap::new();
    for held in doomed.values() {
        parts.entry((held.table, held.part.clone())).or_default().push(held.segment.id);
    }
    let mut tables: Vec<TableId> = parts.keys().map(|(table, _)| *table).collect();
    tables.dedup();
    for ((table, part), segments) in parts {
        txn.actions.push(Action::Remove { table, part, segments });
    }
    for table in tables.iter().filter_map(|id| draft.state.table_by_id(*id)) {
        let table = table.def.name.as_str().into();
        txn.receipts.push(Receipt { table, ..Receipt::default() });
    }
    match lake.commit(txn)? {
        Outcome::Committed { .. } | Outcome::Duplicate { .. } => Ok(()),
        Outcome::Conflict(conflict) => Err(MaintainError::Conflict(conflict)),
    }
}
