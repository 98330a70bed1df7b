use std::path::Path;

use lake_cli::render::{Column, Rows};
use lake_cli::{Console, Failure, Outcome};
use lake_core::segment::Part;
use serde_json::json;

use super::symbol;
use crate::facts;
use crate::open::{AtVersion, table};

/// List a table's symbols with what is known of each
#[derive(Debug, clap::Args)]
pub(crate) struct Symbols {
    table: String,
    #[command(flatten)]
    at: AtVersion,
}

impl Symbols {
    pub(crate) fn run(&self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let (mut lake, snapshot) = self.at.open(lake)?;
        let table = table(snapshot.state(), &self.table)?;
        let columns = table.def.directory_columns();
        if columns.is_empty() {
            let message = format!("table {} is not partitioned by a symbol", table.def.name);
            return Err(Failure::bad_input(message));
        }
        let numbers = ["segments", "rows", "bytes"].map(Column::number);
        let keys = ["min_key", "max_key"].map(Column::text);
        let columns = [Column::text("symbol")].into_iter().chain(numbers).chain(keys);
        let mut rows = Rows::new(columns.chain([Column::number("version")]));
        for fact in facts::of(&mut lake, snapshot.version(), table, None)? {
            rows.push([
                symbol(&Part::Of(fact.symbols)),
                fact.segments,
                json!(fact.rows),
                fact.bytes,
                fact.min_key,
                fact.max_key,
                json!(fact.touched.version),
            ]);
        }
        console.rows(&rows)?;
        Ok(Outcome::Done)
    }
}
