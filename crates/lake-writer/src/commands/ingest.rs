use std::io;
use std::path::{Path, PathBuf};

use lake_cli::env::scratch_dir;
use lake_cli::{Console, Failure, Outcome};
use lake_core::edit::ProducerSeq;
use lake_ingest::{Feed, FileFeed, Ingested, Input, Meter, OnceFeed, Options, SqlFeed, Writer};

use super::batch::BatchFlags;
use super::input::{InputFlags, files};
use super::new_table::NewTable;
use super::receipt;
use super::report::{Done, Report};
use super::stream::StreamFlags;
use crate::failure::of_ingest;
use crate::stop::Signals;

const EXAMPLES: &str = "\
Examples:
  lake-writer ingest bars daily.csv
  lake-writer ingest bars '2026-*.parquet' --format json
  lake-writer ingest bars daily.csv --producer sync-sh --seq 20261120
  lake-writer ingest bars export.csv --encoding gbk --map Date=date --map Close=close --map-only
  lake-writer ingest bars quotes.csv --partition-by symbol --key symbol,date
  feed | lake-writer ingest ticks - --input-format jsonl --producer feed-1 \\
      --checkpoint-rows 10000 --checkpoint-interval 5s

A CSV file names its columns in the first line. An empty field is NULL, \"\" is the empty text.
Times with a zone are converted to UTC. All files of one call become visible at once, or none.
A stream has checkpoints, or a --producer without --seq. It prints a receipt for each commit, one
a line; rows up to its through_row are durable. Started again with the same --producer and input,
it skips what is committed. On SIGTERM and SIGINT it commits what it has read and exits with 130.
After a bad row (unless --on-error says otherwise) or a broken input nothing more is committed, nor
what came since the last receipt.";

/// Store rows of files, or of stdin (-)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Ingest {
    /// Table to store them in
    table: String,
    /// Files, patterns such as '*.csv', or - for stdin
    #[arg(required = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    batch: BatchFlags,
    /// Who sends; with --seq a batch is committed once, however often it is sent
    #[arg(long, value_name = "NAME", value_parser = super::batch::producer)]
    producer: Option<String>,
    /// The producer's own number of this batch
    #[arg(long, requires = "producer", value_name = "N")]
    seq: Option<u64>,
    /// SELECT ... FROM input: what of the input is stored
    #[arg(long, value_name = "SELECT")]
    sql: Option<String>,
    #[command(flatten)]
    input: InputFlags,
    #[command(flatten)]
    new: NewTable,
    #[command(flatten)]
    stream: StreamFlags,
}

impl Ingest {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        // One segment a symbol may be many files at once; where the limit cannot be
        // raised, running out of them is an error of its own.
        lake_store::process::raise_file_limit();
        let stdin = self.files.len() == 1 && self.files[0].as_os_str() == "-";
        let is_stream =
            self.stream.ask_for_checkpoints() || (self.producer.is_some() && self.seq.is_none());
        // Before the first thread is started, so that all of them hold the signals back.
        let signals = is_stream.then(Signals::hold);
        self.batch.set_workers()?;
        if self.batch.is_dry_run() && self.new.is_due(lake, &self.table)? {
            let table = &self.table;
            let why = format!("no table {table} to check the rows against; --dry-run makes none");
            return Err(Failure::not_found(why)
                .hint("make it first (lake-writer create), or leave out --dry-run"));
        }
        let source = self.input.options();
        let meter = source.meter.clone();
        let feed: Box<dyn Feed + Send> = match (stdin, &self.sql) {
            (true, Some(_)) => return Err(Failure::bad_input("--sql reads files, not stdin")),
            (true, None) => {
                let (name, reader) = ("stdin".into(), Box::new(io::stdin()));
                Box::new(OnceFeed::new(Input::Reader { name, reader }, source))
            }
            (false, None) => {
                let files = files(&self.files)?;
                if is_stream && files.len() != 1 {
                    return Err(Failure::bad_input(
                        "a stream has one input, as its rows are numbered",
                    ));
                }
                self.new.create_from_files(lake, &self.table, &files, &source, console)?;
                Box::new(FileFeed::new(files, source))
            }
            (false, Some(_)) if is_stream => {
                return Err(Failure::bad_input(
                    "the rows of a SELECT have no numbers to go on after",
                )
                .hint("leave out --sql, or give --seq with --producer and no checkpoints"));
            }
            (false, Some(sql)) => {
                let (files, sql) = (files(&self.files)?, sql.clone());
                let (memory, spill) = (self.batch.memory(), scratch_dir());
                let feed = SqlFeed { files, options: source, sql, memory, spill };
                self.new.create_from_select(lake, &self.table, &feed, console)?;
                Box::new(feed)
            }
        };
        if let Some(signals) = signals {
            if self.batch.is_dry_run() {
                return Err(Failure::bad_input("a stream's receipts say what is durable")
                    .hint("leave out --dry-run, or the checkpoints"));
            }
            if self.seq.is_some() {
                return Err(Failure::bad_input("a stream numbers its checkpoints itself")
                    .hint("leave out --seq, or the checkpoints"));
            }
            let batch = (self.table.as_str(), self.batch.options(lake, &self.table)?);
            let producer = self.producer.as_deref();
            return self.stream.run(lake, batch, producer, feed, signals, console);
        }
        self.commit(lake, &*feed, meter, console)
    }

    /// All rows as one commit.
    fn commit(
        &self,
        lake: &Path,
        feed: &dyn Feed,
        meter: Meter,
        console: &mut Console,
    ) -> Result<Outcome, Failure> {
        let producer = match (&self.producer, self.seq) {
            (Some(producer), Some(seq)) => {
                Some(ProducerSeq { producer: producer.as_str().into(), seq })
            }
            _ => None,
        };
        let report = Report::start(&meter);
        let options = Options { producer, meter, ..self.batch.options(lake, &self.table)? };
        let progress = report.progress(|| feed.size(), console);
        let mut writer = Writer::open(lake).map_err(of_ingest)?;
        let done = writer.ingest(&self.table, feed, &options).map_err(of_ingest)?;
        drop(progress);
        if !options.dry_run {
            console.out.committed();
        }
        console.record(&receipt::of_ingest(done.version, &done.receipt, done.duplicate))?;
        let Ingested { version, receipt, duplicate } = done;
        let done = Done { version, receipts: &[receipt], duplicate };
        report.end(&done, &options, console);
        Ok(Outcome::Done)
    }
}
