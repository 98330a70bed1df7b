use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lake_cli::render::{Column, Rows};
use lake_cli::{Console, Failure, Outcome, Progress, Tally, env, parse};
use lake_core::schema::TableDef;
use lake_core::state::State;
use lake_engine::{BaseTable, BaseView, Database, Options};
use lake_log::{Access, Lake};
use lake_store::Stopwatch;
use serde_json::{Value, json};

use super::names;
use crate::failure::{of_engine, of_log};
use crate::form::FileForm;
use crate::import::choice::{self, Choice, chosen};
use crate::import::plan::{self, Cast, Given, Plan, refuse_unheld};
use crate::import::writer::{Said, Writer};
use crate::sink::{self, Broken, Style};
use crate::texts::texts;

const EXAMPLES: &str = "\
Examples:
  lake-query import-duckdb old.duckdb --dry-run
  lake-query import-duckdb old.duckdb
  lake-query import-duckdb old.duckdb --table minute --key symbol,at --partition-by symbol
  lake-query import-duckdb old.duckdb --table \"daily bars=bars\" --cast volume=BIGINT
  lake-query compare old.duckdb

A table's symbols are in its column symbol, ticker, ts_code, code or the like. Its key is
its PRIMARY KEY or a UNIQUE; without one, its symbol and first date, or all its dates and
times, where these tell all its rows apart; else it gets none. A table that the lake has
already keeps its own. ENUM, UUID and JSON become VARCHAR, times with a zone UTC.

Each table is one commit. Rows that were imported already are not stored again, so that an
import that was interrupted is done by doing it again.";

/// Bring the tables of a DuckDB file into the lake
///
/// The file is read, never written; meanwhile DuckDB lets no process write it. The rows are stored by the program lake-writer, which
/// must lie beside this one, or be named. CHECKs, defaults, indexes and views stay behind.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ImportDuckdb {
    /// The DuckDB file; no process may have it open for writing
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// This table alone, under another name if one is given; may be repeated
    #[arg(long = "table", value_name = "T[=NAME]", value_parser = choice::choice)]
    tables: Vec<Choice>,
    /// Columns whose values have their own directories; '' for none
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    partition_by: Option<Vec<String>>,
    /// Columns that identify a row; '' for none
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    key: Option<Vec<String>>,
    /// The type of a column in the lake, where it cannot or should not be the same; may be
    /// repeated
    #[arg(long = "cast", value_name = "[T.]COLUMN=TYPE", value_parser = plan::cast)]
    casts: Vec<Cast>,
    /// Say what would be imported and how, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Store the rows also if the same were imported before
    #[arg(long)]
    again: bool,
    /// The program lake-writer [default: the one beside this program]
    #[arg(long, value_name = "PATH", env = env::LAKE_WRITER, hide_env_values = true)]
    #[arg(value_hint = clap::ValueHint::FilePath)]
    writer: Option<PathBuf>,
    /// Memory for reading; what needs more goes through files in the temporary directory
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = parse::size)]
    max_memory: u64,
}

/// A table before, while and after it is imported.
struct Row {
    name: String,
    rows: u64,
    partition_by: Vec<String>,
    key: Vec<String>,
    said: Option<Said>,
    watch: Stopwatch,
}

