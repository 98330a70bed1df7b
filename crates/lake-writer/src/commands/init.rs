use std::path::Path;

use lake_cli::render::Record;
use lake_cli::{Console, Failure, Outcome};
use lake_log::{InitOptions, Lake};

use crate::failure::of_log;

/// Make a lake, after testing that the file system keeps its promises
///
/// A directory that is a lake already stays as it is.
#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// Use the file system even if a test fails; data may be lost
    #[arg(long)]
    accept_unsafe_fs: bool,
}

impl Init {
    pub(crate) fn run(&self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let options = InitOptions { accept_unsafe_fs: self.accept_unsafe_fs };
        let created = Lake::init(lake, &options).map_err(of_log)?;
        for finding in created.findings.iter().filter(|f| !f.ok) {
            console.warn(format!("{}: {}", finding.check, finding.detail));
        }
        console.out.committed();
        let record = Record::new()
            .with("lake", lake.to_string_lossy().into_owned())
            .with("created", created.new);
        console.record(&record)?;
        Ok(Outcome::Done)
    }
}
