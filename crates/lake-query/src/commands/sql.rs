use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lake_cli::render::{Cell, Column, json};
use lake_cli::{Console, Failure, Format, Outcome, human, parse};
use lake_engine::{Engine, Options, Query, Reader, Rows};
use lake_store::{Root, Stopwatch};

use crate::cell;
use crate::failure::of_engine;
use crate::open::AtVersion;
use crate::stop::CtrlC;

/// Rows of a table that a terminal shows; a file or a pipe gets all.
const SHOWN: u64 = 100;

/// Run one SELECT-like statement over one version of the lake
///
/// Tables are views of exact files; nothing else can be read and nothing written.
#[derive(Debug, clap::Args)]
pub(crate) struct Sql {
    /// The statement; - reads it from stdin
    #[arg(required_unless_present = "file", allow_hyphen_values = true, value_name = "SQL")]
    query: Option<String>,
    /// Read the statement from a file
    #[arg(short, long, conflicts_with = "query", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    #[command(flatten)]
    at: AtVersion,
    /// Interrupt the query after this time: 30s, 5m
    #[arg(long, value_name = "D", value_parser = parse::duration)]
    timeout: Option<Duration>,
    /// Memory the query may use; by default four fifths of the machine's
    #[arg(long, value_name = "SIZE", value_parser = parse::size)]
    max_memory: Option<u64>,
    /// Threads the query may use; by default one a core
    #[arg(long, value_name = "N")]
    threads: Option<u32>,
    /// Directory in which a query larger than its memory may spill
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    temp_dir: Option<PathBuf>,
}

/// What the document says beside the rows.
struct About {
    version: u64,
    read: usize,
    total: usize,
    watch: Stopwatch,
}

impl Sql {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let watch = Stopwatch::start();
        let sql = self.text()?;
        let ctrl_c = CtrlC::hold();
        let (lake, snapshot) = self.at.open(lake)?;
        lake_store::process::raise_file_limit();
        let options =
            Options { threads: self.threads, memory: self.max_memory, spill: self.temp_dir };
        let engine = Engine::open(&options).map_err(of_engine)?;
        let stop = ctrl_c.watch(engine.interrupt(), self.timeout);
        let mut mounted = engine.mount(snapshot, lake.root().path()).map_err(of_engine)?;
        let version = mounted.version();
        let mut query = mounted.query(&sql).map_err(|e| stop.explain(of_engine(e)))?;
        let about =
            About { version, read: query.segments_read, total: query.segments_total, watch };
        print(&mut query, &about, console).map_err(|failure| stop.explain(failure))?;
        Ok(Outcome::Done)
    }

    fn text(&self) -> Result<String, Failure> {
        match (&self.file, self.query.as_deref()) {
            (Some(path), _) => file(path),
            (None, Some("-")) => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).map_err(|error| {
                    Failure::bad_input("cannot read a statement from stdin").because(&error)
                })?;
                Ok(text)
            }
            (None, query) => Ok(query.unwrap_or_default().to_owned()),
        }
    }
}

/// Links are followed, as people name their files by them.
fn file(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let unreadable = |error: &dyn std::error::Error| {
        Failure::not_found(format!("cannot read {shown}")).because(error)
    };
    let real = path.canonicalize().map_err(|e| unreadable(&e))?;
    let (Some(dir), Some(name)) = (real.parent(), real.file_name().and_then(|n| n.to_str())) else {
        return Err(Failure::bad_input(format!("{shown} is not the name of a file")));
    };
    let bytes = Root::open(dir).and_then(|dir| dir.read(name)).map_err(|e| unreadable(&e))?;
    String::from_utf8(bytes).map_err(|_| Failure::bad_input(format!("{shown} is not UTF-8")))
}

fn print(query: &mut Query<'_>, about: &About, console: &mut Console) -> Result<(), Failure> {
    let rows = query.rows().map_err(of_engine)?;
    match console.format() {
        Format::Json => document(rows, about, console),
        Format::Table if console.out.is_terminal() => glance(rows, about, console),
        _ => all(rows, console),
    }
}

/// Calls `print` with the cells of each row.
fn each(
    rows: Rows<'_>,
    mut print: impl FnMut(&[Cell<'_>]) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let columns = rows.columns.clone();
    let mut count = 0;
    for batch in rows {
        let batch = batch.map_err(of_engine)?;
        let arrays = batch.columns().iter().zip(&columns);
        let readers: Vec<Reader<'_>> =
            arrays.map(|(array, column)| Reader::new(array.as_ref(), &column.ty.shape)).collect();
        for row in 0..batch.num_rows() {
            let cells: Vec<Cell<'_>> = readers.iter().map(|r| cell::of(r.get(row))).collect();
            print(&cells)?;
        }
        count += batch.num_rows() as u64;
    }
    Ok(count)
}

fn headers(rows: &Rows<'_>) -> Vec<Column> {
    let header =
        |c: &lake_engine::Column| Column { name: c.name.clone(), numeric: c.ty.is_number() };
    rows.columns.iter().map(header).collect()
}

pub(super) fn all(rows: Rows<'_>, console: &mut Console) -> Result<(), Failure> {
    let mut printer = console.printer(&headers(&rows));
    each(rows, |cells| printer.row(cells))?;
    printer.finish()
}

/// The first rows, and how many there are.
fn glance(rows: Rows<'_>, about: &About, console: &mut Console) -> Result<(), Failure> {
    let mut printer = console.printer(&headers(&rows));
    let mut seen = 0;
    let count = each(rows, |cells| {
        seen += 1;
        if seen <= SHOWN { printer.row(cells) } else { Ok(()) }
    })?;
    printer.finish()?;
    console.out.flush()?;
    let time = human::duration(about.watch.elapsed());
    let what = if count == 1 { "row" } else { "rows" };
    match count > SHOWN {
        true => console.note(format!(
            "the first {SHOWN} of {} rows, {time}; a file or a pipe gets all",
            human::count(count)
        )),
        false => console.note(format!("{count} {what}, {time}")),
    }
    Ok(())
}

/// One JSON document, the same as over HTTP; the rows go out as they come.
fn document(rows: Rows<'_>, about: &About, console: &mut Console) -> Result<(), Failure> {
    let mut text = format!("{{\"version\":{},\"columns\":[", about.version);
    for (i, column) in rows.columns.iter().enumerate() {
        text.push_str(if i > 0 { ",{\"name\":" } else { "{\"name\":" });
        json::push_text(&mut text, &column.name);
        text.push_str(",\"type\":");
        json::push_text(&mut text, &column.ty.name);
        text.push('}');
    }
    text.push_str("],\"rows\":[");
    let mut first = true;
    let count = each(rows, |cells| {
        text.push_str(if first { "\n" } else { ",\n" });
        first = false;
        json::push_array(&mut text, cells);
        console.out.text(&text)?;
        text.clear();
        Ok(())
    })?;
    let elapsed_ms = about.watch.elapsed().as_micros() as f64 / 1e3;
    text.push_str(&format!(
        "],\"row_count\":{count},\"elapsed_ms\":{elapsed_ms},\"segments_read\":{},\"segments_total\":{}}}\n",
        about.read, about.total
    ));
    console.out.text(&text)
}
