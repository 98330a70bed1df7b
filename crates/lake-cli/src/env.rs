//! The environment variables of both programs, and the only place that reads one.

use std::path::PathBuf;

/// The lake's directory, as `--lake`.
pub const LAKE_DIR: &str = "LAKE_DIR";
/// The form of printed data, as `--format`.
pub const LAKE_FORMAT: &str = "LAKE_FORMAT";
/// No notes on stderr, as `--quiet`.
pub const LAKE_QUIET: &str = "LAKE_QUIET";
/// The form of what stderr gets, as `--log-format`.
pub const LAKE_LOG_FORMAT: &str = "LAKE_LOG_FORMAT";
/// The file in which the shell remembers its statements; empty: in none.
pub const LAKE_HISTORY: &str = "LAKE_HISTORY";
/// The program lake-writer, for what lake-query has stored, as `--writer`.
pub const LAKE_WRITER: &str = "LAKE_WRITER";

/// The program lake-query, for what lake-writer has mounted.
pub const LAKE_QUERY: &str = "LAKE_QUERY";

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
pub fn scratch_dir() -> PathBuf {
    std::env::temp_dir()
}

/// Where the shell remembers its statements; None: nowhere.
pub fn history_file() -> Option<PathBuf> {
    history(read)
}

fn history(read: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    if let Some(file) = read(LAKE_HISTORY) {
        return Some(PathBuf::from(file)).filter(|file| !file.as_os_str().is_empty());
    }
    // The standard has it that a relative path is ignored.
    let dir = |name| read(name).map(PathBuf::from).filter(|dir: &PathBuf| dir.is_absolute());
    let state = dir("XDG_STATE_HOME").or_else(|| Some(dir("HOME")?.join(".local/state")))?;
    Some(state.join("parquet-lake/history"))
}

/// Whether people want colours, where a terminal shows them.
pub fn wants_colour() -> bool {
    can_redraw() && read("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_has_its_place() {
        let of = |set: &[(&str, &str)]| {
            let read = |name: &str| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            history(read).map(|file| file.to_string_lossy().into_owned())
        };
        let (home, state) = (("HOME", "/h"), ("XDG_STATE_HOME", "/s"));
        assert_eq!(of(&[home]).unwrap(), "/h/.local/state/parquet-lake/history");
        assert_eq!(of(&[home, state]).unwrap(), "/s/parquet-lake/history");
        let relative = ("XDG_STATE_HOME", "s");
        assert_eq!(of(&[home, relative]).unwrap(), "/h/.local/state/parquet-lake/history");
        assert_eq!(of(&[home, (LAKE_HISTORY, "x/y")]).unwrap(), "x/y");
        assert_eq!(of(&[home, (LAKE_HISTORY, "")]), None);
        assert_eq!(of(&[]), None);
    }
}
