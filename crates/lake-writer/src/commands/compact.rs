use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use lake_cli::render::{Column, Record, Rows};
use lake_cli::{Console, Failure, Outcome, Tally, human, parse};
use lake_core::kind::Kind;
use lake_maintain::compact::{self, CompactOptions, Compacted, Left, Watch};
use lake_maintain::policy::Policy;
use lake_store::{Deadline, Stopwatch};

use crate::failure::of_maintain;
use crate::settings;
use crate::stop::Signals;

const EXAMPLES: &str = "\
Examples:
  lake-writer compact                      every table, what is worth it
  lake-writer compact bars ticks --max-seconds 50      (each minute in a crontab)
  lake-writer compact --dry-run            what it would do, and why
  lake-writer compact bars --full          one sorted run, whatever it costs

Small files become few, sorted by symbol and key; no query sees another row before than after.
Several can run at once, beside writers and readers, and any can be killed at any time. Files
that were merged stay for older versions and running queries until lake-writer vacuum.

lake.toml can say what it takes, for the task of the same name, too:

  [compact]
  max_memory = \"1GiB\"
  jobs = 2";

/// Merge small files into few
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Compact {
    /// Tables to compact [default: all]
    #[arg(value_name = "TABLE")]
    tables: Vec<String>,
    /// Merge all there is of a table, not only what is worth it
    #[arg(long)]
    full: bool,
    /// Runs of files that a symbol's rows may lie in before some are merged
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Memory for merging [default: what lake.toml says, or 512MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse::size)]
    max_memory: Option<u64>,
    /// Begin nothing new after so many seconds
    #[arg(long, value_name = "S")]
    max_seconds: Option<u64>,
    /// Threads that merge [default: what lake.toml says, or all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Print what would be merged and why, merge nothing
    #[arg(long)]
    dry_run: bool,
}

/// How far it is, and whether it is to end.
#[derive(Default)]
pub(crate) struct Watched {
    pub(crate) rows: AtomicU64,
    pub(crate) due: AtomicU64,
    pub(crate) stop: AtomicBool,
}

impl Watch for Watched {
    fn due(&self, rows: u64) {
        self.due.fetch_add(rows, Ordering::Relaxed);
    }

    fn merged(&self, rows: u64) -> bool {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        !self.stop.load(Ordering::Relaxed)
    }
}

impl Compact {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let signals = Signals::hold();
        lake_store::process::raise_file_limit();
        let merging = settings::merging(lake, self.max_memory, self.jobs)?;
        let runs = usize::from(self.runs);
        let policy = Policy { runs, full: self.full, ..Policy::default() };
        let mut lake = compact::open(lake).map_err(of_maintain)?;
        if self.dry_run {
            let plan = compact::plan(lake.state(), &self.tables, &policy).map_err(of_maintain)?;
            console.rows(&steps(&plan))?;
            return Ok(Outcome::Done);
        }
        let options = CompactOptions {
            policy,
            memory: merging.memory,
            deadline: match self.max_seconds {
                Some(seconds) => Deadline::after(Duration::from_secs(seconds)),
                None => Deadline::never(),
            },
        };
        let watched = Arc::new(Watched::default());
        let stopped = watched.clone();
        signals.watch(move || stopped.stop.store(true, Ordering::Relaxed));
        let (clock, shown) = (Stopwatch::start(), watched.clone());
        let progress = console.progress(move || tally(&clock, &shown));
        let done = compact::on_threads(merging.jobs, || {
            compact::compact(&mut lake, &self.tables, &options, &*watched)
        });
        drop(progress);
        let done = done.map_err(of_maintain)?;
        console.out.committed();
        console.record(&receipt(&done))?;
        told(&done, console)
    }
}

fn steps(plan: &[(String, lake_maintain::policy::Step)]) -> Rows {
    let mut rows = Rows::new([
        Column::text("table"),
        Column::text("symbol"),
        Column::number("segments"),
        Column::number("rows"),
        Column::number("bytes"),
        Column::text("why"),
    ]);
    for (table, step) in plan {
        let symbols = step
            .symbols
            .as_ref()
            .map(|own| own.iter().map(ToString::to_string).collect::<Vec<_>>().join("/"));
        rows.push([
            table.as_str().into(),
            symbols.into(),
            step.inputs.len().into(),
            step.rows.into(),
            step.bytes.into(),
            step.why.as_str().into(),
        ]);
    }
    rows
}

fn receipt(done: &Compacted) -> Record {
    let counts = &done.counts;
    Record::new()
        .with("version", done.version)
        .with("units", done.units)
        .with("segments_removed", counts.segments_removed)
        .with("segments", counts.segments)
        .with("rows_in", counts.rows_in)
        .with("rows_written", counts.rows_written)
        .with("rows_superseded", counts.rows_superseded)
        .with("rows_deleted", counts.rows_deleted)
        .with("bytes_in", counts.bytes_in)
        .with("bytes", counts.bytes)
        .with("rows_copied", counts.rows_copied)
        .with("elapsed_ms", done.elapsed_ms)
}

pub(crate) fn tally(clock: &Stopwatch, watched: &Watched) -> Tally {
    let (rows, due) = (watched.rows.load(Ordering::Relaxed), watched.due.load(Ordering::Relaxed));
    Tally {
        elapsed: clock.elapsed(),
        rows,
        share: (due > 0).then(|| rows as f64 / due as f64),
        ..Tally::default()
    }
}

/// What is left undone, and what the whole run was.
fn told(done: &Compacted, console: &mut Console) -> Result<Outcome, Failure> {
    let mut damaged = Vec::new();
    for (table, left) in &done.left {
        match left {
            Left::Busy => console.note(format!("table {table}: another compactor is at it")),
            Left::Late => {
                console.note(format!("table {table}: the time is up, the next run goes on"))
            }
            Left::Conflict(why) => {
                console.warn(format!("table {table}: left to the next run: {why}"))
            }
            Left::Damaged { path, why } => damaged.push(format!("table {table}: {path}: {why}")),
        }
    }
    let counts = &done.counts;
    if done.units == 0 && done.left.is_empty() {
        console.summary("nothing to merge");
    } else if done.units > 0 {
        console.summary(format!(
            "{} files became {}, {} rows in {}",
            human::rough(counts.segments_removed),
            human::rough(counts.segments),
            human::rough(counts.rows_in),
            human::duration(Duration::from_millis(done.elapsed_ms)),
        ));
    }
    match damaged.is_empty() {
        true => Ok(Outcome::Done),
        false => {
            let mut failure = Failure::new(Kind::Damaged, "some files could not be merged");
            failure.causes = damaged;
            Err(failure
                .hint("the rest was merged; lake-writer verify --deep tells what is damaged"))
        }
    }
}
