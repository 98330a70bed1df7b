//! What the program understands.

use clap::{Parser, Subcommand};
use lake_cli::complete::{Completions, Man};
use lake_cli::{Console, Failure, Global, Outcome};

use crate::commands::changes::Changes;
use crate::commands::compare::Compare;
use crate::commands::describe::Describe;
use crate::commands::export::Export;
use crate::commands::files::Files;
use crate::commands::history::History;
use crate::commands::import_duckdb::ImportDuckdb;
use crate::commands::mount::Mount;
use crate::commands::page::Page;
use crate::commands::shell::Shell;
use crate::commands::sql::Sql;
use crate::commands::symbols::Symbols;
use crate::commands::tables::Tables;
use crate::commands::watermark::{Metadata, Watermark};

const AFTER_HELP: &str = "\
Examples:
  lake-query tables
  lake-query sql \"SELECT symbol, max(date) FROM bars GROUP BY symbol\"
  lake-query sql --at 2026-11-20T15:00 \"FROM bars WHERE symbol = '600519'\" --format csv
  lake-query files bars
  lake-query shell
  lake-query export bars --to bars.parquet
  lake-query changes bars --since eod
  lake-query mount --to analysis.duckdb
  lake-query import-duckdb old.duckdb

Exit codes:
  0 done   2 bad input or not found   3 busy or a version no longer kept   4 damaged data
  5 newer format   8 no permission, no memory or disk full   70 a defect   130 interrupted or timed out";

/// Read a lake of Parquet files: one version at a time, never blocked by writers
#[derive(Debug, Parser)]
#[command(name = "lake-query", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Sql(Sql),
    Shell(Shell),
    Page(Page),
    Export(Export),
    Tables(Tables),
    Describe(Describe),
    Symbols(Symbols),
    Files(Files),
    History(History),
    Changes(Changes),
    Watermark(Watermark),
    Metadata(Metadata),
    Mount(Mount),
    ImportDuckdb(ImportDuckdb),
    Compare(Compare),
    Completions(Completions),
    Man(Man),
}

impl AsRef<Global> for Cli {
    fn as_ref(&self) -> &Global {
        &self.global
    }
}

impl Cli {
    pub(crate) fn run(self, console: &mut Console) -> Result<Outcome, Failure> {
        let lake = self.global.lake.as_path();
        match self.command {
            Command::Sql(command) => command.run(lake, console),
            Command::Shell(command) => command.run(lake, console),
            Command::Page(command) => command.run(lake, console),
            Command::Export(command) => command.run(lake, console),
            Command::Tables(command) => command.run(lake, console),
            Command::Describe(command) => command.run(lake, console),
            Command::Symbols(command) => command.run(lake, console),
            Command::Files(command) => command.run(lake, console),
            Command::History(command) => command.run(lake, console),
            Command::Changes(command) => command.run(lake, console),
            Command::Watermark(command) => command.run(lake, console),
            Command::Metadata(command) => command.run(lake, console),
            Command::Mount(command) => command.run(lake, console),
            Command::ImportDuckdb(command) => command.run(lake, console),
            Command::Compare(command) => command.run(lake, console),
            Command::Completions(command) => command.run::<Cli>(console),
            Command::Man(command) => command.run::<Cli>(console),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_query_comes_from_one_place() {
        let parse = |args: &[&str]| {
            let args = ["lake-query", "sql"].iter().chain(args);
            Cli::try_parse_from(args).map(|_| ()).map_err(|e| e.exit_code())
        };
        assert_eq!(parse(&["SELECT 1"]), Ok(()));
        assert_eq!(parse(&["-"]), Ok(()));
        assert_eq!(parse(&["-f", "q.sql", "--at", "7", "--format", "csv"]), Ok(()));
        assert_eq!(parse(&["-- why\nSELECT 1"]), Ok(()));
        assert_eq!(parse(&[]), Err(2));
        assert_eq!(parse(&["SELECT 1", "-f", "q.sql"]), Err(2));
        assert_eq!(parse(&["SELECT 1", "--at", "yesterday"]), Ok(()));
        assert_eq!(parse(&["SELECT 1", "--at", "2026-13-01"]), Err(2));
        assert_eq!(parse(&["SELECT 1", "--timeout", "30"]), Err(2));
    }
}
