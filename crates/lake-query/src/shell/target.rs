//! Where results go: to stdout, or to the file of `.output`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use lake_cli::{Console, Failure, human};
use lake_store::Stopwatch;

use crate::answer::{self, Meter, Told, Wanted};
use crate::draft::Draft;
use crate::failure::of_engine;
use crate::form::{self, FileForm};
use crate::sink::About;
use crate::sink::pack::Packed;

#[derive(Default)]
pub(crate) enum Target {
    #[default]
    Stdout,
    File(Box<Results>),
    /// A result for it ended in the middle.
    GivenUp(PathBuf),
}

pub(crate) struct Results {
    file: PathBuf,
    form: FileForm,
    draft: Draft,
    out: Packed,
    results: u64,
    rows: u64,
}

impl Target {
    /// The results go to this file from here on, which must not lie in the lake.
    pub(crate) fn file(file: &Path, lake: &Path) -> Result<Target, Failure> {
        let (form, pack) = form::of_file(file, None, None, "the name")?;
        if matches!(form, FileForm::Parquet | FileForm::Duckdb) {
            let message = format!("the shell does not write {}", form.name());
            return Err(
                Failure::bad_input(message).hint("lake-query export does: --sql \"...\" --to FILE")
            );
        }
        let draft = Draft::of(file, lake)?;
        let out = Packed::new(pack, draft.create()?).map_err(|e| draft.failure(&e))?;
        let file = file.to_owned();
        Ok(Target::File(Box::new(Results { file, form, draft, out, results: 0, rows: 0 })))
    }

    /// The answer to a statement goes its way.
    pub(crate) fn answer(
        &mut self,
        mounted: &mut lake_engine::Mounted,
        sql: &str,
        form: FileForm,
        console: &mut Console,
    ) -> Result<Told, Failure> {
        let watch = Stopwatch::start();
        let results = match self {
            Target::Stdout => {
                let wanted = Wanted { form, most: None, explain_files: false, watch };
                let told = answer::print(mounted, sql, wanted, console);
                return told.map_err(|broken| broken.into_failure(|e| console.out.failure(e)));
            }
            Target::GivenUp(file) => {
                let message = format!("{} was given up after an error", file.display());
                return Err(Failure::bad_input(message)
                    .hint("say .output again, or .output off for the terminal"));
            }
            Target::File(results) => results,
        };
        if results.results > 0 && !results.form.is_text() {
            let message =
                format!("{} has a result, and {} holds one", results.shown(), results.form.name());
            return Err(Failure::bad_input(message).hint("take another file for the next one"));
        }
        let meter = Meter::start(mounted, watch, console);
        let version = mounted.version();
        let mut query = mounted.query(sql).map_err(of_engine)?;
        let about = About::of(&query, version, watch);
        let told = Told { read: about.read, total: about.total, planned: watch.elapsed() };
        let mut out = Counted { out: &mut results.out, bytes: 0 };
        let broken = match answer::write(&mut query, results.form, about, None, &meter, &mut out) {
            Ok(end) => {
                results.results += 1;
                results.rows += end.rows;
                return Ok(told);
            }
            Err(broken) => broken,
        };
        let (begun, failure) = (out.bytes > 0, broken.into_failure(|e| results.draft.failure(e)));
        if !begun {
            return Err(failure);
        }
        // Half a result is none.
        *self = Target::GivenUp(results.file.clone());
        Err(failure.hint("the file of .output is given up, and nothing of it is there"))
    }

    /// Where the results go.
    pub(crate) fn told(&self) -> String {
        match self {
            Target::Stdout => "off".into(),
            Target::File(results) => results.shown(),
            Target::GivenUp(file) => format!("{}, given up", file.display()),
        }
    }

    /// Brings the file to its place. The results go to stdout from here on.
    pub(crate) fn close(&mut self, console: &mut Console) -> Result<(), Failure> {
        let Target::File(results) = std::mem::take(self) else { return Ok(()) };
        let Results { file, draft, out, results, rows, .. } = *results;
        out.finish().map_err(|e| draft.failure(&e))?;
        let bytes = human::bytes(draft.publish(true)?);
        let (rows, file) = (answer::count(rows), file.display());
        match results {
            1 => console.note(format!("{rows}, {bytes}, to {file}")),
            n => console.note(format!("{n} results, {rows}, {bytes}, to {file}")),
        }
        Ok(())
    }
}

/// A writer that knows whether anything was written.
struct Counted<'w> {
    out: &'w mut Packed,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Results {
    fn shown(&self) -> String {
        self.file.display().to_string()
    }
}
