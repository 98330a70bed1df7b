use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::builder::PossibleValuesParser;
use lake_cli::render::{Column, Record, Rows};
use lake_cli::{Console, Failure, Outcome};
use lake_core::kind::Kind;
use lake_core::value::timestamp_text;
use lake_log::{Access, Lake};
use lake_maintain::runs::{self, Run};
use lake_store::{Root, clock};
use serde_json::Value;

use crate::failure::{of_log, of_store};
use crate::stop::Signals;
use crate::tasks::plan::Plan;
use crate::tasks::{Done, Job, Ran, Task};

const EXAMPLES: &str = "\
Examples:
  lake-writer tasks list
  lake-writer tasks run compact            (in a crontab, in place of lake-writer run)
  lake-writer tasks history
  lake-writer tasks history compact --failed --limit 5

A task is never run twice at once, whoever runs it: a second one exits 3. A run that was killed is
in the history as such. When tasks run is in lake.toml: see lake-writer run --help.";

/// The tasks of lake-writer run: see them, run one, see what became of them
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Tasks {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show when each task runs, and how its last run went
    List,
    /// Run a task now
    Run {
        #[arg(value_name = "TASK", value_parser = names())]
        task: String,
    },
    /// Show runs, the newest first
    History {
        /// Of this task [default: of all]
        #[arg(value_name = "TASK", value_parser = names())]
        task: Option<String>,
        /// So many at most
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
        /// Only those that failed or were killed
        #[arg(long)]
        failed: bool,
    },
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(Task::ALL.map(Task::name))
}

fn named(name: &str) -> Result<Task, Failure> {
    let found = Task::ALL.into_iter().find(|task| task.name() == name);
    found.ok_or_else(|| Failure::not_found(format!("no task {name}")))
}

impl Tasks {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        match self.what {
            What::List => console.rows(&list(lake)?)?,
            What::Run { task } => return run(lake, named(&task)?, console),
            What::History { task, limit, failed } => {
                let tasks = match task {
                    Some(name) => vec![named(&name)?],
                    None => Task::ALL.to_vec(),
                };
                console.rows(&history(&open(lake)?, &tasks, limit, failed)?)?;
            }
        }
        Ok(Outcome::Done)
    }
}

/// A lake it must be.
fn open(path: &Path) -> Result<Root, Failure> {
    let lake = Lake::open(path, Access::Read).map_err(of_log)?;
    Ok(lake.root().clone())
}

fn time(us: Option<i64>) -> Value {
    us.map(timestamp_text).into()
}

fn list(path: &Path) -> Result<Rows, Failure> {
    let (root, plan, now) = (open(path)?, Plan::read(path)?, clock::now_us());
    let names = ["task", "at", "zone", "enabled", "last_started", "last_ended", "last_outcome"];
    let mut rows = Rows::new(names.into_iter().chain(["next", "message"]).map(Column::text));
    for entry in &plan.entries {
        let last = runs::read(&root, entry.task.name()).map_err(of_store)?.pop();
        let end = last.as_ref().and_then(|run| run.end.as_ref());
        let next = entry.enabled.then(|| entry.at.next_after(now, &plan.zone)).flatten();
        rows.push([
            entry.task.name().into(),
            entry.at.to_string().into(),
            plan.zone.to_string().into(),
            entry.enabled.into(),
            time(last.as_ref().map(|run| run.started_us)),
            time(end.map(|end| end.at_us)),
            last.as_ref().map(outcome).into(),
            time(next),
            end.map(|end| end.message.as_str()).into(),
        ]);
    }
    Ok(rows)
}

fn outcome(run: &Run) -> &'static str {
    run.ended().map_or("running", |ended| ended.word())
}

fn history(root: &Root, tasks: &[Task], limit: usize, failed: bool) -> Result<Rows, Failure> {
    let mut all = Vec::new();
    for task in tasks {
        let runs = runs::read(root, task.name()).map_err(of_store)?;
        all.extend(runs.into_iter().map(|run| (*task, run)));
    }
    all.retain(|(_, run)| !failed || run.failed());
    all.sort_by_key(|(task, run)| std::cmp::Reverse((run.started_us, *task)));
    all.truncate(limit);
    let columns = COLUMNS.map(|name| match name {
        "elapsed_ms" | "pid" => Column::number(name),
        _ => Column::text(name),
    });
    let mut rows = Rows::new(columns);
    for (task, run) in &all {
        rows.push(values(*task, run));
    }
    Ok(rows)
}

const COLUMNS: [&str; 8] =
    ["task", "started", "ended", "outcome", "elapsed_ms", "host", "pid", "message"];

fn values(task: Task, run: &Run) -> [Value; 8] {
    let end = run.end.as_ref();
    let elapsed = end.map(|end| end.at_us.saturating_sub(run.started_us).max(0) / 1000);
    [
        task.name().into(),
        timestamp_text(run.started_us).into(),
        time(end.map(|end| end.at_us)),
        outcome(run).into(),
        elapsed.into(),
        run.host.as_str().into(),
        run.pid.into(),
        end.map(|end| end.message.as_str()).into(),
    ]
}

/// A run as `run` and `tasks run` print it.
pub(crate) fn receipt(task: Task, run: &Run) -> Record {
    let with = |record: Record, (name, value): (&str, Value)| record.with(name, value);
    COLUMNS.into_iter().zip(values(task, run)).fold(Record::new(), with)
}

fn run(lake: &Path, task: Task, console: &mut Console) -> Result<Outcome, Failure> {
    let signals = Signals::hold();
    lake_store::process::raise_file_limit();
    open(lake)?;
    let stop: Arc<AtomicBool> = Arc::default();
    let job = Job { lake: lake.to_owned(), task, due: None, stop: stop.clone() };
    signals.watch(move || stop.store(true, Ordering::Relaxed));
    match job.run()? {
        Ran::Ended(done) => {
            let Done { run, failure, warnings } = *done;
            warnings.iter().for_each(|warning| console.warn(warning));
            console.out.committed();
            console.record(&receipt(task, &run))?;
            failure.map_or(Ok(Outcome::Done), Err)
        }
        Ran::Busy | Ran::NotDue => {
            let message = format!("another process is at task {}", task.name());
            Err(Failure::new(Kind::Busy, message).hint("see: lake-writer tasks list"))
        }
    }
}
