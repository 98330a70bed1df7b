//! A new log for a lake that has lost its own, from what its files say of themselves.
//!
//! The warehouse is listed, every file read through, and what is whole and in its place
//! goes into the state that the new log begins with. Three things need care.
//!
//! 1. A merged file and what it was merged of may both be there, and must not both count.
//!    Its footer names its inputs. If one of them is gone, or another file names it as an
//!    input, it was committed and takes their place; if all are there it may be what a
//!    killed compaction left, perhaps one file of several, so that they count and it does
//!    not. Both ways the rows are the same. What a delete has rewritten counts anyway: else
//!    what was deleted would show again.
//! 2. Which of two rows with one key is the newer. A merged file says its rank; others say
//!    after which version they were committed. What was written at one time by several
//!    processes is told as doubtful.
//! 3. What no file says: deletes that are only in the log, tags, checks, defaults, history.
//!    Of an archive, whether its rows had left the table or were back in it: it counts as
//!    archived, so that nobody takes its files away.
//!
//! The new log's first version lies beyond every version that a file names. Files that do
//! not count stay where they are, like those of a killed writer.

mod choice;
mod relic;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use lake_core::archive::archive_key;
use lake_core::edit::{Cause, ProducerSeq, Receipt};
use lake_core::id::Version;
use lake_core::kind::Kind;
use lake_core::layout;
use lake_core::salvage::Salvage;
use lake_core::state::Table;
use lake_log::{Access, InitOptions, Lake, LogError};
use lake_store::{LockFile, Root, clock, random};

use crate::archive::{Lying, lying};
use crate::error::{MaintainError, Result};
use crate::vacuum::listing;
use crate::verify::Meter;

use self::choice::Choice;
use self::relic::Relic;

#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Say what would be.
    pub dry_run: bool,
    pub accept_unsafe_fs: bool,
}

/// What somebody should know of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    pub path: String,
    pub why: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// The first version of the new log.
    pub version: Version,
    pub tables: u64,
    pub files: u64,
    pub rows: u64,
    pub bytes: u64,
    /// Files whose rows are in merged ones.
    pub replaced: u64,
    /// Merged files whose inputs are all there, and count instead.
    pub redundant: u64,
    /// Lists of archived files, whose rows can be brought back.
    pub archives: u64,
    /// Files that cannot count: not whole, or not where they belong.
    pub unusable: Vec<Doubt>,
    /// Files that count, and may not count rightly.
    pub doubtful: Vec<Doubt>,
    /// What was there of the old system's directory lies here.
    pub old_system: Option<String>,
}

/// What no file tells, whatever is found.
pub const UNKNOWN: &str = "what no file tells: rows that were taken away by range, replace, \
    retention or restore from files that vacuum has not removed since (they show again), tags, \
    checks, defaults, schema changes after the last write, history, seqs of producers whose files \
    were merged, and whether the last batch of a killed writer was committed";

pub fn rebuild(path: &Path, options: &Options, meter: &Meter) -> Result<Rebuilt> {
    let head = refuse_readable(path)?;
    let listing = listing::of_lake(path)?;
    let root = Root::open(path)?;
    let (relics, unusable) = relic::read_all(&root, &listing.segments, meter)?;
    let (built, mut done) = build(relics, unusable, head, lying(&root)?)?;
    if options.dry_run {
        return Ok(done);
    }
    // Reading took its time: somebody may have opened the lake, or rebuilt it.
    refuse_readable(path)?;
    done.old_system = put_old_aside(&root)?;
    let init = InitOptions { accept_unsafe_fs: options.accept_unsafe_fs };
    let receipts = built.receipts;
    if !Lake::init_with(path, &init, built.salvage)?.new {
        return Err(MaintainError::HasLog);
    }
    // For people: the history begins with what was done. The lake is whole without it.
    let mut lake = Lake::open(path, Access::Write)?;
    let mut txn = lake.begin()?.transaction(Cause::Restore);
    txn.receipts = receipts;
    let _ = lake.commit(txn)?;
    Ok(done)
}

struct Built {
    salvage: Salvage,
    receipts: Vec<Receipt>,
}

