//! The environment variables of both programs, and the only place that reads one.

/// The lake's directory, as `--lake`.
pub const LAKE_DIR: &str = "LAKE_DIR";
/// The form of printed data, as `--format`.
pub const LAKE_FORMAT: &str = "LAKE_FORMAT";
/// No notes on stderr, as `--quiet`.
pub const LAKE_QUIET: &str = "LAKE_QUIET";
/// The form of what stderr gets, as `--log-format`.
pub const LAKE_LOG_FORMAT: &str = "LAKE_LOG_FORMAT";
/// The program lake-writer, for what lake-query has stored, as `--writer`.
pub const LAKE_WRITER: &str = "LAKE_WRITER";

#[cfg(test)]
pub(crate) const ALL: [&str; 4] = [LAKE_DIR, LAKE_FORMAT, LAKE_QUIET, LAKE_LOG_FORMAT];

/// The value of a variable. An empty one is a value, and mostly one that fails to
/// parse: `--lake "$UNSET"` must not end up in the default lake. Text that is not
/// UTF-8 is kept readable and fails where it is parsed.
#[expect(clippy::disallowed_methods, reason = "this is the one reader of the environment")]
pub fn read(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// Whether the terminal, if there is one, can draw a line anew.
pub(crate) fn can_redraw() -> bool {
    read("TERM").is_none_or(|name| name != "dumb")
}

/// Where a program of that name would be that was installed together with this one.
pub fn beside(program: &str) -> Option<std::path::PathBuf> {
    let own = std::env::current_exe().ok()?;
    Some(own.with_file_name(program))
}

/// Where files go that nobody needs after this process.
pub fn scratch_dir() -> std::path::PathBuf {
    std::env::temp_dir()
}
