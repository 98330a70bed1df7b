//! What can go wrong with a query, by what the caller can do about it. DuckDB says
//! it as text; this is the only place that reads the text.

use lake_core::kind::Kind;

pub type Result<T> = std::result::Result<T, EngineError>;

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The statement is wrong, refused, or its data does not fit.
    #[error("{message}")]
    Sql { message: String, hint: Option<String> },
    #[error("the query was interrupted")]
    Interrupted,
    #[error("the query needs more memory than it may use")]
    OutOfMemory { detail: String },
    #[error("{path} is missing or damaged")]
    Damaged { path: String, detail: String },
    #[error("segments of table {table} have schema version {version}, which the log does not know")]
    NoSchema { table: String, version: u32 },
    #[error("cannot read or spill: {detail}")]
    Io { detail: String, full: bool },
    #[error("the lake's path {0:?} is not text that SQL can hold")]
    Path(std::path::PathBuf),
    /// Another version cannot be opened.
    #[error(transparent)]
    Log(lake_log::LogError),
    /// A table of facts cannot be told.
    #[error("{message}")]
    Fact { kind: Kind, message: String, detail: Option<String>, hint: Option<String> },
    #[error(
        "DuckDB cannot be told files below {0:?}: it takes paths for patterns, and with a backslash in them nothing escapes * ? ["
    )]
    Pattern(std::path::PathBuf),
    /// A DuckDB file of somebody's cannot be read.
    #[error("{message}")]
    File { kind: Kind, message: String, hint: Option<&'static str> },
    #[error("DuckDB failed in a way that it should not: {0}")]
    Internal(String),
}

impl EngineError {
    pub fn kind(&self) -> Kind {
        match self {
            EngineError::Sql { .. } | EngineError::Path(_) | EngineError::Pattern(_) => {
                Kind::BadInput
            }
            EngineError::Interrupted => Kind::Interrupted,
            EngineError::Damaged { .. } | EngineError::NoSchema { .. } => Kind::Damaged,
            EngineError::Io { full: true, .. } => Kind::DiskFull,
            EngineError::Io { .. } | EngineError::OutOfMemory { .. } => Kind::Denied,
            EngineError::Log(error) => error.kind(),
            EngineError::Fact { kind, .. } => *kind,
            EngineError::File { kind, .. } => *kind,
            EngineError::Internal(_) => Kind::Bug,
        }
    }

    pub fn hint(&self) -> Option<String> {
        Some(match self {
            EngineError::Sql { hint, .. } | EngineError::Fact { hint, .. } => return hint.clone(),
            EngineError::Log(error) => return error.hint(),
            EngineError::File { hint, .. } => return hint.map(str::to_owned),
            EngineError::OutOfMemory { .. } => {
                "allow more with --max-memory, or ask for less at once".into()
            }
            EngineError::Damaged { .. } => "run lake-writer verify".into(),
            EngineError::Pattern(_) => "move the lake, or bind-mount it under a plain path".into(),
            _ => return None,
        })
    }

    /// More than the message says: DuckDB's own words.
    pub fn detail(&self) -> Option<&str> {
        match self {
            EngineError::OutOfMemory { detail } | EngineError::Damaged { detail, .. } => {
                Some(detail)
            }
            EngineError::Fact { detail, .. } => detail.as_deref(),
            _ => None,
        }
    }

    pub(crate) fn refused(message: impl Into<String>, hint: &str) -> EngineError {
        EngineError::Sql { message: message.into(), hint: Some(hint.into()) }
    }

    /// Why a DuckDB file cannot be opened.
    pub(crate) fn of_file(error: &duckdb::Error, file: &std::path::Path) -> EngineError {
        let duckdb::Error::DuckDBFailure(_, Some(text)) = error else {
            return EngineError::Internal(error.to_string());
        };
        let (shown, has) = (file.display(), |part: &str| text.contains(part));
        let (kind, message, hint) = if has("Could not set lock on file") {
            let by = match text.split_once("(PID ").and_then(|(_, rest)| rest.split_once(')')) {
                Some((pid, _)) => format!("process {pid}"),
                None => "another process".into(),
            };
            let hint = "while it is open there no other process can read it: take a copy of it \
                (and of its .wal, if there is one) while that process is idle, and name the copy";
            (Kind::Busy, format!("{shown} is open for writing in {by}"), Some(hint))
        } else if has("not a valid DuckDB database") {
            (Kind::BadInput, format!("{shown} is not a DuckDB database"), None)
        } else if has("Permission denied") {
            (Kind::Denied, format!("{shown} cannot be read: permission denied"), None)
        } else {
            let message = format!("{shown} cannot be opened: {}", lowered(text));
            let newer = has("newer version of DuckDB") || has("storage version");
            (if newer { Kind::Newer } else { Kind::BadInput }, message, None)
        };
        EngineError::File { kind, message, hint }
    }

