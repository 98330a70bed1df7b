//! The program lake-query: parsing, dispatch, printing.

mod cell;
mod cli;
mod commands;
mod facts;
mod failure;
mod open;
mod stop;
mod target;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the program with these arguments.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    lake_cli::run_main(args, cli::Cli::run)
}
