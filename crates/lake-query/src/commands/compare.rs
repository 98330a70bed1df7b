use std::path::{Path, PathBuf};

use lake_cli::render::{Column, Rows};
use lake_cli::{Console, Failure, Outcome};
use lake_engine::BaseTable;
use serde_json::{Map, Value, json};

use crate::ask::Ask;
use crate::compare::{Difference, Found, Pair, Place, compare};
use crate::failure::of_engine;
use crate::import::choice::{self, Choice, chosen};
use crate::open::AtVersion;

const EXAMPLES: &str = "\
Examples:
  lake-query compare old.duckdb
  lake-query compare old.duckdb --table \"daily bars=bars\" --limit 100 --format json

Rows are compared whatever their order: first by sums of hashes, symbol by symbol, then
value by value where the sums differ. NULL equals NULL, NaN equals NaN, and values of
different types are compared in the type that holds both. A table of the file that the
lake lacks is a difference, one of the lake that the file lacks is none.";

/// Compare the tables of a DuckDB file with the lake's: exit code 0 if equal, 1 if not
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Compare {
    /// The DuckDB file; no process may have it open for writing
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// This table alone, with its name in the lake if that is another; may be repeated
    #[arg(long = "table", value_name = "T[=NAME]", value_parser = choice::choice)]
    tables: Vec<Choice>,
    /// Show so many rows of each table that differ
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: usize,
    #[command(flatten)]
    at: AtVersion,
    #[command(flatten)]
    ask: Ask,
}

impl Compare {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        if !self.ask.params().is_empty() {
            return Err(Failure::bad_input("--param says nothing of a comparison"));
        }
        let opened = self.ask.clone().open(lake, &self.at)?;
        let state = opened.snapshot.state().clone();
        let mut session = opened.attach(&self.file).mount(None)?;
        let attached = session.attached.unwrap_or_default();
        let theirs = session.mounted.attached(&attached).map_err(of_engine)?;
        let tables = chosen(theirs, &self.tables)?;
        if tables.is_empty() {
            let message = format!("{} has no table with rows", self.file.display());
            return Err(Failure::bad_input(message));
        }
        let json = console.format().is_json();
        let mut list = Rows::new(columns(json));
        let mut equal = true;
        for (table, name) in tables {
            let pair = state.table(&name).map(|ours| Pair::of(&table, &attached, ours));
            let found = match pair {
                None => {
                    console.note(format!("{name}: the lake has no such table"));
                    None
                }
                Some(None) => {
                    console.note(format!("{name}: no column is in both"));
                    None
                }
                Some(Some(pair)) => Some(
                    compare(&mut session.mounted, &pair, self.limit)
                        .map_err(|e| session.stop.explain(failure(of_engine(e), &table)))?,
                ),
            };
            equal &= found.as_ref().is_some_and(Found::is_equal);
            for difference in found.iter().flat_map(|f| &f.differences).filter(|_| !json) {
                console.note(line(&name, difference));
            }
            list.push(row(&name, found, json));
        }
        console.rows(&list)?;
        Ok(if equal { Outcome::Done } else { Outcome::No })
    }
}

fn failure(failure: Failure, table: &BaseTable) -> Failure {
    // The place that DuckDB shows is in a text that nobody wrote.
    let why = failure.message.split("\n\nLINE ").next().unwrap_or_default();
    let message = format!("cannot compare table {}: {why}", table.shown());
    Failure { message, ..failure }
}

fn columns(json: bool) -> Vec<Column> {
    let numbers = ["rows_file", "rows_lake", "rows_both", "differ", "only_file", "only_lake"];
    let texts = ["columns", "checksum_file", "checksum_lake"];
    let first = ["table", "equal"].map(Column::text).into_iter();
    let more = texts.into_iter().chain(json.then_some("differences")).map(Column::text);
    first.chain(numbers.map(Column::number)).chain(more).collect()
}

fn row(name: &str, found: Option<Found>, json: bool) -> Vec<Value> {
    let Some(found) = found else {
        let mut row = vec![json!(name), json!(false)];
        row.resize(columns(json).len(), Value::Null);
        return row;
    };
    let mut row = vec![
        json!(name),
        json!(found.is_equal()),
        json!(found.rows_file),
        json!(found.rows_lake),
        json!(found.both()),
        json!(found.differ),
        json!(found.only_file),
        json!(found.only_lake),
        json!(found.columns),
        json!(found.checksum_file),
        json!(found.checksum_lake),
    ];
    if json {
        row.push(found.differences.into_iter().map(object).collect());
    }
    row
}

/// `values` are those of the file and of the lake, as text.
fn object(difference: Difference) -> Value {
    let key: Map<String, Value> =
        difference.key.into_iter().map(|(name, text)| (name, json!(text))).collect();
    let values: Map<String, Value> = difference.values.into_iter().collect();
    let place = match difference.place {
        Place::File => "file",
        Place::Lake => "lake",
        Place::Both => "both",
    };
    json!({"key": key, "in": place, "values": values})
}

fn line(table: &str, difference: &Difference) -> String {
    let null = || "NULL".to_owned();
    let key = difference.key.iter();
    let key: Vec<String> =
        key.map(|(name, text)| format!("{name} {}", text.clone().unwrap_or_else(null))).collect();
    let what = match difference.place {
        Place::File => "only in the file".to_owned(),
        Place::Lake => "only in the lake".to_owned(),
        Place::Both => {
            let text = |value: &Value| value.as_str().map_or_else(null, str::to_owned);
            let values = difference.values.iter().map(|(name, two)| {
                format!("{name} is {} in the file, {} in the lake", text(&two[0]), text(&two[1]))
            });
            values.collect::<Vec<_>>().join("; ")
        }
    };
    format!("{table}: {}: {what}", key.join(", "))
}
