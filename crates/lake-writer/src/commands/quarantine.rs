use std::path::Path;

use clap::Subcommand;
use lake_cli::render::{Column, Rows};
use lake_cli::{Console, Failure, Outcome};
use lake_core::value::timestamp_text;
use lake_ingest::quarantine;
use lake_store::Root;
use serde_json::json;

use super::retry::Retry;
use crate::failure::{of_ingest, of_store};

/// Look at rejected rows that were kept (ingest --on-error quarantine), or try them again
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
    Show {
        name: String,
    },
    Retry(Box<Retry>),
    /// Throw files away, when their rows were repaired elsewhere
    Drop {
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        /// Say what would go, remove nothing
        #[arg(long)]
        dry_run: bool,
    },
}

impl Quarantine {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let root = || Root::open(lake).map_err(of_store);
        match self.what {
            What::List => list(&root()?, console),
            What::Show { name } => show(&root()?, &name, console),
            What::Retry(retry) => retry.run(lake, console),
            What::Drop { names, dry_run } => throw_away(&root()?, &names, dry_run, console),
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

fn throw_away(
    root: &Root,
    names: &[String],
    dry_run: bool,
    console: &mut Console,
) -> Result<Outcome, Failure> {
    // A name misspelled is found before anything is gone.
    let files: Vec<_> = names
        .iter()
        .map(|name| quarantine::find(root, name))
        .collect::<Result<_, _>>()
        .map_err(of_ingest)?;
    let columns = [Column::text("name"), Column::text("table"), Column::number("rows")];
    let mut rows = Rows::new(columns.into_iter().chain([Column::text("dropped")]));
    for file in files {
        if !dry_run {
            quarantine::remove(root, &file.name).map_err(of_ingest)?;
            console.out.committed();
        }
        rows.push([json!(file.name), json!(file.table), json!(file.rows), json!(!dry_run)]);
    }
    console.rows(&rows)?;
    Ok(Outcome::Done)
}
