use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use lake_cli::render::Renderer;
use lake_cli::{Console, Failure, Form, Outcome, env, human};
use lake_engine::{Query, Reading};
use lake_store::Root;

use crate::ask::{Ask, Attach, Session};
use crate::draft::Draft;
use crate::failure::of_engine;
use crate::form::{self, FileForm};
use crate::open::AtVersion;
use crate::sink::pack::Packed;
use crate::sink::{self, About, Broken, Document, End, Sink, Style};

/// Rows of a table that a terminal shows; a file or a pipe gets all.
const SHOWN: u64 = 100;

/// Run one SELECT-like statement over one version of the lake
///
/// Tables are views of exact files; nothing else can be read and nothing written but the
/// file of --output. A result is streamed, however large, in each form.
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
    #[command(flatten)]
    ask: Ask,
    #[command(flatten)]
    attach: Attach,
    /// Say on stderr which files are read, and why no others
    #[arg(long)]
    explain_files: bool,
    /// Stop after this many rows and say so
    #[arg(long, value_name = "N")]
    max_rows: Option<u64>,
    /// Write the result to a file, which is there whole or not at all; one that is there
    /// is replaced
    ///
    /// Its name says the form where --format does not: .csv .tsv .json .jsonl .md .txt
    /// .arrow .arrows .parquet .xlsx, texts also packed, as in .csv.gz or .jsonl.zst.
    #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// Form of the result on stdout, or of the file of --output
    #[arg(id = "format", long, value_name = "FORMAT", help_heading = "Global options")]
    #[arg(env = env::LAKE_FORMAT, hide_env_values = true)]
    #[arg(value_parser = Form::parser(), default_value = "table")]
    form: Form,
}

