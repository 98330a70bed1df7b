use std::path::Path;

use lake_cli::render::{Column, Record, Rows};
use lake_cli::{Console, Failure, Format, Outcome};
use lake_core::edit::Cause;
use lake_core::entry::Entry;
use lake_core::id::Version;
use lake_core::kind::Kind;
use lake_core::layout;
use lake_core::segment::SegmentKind;
use lake_core::state::{State, Table};
use lake_core::value::timestamp_text;
use lake_ingest::quarantine;
use lake_log::{Access, Lake, LogError};
use lake_maintain::health::Finding;
use lake_maintain::runs::{self, Ended};
use lake_maintain::vacuum::{self, Trashed};
use lake_store::{LockFile, clock};
use serde_json::{Value, json};

use super::health::{number, sentence};
use crate::alerts;
use crate::failure::{of_ingest, of_log, of_maintain};
use crate::tasks::Task;

/// Show what the lake holds and what waits in it
#[derive(Debug, clap::Args)]
pub(crate) struct Status {}

/// One table's line.
struct Line {
    table: String,
    rows: u64,
    bytes: u64,
    increments: u64,
    bases: u64,
    oldest_increment_s: Option<i64>,
    schema_version: u32,
}

/// What is in the lake besides its tables.
struct Waiting {
    leases: u64,
    last_compaction: Option<String>,
    last_vacuum: Option<String>,
    spool: u64,
    trash: Vec<Trashed>,
    /// Rejected rows that were kept.
    quarantine: u64,
    alerts: Vec<Finding>,
}

/// So far back the log is searched for what a vacuum wrote.
const SEARCHED: u64 = 256;

impl Status {
    pub(crate) fn run(&self, path: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let mut lake = Lake::open(path, Access::Read).map_err(of_log)?;
        let state = lake.state().clone();
        let lines: Vec<Line> = state
            .tables()
            .map(|table| line(&mut lake, table))
            .collect::<Result<_, _>>()
            .map_err(of_log)?;
        let rejected = quarantine::list(lake.root()).map_err(of_ingest)?;
        let rejected = rejected.iter().map(|file| file.rows).sum();
        let trash = vacuum::list(&lake).map_err(of_maintain)?;
        let alerts = alerts::check(path, &mut lake)?;
        let alerts = alerts::standing(&alerts).cloned().collect();
        let waiting = waiting(&mut lake, &state, rejected, (trash, alerts)).map_err(of_log)?;
        match console.format() {
            Format::Json | Format::Jsonl => {
                let tables: Vec<Value> = lines.iter().map(Line::to_json).collect();
                let record = Record::new().with("version", state.version).with("tables", tables);
                let alerts: Vec<Value> = waiting.alerts.iter().map(alert).collect();
                console.record(&with_waiting(record, &waiting).with("alerts", alerts))?;
            }
            Format::Table => {
                let record = Record::new().with("version", state.version);
                let alerts: Vec<&str> = waiting.alerts.iter().map(|a| a.rule.name).collect();
                console.record(&with_waiting(record, &waiting).with("alerts", alerts))?;
                console.out.line("")?;
                console.rows(&rows(&lines))?;
            }
            Format::Csv => console.rows(&rows(&lines))?,
        }
        Ok(Outcome::Done)
    }
}

fn line(lake: &mut Lake, table: &Table) -> Result<Line, LogError> {
    let mut line = Line {
        table: table.def.name.clone(),
        rows: 0,
        bytes: 0,
        increments: 0,
        bases: 0,
        oldest_increment_s: None,
        schema_version: table.schema().version,
    };
    let mut oldest: Option<Version> = None;
    for (_, segment) in table.segments() {
        line.rows += segment.rows;
        line.bytes += segment.bytes;
        match segment.kind {
            SegmentKind::Increment => {
                line.increments += 1;
                oldest = Some(oldest.map_or(segment.added, |o| o.min(segment.added)));
            }
            SegmentKind::Base => line.bases += 1,
        }
    }
    if let Some(version) = oldest
        && let Some(entry) = entry(lake, version)?
    {
        line.oldest_increment_s = Some((clock::now_us() - entry.at_us).max(0) / 1_000_000);
    }
    Ok(line)
}

/// None also of one that is damaged: verify tells that, and the lake may be open all the same.
fn entry(lake: &mut Lake, version: Version) -> Result<Option<Entry>, LogError> {
    match lake.entry(version) {
        Err(damage) if damage.kind() == Kind::Damaged => Ok(None),
        entry => entry,
    }
}

