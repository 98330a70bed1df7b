use std::path::Path;

use lake_cli::render::{Column, Record, Rows};
use lake_cli::{Console, Failure, Outcome};
use lake_core::archive::{Standing, standing};
use lake_core::edit::Receipt;
use lake_core::value::{Value, timestamp_text};
use lake_ingest::{Ingested, Options, Writer};
use lake_log::{Access, Lake};
use lake_maintain::archive::{Listed, list};
use lake_maintain::{retain, vacuum};
use lake_store::Stopwatch;
use serde_json::json;

use super::report::Report;
use crate::failure::{of_ingest, of_log, of_maintain};

const EXAMPLES: &str = "\
Examples:
  lake-writer unarchive --list
  lake-writer unarchive bars
  lake-writer unarchive bars --before 2025-01-01

Brings back what lake-writer retain --archive has moved out of a table. A row whose key is in the
table now stays as it is. Each archive comes back once, as one commit, and its files go to the
trash. --before takes the archives all of whose rows are older.";

/// Bring archived rows back into their table
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Unarchive {
    /// Table whose rows come back
    #[arg(required_unless_present = "list")]
    table: Option<String>,
    /// Only archives whose rows are all less than this value of the first order column
    #[arg(long, value_name = "VALUE", requires = "table")]
    before: Option<String>,
    /// Show what is in the archive
    #[arg(long)]
    list: bool,
    /// Count, bring nothing back
    #[arg(long, conflicts_with = "list")]
    dry_run: bool,
}

impl Unarchive {
    pub(crate) fn run(self, path: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        lake_store::process::raise_file_limit();
        let access = if self.list || self.dry_run { Access::Read } else { Access::Write };
        let mut lake = Lake::open(path, access).map_err(of_log)?;
        let mut found = list(&mut lake, self.table.as_deref()).map_err(of_maintain)?;
        if let Some(text) = &self.before {
            found = older(found, text)?;
        }
        if self.list || self.dry_run {
            console.rows(&listed(&found))?;
            if self.dry_run {
                console.note("dry run: nothing was brought back");
            }
            return Ok(Outcome::Done);
        }
        let clock = Stopwatch::start();
        let options = Options::default();
        let report = Report::start(&options.meter);
        let size = found.iter().map(|l| l.archive.bytes()).sum();
        let progress = report.progress(|| Some(size), console);
        let (mut version, mut all) = (lake.state().version, Receipt::default());
        let mut writer = Writer::new(lake);
        let mut archives = 0u64;
        for listed in &found {
            let Some(done) = bring(&mut writer, listed, &options)? else { continue };
            console.out.committed();
            archives += 1;
            version = done.version;
            all.rows_in += done.receipt.rows_in;
            all.rows_written += done.receipt.rows_written;
            all.rows_superseded += done.receipt.rows_superseded;
        }
        drop(progress);
        // What cannot be tidied up now is the next vacuum's: the commits stand.
        if let Err(error) = vacuum::tidy_archive(writer.lake()) {
            console.warn(format!("the files stay in the archive until the next vacuum: {error}"));
        }
        let record = Record::new()
            .with("version", version)
            .with("table", self.table)
            .with("archives", archives)
            .with("rows_in", all.rows_in)
            .with("rows_written", all.rows_written)
            .with("rows_superseded", all.rows_superseded)
            .with("elapsed_ms", clock.elapsed().as_millis() as u64);
        console.record(&record)?;
        Ok(Outcome::Done)
    }
}

/// None: another has brought it back, and its files may be gone already.
fn bring(
    writer: &mut Writer,
    listed: &Listed,
    options: &Options,
) -> Result<Option<Ingested>, Failure> {
    let Listed { def, archive, .. } = listed;
    match writer.unarchive(archive, options) {
        Ok(done) => Ok((!done.duplicate).then_some(done)),
        Err(error) => {
            let now = writer.lake().refresh().map_err(of_log)?;
            match standing(now, &def.name, archive.seq) {
                Standing::Restored => Ok(None),
                _ => Err(of_ingest(error)),
            }
        }
    }
}

fn older(found: Vec<Listed>, text: &str) -> Result<Vec<Listed>, Failure> {
    let Some(first) = found.first() else { return Ok(found) };
    let field = retain::order_column(&first.def).map_err(of_maintain)?;
    let before: Value = lake_ingest::value_of(text, &field.ty).map_err(|why| {
        Failure::bad_input(format!("--before: {text:?} {why}, as column {} is", field.name))
    })?;
    let is_older = |l: &Listed| l.archive.ends().is_some_and(|(_, newest)| newest < before);
    Ok(found.into_iter().filter(is_older).collect())
}

fn listed(found: &[Listed]) -> Rows {
    let mut rows = Rows::new([
        Column::text("table"),
        Column::number("archive"),
        Column::text("archived_at"),
        Column::number("rows"),
        Column::number("bytes"),
        Column::number("files"),
        Column::text("min_key"),
        Column::text("max_key"),
    ]);
    for Listed { def, archive, .. } in found {
        let ends = archive.ends();
        rows.push([
            json!(def.name),
            json!(archive.seq),
            json!(timestamp_text(archive.at_us)),
            json!(archive.rows()),
            json!(archive.bytes()),
            json!(archive.files.len()),
            json!(ends.as_ref().map(|(min, _)| min.to_string())),
            json!(ends.as_ref().map(|(_, max)| max.to_string())),
        ]);
    }
    rows
}