fn build(
    relics: Vec<Relic>,
    unusable: Vec<Doubt>,
    head: Version,
    lying: Vec<Lying>,
) -> Result<(Built, Rebuilt)> {
    let version = relics.iter().map(Relic::newest).max().unwrap_or(0).max(head) + 1;
    let mut done = Rebuilt { version, unusable, ..Rebuilt::default() };
    let Choice { live, replaced, redundant, doubts } = choice::choose(relics);
    (done.replaced, done.redundant) = (replaced, redundant);
    done.doubtful = doubts;
    let mut producers = producers(&live);
    let at_us = clock::now_us();
    let tables = tables::assemble(live, version, at_us, &mut done.unusable);
    let mut receipts = Vec::new();
    for table in &tables {
        let mut receipt = Receipt { table: table.def.name.as_str().into(), ..Receipt::default() };
        for (_, segment) in table.segments() {
            receipt.rows_written += segment.rows;
            receipt.bytes += segment.bytes;
            receipt.segments += 1;
        }
        done.rows += receipt.rows_written;
        done.bytes += receipt.bytes;
        done.files += receipt.segments;
        done.tables += 1;
        receipts.push(receipt);
    }
    let next_table = shelve(lying, &tables, &mut producers, &mut done);
    let salvage = Salvage { version, at_us, tables, next_table, producers };
    Ok((Built { salvage, receipts }, done))
}

/// Takes the archives for what they say. Returns a number above those of the tables that
/// only they know: a new table must not have theirs.
fn shelve(
    lying: Vec<Lying>,
    tables: &[Table],
    producers: &mut Vec<ProducerSeq>,
    done: &mut Rebuilt,
) -> u32 {
    let mut next_table = 0;
    for Lying { table, path, archive } in lying {
        let known = |id| tables.iter().find(|t| t.def.id == id && t.def.name == table);
        let why = match archive {
            Err(why) => format!("{why}: its rows cannot be brought back from here"),
            Ok(archive) => match known(archive.table) {
                None => {
                    next_table = next_table.max(archive.table.0.saturating_add(1));
                    "no file tells of its table: its rows cannot be brought back from here".into()
                }
                Some(known) => {
                    producers.push(archive_key(&table, archive.seq));
                    done.archives += 1;
                    if known.def.key.is_empty() {
                        let why = "its rows may be in the table, too: unarchive would double them";
                        done.doubtful.push(Doubt { path, why: why.to_owned() });
                    }
                    continue;
                }
            },
        };
        done.unusable.push(Doubt { path, why });
    }
    next_table
}

fn producers(live: &[Relic]) -> Vec<ProducerSeq> {
    let mut all: Vec<ProducerSeq> = live.iter().filter_map(|r| r.producer.clone()).collect();
    all.sort();
    all.dedup();
    all
}

/// A log that can be read is never thrown away. Returns the version that HEAD hints at.
fn refuse_readable(path: &Path) -> Result<Version> {
    match Lake::open(path, Access::Read) {
        Ok(lake) if lake.state().version > 0 => return Err(MaintainError::HasLog),
        Ok(_) | Err(LogError::NoLake(_)) => {}
        Err(error) if error.kind() == Kind::Damaged => {}
        Err(error) => return Err(error.into()),
    }
    let root = Root::open(path).map_err(|error| match error.kind {
        lake_store::Kind::NotFound => LogError::NoLake(path.to_owned()),
        _ => LogError::Store(error),
    })?;
    let live = format!("{}/{}", layout::LOCKS, layout::LOCK_LIVE);
    if root.stat(&live)?.is_some_and(|stat| stat.is_file) {
        let live = LockFile::new(&root.dir(layout::LOCKS)?, layout::LOCK_LIVE)?;
        if live.lowest_locked_below(1 << 62)?.is_some() {
            return Err(MaintainError::AtWork);
        }
    }
    let head = root.read_opt(&format!("{}/{}", layout::SYSTEM, layout::HEAD));
    let head = head.ok().flatten().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    Ok(head.and_then(|bytes| lake_core::lakefile::head_from_bytes(&bytes)).unwrap_or(0))
}

/// Nothing of the old system's directory is deleted: rejected rows and trash are in it.
fn put_old_aside(root: &Root) -> Result<Option<String>> {
    if root.stat(layout::SYSTEM)?.is_none() {
        return Ok(None);
    }
    let name = format!("{}-lost-{:08x}", layout::SYSTEM, random::session()? as u32);
    let top = root.top()?;
    top.rename(layout::SYSTEM, &top, &name)?;
    top.sync()?;
    Ok(Some(name))
}

/// By key, in their order.
fn grouped<K: Ord, V>(all: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, Vec<V>> {
    let mut groups: BTreeMap<K, Vec<V>> = BTreeMap::new();
    for (key, value) in all {
        groups.entry(key).or_default().push(value);
    }
    groups
}
