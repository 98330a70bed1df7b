use std::path::{Path, PathBuf};

use lake_cli::render::Record;
use lake_cli::{Console, Failure, Outcome};
use lake_log::{Access, At, Lake};

use super::backup::from_backup;
use super::tag::at;
use crate::failure::{of_ingest, of_log};

const EXAMPLES: &str = "\
Examples:
  lake-writer restore --to 42
  lake-writer restore --to before-fix
  lake-writer restore --to 2026-11-20T15:00
  lake-writer --lake ./again restore --from /backup/lake

With --to the rows of all tables become what they were, as a new version: what was in between
stays readable. Schemas stay as they are; a table that was not there then is empty afterwards.
Archives made since then count no more: what was in them is in the tables, as it was.

With --from a new lake, with an id of its own, is made of a backup: --lake names a directory that
is not there yet, or an empty lake. Every file is compared with its hash. If it is killed, there
is no lake, and the next run goes on.";

/// Bring an older version's rows back, as a new version; or make a lake of a backup
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Restore {
    /// Version, time or tag
    #[arg(long, value_name = "VERSION", value_parser = at, required_unless_present = "from")]
    to: Option<At>,
    /// A directory that lake-writer backup has made
    #[arg(long, value_name = "DIR", conflicts_with = "to")]
    from: Option<PathBuf>,
}

impl Restore {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        if let Some(from) = &self.from {
            return from_backup(from, lake, console);
        }
        let to = self.to.unwrap_or_default();
        let mut lake = Lake::open(lake, Access::Write).map_err(of_log)?;
        let done = lake_ingest::restore(&mut lake, &to).map_err(of_ingest)?;
        console.out.committed();
        let record = Record::new()
            .with("version", done.version)
            .with("restored", done.from)
            .with("segments_added", done.segments_added)
            .with("segments_removed", done.segments_removed)
            .with("rows", done.rows)
            .with("archives_undone", done.archives_undone);
        console.record(&record)?;
        for (table, seq) in &done.archives_empty {
            let newest = done.version - 1;
            console.warn(format!(
                "the rows of archive {seq} of table {table} were brought back after version {}, \
                 and so are neither in the table nor in the archive now; until vacuum lets it go, \
                 version {newest} has them",
                done.from
            ));
        }
        Ok(Outcome::Done)
    }
}
