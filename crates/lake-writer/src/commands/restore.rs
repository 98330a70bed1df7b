use std::path::Path;

use lake_cli::render::Record;
use lake_cli::{Console, Failure, Outcome};
use lake_log::{Access, At, Lake};

use super::tag::at;
use crate::failure::{of_ingest, of_log};

const EXAMPLES: &str = "\
Examples:
  lake-writer restore --to 42
  lake-writer restore --to before-fix
  lake-writer restore --to 2026-11-20T15:00

The rows of all tables become what they were, as a new version: what was in between stays
readable. Schemas stay as they are; a table that was not there then is empty afterwards.";

/// Bring an older version's rows back, as a new version
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Restore {
    /// Version, time or tag
    #[arg(long, value_name = "VERSION", value_parser = at)]
    to: At,
}

impl Restore {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let mut lake = Lake::open(lake, Access::Write).map_err(of_log)?;
        let done = lake_ingest::restore(&mut lake, &self.to).map_err(of_ingest)?;
        console.out.committed();
        let record = Record::new()
            .with("version", done.version)
            .with("restored", done.from)
            .with("segments_added", done.segments_added)
            .with("segments_removed", done.segments_removed)
            .with("rows", done.rows);
        console.record(&record)?;
        Ok(Outcome::Done)
    }
}
