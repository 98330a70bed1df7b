use std::path::Path;

use lake_cli::render::Record;
use lake_cli::{Console, Failure, Outcome, human};
use lake_maintain::rebuild::{self, Doubt, Options, Rebuilt, UNKNOWN};

use super::reading::read;
use crate::failure::of_maintain;

const EXAMPLES: &str = "\
Examples:
  lake-writer rebuild --dry-run
  lake-writer rebuild && lake-writer verify --deep

For a lake whose _lake, or its log, is lost for good: a backup is better. Every file of the
warehouse is read, and what is whole goes into a new log under a new lake id. A merged file's
footer names what it was merged of, so that no row counts twice. Stop all writers before.

What is not in the files cannot come back: rows that were taken away by range, replace, retention
or restore show again, unless vacuum has removed their files since; tags, checks, defaults and
history are gone; a batch sent again is known only where its own files are still there. Archived
rows stay in the archive, and unarchive brings them back. What is left of _lake is moved to
_lake-lost-*, and files that do not count stay where they are.

Refused when the lake has a log that can be read (see repair). Exits 1 when files could not be
used or are doubtful; stderr names them.";

/// Make a lost log anew from the files
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Rebuild {
    /// Say what the new log would hold, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Take a file system that does not keep the promises the lake stands on
    #[arg(long)]
    accept_unsafe_fs: bool,
}

/// A sample; the counts say how many there are.
const SHOWN: usize = 20;

impl Rebuild {
    pub(crate) fn run(self, path: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let options = Options { dry_run: self.dry_run, accept_unsafe_fs: self.accept_unsafe_fs };
        let stage = ["reading the files"; 2];
        let (done, _) = read(console, stage, |meter| rebuild::rebuild(path, &options, meter));
        let done = done.map_err(of_maintain)?;
        if !self.dry_run {
            console.out.committed();
        }
        console.record(&record(&done))?;
        tell(&done.unusable, "left out", console);
        tell(&done.doubtful, "doubtful", console);
        console.note(UNKNOWN);
        if self.dry_run {
            console.note("dry run: nothing was changed");
        }
        match done.unusable.is_empty() && done.doubtful.is_empty() {
            true => Ok(Outcome::Done),
            false => Ok(Outcome::No),
        }
    }
}

fn record(done: &Rebuilt) -> Record {
    Record::new()
        .with("version", done.version)
        .with("tables", done.tables)
        .with("files", done.files)
        .with("rows", done.rows)
        .with("bytes", done.bytes)
        .with("replaced_files", done.replaced)
        .with("redundant_files", done.redundant)
        .with("archives", done.archives)
        .with("unusable_files", done.unusable.len() as u64)
        .with("doubtful_files", done.doubtful.len() as u64)
        .with("old_system", done.old_system.clone())
}

fn tell(doubts: &[Doubt], word: &str, console: &mut Console) {
    for Doubt { path, why } in doubts.iter().take(SHOWN) {
        console.warn(format!("{word}: {path}: {why}"));
    }
    if let Some(more) = doubts.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        console.warn(format!("and {} more {word}", human::count(more as u64)));
    }
}
