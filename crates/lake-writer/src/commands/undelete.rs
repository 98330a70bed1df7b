use std::path::Path;

use lake_cli::render::{Column, Record, Rows};
use lake_cli::{Console, Failure, Outcome};
use lake_core::value::timestamp_text;
use lake_log::{Access, Lake};
use lake_maintain::vacuum;

use crate::failure::{of_log, of_maintain};
use crate::settings;

const EXAMPLES: &str = "\
Examples:
  lake-writer undelete --list
  lake-writer undelete
  lake-writer undelete 1795176000000000-42

For readers outside of these programs whose files a vacuum has moved away, such as a mounted
analysis.duckdb: the files are under their paths again, until the next vacuum. No version comes
back by it: whoever needs old versions for longer says so by a tag or a longer grace. A file stays
in the trash when something has its place.";

/// Bring back what vacuum moved to the trash
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Undelete {
    /// One vacuum's files, as --list names them [default: all]
    #[arg(conflicts_with = "list")]
    batch: Option<String>,
    /// Show what is in the trash, oldest first
    #[arg(long)]
    list: bool,
    /// Count, bring nothing back
    #[arg(long, conflicts_with = "list")]
    dry_run: bool,
}

impl Undelete {
    pub(crate) fn run(self, path: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let access = if self.list || self.dry_run { Access::Read } else { Access::Write };
        let lake = Lake::open(path, access).map_err(of_log)?;
        if self.list {
            console.rows(&listed(&lake, path)?)?;
            return Ok(Outcome::Done);
        }
        let batch = self.batch.as_deref();
        let done = vacuum::undelete(&lake, batch, self.dry_run).map_err(of_maintain)?;
        if !self.dry_run {
            console.out.committed();
        }
        let record = Record::new()
            .with("batches", done.batches)
            .with("files_restored", done.what.files)
            .with("bytes_restored", done.what.bytes)
            .with("files_in_the_way", done.in_the_way);
        console.record(&record)?;
        if self.dry_run {
            console.note("dry run: nothing was brought back");
        }
        Ok(Outcome::Done)
    }
}

fn listed(lake: &Lake, path: &Path) -> Result<Rows, Failure> {
    let grace = settings::vacuum_grace(path, None)?;
    let grace = i64::try_from(grace.as_micros()).unwrap_or(i64::MAX);
    let columns = ["batch", "moved_at", "kept_until"].map(Column::text);
    let numbers = ["version", "files", "bytes"].map(Column::number);
    let mut rows = Rows::new(columns.into_iter().chain(numbers));
    for batch in vacuum::list(lake).map_err(of_maintain)? {
        rows.push([
            batch.name.into(),
            timestamp_text(batch.at_us).into(),
            timestamp_text(batch.at_us.saturating_add(grace)).into(),
            batch.version.into(),
            batch.what.files.into(),
            batch.what.bytes.into(),
        ]);
    }
    Ok(rows)
}
