//! What can be learnt of a lake's health, without reading data. What cannot be learnt
//! is left unknown: a check tells of what it sees.

use lake_core::edit::Action;
use lake_core::entry::ready_from_bytes;
use lake_core::layout;
use lake_core::segment::{Part, Segment, SegmentKind};
use lake_core::state::{State, Table};
use lake_ingest::quarantine;
use lake_log::{Lake, Waiting};
use lake_maintain::health::Vitals;
use lake_maintain::{compact, runs};
use lake_store::{LockFile, Root, clock};

use crate::tasks::Task;

const DAY_US: i64 = 86_400_000_000;

pub(crate) fn gather(lake: &mut Lake) -> Vitals {
    let now_us = clock::now_us();
    let state = lake.state().clone();
    let root = lake.root().clone();
    let space = root.space().ok();
    let tasks = Task::ALL
        .into_iter()
        .filter_map(|task| Some((task.name().to_owned(), runs::read(&root, task.name()).ok()?)));
    Vitals {
        spool_rows: spool_rows(lake),
        // As df has it: what is kept for the administrator is nobody's.
        disk: space.map(|s| {
            let used = s.total.saturating_sub(s.free);
            (used, used.saturating_add(s.available))
        }),
        increments: state.tables().filter_map(deepest).max_by_key(|(files, _)| *files),
        increment_age_s: oldest_increment(lake, &state, now_us),
        lease: lease(lake, &state, now_us),
        rejected_rows: rejected_rows(lake, now_us),
        damaged: damaged(&root, &state),
        unproven: compact::unproven(&root).ok(),
        tasks: tasks.collect(),
        now_us,
    }
}

/// The rows that the next writer will commit.
fn spool_rows(lake: &mut Lake) -> Option<u64> {
    let spool = lake.root().dir(layout::SPOOL).ok()?;
    let mut rows = 0;
    for (id, waiting) in lake.spooled_transactions().ok()? {
        if waiting != Waiting::Ready {
            continue;
        }
        // Gone: committed meanwhile. Unreadable: a newer program's.
        let Some(bytes) = spool.read_opt(&layout::ready_name(&id)).ok()? else { continue };
        let txn = ready_from_bytes(&bytes).ok()?;
        for action in &txn.actions {
            if let Action::Add { segments, .. } = action {
                rows += segments.iter().map(|s| s.rows).sum::<u64>();
            }
        }
    }
    Some(rows)
}

fn increments(segments: &[Segment]) -> u64 {
    segments.iter().filter(|s| s.kind == SegmentKind::Increment).count() as u64
}

/// The most increments that a reader of one symbol opens, and which symbol's.
fn deepest(table: &Table) -> Option<(u64, String)> {
    let packed = table.parts.get(&Part::Packed).map_or(0, |part| increments(&part.segments));
    let each = table.parts.iter().map(|(part, state)| {
        let own = if *part == Part::Packed { 0 } else { increments(&state.segments) };
        (own, part)
    });
    let (own, part) = each.max_by_key(|(own, _)| *own)?;
    let name = &table.def.name;
    let of = match part {
        Part::Of(symbols) if own > 0 && !symbols.is_empty() => {
            let symbols: Vec<String> = symbols.iter().map(ToString::to_string).collect();
            format!("table {name}, symbol {}", symbols.join("/"))
        }
        _ => format!("table {name}"),
    };
    Some((own + packed, of))
}

fn age_s(lake: &mut Lake, version: u64, now_us: i64) -> Option<f64> {
    let at_us = lake.entry(version).ok()??.at_us;
    Some(now_us.saturating_sub(at_us).max(0) as f64 / 1e6)
}

/// In a lake without increments there is none that is old.
fn oldest_increment(lake: &mut Lake, state: &State, now_us: i64) -> Option<(f64, String)> {
    let each = state.tables().filter_map(|table| {
        let all = table.segments().filter(|(_, s)| s.kind == SegmentKind::Increment);
        Some((all.map(|(_, s)| s.added).min()?, &table.def.name))
    });
    let Some((version, name)) = each.min() else { return Some((0.0, "no table".into())) };
    Some((age_s(lake, version, now_us)?, format!("table {name}")))
}

/// For how long the oldest version that somebody reads has not been the newest.
fn lease(lake: &mut Lake, state: &State, now_us: i64) -> Option<(f64, u64)> {
    let locks = lake.root().dir(layout::LOCKS).ok()?;
    let pins = LockFile::new(&locks, layout::LOCK_PINS).ok()?;
    match pins.lowest_locked_below(state.version).ok()? {
        Some(version) => Some((age_s(lake, version + 1, now_us)?, version)),
        None => Some((0.0, 0)),
    }
}

fn damaged(root: &Root, state: &State) -> Option<(u64, Option<String>)> {
    let all = compact::damaged(root, state).ok()?;
    Some((all.len() as u64, all.first().map(|damage| damage.path.clone())))
}

fn rejected_rows(lake: &Lake, now_us: i64) -> Option<u64> {
    let files = quarantine::list(lake.root()).ok()?;
    let since = now_us.saturating_sub(DAY_US);
    Some(files.iter().filter(|file| file.at_us >= since).map(|file| file.rows).sum())
}
