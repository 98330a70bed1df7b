use std::path::Path;

use lake_cli::render::{Column, Rows};
use lake_cli::{Console, Failure, Outcome};
use lake_core::state::Table;
use serde_json::{Value, json};

use super::{key, symbol};
use crate::open::{AtVersion, table};

/// List the live segments of a table, or of all
#[derive(Debug, clap::Args)]
pub(crate) struct Files {
    /// The table; without it every table's files
    table: Option<String>,
    #[command(flatten)]
    at: AtVersion,
}

impl Files {
    pub(crate) fn run(&self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let (_lake, snapshot) = self.at.open(lake)?;
        let state = snapshot.state();
        let tables: Vec<&Table> = match &self.table {
            Some(name) => vec![table(state, name)?],
            None => state.tables().collect(),
        };
        console.rows(&rows(tables))?;
        Ok(Outcome::Done)
    }
}

pub(crate) fn rows<'s>(tables: impl IntoIterator<Item = &'s Table>) -> Rows {
    let columns = ["path", "kind", "table", "symbol"].map(Column::text);
    let numbers = ["rows", "bytes"].map(Column::number);
    let keys = ["min_key", "max_key"].map(Column::text);
    let added = [Column::number("added")];
    let columns = columns.into_iter().chain(numbers).chain(keys).chain(added);
    let mut rows = Rows::new(columns);
    for table in tables {
        for (part, segment) in table.segments() {
            let range = segment.range.as_ref();
            rows.push([
                json!(table.path(part, segment)),
                json!(segment.kind.word()),
                json!(table.def.name),
                symbol(part),
                json!(segment.rows),
                json!(segment.bytes),
                range.map_or(Value::Null, |r| key(r.min())),
                range.map_or(Value::Null, |r| key(r.max())),
                json!(segment.added),
            ]);
        }
    }
    rows
}
