use std::path::Path;

use lake_cli::{Console, Failure, Outcome};
use lake_core::types::quoted;
use lake_engine::Mounted;
use lake_log::At;

use crate::ask::{Ask, Session};
use crate::failure::{of_engine, of_log};
use crate::limits::Limits;
use crate::open::{AtVersion, table};
use crate::sink::{each_row, headers};

/// Show the rows that were added, updated and deleted between two versions of a table
///
/// Each row says in _change what became of it: insert, delete, or an update as two rows,
/// update_before with the old values and update_after with the new. Behind _change and
/// _version come the table's columns as the newer version has them; of rows older than a
/// column its default is taken, and a dropped column is no change. Rows are in the order
/// of symbol and key.
///
/// Only what differs in the end is shown: a row that was written again with equal values,
/// or changed and changed back, is no change, nor is one that compaction or a delete wrote
/// into another file. In a table without a key equal rows are counted, and nothing is an
/// update.
///
/// _version is the version whose commit brought the row as it is now, for an update the
/// same in both of its rows. For what was deleted, and where the row's file was written anew
/// since, it is that of --until.
///
/// Only files that differ between the two versions are read, and what shares keys with
/// them. In SQL the same is a table: changes('bars', 41, 45), or changes('bars', 41) for
/// what changed since.
///
/// To go on later from where it stopped, a program names --until itself and gives
/// that version as --since the next time.
#[derive(Debug, clap::Args)]
pub(crate) struct Changes {
    table: String,
    /// The older version, the newest at this time (UTC), or a tag: 42, 2026-11-20T15:00, eod
    #[arg(long, value_name = "V")]
    since: At,
    /// The newer version, by default the newest there is
    #[arg(long, value_name = "V", visible_alias = "at")]
    until: Option<At>,
    #[command(flatten)]
    limits: Limits,
}

impl Changes {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let mut opened = Ask::from(self.limits).open(lake, &AtVersion::of(self.until))?;
        let since = opened.lake.snapshot(self.since).map_err(of_log)?;
        let (from, to) = (since.version(), opened.snapshot.version());
        if from > to {
            let message = format!("--since is version {from}, which is later than {to} of --until");
            return Err(Failure::bad_input(message).hint("give the older of the two as --since"));
        }
        let name = &table(opened.snapshot.state(), &self.table)?.def.name;
        let sql = format!("FROM {}", quoted(&format!("{name}@{from}..")));
        let Session { mut mounted, stop, .. } = opened.mount(None)?;
        print(&mut mounted, &sql, console).map_err(|failure| stop.explain(failure))?;
        Ok(Outcome::Done)
    }
}

fn print(mounted: &mut Mounted, sql: &str, console: &mut Console) -> Result<(), Failure> {
    let mut query = mounted.query(sql).map_err(of_engine)?;
    let rows = query.rows().map_err(of_engine)?;
    let columns = rows.columns.clone();
    let mut printer = console.printer(&headers(&columns));
    for batch in rows {
        each_row(&batch.map_err(of_engine)?, &columns, |cells| printer.row(cells))?;
    }
    printer.finish()
}
