//! The flags that stand before or after any command.

use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::{FalseyValueParser, PossibleValuesParser, TypedValueParser};

use crate::{LogFormat, env};

// Flatten this into the top-level parser and give it out by `AsRef<Global>`. (No doc
// comment: clap would print it as the program's description. The variables' present
// values stay out of help and manual pages, which must not depend on the machine.)
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Directory of the lake
    #[arg(long, global = true, env = env::LAKE_DIR, hide_env_values = true)]
    #[arg(value_name = "DIR", default_value = "./data/lake", value_hint = clap::ValueHint::DirPath)]
    pub lake: PathBuf,

    /// Form of the data on stdout
    #[arg(long, global = true, env = env::LAKE_FORMAT, hide_env_values = true)]
    #[arg(value_enum, default_value_t)]
    pub format: Form,

    /// No notes and no progress on stderr, only warnings and errors
    #[arg(long, short, global = true, env = env::LAKE_QUIET, hide_env_values = true)]
    #[arg(value_parser = FalseyValueParser::new())]
    pub quiet: bool,

    /// Form of the notes, warnings and errors on stderr
    #[arg(long, global = true, env = env::LAKE_LOG_FORMAT, hide_env_values = true)]
    #[arg(value_enum, default_value_t, value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// The forms of lists and receipts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Table,
    Json,
    Jsonl,
    Csv,
}

impl Format {
    /// Whether a program rather than a person reads the errors, too.
    pub fn is_json(self) -> bool {
        matches!(self, Format::Json | Format::Jsonl)
    }
}

/// What `--format` may say: a [`Format`], or a form that only results of SQL have. Those
/// are hidden from the help of every command that does not take [`Form::parser`] for a
/// `--format` of its own, and refused by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Aligned columns for people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One JSON object a line
    Jsonl,
    /// RFC 4180 with a header; NULL is empty, the empty string is ""
    Csv,
    /// As csv, with tabs
    #[value(hide = true)]
    Tsv,
    /// A table in Markdown, as GitHub reads it
    #[value(hide = true)]
    Markdown,
    /// Arrow IPC: a stream on stdout
    #[value(hide = true)]
    Arrow,
    /// Parquet, packed by zstd
    #[value(hide = true)]
    Parquet,
    /// An Excel workbook
    #[value(hide = true)]
    Xlsx,
}

impl Form {
    /// The same form of a list, where lists have it.
    pub fn plain(self) -> Option<Format> {
        Some(match self {
            Form::Table => Format::Table,
            Form::Json => Format::Json,
            Form::Jsonl => Format::Jsonl,
            Form::Csv => Format::Csv,
            _ => return None,
        })
    }

    /// Whether it is bytes that no terminal shows.
    pub fn is_binary(self) -> bool {
        matches!(self, Form::Arrow | Form::Parquet | Form::Xlsx)
    }

    /// Takes and shows all forms.
    pub fn parser() -> impl TypedValueParser<Value = Form> {
        Form::parser_of(|_| true)
    }

    /// Takes and shows the forms that are text.
    pub fn text_parser() -> impl TypedValueParser<Value = Form> {
        Form::parser_of(|form| !form.is_binary())
    }

    fn parser_of(taken: fn(&Form) -> bool) -> impl TypedValueParser<Value = Form> {
        let forms = Form::value_variants().iter().filter(|form| taken(form));
        let values = forms.filter_map(ValueEnum::to_possible_value);
        PossibleValuesParser::new(values.map(|value| value.hide(false)))
            .try_map(|name| Form::from_str(&name, true))
    }
}
