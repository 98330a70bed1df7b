use std::path::Path;

use lake_cli::render::{Column, Rows};
use lake_cli::{Console, Failure, Outcome};
use lake_core::segment::Part;
use lake_core::value::Range;
use serde_json::{Value, json};

use super::{key, symbol};
use crate::open::{AtVersion, table};

/// List a table's symbols with what the log knows of each
#[derive(Debug, clap::Args)]
pub(crate) struct Symbols {
    table: String,
    #[command(flatten)]
    at: AtVersion,
}

impl Symbols {
    pub(crate) fn run(&self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let (_lake, snapshot) = self.at.open(lake)?;
        let table = table(snapshot.state(), &self.table)?;
        let columns = table.def.directory_columns();
        if columns.is_empty() {
            let message = format!("table {} is not partitioned by a symbol", table.def.name);
            return Err(Failure::bad_input(message));
        }
        if !table.part(&Part::Packed).is_empty() {
            let (list, name) = (columns.join(", "), &table.def.name);
            return Err(Failure::bad_input("symbols share files here; the log cannot list them")
                .hint(format!("lake-query sql \"SELECT DISTINCT {list} FROM {name}\"")));
        }
        let numbers = ["segments", "rows", "bytes"].map(Column::number);
        let keys = ["min_key", "max_key"].map(Column::text);
        let columns = [Column::text("symbol")].into_iter().chain(numbers).chain(keys);
        let mut rows = Rows::new(columns.chain([Column::number("version")]));
        for (part, live) in table.parts.iter().filter(|(_, live)| !live.segments.is_empty()) {
            let ranges: Option<Vec<&Range>> =
                live.segments.iter().map(|s| s.range.as_ref()).collect();
            let range = ranges.and_then(|all| all.into_iter().cloned().reduce(|a, b| a.join(&b)));
            let range = range.as_ref();
            rows.push([
                symbol(part),
                json!(live.segments.len()),
                json!(live.segments.iter().map(|s| s.rows).sum::<u64>()),
                json!(live.segments.iter().map(|s| s.bytes).sum::<u64>()),
                range.map_or(Value::Null, |r| key(r.min())),
                range.map_or(Value::Null, |r| key(r.max())),
                json!(live.touched.version),
            ]);
        }
        console.rows(&rows)?;
        Ok(Outcome::Done)
    }
}
