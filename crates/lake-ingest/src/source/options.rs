//! What to read, and how.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use super::encoding;
use super::formats::Formats;
use crate::meter::Meter;

/// The form of an input. All but Parquet may come packed by gzip or zstd, which is
/// seen by their content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputFormat {
    Csv,
    Tsv,
    /// One array of objects, or objects one after the other.
    Json,
    /// One object a line.
    JsonLines,
    Parquet,
    /// An IPC file or stream, which is seen by its content.
    Arrow,
}

/// How to read an input; the defaults are what a plain call means.
#[derive(Clone, Debug)]
pub struct SourceOptions {
    /// None: by the name's extension, or else by the content.
    pub format: Option<InputFormat>,
    /// None: a comma, or the tab of TSV.
    pub delimiter: Option<u8>,
    pub quote: u8,
    /// Unquoted fields that are NULL beside the empty one.
    pub nulls: Vec<String>,
    /// The names of the columns, for CSV without a header.
    pub columns: Option<Vec<String>>,
    /// How text formats spell a DATE: strftime (`%Y%m%d`), or `epoch-s`, `epoch-ms`,
    /// `epoch-us`, `epoch-ns`. None: ISO 8601.
    pub date_format: Option<String>,
    /// The same for a TIMESTAMP.
    pub timestamp_format: Option<String>,
    /// A label such as `gbk`. A byte order mark says more, and wins.
    pub encoding: Option<String>,
    /// Input columns by the table's names: (source, target).
    pub map: Vec<(String, String)>,
    /// Only what `map` names is read.
    pub select_mapped_only: bool,
    /// Counts the bytes that are read for rows.
    pub meter: Meter,
}

impl Default for SourceOptions {
    fn default() -> SourceOptions {
        SourceOptions {
            format: None,
            delimiter: None,
            quote: b'"',
            nulls: Vec::new(),
            columns: None,
            date_format: None,
            timestamp_format: None,
            encoding: None,
            map: Vec::new(),
            select_mapped_only: false,
            meter: Meter::default(),
        }
    }
}

impl SourceOptions {
    /// What no input could be read with.
    pub(crate) fn check(&self) -> Result<(), String> {
        let (date, timestamp) = (self.date_format.as_deref(), self.timestamp_format.as_deref());
        Formats::new(date, timestamp)?;
        self.encoding.as_deref().map_or(Ok(()), |label| encoding::find(label).map(drop))
    }
}

/// Where the bytes come from.
pub enum Input {
    /// A regular file.
    File(PathBuf),
    /// One that people know by another path than the one it lies under now.
    Moved { path: PathBuf, known_as: PathBuf },
    /// A stream, which is read as it comes: its rows are handed out when it pauses.
    Reader { name: Arc<str>, reader: Box<dyn Read + Send> },
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::File(path) => f.debug_tuple("File").field(path).finish(),
            Input::Moved { path, .. } => f.debug_tuple("Moved").field(path).finish(),
            Input::Reader { name, .. } => f.debug_tuple("Reader").field(name).finish(),
        }
    }
}
