use std::path::Path;

use lake_cli::{Console, Failure, Outcome};
use lake_core::kind::Kind;
use lake_log::{Access, Lake};

use super::tasks::receipt;
use crate::failure::of_log;
use crate::stop::Signals;
use crate::tasks::plan::Plan;
use crate::tasks::{Crew, Done, Ran, Task};

const EXAMPLES: &str = "\
Examples:
  lake-writer run                          (in a service; SCHEDULING.md has units to copy)
  lake-writer run --once                   (in a crontab: what is due by now, then end)
  lake-writer tasks list

The tasks are drain, compact and health, each five minutes, vacuum, each hour, and retain, at two
in the morning. lake.toml says it otherwise, by five fields of cron or @hourly, @daily, @weekly,
@monthly:

  [tasks]
  zone = \"Asia/Shanghai\"                   (of the clock they go by; default UTC)
  missed = \"skip\"                          (default run: what was missed is run once, at the start)

  [tasks.compact]
  at = \"*/10 * * * mon-fri\"

  [tasks.vacuum]
  enabled = false

Several can run over one lake: a task is never run twice at once nor twice for one time of its
schedule, and any can be killed at any time. One that fails is told on stderr and does not end the
others. Each run is a line of JSON on stdout, and in lake-writer tasks history.

SIGTERM or Ctrl-C: nothing new is begun, a compaction or an archiving stops where it is, and it
exits 0.";

/// Run the maintenance tasks when they are due
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Run {
    /// Run what is due by now, then end; missed runs are made up for
    #[arg(long)]
    once: bool,
}

impl Run {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        // Before the first thread is started, so that all of them hold the signals back.
        let signals = Signals::hold();
        lake_store::process::raise_file_limit();
        let plan = Plan::read(lake)?;
        // Tells at once what would fail each task.
        drop(Lake::open(lake, Access::Write).map_err(of_log)?);
        let enabled = plan.entries.iter().filter(|entry| entry.enabled);
        let names = enabled.map(|entry| entry.task.name()).collect::<Vec<_>>().join(", ");
        if !self.once {
            let zone = plan.zone;
            console.note(format!("running {names} by the clock of {zone}; Ctrl-C ends it"));
        }
        let makes_up = self.once || plan.makes_up;
        let crew = Crew::new(lake, plan, makes_up);
        signals.watch(crew.stopper());
        let mut failed = None;
        let end = crew.run(self.once, &mut |task, ran| {
            failed = failed.or(told(task, ran, console)?);
            Ok(())
        });
        end?;
        Ok(match failed {
            Some(kind) if self.once => Outcome::Failed(kind),
            _ => Outcome::Done,
        })
    }
}

/// Says what became of a task, and what kind of failure that was.
fn told(
    task: Task,
    ran: Result<Ran, Failure>,
    console: &mut Console,
) -> Result<Option<Kind>, Failure> {
    let name = task.name();
    let failure = match ran {
        Ok(Ran::NotDue) => None,
        Ok(Ran::Busy) => {
            console.note(format!("task {name}: another process is at it"));
            None
        }
        Ok(Ran::Ended(done)) => {
            let Done { run, failure, warnings } = *done;
            warnings.iter().for_each(|warning| console.warn(warning));
            console.out.committed();
            console.record_line(&receipt(task, &run))?;
            failure
        }
        Err(failure) => Some(failure),
    };
    Ok(failure.map(|mut failure| {
        failure.message = format!("task {name}: {}", failure.message);
        console.fail(&failure);
        failure.kind
    }))
}
