use std::path::Path;

use lake_cli::render::{Column, Rows};
use lake_cli::{Console, Failure, Outcome};
use lake_core::segment::Part;
use lake_core::state::Table;
use lake_core::value::timestamp_text;
use lake_log::Lake;
use serde_json::{Value, json};

use super::symbol;
use crate::facts::{self, Facts};
use crate::open::{AtVersion, table};

/// Say how far each symbol's rows reach, so that a sync knows where to go on
///
/// Answered without reading rows: the log knows what symbols' own files hold, and files
/// that many share say it of each. Only of symbols that rows were deleted of, until they
/// are compacted, the key columns are read. `rows` counts what is stored, older rows of
/// the same keys among it, until they are compacted.
#[derive(Debug, clap::Args)]
pub(crate) struct Watermark {
    table: String,
    /// One symbol alone; several partition columns are divided by /
    symbol: Option<String>,
    #[command(flatten)]
    at: AtVersion,
}

/// Show what is known of each symbol of a table, or of all tables
#[derive(Debug, clap::Args)]
pub(crate) struct Metadata {
    table: Option<String>,
    #[command(flatten)]
    at: AtVersion,
}

fn columns(sizes: bool) -> Rows {
    let first = ["table", "symbol", "max_key", "min_key"].map(Column::text);
    let sizes = ["segments", "bytes"].map(Column::number).into_iter().filter(move |_| sizes);
    let rest = ["committed_at", "producer"].map(Column::text);
    let numbers = ["rows", "version"].map(Column::number);
    Rows::new(first.into_iter().chain(numbers).chain(rest).chain(sizes))
}

fn cells(table: &Table, facts: Facts) -> [Value; 8] {
    let touched = facts.touched;
    [
        json!(table.def.name),
        symbol(&Part::Of(facts.symbols)),
        facts.max_key,
        facts.min_key,
        json!(facts.rows),
        json!(touched.version),
        json!(timestamp_text(touched.at_us)),
        json!(touched.producer.as_deref()),
    ]
}

impl Watermark {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let (mut lake, snapshot) = self.at.open(lake)?;
        let table = table(snapshot.state(), &self.table)?;
        let only = match &self.symbol {
            Some(name) => Some(facts::parse_symbol(table, name)?),
            None => None,
        };
        let mut rows = columns(false);
        for fact in facts::of(&mut lake, snapshot.version(), table, only.as_deref())? {
            rows.push(cells(table, fact));
        }
        console.rows(&rows)?;
        Ok(Outcome::Done)
    }
}

impl Metadata {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let (mut lake, snapshot) = self.at.open(lake)?;
        let state = snapshot.state();
        let tables: Vec<&Table> = match &self.table {
            Some(name) => vec![table(state, name)?],
            None => state.tables().collect(),
        };
        console.rows(&rows(&mut lake, snapshot.version(), tables)?)?;
        Ok(Outcome::Done)
    }
}

pub(crate) fn rows<'s>(
    lake: &mut Lake,
    version: u64,
    tables: impl IntoIterator<Item = &'s Table>,
) -> Result<Rows, Failure> {
    let mut rows = columns(true);
    for table in tables {
        for fact in facts::of(lake, version, table, None)? {
            let (segments, bytes) = (fact.segments.clone(), fact.bytes.clone());
            rows.push(cells(table, fact).into_iter().chain([segments, bytes]));
        }
    }
    Ok(rows)
}
