use std::io::Read;
use std::path::{Path, PathBuf};

use lake_cli::{Console, Failure, Form, Outcome, env, human};
use lake_store::Root;

use crate::answer::{self, Meter, Wanted};
use crate::ask::{Ask, Attach, Session};
use crate::draft::Draft;
use crate::failure::of_engine;
use crate::form::{self, FileForm};
use crate::open::AtVersion;
use crate::sink::pack::Packed;
use crate::sink::{About, Broken, End};

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
        let (most, explain_files) = (self.max_rows, self.explain_files);
        let opened = self.attach.to(self.ask.open(lake, &self.at)?);
        let Session { mut mounted, stop, watch, .. } = opened.mount(None)?;
        let wanted = Wanted { form: FileForm::on_stdout(self.form), most, explain_files, watch };
        let told = answer::print(&mut mounted, sql, wanted, console);
        told.map_err(|broken| stop.explain(broken.into_failure(|e| console.out.failure(e))))?;
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
        let (version, meter) = (mounted.version(), Meter::start(&mounted, watch, console));
        let end = if form == FileForm::Parquet {
            let written = mounted.write_parquet(sql, &draft.path(), most);
            let rows = written.map_err(|e| stop.explain(of_engine(e)))?;
            End { rows, cut: most == Some(rows) }
        } else {
            let mut query = mounted.query(sql).map_err(|e| stop.explain(of_engine(e)))?;
            if self.explain_files {
                answer::explain(&query.readings, console);
            }
            let about = About::of(&query, version, watch);
            let failed = |broken: Broken| stop.explain(broken.into_failure(|e| draft.failure(e)));
            let mut out = Packed::new(pack, draft.create()?).map_err(|e| draft.failure(&e))?;
            let end =
                answer::write(&mut query, form, about, most, &meter, &mut out).map_err(failed)?;
            out.finish().map_err(|e| draft.failure(&e))?;
            end
        };
        drop(meter);
        let bytes = draft.publish(true)?;
        answer::note_cut(&end, console);
        let (rows, bytes) = (answer::count(end.rows), human::bytes(bytes));
        console.note(format!("{rows}, {bytes}, to {}", file.display()));
        Ok(())
    }

    /// DuckDB writes files; what stdout gets is one of nobody's.
    fn parquet(self, sql: &str, lake: &Path, console: &mut Console) -> Result<(), Failure> {
        refuse_terminal(self.form, console)?;
        let most = self.max_rows;
        let opened = self.attach.to(self.ask.open(lake, &self.at)?);
        let draft = Draft::scratch(&env::scratch_dir())?;
        let Session { mut mounted, stop, watch, .. } = opened.mount(Some(&draft.dir()))?;
        let meter = Meter::start(&mounted, watch, console);
        let written = mounted.write_parquet(sql, &draft.path(), most);
        let rows = written.map_err(|e| stop.explain(of_engine(e)))?;
        drop(meter);
        let mut file = draft.read()?;
        let copied = std::io::copy(&mut file, &mut console.out);
        copied.map_err(|error| console.out.failure(&error))?;
        answer::note_cut(&End { rows, cut: most == Some(rows) }, console);
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

/// Links are followed, as people name their files by them.
pub(crate) fn file(path: &Path) -> Result<String, Failure> {
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