impl ImportDuckdb {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let state = Lake::open(lake, Access::Read)
            .and_then(|mut lake| lake.refresh().cloned())
            .map_err(of_log)?;
        let options = Options {
            threads: None,
            memory: Some(self.max_memory),
            spill: Some(env::scratch_dir()),
        };
        let file = Database::open(&self.file, &options).map_err(of_engine)?;
        let tables = chosen(file.tables().map_err(of_engine)?, &self.tables)?;
        let views = file.views().map_err(of_engine)?;
        if tables.is_empty() {
            let message = format!("{} has no table with rows", self.file.display());
            return Err(Failure::bad_input(message));
        }
        let all: Vec<&BaseTable> = tables.iter().map(|(table, _)| table).collect();
        refuse_unheld(&all, &self.casts)?;
        let mut rows = Vec::new();
        let mut failure = None;
        for (table, name) in tables {
            match self.import(&file, table, &name, &state, lake, console) {
                Ok(row) => rows.push(row),
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        if !rows.is_empty() || failure.is_none() {
            self.tell(rows, &views, console)?;
        }
        failure.map_or(Ok(Outcome::Done), Err)
    }

    fn import(
        &self,
        file: &Database,
        table: BaseTable,
        name: &str,
        state: &State,
        lake: &Path,
        console: &mut Console,
    ) -> Result<Row, Failure> {
        let watch = Stopwatch::start();
        let shown = table.shown();
        if !table.checks.is_empty() {
            console.note(format!("{shown}: without its {}", table.checks.join(", ")));
        }
        let progress = stage(console, watch);
        let given = Given {
            partition_by: self.partition_by.as_deref(),
            key: self.key.as_deref(),
            casts: &self.casts,
        };
        let plan = Plan::of(table, given, file)?;
        let (rows, mark) = self.count(file, &plan, name)?;
        drop(progress);
        let there = state.table(name).map(|table| &table.def);
        let (partition_by, key) = match there {
            Some(def) => (names(def, &def.partition_by), names(def, &def.key)),
            None => (plan.partition_by.clone(), plan.key.clone()),
        };
        if key.is_empty() && self.key.is_none() {
            console.note(format!(
                "{shown}: no key is declared, and no symbol and date tell its rows apart: \
                 --key says one"
            ));
        }
        let mut row = Row { name: name.to_owned(), rows, partition_by, key, said: None, watch };
        if self.dry_run {
            return Ok(row);
        }
        let writer = Writer::of(self.writer.clone(), lake);
        // What exists keeps its settings, unless others are asked for: then it is refused.
        if there.is_none() || self.partition_by.is_some() || self.key.is_some() {
            writer.create(name, &self.as_asked(&plan, there))?;
        }
        let producer = self.producer();
        let once = (!self.again).then_some((producer.as_str(), mark));
        let said = send(file, &plan, rows, once, &writer, &row, console)?;
        console.out.committed();
        if said.get("duplicate") == "true" {
            let version = said.get("version");
            console.note(format!(
                "{shown}: these rows were imported before, at version {version}; --again stores \
                 them once more"
            ));
        }
        row.said = Some(said);
        Ok(row)
    }

    /// How many rows there are, and a number that stands for them under this name. It
    /// changes when a row does, and not with the order of rows.
    fn count(&self, file: &Database, plan: &Plan, name: &str) -> Result<(u64, u64), Failure> {
        let columns: Vec<String> = plan.names().map(lake_core::types::quoted).collect();
        let what = format!("{} {name} {}", plan.table.shown(), plan.schema());
        // Twice hashed: DuckDB joins the hashes of columns in a way that the sum of rows
        // could undo. A bit less, as SQL's own integers are signed.
        let ask = format!(
            "SELECT CAST(n AS VARCHAR), CAST(hash(h || ' ' || n || ' ' || {}) >> 1 AS VARCHAR) \
             FROM (SELECT count(*) AS n, coalesce(CAST(sum(hash(hash({}))) AS VARCHAR), '') AS h \
             FROM ({}))",
            lake_engine::literal(&what),
            columns.join(", "),
            plan.select(file.name())
        );
        let answer = file.query(&ask).and_then(|mut query| texts(&mut query)).map_err(of_engine)?;
        let mut numbers = answer.iter().flatten().flatten().map(|text| text.parse::<u64>());
        match (numbers.next(), numbers.next()) {
            (Some(Ok(rows)), Some(Ok(mark))) => Ok((rows, mark)),
            _ => Err(Failure::bug("DuckDB does not count rows")),
        }
    }

    /// What is asked for, and of the rest what the table has already.
    fn as_asked(&self, plan: &Plan, there: Option<&TableDef>) -> Plan {
        let mut plan = plan.clone();
        if let Some(def) = there {
            if self.partition_by.is_none() {
                plan.partition_by = names(def, &def.partition_by);
            }
            if self.key.is_none() {
                plan.key = names(def, &def.key);
            }
            plan.order_by = names(def, &def.order_by);
        }
        plan
    }

    fn producer(&self) -> String {
        // As long as a producer's name may be.
        const MOST: usize = 240;
        let name = self.file.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default().replace(char::is_control, "_");
        let end = name.floor_char_boundary(MOST.min(name.len()));
        format!("import-{}", &name[..end])
    }

    fn tell(
        &self,
        rows: Vec<Row>,
        views: &[BaseView],
        console: &mut Console,
    ) -> Result<(), Failure> {
        let json = console.format().is_json();
        let columns = ["table", "kind"].map(Column::text).into_iter();
        let columns =
            columns.chain(["rows", "version", "rows_written", "seconds"].map(Column::number));
        let columns = columns.chain(["duplicate", "partition_by", "key"].map(Column::text));
        let mut list = Rows::new(columns.chain(json.then(|| Column::text("sql"))));
        for row in rows {
            let said = |name: &str| row.said.as_ref().map(|said| said.number(name));
            let seconds = row.said.as_ref().map(|_| row.seconds());
            let duplicate = row.said.as_ref().map(|said| said.get("duplicate") == "true");
            let cells = [
                json!(row.name),
                json!("table"),
                json!(row.rows),
                json!(said("version")),
                json!(said("rows_written")),
                json!(seconds),
                json!(duplicate),
                json!(row.partition_by),
                json!(row.key),
            ];
            list.push(cells.into_iter().chain(json.then_some(Value::Null)));
        }
        for view in views.iter().filter(|_| json) {
            let (name, sql) = (view.shown(), view.sql.as_str());
            let mut cells = vec![Value::Null; 10];
            (cells[0], cells[1], cells[9]) = (json!(name), json!("view"), json!(sql));
            list.push(cells);
        }
        console.rows(&list)?;
        if !views.is_empty() && !json {
            let names: Vec<String> = views.iter().map(BaseView::shown).collect();
            let names = names.join(", ");
            console.note(format!("not imported: views {names}; --format json shows their SQL"));
        }
        Ok(())
    }
}

impl Row {
    fn seconds(&self) -> f64 {
        self.watch.elapsed().as_millis() as f64 / 1e3
    }
}

fn send(
    file: &Database,
    plan: &Plan,
    rows: u64,
    once: Option<(&str, u64)>,
    writer: &Writer,
    row: &Row,
    console: &Console,
) -> Result<Said, Failure> {
    let (sent, watch) = (Arc::new(AtomicU64::new(0)), row.watch);
    let seen = sent.clone();
    let progress = console.progress(move || {
        let done = seen.load(Ordering::Relaxed);
        let share = (rows > 0).then(|| done as f64 / rows as f64);
        let stage = (done >= rows).then_some("storing");
        Tally { elapsed: watch.elapsed(), rows: done, share, stage, ..Tally::default() }
    });
    let mut query = file.query(&plan.select(file.name())).map_err(of_engine)?;
    let said = writer.ingest(&row.name, once, |out| {
        let batches = query.rows().map_err(Broken::Query)?;
        let sink = sink::of(FileForm::Arrows, &batches, &Style::plain(), out);
        let sink = sink.map_err(Broken::Write)?;
        sink::pour(batches, sink, None, &mut |n| sent.store(n, Ordering::Relaxed)).map(drop)
    });
    drop(progress);
    said
}

/// Shows that the file is looked at.
fn stage(console: &Console, watch: Stopwatch) -> Progress {
    console.progress(move || Tally {
        elapsed: watch.elapsed(),
        stage: Some("reading the file"),
        ..Tally::default()
    })
}
