//! The program lake-query: parsing, dispatch, printing.

/// Runs the program with these arguments.
pub fn run(_args: impl IntoIterator<Item = std::ffi::OsString>) -> std::process::ExitCode {
    std::process::ExitCode::from(70)
}
