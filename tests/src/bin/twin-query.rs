//! lake-query, with the fault layer.

use std::process::ExitCode;

fn main() -> ExitCode {
    lake_tests::twin::arm().unwrap_or_else(|| lake_query::run(std::env::args_os()))
}
