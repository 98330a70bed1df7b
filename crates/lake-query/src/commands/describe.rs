use std::path::Path;

use lake_cli::render::{Column, Rows};
use lake_cli::{Console, Failure, Outcome};
use serde_json::json;

use crate::open::{AtVersion, table};

/// Show a table's columns
#[derive(Debug, clap::Args)]
pub(crate) struct Describe {
    table: String,
    #[command(flatten)]
    at: AtVersion,
}

impl Describe {
    pub(crate) fn run(&self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let (_lake, snapshot) = self.at.open(lake)?;
        let def = &table(snapshot.state(), &self.table)?.def;
        let texts = ["name", "type", "nullable", "key", "partition", "order"].map(Column::text);
        let mut rows = Rows::new(texts.into_iter().chain([Column::number("field_id")]));
        for field in &def.schema().fields {
            rows.push([
                json!(field.name),
                json!(field.ty.to_string()),
                json!(!field.not_null),
                json!(def.key.contains(&field.id)),
                json!(def.partition_by.contains(&field.id)),
                json!(def.order_by.contains(&field.id)),
                json!(field.id),
            ]);
        }
        console.rows(&rows)?;
        Ok(Outcome::Done)
    }
}
