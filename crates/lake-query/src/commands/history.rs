use std::path::Path;

use lake_cli::render::{Cell, Column, Rows};
use lake_cli::{Console, Failure, Outcome};
use lake_core::edit::{Action, Transaction};
use lake_core::entry::Entry;
use lake_core::id::TableId;
use lake_core::state::State;
use lake_core::value::timestamp_text;
use lake_log::Lake;
use serde_json::{Value, json};

use crate::failure::of_log;
use crate::open::AtVersion;

/// List what was committed, the newest first; one row a transaction
///
/// `rows` are those of the segments it added. Versions whose entries are no longer
/// kept are left out.
#[derive(Debug, clap::Args)]
pub(crate) struct History {
    /// At most so many rows
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    at: AtVersion,
}

impl History {
    pub(crate) fn run(&self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let (mut lake, snapshot) = self.at.open(lake)?;
        let mut printer = console.printer(&columns());
        let limit = self.limit.unwrap_or(u64::MAX);
        each(&mut lake, snapshot.state(), limit, &mut |row| {
            printer.row(&row.iter().map(Cell::from).collect::<Vec<_>>())
        })?;
        printer.finish()?;
        Ok(Outcome::Done)
    }
}

/// Hands out the rows, the newest first.
fn each(
    lake: &mut Lake,
    state: &State,
    limit: u64,
    found: &mut dyn FnMut([Value; 12]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (mut left, mut version) = (limit, state.version);
    while left > 0 {
        let Some(entry) = lake.entry(version).map_err(of_log)? else { break };
        for txn in entry.transactions.iter().rev() {
            if left > 0 {
                found(row(state, &entry, txn))?;
                left -= 1;
            }
        }
        version -= 1;
    }
    Ok(())
}

pub(crate) fn rows(lake: &mut Lake, state: &State) -> Result<Rows, Failure> {
    let mut rows = Rows::new(columns());
    each(lake, state, u64::MAX, &mut |row| {
        rows.push(row);
        Ok(())
    })?;
    Ok(rows)
}

fn columns() -> Vec<Column> {
    vec![
        Column::number("version"),
        Column::text("at"),
        Column::text("cause"),
        Column::text("tables"),
        Column::number("rows"),
        Column::number("segments_added"),
        Column::number("segments_removed"),
        Column::text("producer"),
        Column::number("seq"),
        Column::text("host"),
        Column::number("pid"),
        Column::text("txn"),
    ]
}

fn row(state: &State, entry: &Entry, txn: &Transaction) -> [Value; 12] {
    let (mut rows, mut added, mut removed) = (0, 0, 0);
    let mut tables: Vec<String> = Vec::new();
    let name = |id: &TableId| state.table_by_id(*id).map(|t| t.def.name.clone());
    for action in &txn.actions {
        let table = match action {
            Action::CreateTable(def) => Some(def.name.clone()),
            Action::SetSchema { table, .. } => name(table),
            Action::Add { table, segments, .. } => {
                added += segments.len();
                rows += segments.iter().map(|s| s.rows).sum::<u64>();
                name(table)
            }
            Action::Remove { table, segments, .. } => {
                removed += segments.len();
                name(table)
            }
            Action::Hide { table, .. } => name(table),
            Action::Fence { .. } | Action::Floor { .. } | Action::Tag { .. } => None,
        };
        tables.extend(table.filter(|t| !tables.contains(t)));
    }
    let producer = txn.producer.as_ref();
    [
        json!(entry.version),
        json!(timestamp_text(entry.at_us)),
        json!(txn.cause.word()),
        json!(tables),
        json!(rows),
        json!(added),
        json!(removed),
        json!(producer.map(|p| &*p.producer)),
        json!(producer.map(|p| p.seq)),
        json!(txn.host),
        json!(txn.pid),
        json!(txn.id.to_string()),
    ]
}
