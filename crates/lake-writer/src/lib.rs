//! The program lake-writer: parsing, dispatch, printing.

mod alerts;
mod cli;
mod commands;
mod failure;
mod mounting;
mod settings;
mod stop;
mod tasks;
mod vitals;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the program with these arguments.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    lake_cli::hush_panics(lake_ingest::is_guarded);
    lake_cli::run_main(args, lake_store::clock::now_us, cli::Cli::run)
}
