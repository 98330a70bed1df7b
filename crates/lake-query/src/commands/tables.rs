use std::path::Path;

use lake_cli::render::{Column, Rows};
use lake_cli::{Console, Failure, Outcome};
use lake_core::segment::Part;
use lake_core::state::{State, Table};
use serde_json::{Value, json};

use super::names;
use crate::open::AtVersion;

/// List the tables, from the log alone
///
/// `rows` counts what is stored; where a newer row hides an older one of the same key
/// both count until they are compacted. `symbols` is NULL while it is known only by
/// reading.
#[derive(Debug, clap::Args)]
pub(crate) struct Tables {
    #[command(flatten)]
    at: AtVersion,
}

impl Tables {
    pub(crate) fn run(&self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let (_lake, snapshot) = self.at.open(lake)?;
        console.rows(&rows(snapshot.state()))?;
        Ok(Outcome::Done)
    }
}

pub(crate) fn rows(state: &State) -> Rows {
    let numbers = ["rows", "segments", "bytes", "symbols", "schema_version"];
    let columns = [Column::text("name")]
        .into_iter()
        .chain(numbers.map(Column::number))
        .chain(["key", "partition_by"].map(Column::text));
    let mut rows = Rows::new(columns);
    for table in state.tables() {
        let (mut count, mut bytes) = (0, 0);
        for (_, segment) in table.segments() {
            count += segment.rows;
            bytes += segment.bytes;
        }
        rows.push([
            json!(table.def.name),
            json!(count),
            json!(table.segment_count()),
            json!(bytes),
            symbols(table),
            json!(table.schema().version),
            json!(names(&table.def, &table.def.key)),
            json!(names(&table.def, &table.def.partition_by)),
        ]);
    }
    rows
}

/// How many symbols there are, where the log knows.
fn symbols(table: &Table) -> Value {
    if table.def.partition_by.is_empty() || !table.part(&Part::Packed).is_empty() {
        return Value::Null;
    }
    json!(table.parts.values().filter(|p| !p.segments.is_empty()).count())
}