fn waiting(
    lake: &mut Lake,
    state: &State,
    quarantine: u64,
    (trash, alerts): (Vec<Trashed>, Vec<Finding>),
) -> Result<Waiting, LogError> {
    let root = lake.root().clone();
    let count = |dir: &str| -> Result<u64, LogError> { Ok(root.dir(dir)?.list()?.len() as u64) };
    let pins = LockFile::new(&lake.root().dir(layout::LOCKS)?, layout::LOCK_PINS)?;
    let mut leases = 0;
    if let Some(lowest) = pins.lowest_locked_below(state.version + 1)? {
        for version in lowest..=state.version {
            leases += u64::from(pins.is_locked(version)?);
        }
    }
    let spool = count(layout::SPOOL)?;
    let last_compaction = last_compaction(lake, state)?;
    let last_vacuum = last_vacuum(lake, state, &trash)?;
    Ok(Waiting { leases, last_compaction, last_vacuum, spool, trash, quarantine, alerts })
}

/// As its task's history, the trash or the log tell; one that was not a task's, and found
/// nothing to do, has left no trace.
fn last_vacuum(
    lake: &mut Lake,
    state: &State,
    trash: &[Trashed],
) -> Result<Option<String>, LogError> {
    let runs = runs::read(lake.root(), Task::Vacuum.name())?;
    let done = runs.iter().rev().find(|run| run.ended() == Some(Ended::Done));
    let ended = done.and_then(|run| run.end.as_ref()).map(|end| end.at_us);
    let moved = trash.last().map(|batch| batch.at_us);
    let mut logged = None;
    let first = state.version.saturating_sub(SEARCHED).max(state.floor);
    for version in (first..=state.version).rev() {
        let Some(entry) = entry(lake, version)? else { break };
        if entry.transactions.iter().any(|txn| txn.cause == Cause::Vacuum) {
            logged = Some(entry.at_us);
            break;
        }
    }
    Ok(ended.max(moved).max(logged).map(timestamp_text))
}

/// When the newest base was added; none is left of a compaction whose every file was
/// merged or taken away since.
fn last_compaction(lake: &mut Lake, state: &State) -> Result<Option<String>, LogError> {
    let bases = state.tables().flat_map(Table::segments).map(|(_, s)| s);
    let newest = bases.filter(|s| s.kind == SegmentKind::Base).map(|s| s.added).max();
    let entry = newest.map(|version| entry(lake, version)).transpose()?.flatten();
    Ok(entry.map(|entry| timestamp_text(entry.at_us)))
}

impl Line {
    fn values(&self) -> [(&'static str, Value); 7] {
        [
            ("table", json!(self.table)),
            ("rows", json!(self.rows)),
            ("bytes", json!(self.bytes)),
            ("increments", json!(self.increments)),
            ("bases", json!(self.bases)),
            ("oldest_increment_s", json!(self.oldest_increment_s)),
            ("schema_version", json!(self.schema_version)),
        ]
    }

    fn to_json(&self) -> Value {
        Value::Object(self.values().into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
    }
}

fn rows(lines: &[Line]) -> Rows {
    let numbers = ["rows", "bytes", "increments", "bases", "oldest_increment_s", "schema_version"];
    let columns = [Column::text("table")].into_iter().chain(numbers.map(Column::number));
    let mut rows = Rows::new(columns);
    for line in lines {
        rows.push(line.values().map(|(_, value)| value));
    }
    rows
}

fn with_waiting(record: Record, waiting: &Waiting) -> Record {
    record
        .with("leases", waiting.leases)
        .with("last_compaction", waiting.last_compaction.as_deref())
        .with("last_vacuum", waiting.last_vacuum.as_deref())
        .with("spool", waiting.spool)
        .with("trash", waiting.trash.len() as u64)
        .with("trash_files", waiting.trash.iter().map(|batch| batch.what.files).sum::<u64>())
        .with("trash_bytes", waiting.trash.iter().map(|batch| batch.what.bytes).sum::<u64>())
        .with("quarantine", waiting.quarantine)
}

fn alert(finding: &Finding) -> Value {
    json!({
        "rule": finding.rule.name,
        "value": number(finding.measure.as_ref().map(|m| m.value)),
        "limit": number(finding.limit),
        "unit": finding.rule.unit.word(),
        "of": finding.measure.as_ref().and_then(|m| m.of.as_deref()),
        "message": sentence(finding),
    })
}
