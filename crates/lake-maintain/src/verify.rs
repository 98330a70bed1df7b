//! Checks that the lake is what its log says, and that the log is what it says itself.
//!
//! Nothing is changed, nobody is waited for. The warehouse is listed first and the log
//! read after, so that whatever the log does not name then was not committed when it was
//! listed. A lease on the floor keeps every file that is looked at where it is; what of the
//! archive is missing is looked for again in the newest state. What killed processes leave is
//! told in notes and is no finding.

mod archived;
mod file;
mod finding;
mod inventory;
mod notes;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lake_core::id::Version;
use lake_core::kind::Kind;
use lake_core::schema::TableDef;
use lake_core::state::State;
use lake_log::{Access, Audit, Lake, LogError, audit};
use lake_store::Root;
use rayon::prelude::*;

use crate::error::{MaintainError, Result};
use crate::vacuum::listing;

use self::inventory::Inventory;

pub use self::finding::{Finding, What};
pub use self::inventory::Held;
pub use self::notes::Note;

/// Which files are read, beyond that they are there and of the right size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    #[default]
    Sizes,
    /// Every byte and every row of all.
    All,
    /// Of these.
    These(BTreeSet<String>),
}

impl Depth {
    fn reads(&self, path: &str) -> bool {
        match self {
            Depth::Sizes => false,
            Depth::All => true,
            Depth::These(paths) => paths.contains(path),
        }
    }
}

/// Tells another thread how far it is, and is told to stop.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    files: AtomicU64,
    due: AtomicU64,
    rows: AtomicU64,
    stop: AtomicBool,
}

impl Meter {
    /// Files looked at, and how many there are; 0 as long as that is not known.
    pub fn files(&self) -> (u64, u64) {
        (self.0.files.load(Ordering::Relaxed), self.0.due.load(Ordering::Relaxed))
    }

    pub fn rows(&self) -> u64 {
        self.0.rows.load(Ordering::Relaxed)
    }

    pub fn stop(&self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }

    pub(crate) fn due(&self, files: u64) {
        self.0.due.store(files, Ordering::Relaxed);
    }

    pub(crate) fn looked(&self) {
        self.0.files.fetch_add(1, Ordering::Relaxed);
    }

    /// False: it is to stop.
    pub(crate) fn read(&self, rows: u64) -> bool {
        self.0.rows.fetch_add(rows, Ordering::Relaxed);
        !self.0.stop.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub struct Report {
    /// The newest version that can be had.
    pub version: Version,
    /// The oldest whose files were looked at.
    pub floor: Version,
    pub findings: Vec<Finding>,
    pub notes: Vec<Note>,
    /// Files that a version from the floor on needs, and those of the archive.
    pub files: u64,
    pub bytes: u64,
    /// Rows that were read.
    pub rows: u64,
    /// Why the lake cannot be opened.
    pub closed: Option<LogError>,
}

/// What verify has seen, for those who act on it: the lease is held as long as it lives.
pub(crate) struct Sight {
    pub(crate) audit: Audit,
    pub(crate) files: BTreeMap<String, Held>,
    pub(crate) report: Report,
}

pub fn run(path: &Path, depth: &Depth, meter: &Meter) -> Result<Report> {
    Ok(look(path, depth, meter)?.report)
}

pub(crate) fn look(path: &Path, depth: &Depth, meter: &Meter) -> Result<Sight> {
    let listing = listing::of_lake(path)?;
    let mut inventory = Inventory::default();
    let audit = audit(path, &mut inventory)?;
    let mut report = Report { floor: audit.floor, ..Report::default() };
    report.findings.extend(audit.flaws.iter().cloned().map(Finding::of_flaw));
    report.findings.extend(inventory.receipts.drain(..).map(Finding::of_receipt));
    if let Some(state) = &audit.state {
        report.version = state.version;
    }
    report.closed = closed(path)?;
    let floor = audit.floor;
    let files: BTreeMap<String, Held> = inventory.needed_from(floor).collect();
    report.files = files.len() as u64;
    report.bytes = files.values().map(|held| held.segment.bytes).sum();
    if let Some(state) = &audit.state {
        report.findings.extend(check_files(&audit, state, &files, depth, meter)?);
        let ahead = notes::tell(&audit, state, &inventory, &listing, &mut report.notes)?;
        report.findings.extend(ahead);
        archived::check(&audit, state, path, (depth, meter), &mut report)?;
    }
    report.rows = meter.rows();
    report.findings.sort_by(|a, b| (a.rank(), &a.path).cmp(&(b.rank(), &b.path)));
    Ok(Sight { audit, files, report })
}

/// Why the lake cannot be opened, if damage is why.
fn closed(path: &Path) -> Result<Option<LogError>> {
    match Lake::open(path, Access::Read) {
        Ok(_) => Ok(None),
        // The audit found a lake: NotFound is its birth certificate.
        Err(error) if matches!(error.kind(), Kind::Damaged | Kind::NotFound) => Ok(Some(error)),
        Err(error) => Err(error.into()),
    }
}

fn check_files(
    audit: &Audit,
    state: &State,
    files: &BTreeMap<String, Held>,
    depth: &Depth,
    meter: &Meter,
) -> Result<Vec<Finding>> {
    meter.due(files.len() as u64);
    let all: Vec<(&String, &Held)> = files.iter().collect();
    let found: Vec<Vec<Finding>> = all
        .par_iter()
        .map(|(path, held)| -> Result<Vec<Finding>> {
            let Some(table) = state.table_by_id(held.table) else { return Ok(Vec::new()) };
            let whats = looked(&audit.root, path, &table.def, held, depth, meter)?;
            let name = &table.def.name;
            Ok(whats.into_iter().map(|what| Finding::of_file(path, name, held, what)).collect())
        })
        .collect::<Result<_>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// What is wrong with a file, as deep as it is to be looked at.
fn looked(
    root: &Root,
    path: &str,
    def: &TableDef,
    held: &Held,
    depth: &Depth,
    meter: &Meter,
) -> Result<Vec<What>> {
    if meter.0.stop.load(Ordering::Relaxed) {
        return Err(MaintainError::Stopped);
    }
    let mut whats = file::presence(root, path, held)?;
    if whats.is_empty() && depth.reads(path) {
        whats = file::contents(root, path, def, held, meter)?;
    }
    meter.looked();
    Ok(whats)
}
