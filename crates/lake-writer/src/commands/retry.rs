use std::path::Path;

use lake_cli::render::{Column, Rows};
use lake_cli::{Console, Failure, Outcome};
use lake_ingest::quarantine::{self, Quarantined};
use lake_ingest::{IngestError, Mode, Options, Retried, SourceOptions, Writer};
use lake_store::Root;
use serde_json::json;

use super::mode::{ModeName, by_key};
use super::receipt;
use crate::failure::of_ingest;

const EXAMPLES: &str = "\
Examples:
  lake-writer alter bars widen-column volume \"DECIMAL(20,0)\"
  lake-writer quarantine retry 12.0fc12cbcff70f1b7.1.bars.rejects
  lake-writer quarantine retry --all --table bars --dry-run
  lake-writer quarantine retry 12.0fc12cbcff70f1b7.1.bars.rejects --date-format %d.%m.%Y --null N/A

Rows that fit are committed. Those that still do not go into a new file by the same commit,
and the old file is removed: exactly once, however often this is called or killed. If no row
fits, nothing is done and the exit code is 1. Rows that could not be cut into fields, such as
a CSV line with too many, cannot be tried; they stay for quarantine show.";

/// Store rejected rows after all, as the table is now
///
/// After the table was changed (alter), or with what was wrong about dates and NULLs.
/// In a table with a key, rows that were stored since then are newer and stay.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Retry {
    /// Files, by their names in quarantine list
    #[arg(value_name = "NAME", required_unless_present = "all", conflicts_with = "all")]
    names: Vec<String>,
    /// All files, oldest first
    #[arg(long)]
    all: bool,
    /// With --all: only the files of this table
    #[arg(long, value_name = "TABLE", requires = "all", conflicts_with = "names")]
    table: Option<String>,
    /// What becomes of keys that are there [default: ignore with a key, append without]
    #[arg(long, value_parser = by_key())]
    mode: Option<ModeName>,
    /// How dates are written, such as %Y%m%d or epoch-s [default: as ingest was told]
    #[arg(long, value_name = "FORMAT")]
    date_format: Option<String>,
    /// How timestamps are written [default: as ingest was told]
    #[arg(long, value_name = "FORMAT")]
    timestamp_format: Option<String>,
    /// A text that is NULL, beside what was NULL to ingest; may be repeated
    #[arg(long, value_name = "TEXT")]
    null: Vec<String>,
    /// Say what would be stored, store nothing
    #[arg(long)]
    dry_run: bool,
}

impl Retry {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        lake_store::process::raise_file_limit();
        let mut writer = Writer::open(lake).map_err(of_ingest)?;
        // What is misspelled is found before anything is done.
        let plan: Vec<(Quarantined, Options)> = self
            .files(writer.lake().root())
            .map_err(of_ingest)?
            .into_iter()
            .map(|file| self.options(lake, &file.table).map(|options| (file, options)))
            .collect::<Result<_, _>>()?;
        let source = SourceOptions {
            nulls: self.null.clone(),
            date_format: self.date_format.clone(),
            timestamp_format: self.timestamp_format.clone(),
            ..SourceOptions::default()
        };
        let (mut outcome, mut done, mut failed) = (Outcome::Done, Vec::new(), None);
        for (Quarantined { name, .. }, options) in &plan {
            match writer.retry(name, options, &source) {
                Ok(retried) => {
                    match retried.fits {
                        true if self.dry_run => {}
                        true => console.out.committed(),
                        false => outcome = Outcome::No,
                    }
                    tell(name, &retried, console);
                    done.push((name.as_str(), retried));
                }
                // Nobody has asked for this one, and the next call finds it again.
                Err(error @ IngestError::Uncommitted(_)) if self.all => {
                    console.warn(format!("{name} is left alone: {error}"));
                    outcome = Outcome::No;
                }
                // Another retry was quicker.
                Err(IngestError::NoQuarantine(_)) if self.all => {}
                Err(error) => {
                    let mut failure = of_ingest(error);
                    failure.message = format!("{name}: {}", failure.message);
                    failed = Some(failure);
                    break;
                }
            }
        }
        // What is committed is told, whatever became of the next one.
        match (self.all || self.names.len() > 1, done.first()) {
            (true, _) => console.rows(&rows(&done))?,
            (false, Some((_, Retried { done, .. }))) => {
                console.record(&receipt::of_ingest(done.version, &done.receipt, done.duplicate))?;
            }
            (false, None) => {}
        }
        failed.map_or(Ok(outcome), Err)
    }

    fn files(&self, root: &Root) -> lake_ingest::Result<Vec<Quarantined>> {
        if !self.all {
            return self.names.iter().map(|name| quarantine::find(root, name)).collect();
        }
        let mut files = quarantine::list(root)?;
        if let Some(table) = &self.table {
            files.retain(|file| file.table.eq_ignore_ascii_case(table));
        }
        Ok(files)
    }

    fn options(&self, lake: &Path, table: &str) -> Result<Options, Failure> {
        Ok(Options {
            mode: self.mode.map(Mode::from),
            layout: crate::settings::layout(lake, table)?,
            dry_run: self.dry_run,
            ..Options::default()
        })
    }
}

fn tell(name: &str, retried: &Retried, console: &mut Console) {
    if let Some(error) = &retried.left {
        console.warn(format!(
            "{name} is stored, but its file is still there ({error}): retry it again"
        ));
    }
    if retried.done.duplicate {
        return;
    }
    let (rejected, all) = (retried.done.receipt.rows_rejected, retried.done.receipt.rows_in);
    let why = retried.first.as_ref().map_or(String::new(), |why| format!("; the first: {why}"));
    match retried.fits {
        false => console.note(format!("{name}: no row fits, nothing was done{why}")),
        true if rejected > 0 => {
            console.note(format!("{name}: {rejected} of {all} rows do not fit{why}"));
        }
        true => {}
    }
    if retried.blank > 0 {
        console.note(format!(
            "{name}: {} of them cannot be tried: they could not be cut into fields, or an earlier \
             version kept them; lake-writer quarantine show has their text",
            retried.blank
        ));
    }
}

/// A receipt a file.
fn rows(done: &[(&str, Retried)]) -> Rows {
    let mut rows = Rows::new([
        Column::text("name"),
        Column::number("version"),
        Column::text("table"),
        Column::number("rows_in"),
        Column::number("rows_written"),
        Column::number("rows_superseded"),
        Column::number("rows_rejected"),
        Column::number("segments"),
        Column::number("bytes"),
        Column::text("duplicate"),
        Column::number("elapsed_ms"),
    ]);
    for (name, Retried { done, .. }) in done {
        let r = &done.receipt;
        rows.push([
            json!(name),
            json!(done.version),
            json!(&*r.table),
            json!(r.rows_in),
            json!(r.rows_written),
            json!(r.rows_superseded),
            json!(r.rows_rejected),
            json!(r.segments),
            json!(r.bytes),
            json!(done.duplicate),
            json!(r.elapsed_ms),
        ]);
    }
    rows
}
