//! What becomes of a batch, as flags.

use std::path::Path;

use clap::ValueEnum;
use lake_cli::{Failure, parse};
use lake_core::archive::is_reserved;
use lake_ingest::{Layout, Mode, OnError, Options};

use super::mode::ModeName;

#[derive(Debug, clap::Args)]
pub(crate) struct BatchFlags {
    /// What becomes of keys that are there [default: upsert with a key, append without]
    #[arg(long, value_enum)]
    mode: Option<ModeName>,
    /// With upsert: a NULL leaves the stored value as it is
    #[arg(long)]
    keep_nulls: bool,
    /// What becomes of rows that the table cannot hold
    #[arg(long, value_enum, value_name = "WAY", default_value = "abort")]
    on_error: OnErrorName,
    /// Which files are made [default: increment_layout of the table in lake.toml, or auto]
    #[arg(long, value_enum, value_name = "LAYOUT")]
    layout: Option<LayoutName>,
    /// Memory for rows; more goes through files on the lake's disk
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = parse::size)]
    max_memory: u64,
    /// Threads that encode segments [default: all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,
    /// Check the whole input, commit nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnErrorName {
    /// Store nothing
    Abort,
    /// Leave them out and count them
    Skip,
    /// Leave them out and keep them: lake-writer quarantine list
    Quarantine,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LayoutName {
    /// A file a symbol, or one for all of a batch of many symbols
    Auto,
    PerSymbol,
    Packed,
}

pub(crate) fn producer(text: &str) -> Result<String, String> {
    const MOST: usize = 256;
    if text.is_empty() || text.len() > MOST || text.chars().any(char::is_control) {
        return Err(format!("1 to {MOST} bytes without control characters"));
    }
    if is_reserved(text) {
        return Err("archive/ and unarchive/ are the archive's own names".to_owned());
    }
    Ok(text.to_owned())
}

impl BatchFlags {
    pub(crate) fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    pub(crate) fn memory(&self) -> usize {
        usize::try_from(self.max_memory).unwrap_or(usize::MAX)
    }

    pub(crate) fn set_workers(&self) -> Result<(), Failure> {
        match self.workers {
            Some(workers) => lake_ingest::set_workers(workers.into())
                .map_err(|e| Failure::bug(format!("cannot start {workers} threads: {e}"))),
            None => Ok(()),
        }
    }

    /// How a table's files are made.
    pub(crate) fn layout(&self, lake: &Path, table: &str) -> Result<Layout, Failure> {
        match self.layout {
            Some(LayoutName::Auto) => Ok(Layout::Auto),
            Some(LayoutName::PerSymbol) => Ok(Layout::PerSymbol),
            Some(LayoutName::Packed) => Ok(Layout::Packed),
            None => crate::settings::layout(lake, table),
        }
    }

    pub(crate) fn options(&self, lake: &Path, table: &str) -> Result<Options, Failure> {
        let layout = self.layout(lake, table)?;
        Ok(Options {
            mode: self.mode.map(Mode::from),
            keep_nulls: self.keep_nulls,
            on_error: match self.on_error {
                OnErrorName::Abort => OnError::Abort,
                OnErrorName::Skip => OnError::Skip,
                OnErrorName::Quarantine => OnError::Quarantine,
            },
            layout,
            memory: self.memory(),
            dry_run: self.dry_run,
            ..Options::default()
        })
    }
}
