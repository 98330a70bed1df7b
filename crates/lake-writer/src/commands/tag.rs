use std::path::Path;

use lake_cli::render::Record;
use lake_cli::{Console, Failure, Outcome};
use lake_log::{Access, At, Lake};

use crate::failure::{of_ingest, of_log};

const EXAMPLES: &str = "\
Examples:
  lake-writer tag eod
  lake-writer tag before-fix --at 42
  lake-writer tag --delete eod

A tagged version is not swept. Readers name it: lake-query sql \"...\" --at eod";

/// Give a version a name
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Tag {
    /// Letters, digits, _ - and .; moved if it is there
    name: String,
    /// Version, time or tag [default: the newest version]
    #[arg(long, value_name = "VERSION", value_parser = at)]
    at: Option<At>,
    /// Take the name away
    #[arg(long, conflicts_with = "at")]
    delete: bool,
}

pub(crate) fn at(text: &str) -> Result<At, String> {
    text.parse().map_err(|e: lake_log::BadAt| e.to_string())
}

impl Tag {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let mut lake = Lake::open(lake, Access::Write).map_err(of_log)?;
        let at = (!self.delete).then(|| self.at.unwrap_or_default());
        let version = lake_ingest::tag(&mut lake, &self.name, at).map_err(of_ingest)?;
        console.out.committed();
        let record = Record::new().with("name", self.name).with("version", version);
        console.record(&match self.delete {
            true => record.with("deleted", true),
            false => record,
        })?;
        Ok(Outcome::Done)
    }
}
