use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lake_cli::render::{Column, Record, Rows};
use lake_cli::{Console, Failure, Outcome, human, parse};
use lake_core::kind::Kind;
use lake_core::schema::TableDef;
use lake_core::value::timestamp_text;
use lake_ingest::quarantine::{self, Quarantined};
use lake_log::{Access, At, Lake};
use lake_maintain::MaintainError;
use lake_maintain::archive::{ArchiveOptions, archive_rows};
use lake_maintain::compact::Watch;
use lake_maintain::retain::{self, Cut, Retained};
use lake_store::{Root, Stopwatch, clock};
use serde_json::{Value, json};

use super::compact::{Watched, tally};
use crate::failure::{of_ingest, of_log, of_maintain};
use crate::settings::{self, By, Retention};
use crate::stop::Signals;

const EXAMPLES: &str = "\
Examples:
  lake-writer retain                       what lake.toml says, of all tables (from cron)
  lake-writer retain bars --older-than 90d --dry-run
  lake-writer retain bars --older-than 90d --archive
  lake-writer retain bars --before 2026-01-01
  lake-writer retain bars --before 2016-01-01 --drop     (where lake.toml says archive)
  lake-writer retain ticks --older-than 1h --by commit

By order, rows go whose first order column is older; by commit, whole files whose newest row was
stored earlier. Dropping reads no data. With --archive the rows are first written as Parquet to
archive/TABLE/symbol=.../, which any engine reads, and lake-writer unarchive brings them back; a
run that is killed or stopped goes on with the next one. Rows that are written meanwhile stay.
Older versions keep what went until lake-writer vacuum.

lake.toml says how long rows stay, and rejected rows in quarantine:

  [tables.bars]
  retain = \"90d\"
  retain_by = \"order\"
  archive = true

  [quarantine]
  keep = \"90d\"";

/// Drop or archive rows that are older than they need to be
#[derive(Debug, Default, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Retain {
    /// Table [default: all that lake.toml has an age for, and quarantine]
    table: Option<String>,
    /// How old rows may be [default: what lake.toml says of the table]
    #[arg(long, value_name = "TIME", value_parser = parse::duration, requires = "table")]
    older_than: Option<Duration>,
    /// By what their age is told [default: order]
    #[arg(long, value_enum, requires = "table")]
    by: Option<By>,
    /// What is less than this goes, instead of an age: a value of the first order column, or
    /// a time with --by commit
    #[arg(long, value_name = "VALUE", requires = "table", conflicts_with = "older_than")]
    before: Option<String>,
    /// Keep the rows in archive/TABLE/
    #[arg(long, requires = "table")]
    archive: bool,
    /// Drop the rows for good, also where lake.toml says archive
    #[arg(long, requires = "table", conflicts_with = "archive")]
    drop: bool,
    /// Count rows, bytes and files of each symbol, change nothing
    #[arg(long)]
    dry_run: bool,
}

/// One table's share of the work.
struct Job {
    table: String,
    by: By,
    cut: Cut,
    archive: bool,
}

impl Retain {
    pub(crate) fn run(self, path: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        lake_store::process::raise_file_limit();
        let access = if self.dry_run { Access::Read } else { Access::Write };
        let mut lake = Lake::open(path, access).map_err(of_log)?;
        let now = clock::now_us();
        let jobs = self.jobs(path, &lake, now)?;
        let rejected = match &self.table {
            Some(_) => Vec::new(),
            None => too_old(path, lake.root(), now)?,
        };
        if self.dry_run {
            console.rows(&planned(&mut lake, &jobs, &rejected)?)?;
            console.note("dry run: nothing was removed");
            return Ok(Outcome::Done);
        }
        let signals = Signals::hold();
        let watched = Arc::new(Watched::default());
        let stopped = watched.clone();
        signals.watch(move || stopped.stop.store(true, Ordering::Relaxed));
        let (watch, shown) = (Stopwatch::start(), watched.clone());
        let progress = console.progress(move || tally(&watch, &shown));
        let mut done = Vec::new();
        let committed = &mut || console.out.committed();
        let failed = all_retained(&mut lake, &jobs, &*watched, &mut done, committed);
        for file in &rejected {
            quarantine::remove(lake.root(), &file.name).map_err(of_ingest)?;
            console.out.committed();
        }
        drop(progress);
        match (&self.table, done.as_slice()) {
            (Some(_), []) => {}
            (Some(_), [(job, done)]) => console.record(&record(job, done))?,
            _ => console.rows(&receipts(&done, &rejected))?,
        }
        done.iter().for_each(|(job, done)| told(job, done, console));
        if self.table.is_none() && jobs.is_empty() {
            console.note("lake.toml has an age for no table: see lake-writer retain --help");
        }
        if self.table.is_none() {
            let absent = absent(path, &lake)?;
            absent.into_iter().for_each(|why| console.warn(why));
        }
        failed.map_or(Ok(Outcome::Done), Err)
    }

