use std::path::{Path, PathBuf};
use std::time::Duration;

use lake_cli::human::duration;
use lake_cli::render::Record;
use lake_cli::{Console, Failure, Outcome, kind_name, parse};
use lake_core::kind::Kind;
use lake_core::value::timestamp_text;
use lake_ingest::IngestError;
use lake_ingest::watch::{Report, Told, WatchOptions};
use lake_store::clock;

use super::batch::BatchFlags;
use super::input::InputFlags;
use super::receipt;
use crate::failure::{of_ingest, told};
use crate::stop::Signals;

const EXAMPLES: &str = "\
Examples:
  lake-writer watch inbox --table bars
  lake-writer watch inbox --table bars --once          (in a cron job, for example)
  lake-writer watch inbox --table ticks --on-error quarantine --quiet-period 10s

A file is complete when it was moved in (mv, or renamed from a name that is ignored) while watch
was running, or when it has not changed for the quiet period. Not looked at: directories, links,
names that begin with \".\" or end in .tmp, .part, .partial, .crdownload, ~ or .reason.json.

Each file is one commit, those written first come first. A receipt for each goes to stdout, one a
line; then the file is in DIR/done. A file that cannot be ingested goes to DIR/failed, with the
reason in NAME.reason.json beside it: move it back into DIR to try again. A name that is taken
there gets a number (bars.1.csv). When the lake is busy or a disk is full, watch waits and tries
again; with --once it ends with that exit code and goes on at its next start.

Every file is committed once, also when watch is killed at any moment and started again: what it
was at lies in DIR/.lake-watch until it is settled. One watch a directory. Ctrl-C or SIGTERM ends
it after the file in hand, with exit code 0; --once ends with 1 if files went to DIR/failed.";

/// Ingest the files that arrive in a directory
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Watch {
    /// Directory to watch, outside the lake
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: PathBuf,
    /// Table to store the rows in
    #[arg(long, value_name = "TABLE")]
    table: String,
    /// A file that was not moved in is complete when it has not changed for so long
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = parse::duration)]
    quiet_period: Duration,
    /// Ingest what is there and complete, then end
    #[arg(long)]
    once: bool,
    /// Who sends, used by nobody else [default: the one before, or a random name]
    #[arg(long, value_name = "NAME", value_parser = super::batch::producer)]
    producer: Option<String>,
    #[command(flatten)]
    batch: BatchFlags,
    #[command(flatten)]
    input: InputFlags,
}

impl Watch {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        if self.batch.is_dry_run() {
            return Err(Failure::bad_input("watch moves the files that it has ingested")
                .hint("to check files without storing them: lake-writer ingest --dry-run"));
        }
        // Before the first thread is started, so that all of them hold the signals back.
        let signals = Signals::hold();
        lake_store::process::raise_file_limit();
        self.batch.set_workers()?;
        let options = WatchOptions {
            table: self.table.clone(),
            batch: self.batch.options(lake, &self.table)?,
            source: self.input.options(),
            quiet: self.quiet_period,
            once: self.once,
            producer: self.producer,
        };
        let watch = lake_ingest::watch::Watch::open(lake, &self.dir, options).map_err(of_ingest)?;
        let stop = watch.stop();
        signals.watch(move || stop.stop());
        if !self.once {
            let (dir, producer) = (self.dir.display(), watch.producer());
            console.note(format!(
                "watching {dir} for table {} as producer {producer}; Ctrl-C ends it",
                self.table
            ));
        }
        let mut clerk = Clerk { console, table: &self.table, failed: 0, broken: None };
        let end = watch.run(&mut clerk);
        let Clerk { failed, broken, .. } = clerk;
        if let Some(failure) = broken {
            return Err(failure);
        }
        match end {
            Ok(()) if self.once && failed > 0 => Ok(Outcome::No),
            Ok(()) => Ok(Outcome::Done),
            Err(error) => Err(unfinished(of_ingest(error))),
        }
    }
}

/// What to do is not what a single batch's sender has to.
fn unfinished(failure: Failure) -> Failure {
    match failure.kind {
        Kind::Unknown | Kind::Spooled => {
            failure.hint("start watch again: it goes on with the same file, and commits it once")
        }
        _ => failure,
    }
}

/// Says what became of each file.
struct Clerk<'a> {
    console: &'a mut Console,
    table: &'a str,
    failed: u64,
    /// Why stdout takes no more.
    broken: Option<Failure>,
}

impl Report for Clerk<'_> {
    fn tell(&mut self, what: Told<'_>) -> Result<(), IngestError> {
        let text = match what {
            Told::Done { file, moved_to, ingested } => {
                self.console.out.committed();
                let (version, receipt) = (ingested.version, &ingested.receipt);
                let record = receipt::of_ingest(version, receipt, ingested.duplicate)
                    .with("file", file)
                    .with("moved_to", moved_to);
                return self.console.record_line(&record).map_err(|failure| {
                    self.broken = Some(failure);
                    IngestError::Stopped
                });
            }
            Told::Incomplete { files } => {
                self.console.note(format!("not complete yet: {files} files"));
                return Ok(());
            }
            Told::Failed { file, moved_to, error } => {
                self.failed += 1;
                format!("{file} is moved to {moved_to}: {}", sentence(&told(error)))
            }
            Told::Waits { error, pause } => {
                format!("{}; the next try is in {}", sentence(&told(error)), duration(pause))
            }
            Told::Changed { file } => format!(
                "{file} changed while it was ingested; what was written to it later is not stored"
            ),
            Told::Gone { file } => format!("{file} was taken away before it could be ingested"),
            Told::Shared { producer } => format!(
                "another process sends as producer {producer}; give each its own, or rows may be \
                 taken for duplicates"
            ),
            Told::BadName { file } => {
                format!("{file} stays where it is: rename it to at most 200 bytes of UTF-8")
            }
            Told::Deaf { why } => {
                format!("no events of the directory ({why}); it is looked at every second")
            }
        };
        self.console.warn(text);
        Ok(())
    }

    fn reason(&self, file: &str, error: &IngestError) -> String {
        let failure = told(error);
        let record = Record::new()
            .with("at", timestamp_text(clock::now_us()))
            .with("file", file)
            .with("table", self.table)
            .with("kind", kind_name(failure.kind))
            .with("message", failure.message)
            .with("causes", failure.causes)
            .with("hint", failure.hint);
        format!("{:#}\n", record.into_json())
    }
}

fn sentence(failure: &Failure) -> String {
    let mut parts = vec![failure.message.as_str()];
    parts.extend(failure.causes.iter().map(String::as_str));
    parts.join(": ")
}
