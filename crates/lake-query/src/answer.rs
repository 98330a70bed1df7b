//! The answer to one statement: printed for a person, or written in one form.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lake_cli::render::{Csv, Renderer};
use lake_cli::{Console, Progress, Tally, env, human};
use lake_engine::{Mounted, Query, Reading};
use lake_store::Stopwatch;

use crate::form::FileForm;
use crate::sink::{self, About, Broken, Document, End, Sink, Style};

/// Rows of a table that a terminal shows; a file or a pipe gets all.
pub(crate) const SHOWN: u64 = 100;
/// A long list of files is cut for people.
const FILES_SHOWN: usize = 20;

/// How an answer is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) form: FileForm,
    pub(crate) most: Option<u64>,
    pub(crate) explain_files: bool,
    pub(crate) watch: Stopwatch,
}

/// What was done for an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) read: usize,
    pub(crate) total: usize,
    /// Until it was known what to read.
    pub(crate) planned: Duration,
}

/// Prints the answer on stdout: all of it, or the first rows of a table at a terminal.
pub(crate) fn print(
    mounted: &mut Mounted,
    sql: &str,
    wanted: Wanted,
    console: &mut Console,
) -> Result<Told, Broken> {
    let Wanted { form, most, explain_files, watch } = wanted;
    let at_terminal = console.out.is_terminal();
    // A line that is drawn anew has no place between rows.
    let meter = match at_terminal && form != FileForm::Table {
        true => Meter::default(),
        false => Meter::start(mounted, watch, console),
    };
    let version = mounted.version();
    let mut query = mounted.query(sql).map_err(Broken::Query)?;
    if explain_files {
        explain(&query.readings, console);
    }
    let about = About::of(&query, version, watch);
    let told = Told { read: about.read, total: about.total, planned: watch.elapsed() };
    if at_terminal && form == FileForm::Table {
        glance_at(&mut query, &about, most, meter, console)?;
    } else {
        let end = write(&mut query, form, about, most, &meter, &mut console.out)?;
        drop(meter);
        note_cut(&end, console);
    }
    Ok(told)
}

pub(crate) fn explain(readings: &[Reading], console: &mut Console) {
    for reading in readings {
        let (read, total) = (reading.files.len(), reading.segments_total);
        let why = match (&reading.condition, read == total) {
            (_, true) => "all of them".into(),
            (None, _) if reading.changes => "the others are the same in both versions".into(),
            (Some(condition), _) if reading.changes => {
                format!("the others are the same in both versions or hold no row with {condition}")
            }
            _ if reading.outlined => "the log tells enough of the others".into(),
            (Some(condition), _) => format!("the others hold no row with {condition}"),
            (None, _) => "the others hold only later rows of the order".into(),
        };
        let newest = match reading.newest && reading.condition.is_some() {
            true => ", or only later ones of the order",
            false => "",
        };
        console.note(format!("{}: {read} of {total} files, {why}{newest}", reading.table));
        for file in reading.files.iter().take(FILES_SHOWN) {
            console.note(format!("  {file}"));
        }
        if read > FILES_SHOWN {
            console.note(format!("  ... and {} more", read - FILES_SHOWN));
        }
    }
}

impl About {
    pub(crate) fn of(query: &Query<'_>, version: u64, watch: Stopwatch) -> About {
        About { version, read: query.segments_read, total: query.segments_total, watch }
    }
}

/// What a person sees of a long query.
#[derive(Default)]
pub(crate) struct Meter {
    rows: Arc<AtomicU64>,
    _shown: Progress,
}

impl Meter {
    /// To be started before the query, and dropped before anything is printed.
    pub(crate) fn start(mounted: &Mounted, watch: Stopwatch, console: &Console) -> Meter {
        let (gauge, rows) = (mounted.gauge(), Arc::<AtomicU64>::default());
        let seen = rows.clone();
        let look = move || {
            let (rows, share) = (seen.load(Ordering::Relaxed), gauge.share());
            let stage = (rows == 0 && share.is_none()).then_some("computing");
            Tally { elapsed: watch.elapsed(), rows, share, stage, ..Tally::default() }
        };
        Meter { rows, _shown: console.progress(look) }
    }

    pub(crate) fn seen(&self, rows: u64) {
        self.rows.store(rows, Ordering::Relaxed);
    }
}

/// The whole result, or its first rows, in one form.
pub(crate) fn write(
    query: &mut Query<'_>,
    form: FileForm,
    about: About,
    most: Option<u64>,
    meter: &Meter,
    out: &mut (dyn Write + Send),
) -> Result<End, Broken> {
    let rows = query.rows().map_err(Broken::Query)?;
    let style = Style {
        csv: Csv::default(),
        excel_safe: false,
        title: "result".into(),
        scratch: env::scratch_dir(),
    };
    let sink = match form {
        FileForm::Json => Box::new(Document::new(&rows.columns, about, out)) as Box<dyn Sink + '_>,
        form => sink::of(form, &rows, &style, out).map_err(Broken::Write)?,
    };
    sink::pour(rows, sink, most, &mut |rows| meter.seen(rows))
}

/// The first rows for a person, with the types, and how many there are.
fn glance_at(
    query: &mut Query<'_>,
    about: &About,
    most: Option<u64>,
    meter: Meter,
    console: &mut Console,
) -> Result<End, Broken> {
    let rows = query.rows().map_err(Broken::Query)?;
    let (mut text, mut end) = (String::new(), End::default());
    let columns = rows.columns.clone();
    let types: Vec<String> = columns.iter().map(|column| column.ty.name.clone()).collect();
    let mut renderer = Renderer::table_with_notes(&sink::headers(&columns), &types);
    for batch in rows {
        let batch = batch.map_err(Broken::Query)?;
        let wanted = SHOWN.min(most.unwrap_or(SHOWN)).saturating_sub(end.rows);
        let shown = batch.slice(0, batch.num_rows().min(wanted as usize));
        sink::each_row(&shown, &columns, |cells| {
            renderer.row(cells, &mut text);
            Ok(())
        })?;
        end.rows += batch.num_rows() as u64;
        meter.seen(end.rows);
        if let Some(most) = most.filter(|most| end.rows > *most) {
            end = End { rows: most, cut: true };
            break;
        }
    }
    renderer.finish(&mut text);
    drop(meter);
    let printed =
        console.out.write_all(text.as_bytes()).and_then(|()| Write::flush(&mut console.out));
    printed.map_err(Broken::Write)?;
    let time = human::duration(about.watch.elapsed());
    let more = if end.cut { " and more (--max-rows)" } else { "" };
    match end.rows > SHOWN {
        true => console.note(format!(
            "the first {SHOWN} of {}{more}, {time}; a file or a pipe gets all",
            count(end.rows)
        )),
        false => console.note(format!("{}{more}, {time}", count(end.rows))),
    }
    Ok(end)
}

pub(crate) fn count(rows: u64) -> String {
    format!("{} {}", human::count(rows), if rows == 1 { "row" } else { "rows" })
}

pub(crate) fn note_cut(end: &End, console: &mut Console) {
    if end.cut {
        console
            .note(format!("cut after {}, as --max-rows says; there may be more", count(end.rows)));
    }
}
