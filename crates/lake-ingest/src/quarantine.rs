//! Rejected rows that are kept for a person: one file a table and transaction, with
//! the reason and the text of each row, and what it takes to try it again. The files
//! are Parquet, under a name that no reader of the lake takes for a segment.

mod file;

use lake_core::edit::Transaction;
use lake_core::id::TxnId;
use lake_core::layout;
use lake_core::state::Table;
use lake_store::{Dir, Root};

use crate::error::{IngestError, Place, Result};
use crate::source::Reject;

pub(crate) use file::Held;
use file::{encode, note, open};

const SUFFIX: &str = ".rejects";

/// A file of rejected rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    pub name: String,
    pub table: String,
    pub rows: u64,
    pub bytes: u64,
    pub at_us: i64,
    pub producer: Option<String>,
}

/// A rejected row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantinedRow {
    pub file: String,
    pub row: u64,
    pub line: Option<u64>,
    pub column: Option<String>,
    pub value: Option<String>,
    pub why: String,
    pub raw: String,
}

/// The files of one transaction. Unless they are kept they are removed when this is
/// dropped: the transaction came to nothing.
pub(crate) struct Fresh {
    dir: Option<Dir>,
    names: Vec<String>,
}

impl Fresh {
    /// It is committed, or may be.
    pub(crate) fn keep(mut self) {
        self.names.clear();
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = self.dir.as_ref().map(|dir| dir.unlink(name));
        }
    }
}

/// Durable before the commit whose receipt counts them.
pub(crate) fn write(
    root: &Root,
    txn: &Transaction,
    rejects: &[(&Table, &[Reject])],
) -> Result<Fresh> {
    let mut fresh = Fresh { dir: None, names: Vec::new() };
    for (table, rows) in rejects.iter().filter(|(_, rows)| !rows.is_empty()) {
        let dir = match &fresh.dir {
            Some(dir) => dir.clone(),
            None => fresh.dir.insert(root.dir(layout::QUARANTINE)?).clone(),
        };
        let name = format!("{}.{}{SUFFIX}", txn.id, table.def.name);
        let bytes = encode(txn, table, rows)?;
        fresh.names.push(name.clone());
        let mut file = dir.create(&name)?;
        file.write_all_at_once(&bytes)?;
        file.sync()?;
        file.close()?;
    }
    if let Some(dir) = &fresh.dir {
        dir.sync()?;
    }
    Ok(fresh)
}

/// The directory, if the file is in it.
fn dir_of(root: &Root, name: &str) -> Result<Dir> {
    let known = || IngestError::NoQuarantine(name.into());
    if !name.ends_with(SUFFIX) || name.contains('/') {
        return Err(known());
    }
    let dir = root.dir(layout::QUARANTINE)?;
    match dir.exists(name)? {
        true => Ok(dir),
        false => Err(known()),
    }
}

/// All files of rejected rows, oldest first.
pub fn list(root: &Root) -> Result<Vec<Quarantined>> {
    let dir = root.dir(layout::QUARANTINE)?;
    let mut found = Vec::new();
    for entry in dir.list()?.into_iter().filter(|e| e.name.ends_with(SUFFIX) && !e.is_dir) {
        match look(&dir, &entry.name) {
            Ok(file) => found.push(file),
            // One that is torn by a power cut belongs to no commit.
            Err(IngestError::File { .. }) => {}
            // A retry was quicker.
            Err(_) if !dir.exists(&entry.name)? => {}
            Err(error) => return Err(error),
        }
    }
    found.sort_by(|a, b| (a.at_us, &a.name).cmp(&(b.at_us, &b.name)));
    Ok(found)
}

/// One of them.
pub fn find(root: &Root, name: &str) -> Result<Quarantined> {
    look(&dir_of(root, name)?, name)
}

fn look(dir: &Dir, name: &str) -> Result<Quarantined> {
    let reader = open(dir, name)?;
    let found = reader.metadata();
    Ok(Quarantined {
        name: name.into(),
        table: note(found, "table").unwrap_or_default(),
        rows: found.file_metadata().num_rows().max(0) as u64,
        bytes: dir.stat(name)?.map_or(0, |s| s.len),
        at_us: note(found, "at_us").and_then(|t| t.parse().ok()).unwrap_or(0),
        producer: note(found, "producer"),
    })
}

/// The rows of one file.
pub fn show(root: &Root, name: &str) -> Result<Vec<QuarantinedRow>> {
    let shown = |reject: Reject| {
        let Reject { place, column, value, why, raw, .. } = reject;
        let Place { file, row, line } = place;
        QuarantinedRow { file: file.to_string(), row, line, column, value, why, raw }
    };
    Ok(read(root, name)?.rows.into_iter().map(shown).collect())
}

/// The same with all that the file says.
pub(crate) fn read(root: &Root, name: &str) -> Result<Held> {
    file::read(&dir_of(root, name)?, name)
}

/// Throws a file away, for good.
pub fn remove(root: &Root, name: &str) -> Result<()> {
    let dir = dir_of(root, name)?;
    dir.unlink(name)?;
    Ok(dir.sync()?)
}

/// The transaction that a file is of.
pub(crate) fn transaction(name: &str) -> Option<TxnId> {
    let (id, _) = name.strip_suffix(SUFFIX)?.rsplit_once('.')?;
    id.parse().ok()
}
