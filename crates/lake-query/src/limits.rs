//! What a query may use.

use std::path::PathBuf;
use std::time::Duration;

use lake_cli::parse;
use lake_engine::Options;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Limits {
    /// Interrupt the query after this time: 30s, 5m
    #[arg(long, value_name = "D", value_parser = parse::duration)]
    pub(crate) timeout: Option<Duration>,
    /// Memory the query may use; by default four fifths of the machine's
    #[arg(long, value_name = "SIZE", value_parser = parse::size)]
    max_memory: Option<u64>,
    /// Threads the query may use; by default one a core
    #[arg(long, value_name = "N")]
    threads: Option<u32>,
    /// Directory in which a query larger than its memory may spill
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    temp_dir: Option<PathBuf>,
}

impl Limits {
    pub(crate) fn options(&self) -> Options {
        let spill = self.temp_dir.clone();
        Options { threads: self.threads, memory: self.max_memory, spill }
    }
}
