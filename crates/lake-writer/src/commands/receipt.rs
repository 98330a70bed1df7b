//! What a change of the lake says of itself.

use lake_cli::render::Record;
use lake_core::edit::Receipt;
use lake_core::id::Version;
use lake_ingest::Deletion;

pub(crate) fn of_ingest(version: Version, r: &Receipt, duplicate: bool) -> Record {
    let record = Record::new()
        .with("version", version)
        .with("table", &*r.table)
        .with("rows_in", r.rows_in)
        .with("rows_written", r.rows_written)
        .with("rows_superseded", r.rows_superseded)
        .with("rows_rejected", r.rows_rejected)
        .with("segments", r.segments)
        .with("bytes", r.bytes)
        .with("duplicate", duplicate)
        .with("elapsed_ms", r.elapsed_ms);
    match r.through_row {
        Some(row) => record.with("through_row", row),
        None => record,
    }
}

pub(crate) fn of_deletion(d: &Deletion) -> Record {
    Record::new()
        .with("version", d.version)
        .with("table", d.table.as_str())
        .with("rows_deleted", d.rows_deleted)
        .with("rows_written", d.rows_written)
        .with("segments_removed", d.segments_removed)
        .with("segments", d.segments)
        .with("bytes", d.bytes)
        .with("elapsed_ms", d.elapsed_ms)
}
