use std::path::Path;

use lake_cli::render::Record;
use lake_cli::{Console, Failure, Outcome};
use lake_log::{Access, Lake};

use crate::failure::of_log;

/// Commit what waits in the spool (exit code 7 left it there)
///
/// Every writer does so with its next commit; this is for a lake that nobody writes to.
#[derive(Debug, clap::Args)]
pub(crate) struct Drain {}

impl Drain {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let mut lake = Lake::open(lake, Access::Write).map_err(of_log)?;
        let (drained, refused) = lake.drain().map_err(of_log)?;
        console.out.committed();
        let record = Record::new()
            .with("version", lake.state().version)
            .with("drained", drained)
            .with("refused", refused);
        console.record(&record)?;
        Ok(if refused > 0 { Outcome::No } else { Outcome::Done })
    }
}