    fn jobs(&self, path: &Path, lake: &Lake, now: i64) -> Result<Vec<Job>, Failure> {
        let state = lake.state();
        let Some(name) = &self.table else {
            let mut jobs = Vec::new();
            for table in state.tables() {
                let said = settings::retention(path, &table.def.name)?;
                if said.older_than.is_some() {
                    jobs.push(self.job(&table.def, said, now)?);
                }
            }
            return Ok(jobs);
        };
        let found = state.table(name);
        let table = found.ok_or_else(|| of_maintain(MaintainError::NoTable(name.clone())))?;
        let said = settings::retention(path, &table.def.name)?;
        Ok(vec![self.job(&table.def, said, now)?])
    }

    fn job(&self, def: &TableDef, said: Retention, now: i64) -> Result<Job, Failure> {
        let by = self.by.or(said.by).unwrap_or(By::Order);
        let age = self.older_than.or(said.older_than);
        let cut = match (&self.before, by, age) {
            (Some(text), By::Order, _) => order_value(def, text)?,
            (Some(text), By::Commit, _) => match text.parse() {
                Ok(At::Time(us)) => Cut::Commit(us),
                _ => {
                    return Err(Failure::bad_input(format!("{text:?} is not a time"))
                        .hint("such as 2026-01-01 or 2026-01-01T15:00, in UTC"));
                }
            },
            (None, by, Some(age)) => {
                let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
                let us = now.saturating_sub(age);
                match by {
                    By::Order => Cut::order_at(def, us).map_err(of_maintain)?,
                    By::Commit => Cut::Commit(us),
                }
            }
            (None, _, None) => {
                let name = &def.name;
                return Err(Failure::bad_input(format!(
                    "nobody says how old rows of {name} may be"
                ))
                .hint(format!(
                    "say --older-than or --before, or retain under [tables.{name}] in lake.toml"
                )));
            }
        };
        Ok(Job {
            table: def.name.clone(),
            by,
            cut,
            archive: self.archive || said.archive && !self.drop,
        })
    }
}

fn order_value(def: &TableDef, text: &str) -> Result<Cut, Failure> {
    let field = retain::order_column(def).map_err(of_maintain)?;
    lake_ingest::value_of(text, &field.ty).map(Cut::Order).map_err(|why| {
        Failure::bad_input(format!("--before: {text:?} {why}, as column {} is", field.name))
    })
}

/// What `carry_out` did.
pub(crate) struct Done {
    /// What became of each table.
    pub(crate) tables: Vec<Retained>,
    /// Files of rejected rows that went.
    pub(crate) rejected: u64,
    /// Of a table, or of settings: the rest was done.
    pub(crate) failed: Option<Failure>,
}

/// Does what lake.toml says of all tables and of rejected rows.
pub(crate) fn carry_out(path: &Path, lake: &mut Lake, watch: &dyn Watch) -> Result<Done, Failure> {
    let now = clock::now_us();
    let jobs = Retain::default().jobs(path, lake, now)?;
    let mut done = Vec::new();
    let failed = all_retained(lake, &jobs, watch, &mut done, &mut || ());
    let rejected = too_old(path, lake.root(), now)?;
    for file in &rejected {
        quarantine::remove(lake.root(), &file.name).map_err(of_ingest)?;
    }
    let absent = absent(path, lake)?.into_iter().next().map(Failure::bad_input);
    let tables = done.into_iter().map(|(_, one)| one).collect();
    Ok(Done { tables, rejected: rejected.len() as u64, failed: failed.or(absent) })
}

/// Settings that are nobody's.
fn absent(path: &Path, lake: &Lake) -> Result<Vec<String>, Failure> {
    let mut names = settings::retained(path)?;
    names.retain(|name| !lake.state().tables().any(|table| table.def.name == *name));
    let why = |name| {
        format!("lake.toml says how long rows of table {name} stay, and there is no such table")
    };
    Ok(names.into_iter().map(why).collect())
}

/// One table that fails does not keep the others; the first failure is told.
fn all_retained<'j>(
    lake: &mut Lake,
    jobs: &'j [Job],
    watch: &dyn Watch,
    done: &mut Vec<(&'j Job, Retained)>,
    committed: &mut dyn FnMut(),
) -> Option<Failure> {
    let mut first = None;
    for job in jobs {
        match retained(lake, job, watch) {
            Ok(one) => {
                done.push((job, one));
                committed();
            }
            Err(failure) if failure.kind == Kind::Interrupted => return Some(failure),
            Err(mut failure) => {
                if jobs.len() > 1 {
                    failure.message = format!("table {}: {}", job.table, failure.message);
                }
                first.get_or_insert(failure);
            }
        }
    }
    first
}

