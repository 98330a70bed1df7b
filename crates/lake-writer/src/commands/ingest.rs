use std::path::{Path, PathBuf};

use clap::ValueEnum;
use lake_cli::render::Record;
use lake_cli::{Console, Failure, Outcome};
use lake_core::edit::ProducerSeq;
use lake_ingest::{Ingested, Input, InputFormat, Mode, Options, Writer};

use crate::failure::of_ingest;

const EXAMPLES: &str = "\
Examples:
  lake-writer ingest bars daily.csv
  lake-writer ingest bars 2025.parquet 2026.parquet --format json
  lake-writer ingest bars daily.csv --producer sync-sh --seq 20261120

A CSV file names its columns in the first line. An empty field is NULL, \"\" is the empty text.
Times with a zone are converted to UTC. All files of one call become visible at once, or none.";

/// Store the rows of files as one commit
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Ingest {
    /// Table to store them in
    table: String,
    /// CSV or Parquet files
    #[arg(required = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    files: Vec<PathBuf>,
    /// What becomes of keys that are there [default: upsert with a key, append without]
    #[arg(long, value_enum)]
    mode: Option<ModeName>,
    /// Form of the files [default: by extension, or else by content]
    #[arg(long, value_enum, value_name = "FORMAT")]
    input_format: Option<FormatName>,
    /// Who sends this batch; with --seq it is committed once, however often it is sent
    #[arg(long, requires = "seq", value_name = "NAME", value_parser = producer)]
    producer: Option<String>,
    /// The producer's own number of this batch
    #[arg(long, requires = "producer", value_name = "N")]
    seq: Option<u64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeName {
    /// Refuse rows whose key is there
    Append,
    /// The row of the later commit wins
    Upsert,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatName {
    Csv,
    Parquet,
}

fn producer(text: &str) -> Result<String, String> {
    const MOST: usize = 256;
    if text.is_empty() || text.len() > MOST || text.chars().any(char::is_control) {
        return Err(format!("1 to {MOST} bytes without control characters"));
    }
    Ok(text.to_owned())
}

impl Ingest {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        if self.files.iter().any(|f| f.as_os_str() == "-") {
            return Err(Failure::bad_input("cannot read rows from stdin")
                .hint("give a file; one that is called - is ./-"));
        }
        // One segment a symbol may be many files at once; where the limit cannot be
        // raised, running out of them is an error of its own.
        lake_store::process::raise_file_limit();
        let format = self.input_format.map(|name| match name {
            FormatName::Csv => InputFormat::Csv,
            FormatName::Parquet => InputFormat::Parquet,
        });
        let mode = self.mode.map(|name| match name {
            ModeName::Append => Mode::Append,
            ModeName::Upsert => Mode::Upsert,
        });
        let producer = match (self.producer, self.seq) {
            (Some(producer), Some(seq)) => Some(ProducerSeq { producer: producer.into(), seq }),
            _ => None,
        };
        let inputs: Vec<Input> =
            self.files.into_iter().map(|path| Input { path, format }).collect();
        let mut writer = Writer::open(lake).map_err(of_ingest)?;
        let options = Options { mode, producer };
        let done = writer.ingest_files(&self.table, &inputs, &options).map_err(of_ingest)?;
        console.out.committed();
        console.record(&receipt(&done))?;
        Ok(Outcome::Done)
    }
}

fn receipt(done: &Ingested) -> Record {
    let r = &done.receipt;
    Record::new()
        .with("version", done.version)
        .with("table", &*r.table)
        .with("rows_in", r.rows_in)
        .with("rows_written", r.rows_written)
        .with("rows_superseded", r.rows_superseded)
        .with("rows_rejected", r.rows_rejected)
        .with("segments", r.segments)
        .with("bytes", r.bytes)
        .with("duplicate", done.duplicate)
        .with("elapsed_ms", r.elapsed_ms)
}
