use std::path::{Path, PathBuf};

use lake_cli::render::Record;
use lake_cli::{Console, Failure, Outcome};
use lake_core::edit::ProducerSeq;
use lake_ingest::{Feed, FileFeed, IngestedMany, Job, Options, Writer};
use serde_json::Value;

use super::batch::BatchFlags;
use super::input::{InputFlags, files};
use super::receipt;
use super::report::{Done, Report};
use crate::failure::of_ingest;

const EXAMPLES: &str = "\
Examples:
  lake-writer ingest-many bars=bars.csv factors=factors.parquet --producer eod --seq 20261120
  lake-writer ingest-many bars=a.csv bars=b.csv symbols=symbols.csv";

/// Store rows of several tables as one version
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct IngestMany {
    /// Tables and their files; a table may be named for each of its files
    #[arg(required = true, value_name = "TABLE=FILE", value_parser = pair)]
    inputs: Vec<(String, PathBuf)>,
    #[command(flatten)]
    batch: BatchFlags,
    /// Who sends this batch; with --seq it is committed once, however often it is sent
    #[arg(long, requires = "seq", value_name = "NAME", value_parser = super::batch::producer)]
    producer: Option<String>,
    /// The producer's own number of this batch
    #[arg(long, requires = "producer", value_name = "N")]
    seq: Option<u64>,
    #[command(flatten)]
    input: InputFlags,
}

fn pair(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((table, file)) if !table.is_empty() && !file.is_empty() => {
            Ok((table.into(), file.into()))
        }
        _ => Err("such as bars=daily.csv".into()),
    }
}

impl IngestMany {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        lake_store::process::raise_file_limit();
        self.batch.set_workers()?;
        let mut tables: Vec<(String, Vec<PathBuf>)> = Vec::new();
        for (table, file) in &self.inputs {
            match tables.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case(table)) {
                Some((_, files)) => files.push(file.clone()),
                None => tables.push((table.clone(), vec![file.clone()])),
            }
        }
        let source = self.input.options();
        let report = Report::start(&source.meter);
        let mut feeds = Vec::new();
        for (table, patterns) in tables {
            feeds.push((table, FileFeed::new(files(&patterns)?, source.clone())));
        }
        let mut jobs: Vec<Job<'_>> = Vec::new();
        for (table, feed) in &feeds {
            jobs.push(Job { table, feed, layout: Some(self.batch.layout(lake, table)?) });
        }
        let producer = match (&self.producer, self.seq) {
            (Some(producer), Some(seq)) => {
                Some(ProducerSeq { producer: producer.as_str().into(), seq })
            }
            _ => None,
        };
        let meter = source.meter;
        let options = Options { producer, meter, ..self.batch.options(lake, jobs[0].table)? };
        let size = || feeds.iter().map(|(_, feed)| feed.size()).sum();
        let progress = report.progress(size, console);
        let mut writer = Writer::open(lake).map_err(of_ingest)?;
        let done = writer.ingest_many(&jobs, &options).map_err(of_ingest)?;
        drop(progress);
        if !options.dry_run {
            console.out.committed();
        }
        let tables: Vec<Value> = done
            .receipts
            .iter()
            .map(|r| receipt::of_ingest(done.version, r, done.duplicate).into_json())
            .collect();
        let record = Record::new()
            .with("version", done.version)
            .with("tables", tables)
            .with("duplicate", done.duplicate);
        console.record(&record)?;
        let IngestedMany { version, receipts, duplicate } = &done;
        let done = Done { version: *version, receipts, duplicate: *duplicate };
        report.end(&done, &options, console);
        Ok(Outcome::Done)
    }
}
