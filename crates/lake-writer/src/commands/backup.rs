use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use lake_cli::render::Record;
use lake_cli::{Console, Failure, Outcome, Progress, Tally};
use lake_log::{Access, Lake};
use lake_maintain::backup::{self, Copied};
use lake_store::Stopwatch;

use super::compact::Watched;
use crate::failure::{of_log, of_maintain};
use crate::stop::Signals;

const EXAMPLES: &str = "\
Examples:
  lake-writer backup /backup/lake
  lake-query --lake /backup/lake tables
  lake-writer --lake ./again restore --from /backup/lake

Copies the newest version, with lake.toml, the archive and rejected rows, while others write,
compact and vacuum. On the same file system files are linked and take no space; elsewhere they
are copied. Each is compared with its hash. A directory that is a backup of this lake already is
brought up to date: what is there and whole is not copied again, and what the newest version
does not have goes.

The backup is a lake that can be read, and nobody writes to. It has no older versions. If a run is
killed, the backup is what it was before, and the next run goes on.";

/// Copy the newest version to a directory that readers can open
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Backup {
    /// Where the backup is, or is to be
    #[arg(value_name = "DIR")]
    to: PathBuf,
}

impl Backup {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let watched = watched();
        let mut lake = Lake::open(lake, Access::Read).map_err(of_log)?;
        let shown = progress(&watched, console);
        let done = backup::backup(&mut lake, &self.to, &*watched).map_err(of_maintain)?;
        drop(shown);
        console.out.committed();
        console.record(&record("backup", &self.to, &done))?;
        told(&done, console);
        Ok(Outcome::Done)
    }
}

/// The other way round.
pub(crate) fn from_backup(
    from: &Path,
    to: &Path,
    console: &mut Console,
) -> Result<Outcome, Failure> {
    let watched = watched();
    let shown = progress(&watched, console);
    let done = backup::restore(from, to, &*watched).map_err(of_maintain)?;
    drop(shown);
    console.out.committed();
    console.record(&record("lake", to, &done))?;
    told(&done, console);
    Ok(Outcome::Done)
}

/// Ends in order when a signal asks for it.
fn watched() -> Arc<Watched> {
    let signals = Signals::hold();
    lake_store::process::raise_file_limit();
    let watched = Arc::new(Watched::default());
    let stopped = watched.clone();
    signals.watch(move || stopped.stop.store(true, Ordering::Relaxed));
    watched
}

fn progress(watched: &Arc<Watched>, console: &Console) -> Progress {
    let (clock, shown) = (Stopwatch::start(), watched.clone());
    console.progress(move || {
        let (bytes, due) = (shown.rows.load(Ordering::Relaxed), shown.due.load(Ordering::Relaxed));
        let share = (due > 0).then(|| (bytes as f64 / due as f64).min(1.0));
        Tally { elapsed: clock.elapsed(), bytes, share, ..Tally::default() }
    })
}

fn record(what: &str, path: &Path, done: &Copied) -> Record {
    Record::new()
        .with("version", done.version)
        .with(what, path.to_string_lossy().into_owned())
        .with("files", done.files)
        .with("bytes", done.bytes)
        .with("files_kept", done.files_kept)
        .with("files_linked", done.files_linked)
        .with("files_copied", done.files_copied)
        .with("bytes_copied", done.bytes_copied)
        .with("files_removed", done.files_removed)
        .with("elapsed_ms", done.elapsed_ms)
}

fn told(done: &Copied, console: &mut Console) {
    if done.archives_missing > 0 {
        console.warn(format!(
            "{} archives are not in the lake's archive directory any more, and so not copied",
            done.archives_missing
        ));
    }
}