fn retained(lake: &mut Lake, job: &Job, watched: &dyn Watch) -> Result<Retained, Failure> {
    let done = match job.archive {
        false => retain::drop_rows(lake, &job.table, &job.cut),
        true => archive_rows(lake, &job.table, &job.cut, &ArchiveOptions::default(), watched),
    };
    done.map_err(of_maintain)
}

/// Rejected rows that were kept for longer than lake.toml says.
fn too_old(path: &Path, root: &Root, now: i64) -> Result<Vec<Quarantined>, Failure> {
    let Some(keep) = settings::quarantine_keep(path)? else { return Ok(Vec::new()) };
    let keep = i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
    let mut files = quarantine::list(root).map_err(of_ingest)?;
    files.retain(|file| file.at_us < now.saturating_sub(keep));
    Ok(files)
}

fn before(cut: &Cut) -> String {
    match cut {
        Cut::Order(value) => value.to_string(),
        Cut::Commit(us) => timestamp_text(*us),
    }
}

fn planned(lake: &mut Lake, jobs: &[Job], rejected: &[Quarantined]) -> Result<Rows, Failure> {
    let texts = ["table", "symbol", "by", "before"].map(Column::text);
    let mut rows =
        Rows::new(texts.into_iter().chain(["rows", "bytes", "files"].map(Column::number)));
    for job in jobs {
        let plan = retain::plan(lake, &job.table, &job.cut).map_err(of_maintain)?;
        for share in plan.shares {
            let symbols: Vec<&str> = share.symbols.iter().map(|s| s.as_str()).collect();
            let symbol = (!symbols.is_empty()).then(|| symbols.join("/"));
            rows.push([
                json!(job.table),
                json!(symbol),
                json!(job.by.word()),
                json!(before(&job.cut)),
                json!(share.rows),
                json!(share.bytes),
                json!(share.files),
            ]);
        }
    }
    for file in rejected {
        rows.push([
            json!(file.table),
            Value::Null,
            json!("quarantine"),
            json!(timestamp_text(file.at_us)),
            json!(file.rows),
            json!(file.bytes),
            json!(1),
        ]);
    }
    Ok(rows)
}

fn record(job: &Job, done: &Retained) -> Record {
    let named = NAMES.iter().zip(values(job, done));
    named.fold(Record::new(), |record, (name, value)| record.with(*name, value))
}

const NAMES: [&str; 12] = [
    "version",
    "table",
    "by",
    "before",
    "rows_dropped",
    "rows_archived",
    "segments_removed",
    "segments_masked",
    "bytes_removed",
    "archive_files",
    "archive_bytes",
    "elapsed_ms",
];

fn values(job: &Job, done: &Retained) -> [Value; 12] {
    [
        json!(done.version),
        json!(done.table),
        json!(job.by.word()),
        json!(before(&job.cut)),
        json!(done.rows_dropped),
        json!(done.rows_archived),
        json!(done.segments_removed),
        json!(done.segments_masked),
        json!(done.bytes_removed),
        json!(done.archive_files),
        json!(done.archive_bytes),
        json!(done.elapsed_ms),
    ]
}

fn receipts(done: &[(&Job, Retained)], rejected: &[Quarantined]) -> Rows {
    let column = |name: &&str| match *name {
        "table" | "by" | "before" => Column::text(*name),
        name => Column::number(name),
    };
    let mut rows = Rows::new(NAMES.iter().map(column));
    done.iter().for_each(|(job, done)| rows.push(values(job, done)));
    for file in rejected {
        let none = || Value::Null;
        rows.push([
            none(),
            json!(file.table),
            json!("quarantine"),
            json!(timestamp_text(file.at_us)),
            json!(file.rows),
            json!(0),
            none(),
            none(),
            json!(file.bytes),
            none(),
            none(),
            none(),
        ]);
    }
    rows
}

/// What the figures leave open.
fn told(job: &Job, done: &Retained, console: &mut Console) {
    let table = &done.table;
    if done.rows_dropped.is_none() {
        console.note(format!(
            "table {table}: how many rows went is not known without reading them; --dry-run counts"
        ));
    }
    if done.rows_archived > 0 {
        console.summary(format!(
            "table {table}: {} rows from before {} are in archive/{table}",
            human::rough(done.rows_archived),
            before(&job.cut)
        ));
    }
}