impl Sql {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let sql = self.ask.spell(&self.text()?);
        match self.output.clone() {
            Some(file) => self.save(&sql, &file, lake, console)?,
            None if self.form == Form::Parquet => self.parquet(&sql, lake, console)?,
            None => self.print(&sql, lake, console)?,
        }
        Ok(Outcome::Done)
    }

    fn print(self, sql: &str, lake: &Path, console: &mut Console) -> Result<(), Failure> {
        refuse_terminal(self.form, console)?;
        let (most, form) = (self.max_rows, FileForm::on_stdout(self.form));
        let Session { mut mounted, stop, watch, .. } =
            self.ask.open(lake, &self.at)?.mount(None)?;
        let version = mounted.version();
        let mut query = mounted.query(sql).map_err(|e| stop.explain(of_engine(e)))?;
        if self.explain_files {
            explain(&query.readings, console);
        }
        let about = About::of(&query, version, watch);
        let glance = form == FileForm::Table && console.out.is_terminal();
        let ended = if glance {
            glance_at(&mut query, &about, most, console)
        } else {
            write(&mut query, form, about, most, &mut console.out)
        };
        let ended = ended
            .map_err(|broken| stop.explain(broken.into_failure(|e| console.out.failure(e))))?;
        if !glance {
            note_cut(&ended, console);
        }
        Ok(())
    }

    fn save(
        self,
        sql: &str,
        file: &Path,
        lake: &Path,
        console: &mut Console,
    ) -> Result<(), Failure> {
        let asked = console.asked().map(FileForm::in_file);
        let (form, pack) = form::of_file(file, asked, None, "--format")?;
        if form == FileForm::Duckdb {
            let failure = Failure::bad_input("sql does not write databases");
            return Err(failure.hint("lake-query export does: --sql \"...\" --to FILE"));
        }
        let most = self.max_rows;
        let opened = self.attach.to(self.ask.open(lake, &self.at)?);
        let draft = Draft::of(file, opened.root())?;
        let Session { mut mounted, stop, watch, .. } = opened.mount(Some(&draft.dir()))?;
        let version = mounted.version();
        let end = if form == FileForm::Parquet {
            let written = mounted.write_parquet(sql, &draft.path(), most);
            let rows = written.map_err(|e| stop.explain(of_engine(e)))?;
            End { rows, cut: most == Some(rows) }
        } else {
            let mut query = mounted.query(sql).map_err(|e| stop.explain(of_engine(e)))?;
            if self.explain_files {
                explain(&query.readings, console);
            }
            let about = About::of(&query, version, watch);
            let failed = |broken: Broken| stop.explain(broken.into_failure(|e| draft.failure(e)));
            let mut out = Packed::new(pack, draft.create()?).map_err(|e| draft.failure(&e))?;
            let end = write(&mut query, form, about, most, &mut out).map_err(failed)?;
            out.finish().map_err(|e| draft.failure(&e))?;
            end
        };
        let bytes = draft.publish(true)?;
        note_cut(&end, console);
        let (rows, bytes) = (count(end.rows), human::bytes(bytes));
        console.note(format!("{rows}, {bytes}, to {}", file.display()));
        Ok(())
    }

    /// DuckDB writes files; what stdout gets is one of nobody's.
    fn parquet(self, sql: &str, lake: &Path, console: &mut Console) -> Result<(), Failure> {
        refuse_terminal(self.form, console)?;
        let most = self.max_rows;
        let opened = self.attach.to(self.ask.open(lake, &self.at)?);
        let draft = Draft::scratch(&env::scratch_dir())?;
        let Session { mut mounted, stop, .. } = opened.mount(Some(&draft.dir()))?;
        let written = mounted.write_parquet(sql, &draft.path(), most);
        let rows = written.map_err(|e| stop.explain(of_engine(e)))?;
        let mut file = draft.read()?;
        let copied = std::io::copy(&mut file, &mut console.out);
        copied.map_err(|error| console.out.failure(&error))?;
        note_cut(&End { rows, cut: most == Some(rows) }, console);
        Ok(())
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

/// A long list is cut for people.
const FILES_SHOWN: usize = 20;

fn explain(readings: &[Reading], console: &mut Console) {
    for reading in readings {
        let (read, total) = (reading.files.len(), reading.segments_total);
        let why = match (&reading.condition, read == total) {
            (_, true) => "all of them".into(),
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

fn refuse_terminal(form: Form, console: &Console) -> Result<(), Failure> {
    if !(form.is_binary() && console.out.is_terminal()) {
        return Ok(());
    }
    let name = FileForm::in_file(form).name();
    Err(Failure::bad_input(format!("{name} is bytes that no terminal shows"))
        .hint("write a file with --output, or send it to a program with |"))
}

impl About {
    fn of(query: &Query<'_>, version: u64, watch: lake_store::Stopwatch) -> About {
        About { version, read: query.segments_read, total: query.segments_total, watch }
    }
}

/// The whole result, or its first rows, in one form.
fn write(
    query: &mut Query<'_>,
    form: FileForm,
    about: About,
    most: Option<u64>,
    out: &mut (dyn Write + Send),
) -> Result<End, Broken> {
    let rows = query.rows().map_err(Broken::Query)?;
    let sink = match form {
        FileForm::Json => Box::new(Document::new(&rows.columns, about, out)) as Box<dyn Sink + '_>,
        form => sink::of(form, &rows, &Style::plain(), out).map_err(Broken::Write)?,
    };
    sink::pour(rows, sink, most, &mut |_| {})
}

/// The first rows for a person, with the types, and how many there are.
fn glance_at(
    query: &mut Query<'_>,
    about: &About,
    most: Option<u64>,
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
        if let Some(most) = most.filter(|most| end.rows > *most) {
            end = End { rows: most, cut: true };
            break;
        }
    }
    renderer.finish(&mut text);
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

fn count(rows: u64) -> String {
    format!("{} {}", human::count(rows), if rows == 1 { "row" } else { "rows" })
}

fn note_cut(end: &End, console: &mut Console) {
    if end.cut {
        console
            .note(format!("cut after {}, as --max-rows says; there may be more", count(end.rows)));
    }
}
