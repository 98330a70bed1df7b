//! The program lake-query: parsing, dispatch, printing.

mod answer;
mod ask;
mod cell;
mod cli;
mod commands;
mod compare;
mod draft;
mod facts;
mod failure;
mod form;
mod import;
mod known;
mod limits;
mod open;
mod page;
mod session;
mod shell;
mod sink;
mod stop;
mod target;
mod texts;
mod turn;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the program with these arguments.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    lake_cli::run_main(args, lake_store::clock::now_us, cli::Cli::run)
}
