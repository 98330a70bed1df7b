use std::path::Path;

use clap::Subcommand;
use lake_cli::render::{Column, Rows};
use lake_cli::{Console, Failure, Outcome};
use lake_core::value::timestamp_text;
use lake_ingest::quarantine;
use lake_store::Root;
use serde_json::json;

use crate::failure::{of_ingest, of_store};

/// Look at rejected rows that were kept (ingest --on-error quarantine)
#[derive(Debug, clap::Args)]
pub(crate) struct Quarantine {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Name the files, with their tables and how many rows they hold
    List,
    /// Show the rows of a file, each with its place, the reason and its text
    Show { name: String },
}

impl Quarantine {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let root = Root::open(lake).map_err(of_store)?;
        match self.what {
            What::List => list(&root, console),
            What::Show { name } => show(&root, &name, console),
        }
    }
}

fn list(root: &Root, console: &mut Console) -> Result<Outcome, Failure> {
    let mut rows = Rows::new([
        Column::text("name"),
        Column::text("table"),
        Column::number("rows"),
        Column::number("bytes"),
        Column::text("at"),
        Column::text("producer"),
    ]);
    for file in quarantine::list(root).map_err(of_ingest)? {
        rows.push([
            json!(file.name),
            json!(file.table),
            json!(file.rows),
            json!(file.bytes),
            json!(timestamp_text(file.at_us)),
            json!(file.producer),
        ]);
    }
    console.rows(&rows)?;
    Ok(Outcome::Done)
}

fn show(root: &Root, name: &str, console: &mut Console) -> Result<Outcome, Failure> {
    let mut rows = Rows::new([
        Column::text("file"),
        Column::number("row"),
        Column::number("line"),
        Column::text("column"),
        Column::text("value"),
        Column::text("why"),
        Column::text("raw"),
    ]);
    for row in quarantine::show(root, name).map_err(of_ingest)? {
        rows.push([
            json!(row.file),
            json!(row.row),
            json!(row.line),
            json!(row.column),
            json!(row.value),
            json!(row.why),
            json!(row.raw),
        ]);
    }
    console.rows(&rows)?;
    Ok(Outcome::Done)
}
