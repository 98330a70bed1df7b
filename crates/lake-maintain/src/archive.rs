//! Rows that leave a table for files that any engine can read, and can come back.
//!
//! A batch is a run of symbols, and one commit:
//!
//! 1. The rows that go are read as of one leased version, merged, with the newest schema,
//!    and staged as one file a symbol.
//! 2. The list of the files is published under the next free number; only then do they
//!    get their names. So every file in the archive is on a list, whoever dies.
//! 3. The commit takes away exactly the segments that were read, or masks them, and no
//!    others: a row that arrived meanwhile is in none of them and stays. It is refused if
//!    one of them is gone or has lost rows since; then the batch is made anew.
//! 4. The list counts because the commit has its number (see `lake_core::archive`). One
//!    whose commit never came, and its files, are taken away by `vacuum`.

mod batch;
mod list;
mod shelf;
#[cfg(test)]
mod tests;

use std::ops::Bound;

use lake_core::symbol::Symbol;
use lake_log::Lake;
use lake_segment::PACK_ROWS;
use lake_store::Stopwatch;

use crate::compact::Watch;
use crate::error::{MaintainError, Result};
use crate::retain::{Cut, Doom, Retained, TRIES, table_of};
use crate::vacuum::tidy_archive;

pub use list::{Listed, list};
pub(crate) use list::{Lying, all, gone, legible, listed, lying};

#[derive(Clone, Copy, Debug)]
pub struct ArchiveOptions {
    /// A batch ends with the symbol that takes it past so many rows.
    pub batch_rows: u64,
}

impl Default for ArchiveOptions {
    fn default() -> ArchiveOptions {
        ArchiveOptions { batch_rows: 4 * PACK_ROWS as u64 }
    }
}

/// Archives what lies before the cut. What was committed stands, whatever becomes of the
/// rest: the next run goes on.
pub fn archive_rows(
    lake: &mut Lake,
    name: &str,
    cut: &Cut,
    options: &ArchiveOptions,
    watch: &dyn Watch,
) -> Result<Retained> {
    let clock = Stopwatch::start();
    tidy_archive(lake)?;
    let table = table_of(lake.refresh()?, name)?.clone();
    let mut done = Retained {
        version: lake.state().version,
        table: table.def.name.clone(),
        rows_dropped: Some(0),
        ..Retained::default()
    };
    if let Some(doom) = Doom::of(&table.def, cut)? {
        watch.due(doom.met(&table).iter().map(|m| m.segment.rows).sum());
        let mut from: Bound<Vec<Symbol>> = Bound::Unbounded;
        let mut tries = 1;
        loop {
            match batch::run(lake, &table.def.name, &doom, &from, options, watch)? {
                batch::End::Nothing => break,
                batch::End::Done(part) => {
                    add(&mut done, &part.done);
                    let Some(last) = part.last else { break };
                    (from, tries) = (Bound::Excluded(last), 1);
                }
                batch::End::Conflict(_) if tries < TRIES => tries += 1,
                batch::End::Conflict(conflict) => return Err(MaintainError::Conflict(conflict)),
            }
        }
    }
    done.elapsed_ms = clock.elapsed().as_millis() as u64;
    Ok(done)
}

fn add(done: &mut Retained, part: &Retained) {
    done.version = part.version;
    done.rows_archived += part.rows_archived;
    done.segments_removed += part.segments_removed;
    done.bytes_removed += part.bytes_removed;
    done.segments_masked += part.segments_masked;
    done.archive_files += part.archive_files;
    done.archive_bytes += part.archive_bytes;
}
