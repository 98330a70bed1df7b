//! What compaction found damaged, written down so that the next run does not read it again
//! and health tells of it: a note a segment in quarantine. A note stands as long as the
//! segment is live and its file is the one that was read; another file under its name, as
//! one from a backup, is tried anew.

use lake_core::id::SegmentId;
use lake_core::layout;
use lake_core::segment::{Part, Segment};
use lake_core::state::{State, Table};
use lake_log::Lake;
use lake_store::{Dir, Kind, Root, StoreError, clock, publish_new};
use serde_json::{Value, json};

use crate::error::Result;

const DIR: &str = "unreadable";

/// A live segment whose file is damaged or missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub table: String,
    pub id: SegmentId,
    pub path: String,
    pub why: String,
}

fn dir() -> String {
    format!("{}/{DIR}", layout::QUARANTINE)
}

/// Tells a file from another that takes its place.
fn identity(root: &Root, path: &str) -> std::result::Result<Value, StoreError> {
    let one = |s: lake_store::Stat| json!([s.ino, s.len, s.mtime_us]);
    Ok(root.stat(path)?.map_or(Value::Null, one))
}

fn note_name(segment: &Segment) -> String {
    format!("{}.json", layout::segment_name(segment.kind, &segment.id))
}

pub(super) fn note(lake: &mut Lake, segment: &Segment, path: &str, why: &str) -> Result<()> {
    let (root, staging) = (lake.root().clone(), lake.begin()?.staging);
    let file = identity(&root, path)?;
    let note = json!({"path": path, "why": why, "at_us": clock::now_us(), "file": file});
    let dir = root.make_dir(&dir())?;
    let name = note_name(segment);
    // As staged segments are called, so that it is swept like one.
    let tmp = format!("{}.tmp", layout::segment_name(segment.kind, &segment.id));
    // Of a file that was there before.
    dir.unlink(&name)?;
    // Another compactor's note says the same.
    let _ = publish_new(&staging, &tmp, &dir, &name, format!("{note}\n").as_bytes())?;
    Ok(())
}

/// The notes that stand.
pub fn damaged(root: &Root, state: &State) -> Result<Vec<Damage>> {
    let Some(dir) = opened(root)? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for (table, part, segment) in noted(&dir, state)? {
        found.extend(standing(root, &dir, table, part, segment)?);
    }
    Ok(found)
}

/// The same; those that do not stand go.
pub(super) fn tidied(root: &Root, state: &State) -> Result<Vec<Damage>> {
    let Some(dir) = opened(root)? else { return Ok(Vec::new()) };
    let found = damaged(root, state)?;
    for entry in dir.list()?.into_iter().filter(|e| !e.is_dir && !e.lossy) {
        let id = id_of(&entry.name);
        if id.is_some_and(|id| found.iter().all(|damage| damage.id != id)) {
            dir.unlink(&entry.name)?;
        }
    }
    Ok(found)
}

fn opened(root: &Root) -> Result<Option<Dir>> {
    match root.dir(&dir()) {
        Ok(dir) => Ok(Some(dir)),
        Err(none) if none.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn id_of(name: &str) -> Option<SegmentId> {
    layout::parse_segment(name.strip_suffix(".json")?).map(|(_, id)| id)
}

/// Live segments with a note.
fn noted<'s>(dir: &Dir, state: &'s State) -> Result<Vec<(&'s Table, &'s Part, &'s Segment)>> {
    let ids: std::collections::HashSet<SegmentId> =
        dir.list()?.iter().filter_map(|entry| id_of(&entry.name)).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let all = state.tables().flat_map(|t| t.segments().map(move |(part, s)| (t, part, s)));
    Ok(all.filter(|(_, _, segment)| ids.contains(&segment.id)).collect())
}

fn standing(
    root: &Root,
    dir: &Dir,
    table: &Table,
    part: &Part,
    segment: &Segment,
) -> Result<Option<Damage>> {
    let bytes = dir.read_opt(&note_name(segment))?.unwrap_or_default();
    // What cannot be read was not noted.
    let Ok(note) = serde_json::from_slice::<Value>(&bytes) else { return Ok(None) };
    let path = table.path(part, segment);
    if note["file"] != identity(root, &path)? {
        return Ok(None);
    }
    let why = note["why"].as_str().unwrap_or_default().to_owned();
    Ok(Some(Damage { table: table.def.name.clone(), id: segment.id, path, why }))
}
