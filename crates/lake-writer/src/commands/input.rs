//! How files are to be read, as flags.

use std::path::PathBuf;

use clap::ValueEnum;
use lake_cli::Failure;
use lake_ingest::{InputFormat, SourceOptions, expand};

use crate::failure::of_ingest;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "How the input is read")]
pub(crate) struct InputFlags {
    /// Form of the input [default: by extension, or else by content]
    #[arg(long, value_enum, value_name = "FORMAT")]
    input_format: Option<FormatName>,
    /// What stands between CSV fields [default: a comma, a tab in TSV]
    #[arg(long, value_name = "CHARACTER", value_parser = one_byte)]
    delimiter: Option<u8>,
    /// What stands around CSV fields that hold it
    #[arg(long, value_name = "CHARACTER", default_value = "\"", value_parser = one_byte)]
    quote: u8,
    /// An unquoted text that is NULL, beside the empty one; may be repeated
    #[arg(long, value_name = "TEXT")]
    null: Vec<String>,
    /// Names of the columns of a CSV without a header
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// How dates are written, such as %Y%m%d, or epoch-s, epoch-ms, epoch-us, epoch-ns
    #[arg(long, value_name = "FORMAT")]
    date_format: Option<String>,
    /// How timestamps are written
    #[arg(long, value_name = "FORMAT")]
    timestamp_format: Option<String>,
    /// How texts are encoded, such as gbk or gb18030 [default: utf-8]
    #[arg(long, value_name = "LABEL")]
    encoding: Option<String>,
    /// The table's name for a column of the input; may be repeated
    #[arg(long, value_name = "INPUT=TABLE", value_parser = pair)]
    map: Vec<(String, String)>,
    /// Read only the columns that --map names
    #[arg(long, requires = "map")]
    map_only: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatName {
    Csv,
    Tsv,
    /// One array of objects
    Json,
    /// One object a line
    Jsonl,
    Parquet,
    /// An IPC file or stream
    Arrow,
}

fn one_byte(text: &str) -> Result<u8, String> {
    match (text.as_bytes(), text) {
        ([only], _) if only.is_ascii() && !matches!(only, b'\n' | b'\r') => Ok(*only),
        (_, "\\t") => Ok(b'\t'),
        _ => Err("one ASCII character, or \\t".into()),
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((from, to)) if !from.is_empty() && !to.is_empty() => Ok((from.into(), to.into())),
        _ => Err("such as \"Adj Close=close\"".into()),
    }
}

impl InputFlags {
    pub(crate) fn options(&self) -> SourceOptions {
        SourceOptions {
            format: self.input_format.map(|name| match name {
                FormatName::Csv => InputFormat::Csv,
                FormatName::Tsv => InputFormat::Tsv,
                FormatName::Json => InputFormat::Json,
                FormatName::Jsonl => InputFormat::JsonLines,
                FormatName::Parquet => InputFormat::Parquet,
                FormatName::Arrow => InputFormat::Arrow,
            }),
            delimiter: self.delimiter,
            quote: self.quote,
            nulls: self.null.clone(),
            columns: self.columns.clone(),
            date_format: self.date_format.clone(),
            timestamp_format: self.timestamp_format.clone(),
            encoding: self.encoding.clone(),
            map: self.map.clone(),
            select_mapped_only: self.map_only,
            ..SourceOptions::default()
        }
    }
}

/// Files by their names or patterns.
pub(crate) fn files(patterns: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    if patterns.iter().any(|f| f.as_os_str() == "-") {
        return Err(Failure::bad_input("stdin goes alone, without files beside it")
            .hint("give a file; one that is called - is ./-"));
    }
    expand(patterns).map_err(of_ingest)
}
