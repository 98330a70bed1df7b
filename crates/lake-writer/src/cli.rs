//! What the program understands.

use clap::{Parser, Subcommand};
use lake_cli::complete::{Completions, Man};
use lake_cli::{Console, Failure, Global, Outcome};

use crate::commands::alter::Alter;
use crate::commands::backup::Backup;
use crate::commands::compact::Compact;
use crate::commands::create::Create;
use crate::commands::delete::Delete;
use crate::commands::doctor::Doctor;
use crate::commands::drain::Drain;
use crate::commands::health::Health;
use crate::commands::ingest::Ingest;
use crate::commands::ingest_many::IngestMany;
use crate::commands::init::Init;
use crate::commands::quarantine::Quarantine;
use crate::commands::rebuild::Rebuild;
use crate::commands::repair::Repair;
use crate::commands::restore::Restore;
use crate::commands::retain::Retain;
use crate::commands::run::Run;
use crate::commands::status::Status;
use crate::commands::tag::Tag;
use crate::commands::tasks::Tasks;
use crate::commands::unarchive::Unarchive;
use crate::commands::undelete::Undelete;
use crate::commands::vacuum::Vacuum;
use crate::commands::verify::Verify;
use crate::commands::watch::Watch;

const AFTER_HELP: &str = "\
Examples:
  lake-writer init
  lake-writer create bars --schema \"symbol VARCHAR, date DATE, close DOUBLE\" \\
      --partition-by symbol --key symbol,date
  lake-writer ingest bars daily.csv
  lake-writer status

Exit codes:
  0 done   1 findings   2 bad input or not found, nothing was done   3 busy or conflict, try again
  4 damaged data   5 newer format or unsafe file system   6 outcome unknown   7 spooled, not yet
  visible   8 disk full or no permission, nothing was done   70 a defect   130 interrupted";

/// Write to a lake of Parquet files: many processes at once, no server
#[derive(Debug, Parser)]
#[command(name = "lake-writer", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(Init),
    Doctor(Doctor),
    Create(Create),
    Ingest(Box<Ingest>),
    IngestMany(IngestMany),
    Watch(Box<Watch>),
    Drain(Drain),
    Quarantine(Quarantine),
    Delete(Delete),
    Alter(Alter),
    Tag(Tag),
    Restore(Restore),
    Compact(Compact),
    Retain(Retain),
    Unarchive(Unarchive),
    Vacuum(Vacuum),
    Undelete(Undelete),
    Backup(Backup),
    Verify(Verify),
    Repair(Repair),
    Rebuild(Rebuild),
    Status(Status),
    Health(Health),
    Run(Run),
    Tasks(Tasks),
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
        crate::mounting::follow(lake, console);
        match self.command {
            Command::Init(command) => command.run(lake, console),
            Command::Doctor(command) => command.run(lake, console),
            Command::Create(command) => command.run(lake, console),
            Command::Ingest(command) => command.run(lake, console),
            Command::IngestMany(command) => command.run(lake, console),
            Command::Watch(command) => command.run(lake, console),
            Command::Drain(command) => command.run(lake, console),
            Command::Quarantine(command) => command.run(lake, console),
            Command::Delete(command) => command.run(lake, console),
            Command::Alter(command) => command.run(lake, console),
            Command::Tag(command) => command.run(lake, console),
            Command::Restore(command) => command.run(lake, console),
            Command::Compact(command) => command.run(lake, console),
            Command::Retain(command) => command.run(lake, console),
            Command::Unarchive(command) => command.run(lake, console),
            Command::Vacuum(command) => command.run(lake, console),
            Command::Undelete(command) => command.run(lake, console),
            Command::Backup(command) => command.run(lake, console),
            Command::Verify(command) => command.run(lake, console),
            Command::Repair(command) => command.run(lake, console),
            Command::Rebuild(command) => command.run(lake, console),
            Command::Status(command) => command.run(lake, console),
            Command::Health(command) => command.run(lake, console),
            Command::Run(command) => command.run(lake, console),
            Command::Tasks(command) => command.run(lake, console),
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
    fn a_seq_needs_its_producer() {
        let parse = |more: &[&str]| {
            let args = ["lake-writer", "ingest", "bars", "a.csv"].iter().chain(more);
            Cli::try_parse_from(args).map(|_| ()).map_err(|e| e.exit_code())
        };
        assert_eq!(parse(&[]), Ok(()));
        assert_eq!(parse(&["--producer", "p", "--seq", "1"]), Ok(()));
        assert_eq!(parse(&["--producer", "p"]), Ok(()));
        assert_eq!(parse(&["--seq", "1"]), Err(2));
        assert_eq!(parse(&["--seq", "-1", "--producer", "p"]), Err(2));
        assert_eq!(parse(&["--mode", "replace-range"]), Ok(()));
        assert_eq!(parse(&["--mode", "merge"]), Err(2));
    }
}