    /// Sorts an error of DuckDB. `root` is the lake's absolute path, which no
    /// message shows.
    pub(crate) fn of(error: &duckdb::Error, root: &str) -> EngineError {
        match error {
            duckdb::Error::DuckDBFailure(_, Some(text)) => classify(text, root),
            duckdb::Error::NulError(_) => EngineError::Sql {
                message: "the statement has a zero byte in it".into(),
                hint: None,
            },
            duckdb::Error::InvalidParameterCount(..) => EngineError::refused(
                "the statement has a parameter that nothing sets",
                "give each $NAME a value with --param NAME=VALUE",
            ),
            other => classify(&other.to_string(), root),
        }
    }
}

fn classify(text: &str, root: &str) -> EngineError {
    let top = format!("{}/", root.trim_end_matches('/'));
    let shown = text.replace(&top, "");
    let class = text.split(" Error: ").next().unwrap_or_default();
    let ours = text.find(&top).map(|at| &text[at + top.len()..]);
    let has = |part: &str| text.contains(part);
    match class {
        "INTERRUPT" => EngineError::Interrupted,
        "INTERNAL" | "FATAL" => EngineError::Internal(shown),
        "Out of Memory" => EngineError::OutOfMemory { detail: shown },
        "Permission" => EngineError::refused(
            "a query reads the tables of the lake and nothing else",
            "no file, attached database or setting can be reached from SQL here",
        ),
        _ if has("No space left on device") => EngineError::Io { detail: shown, full: true },
        _ if has("Permission denied") || has("Too many open files") => {
            EngineError::Io { detail: shown, full: false }
        }
        _ => match ours.and_then(segment) {
            Some(path) if !has("Conversion Error") => EngineError::Damaged { path, detail: shown },
            _ if class == "IO" => EngineError::Io { detail: shown, full: false },
            _ => EngineError::Sql { message: lowered(&shown), hint: None },
        },
    }
}

/// The path of a segment at the start of the text.
fn segment(text: &str) -> Option<String> {
    let end = text.find(".parquet")? + ".parquet".len();
    let path = &text[..end];
    path.starts_with("warehouse/").then(|| path.to_owned())
}

/// `Parser Error: syntax error` -> `syntax error`; the class is for programs.
fn lowered(text: &str) -> String {
    let body = match text.split_once(" Error: ") {
        Some((class, body)) if class.len() < 30 && !class.contains('\n') => body,
        _ => text,
    };
    body.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_by_remedy() {
        let table = [
            ("Parser Error: syntax error at or near \"selct\"\n\nLINE 1: selct", Kind::BadInput),
            ("Catalog Error: Table with name x does not exist!", Kind::BadInput),
            ("Conversion Error: Could not convert string 'a' to INT32", Kind::BadInput),
            ("INTERRUPT Error: Interrupted!", Kind::Interrupted),
            ("Out of Memory Error: failed to allocate", Kind::Denied),
            ("Permission Error: Cannot access file \"/etc/passwd\"", Kind::BadInput),
            ("IO Error: Cannot open file \"/l/a/warehouse/t/inc-1.parquet\": No", Kind::Damaged),
            ("Invalid Input Error: No magic bytes at '/l/a/warehouse/t/x.parquet'", Kind::Damaged),
            ("IO Error: Could not write: No space left on device", Kind::DiskFull),
            ("INTERNAL Error: assertion", Kind::Bug),
        ];
        for (text, kind) in table {
            assert_eq!(classify(text, "/l/a").kind(), kind, "{text}");
        }
    }

    #[test]
    fn no_internal_path_is_shown() {
        let error =
            classify("IO Error: Cannot open file \"/l/a/warehouse/t/inc-1.parquet\": No", "/l/a");
        assert_eq!(error.to_string(), "warehouse/t/inc-1.parquet is missing or damaged");
        assert!(!error.detail().unwrap().contains("/l/a"));
    }
}
