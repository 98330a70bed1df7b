use std::path::Path;

use lake_cli::render::{Column, Rows};
use lake_cli::{Console, Failure, Outcome};
use lake_core::schema::TableDef;
use lake_core::state::State;
use serde_json::{Value, json};

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
        console.rows(&of(&table(snapshot.state(), &self.table)?.def))?;
        Ok(Outcome::Done)
    }
}

fn columns() -> impl Iterator<Item = Column> {
    let texts = ["name", "type", "nullable", "key", "partition", "order"].map(Column::text);
    texts.into_iter().chain([Column::number("field_id")])
}

fn fields(def: &TableDef) -> impl Iterator<Item = [Value; 7]> {
    def.schema().fields.iter().map(|field| {
        [
            json!(field.name),
            json!(field.ty.to_string()),
            json!(!field.not_null),
            json!(def.key.contains(&field.id)),
            json!(def.partition_by.contains(&field.id)),
            json!(def.order_by.contains(&field.id)),
            json!(field.id),
        ]
    })
}

/// The columns of one.
pub(crate) fn of(def: &TableDef) -> Rows {
    let mut rows = Rows::new(columns());
    fields(def).for_each(|row| rows.push(row));
    rows
}

/// The columns of all tables.
pub(crate) fn rows(state: &State) -> Rows {
    let mut rows = Rows::new([Column::text("table")].into_iter().chain(columns()));
    for table in state.tables() {
        for row in fields(&table.def) {
            rows.push([json!(table.def.name)].into_iter().chain(row));
        }
    }
    rows
}
