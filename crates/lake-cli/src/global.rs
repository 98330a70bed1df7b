//! The flags that stand before or after any command.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;

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
    pub format: Format,

    /// No notes and no progress on stderr, only warnings and errors
    #[arg(long, short, global = true, env = env::LAKE_QUIET, hide_env_values = true)]
    #[arg(value_parser = FalseyValueParser::new())]
    pub quiet: bool,

    /// Form of the notes, warnings and errors on stderr
    #[arg(long, global = true, env = env::LAKE_LOG_FORMAT, hide_env_values = true)]
    #[arg(value_enum, default_value_t, value_name = "FORMAT")]
    pub log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns for people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One JSON object a line
    Jsonl,
    /// RFC 4180 with a header; NULL is empty, the empty string is ""
    Csv,
}

impl Format {
    /// Whether a program rather than a person reads the errors, too.
    pub fn is_json(self) -> bool {
        matches!(self, Format::Json | Format::Jsonl)
    }
}
