use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use lake_cli::render::Record;
use lake_cli::{Console, Failure, Outcome};
use lake_core::state::{State, Table};
use lake_engine::Views;
use lake_log::{Access, Lake, Snapshot};
use lake_store::{Deadline, Stopwatch};

use crate::failure::{of_engine, of_log};
use crate::open::{AtVersion, table};
use crate::stop;
use crate::target::{Held, Target};

const EXAMPLES: &str = "\
Examples:
  lake-query mount
  lake-query mount --to /srv/share/analysis.duckdb --tables bars,ticks
  lake-query mount --to eod.duckdb --at 2026-11-20T15:00
  lake-query mount --watch
  lake-query mount --print | duckdb notebook.duckdb
  duckdb -readonly analysis.duckdb \"FROM bars LIMIT 5\"

The file is replaced as a whole: a connection keeps the version that it opened, and a new
one sees the newer. The view lake_info says which that is. The version's files stay for
vacuum's grace time after they left the lake; --watch keeps those of its last two mounts.";

/// How often the log is looked at for a commit.
const LOOK: Duration = Duration::from_millis(200);
/// Commits that follow each other faster share a mount.
const REST: Duration = Duration::from_secs(1);

/// Put views of the tables into a DuckDB file that any DuckDB since 1.1 opens
///
/// The file holds no rows: its views name the exact files of one version of the lake.
/// What else is in the file is lost, so that a file which holds a table is refused.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Mount {
    /// The DuckDB file
    #[arg(long, value_name = "FILE", default_value = "analysis.duckdb")]
    #[arg(value_hint = clap::ValueHint::FilePath)]
    to: PathBuf,
    /// Print the views as SQL, for any DuckDB since 1.1, and make no file
    #[arg(long, conflicts_with_all = ["to", "watch"])]
    print: bool,
    /// Stay, and mount anew after each commit, once a second at most; Ctrl-C ends it
    #[arg(long, conflicts_with = "at")]
    watch: bool,
    /// Do nothing if another process already waits to mount there: it brings this version, too
    #[arg(long, conflicts_with_all = ["watch", "at", "print"])]
    unless_awaited: bool,
    /// These tables alone
    #[arg(long, value_name = "TABLE,...", value_delimiter = ',')]
    tables: Vec<String>,
    #[command(flatten)]
    at: AtVersion,
}

impl Mount {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        // First of all, as it must be before there are other threads.
        let stop = self.watch.then(stop::ending);
        let mut lake = Lake::open(lake, Access::Read).map_err(of_log)?;
        if self.print {
            return self.print(&mut lake, console);
        }
        let target = Target::at(&self.to)?;
        let Some(stop) = stop else {
            if let Some((_, record)) = self.mount(&mut lake, &target)? {
                console.record(&record)?;
            }
            return Ok(Outcome::Done);
        };
        // Who opened the file just before it was replaced still reads the version before.
        let mut leases = VecDeque::new();
        loop {
            let rest = Deadline::after(REST);
            let Some((snapshot, record)) = self.mount(&mut lake, &target)? else {
                return Ok(Outcome::Done);
            };
            let mounted = snapshot.version();
            leases.push_back(snapshot);
            if leases.len() > 2 {
                leases.pop_front();
            }
            console.record_line(&record)?;
            loop {
                match stop.recv_timeout(LOOK) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(Outcome::Done),
                }
                if rest.passed() && lake.refresh().map_err(of_log)?.version > mounted {
                    break;
                }
            }
        }
    }

    fn print(&self, lake: &mut Lake, console: &mut Console) -> Result<Outcome, Failure> {
        let snapshot = lake.snapshot(self.at.at()).map_err(of_log)?;
        let tables = self.tables(snapshot.state())?;
        let views = Views::of(snapshot.state(), &tables, lake.root().path()).map_err(of_engine)?;
        for statement in views.statements() {
            console.out.text(statement)?;
            console.out.text(";\n")?;
        }
        Ok(Outcome::Done)
    }

    /// The snapshot is taken under the lock, so that of two that mount to one file the
    /// later brings the newer version. None: another process is about to.
    fn mount(
        &self,
        lake: &mut Lake,
        target: &Target,
    ) -> Result<Option<(Snapshot, Record)>, Failure> {
        let watch = Stopwatch::start();
        let held = match self.unless_awaited {
            true => target.lock_unless_awaited()?,
            false => Some(target.lock()?),
        };
        let Some(held) = held else { return Ok(None) };
        let snapshot = lake.snapshot(self.at.at()).map_err(of_log)?;
        let tables = self.tables(snapshot.state())?;
        let bytes = put(&held, &snapshot, &tables, lake.root().path())?;
        let segments: usize = tables.iter().map(|t| t.segment_count()).sum();
        let elapsed_ms = u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX);
        let record = Record::new()
            .with("version", snapshot.version())
            .with("file", target.shown())
            .with("tables", tables.len())
            .with("segments", segments)
            .with("bytes", bytes)
            .with("elapsed_ms", elapsed_ms);
        Ok(Some((snapshot, record)))
    }

    fn tables<'s>(&self, state: &'s State) -> Result<Vec<&'s Table>, Failure> {
        match self.tables.is_empty() {
            true => Ok(state.tables().collect()),
            false => self.tables.iter().map(|name| table(state, name)).collect(),
        }
    }
}

fn put(
    held: &Held<'_>,
    snapshot: &Snapshot,
    tables: &[&Table],
    root: &Path,
) -> Result<u64, Failure> {
    let views = Views::of(snapshot.state(), tables, root).map_err(of_engine)?;
    held.replace(|file| views.write(file).map_err(of_engine))
}
