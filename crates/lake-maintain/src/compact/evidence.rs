//! What is kept of a merge that would not have conserved all rows: the files that were
//! read, as second names, those that were written, and a report. It is kept of one merge a
//! table until somebody removes it; health alerts as long.

use lake_core::layout;
use lake_core::state::Table;
use lake_segment::Files;
use lake_store::{Dir, Kind, Root, clock};
use serde_json::json;

use super::merging::{Input, Merged};
use crate::error::{MaintainError, Result};

const DIR: &str = "unproven";
const REPORT: &str = "report.json";

fn dir() -> String {
    format!("{}/{DIR}", layout::QUARANTINE)
}

/// Keeps it; returns the error that says so.
pub(super) fn kept(
    (root, table, files): (&Root, &Table, &Files),
    inputs: &[&Input],
    merged: &[Merged],
    why: String,
) -> MaintainError {
    let place = format!("{}/{}", dir(), table.def.name);
    match keep(root, &place, files, (inputs, merged), &why) {
        Ok(()) => MaintainError::NotConserved { why, kept: place },
        Err(error) => {
            let why = format!("{why}; what was read and written could not be kept: {error}");
            MaintainError::NotConserved { why, kept: String::new() }
        }
    }
}

fn keep(
    root: &Root,
    place: &str,
    files: &Files,
    (inputs, merged): (&[&Input], &[Merged]),
    why: &str,
) -> Result<()> {
    if root.stat(&format!("{place}/{REPORT}"))?.is_some() {
        return Ok(());
    }
    let to = root.make_dir(place)?;
    let mut read = Vec::new();
    for input in inputs {
        let (rel, name) = input.path.rsplit_once('/').unwrap_or(("", &input.path));
        // Not as a finished segment is called.
        // It is there of a try that failed half way.
        let _ = root.dir(rel)?.link(name, &to, &format!("{name}.read"))?;
        read.push(
            json!({"path": input.path, "rows": input.segment.rows, "sum": input.segment.sum}),
        );
    }
    let mut written = Vec::new();
    for (_, segment) in merged.iter().flat_map(|m| &m.outputs) {
        let path = files.staged_path(segment);
        let (rel, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let kept = format!("{}.written", name.trim_end_matches(".tmp"));
        root.dir(rel)?.rename(name, &to, &kept)?;
        written.push(json!({"file": kept, "rows": segment.rows, "sum": segment.sum}));
    }
    let sums = merged.iter().map(|m| {
        let sums = m.sums;
        json!({"read": sums.read, "superseded": sums.superseded, "deleted": sums.deleted,
               "due": sums.written, "rows_read": m.read, "rows_superseded": m.superseded,
               "rows_deleted": m.hidden})
    });
    let sums: Vec<_> = sums.collect();
    let report = json!({"why": why, "at_us": clock::now_us(), "read": read, "written": written,
                        "merges": sums});
    let mut file = to.create(REPORT)?;
    file.write_all_at_once(format!("{report:#}\n").as_bytes())?;
    file.sync()?;
    file.close()?;
    Ok(to.sync()?)
}

/// The tables of which something is kept.
pub fn unproven(root: &Root) -> Result<Vec<String>> {
    let all: Dir = match root.dir(&dir()) {
        Err(none) if none.kind == Kind::NotFound => return Ok(Vec::new()),
        dir => dir?,
    };
    let tables = all.list()?.into_iter().filter(|entry| entry.is_dir);
    Ok(tables.map(|entry| entry.name).collect())
}
