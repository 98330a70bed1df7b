//! The only place that owns stdout and stderr.

use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};

use lake_core::kind::Kind;

use crate::render::{Cell, Column, Record, Renderer, Rows, escape};
use crate::{Failure, Form, Format, Global};

const BUFFER: usize = 64 * 1024;

/// What a command prints with: data on stdout, notes on stderr.
pub struct Console {
    pub out: Out,
    err: Box<dyn Write + Send>,
    err_is_terminal: bool,
    format: Format,
    asked: Option<Form>,
    quiet: bool,
}

impl Console {
    /// `asked` says that the form is from the command line itself.
    pub(crate) fn new(global: &Global, asked: bool) -> Console {
        Console {
            out: Out::new(Box::new(io::stdout()), io::stdout().is_terminal()),
            err: Box::new(io::stderr()),
            err_is_terminal: io::stderr().is_terminal(),
            format: global.format.plain().unwrap_or_default(),
            asked: asked.then_some(global.format),
            quiet: global.quiet,
        }
    }

    #[cfg(test)]
    pub(crate) fn with(
        format: Format,
        quiet: bool,
        out: Box<dyn Write + Send>,
        err: Box<dyn Write + Send>,
    ) -> Console {
        let out = Out::new(out, false);
        Console { out, err, err_is_terminal: false, format, asked: None, quiet }
    }

    pub fn format(&self) -> Format {
        self.format
    }

    /// The form that the command line asks for; neither the default nor the variable.
    pub fn asked(&self) -> Option<Form> {
        self.asked
    }

    /// Whether a progress bar has somebody to look at it.
    pub fn shows_progress(&self) -> bool {
        self.err_is_terminal && !self.quiet
    }

    /// Says on stderr what a person may like to know; `--quiet` drops it.
    pub fn note(&mut self, text: impl Display) {
        if !self.quiet {
            self.say("", &text.to_string());
        }
    }

    /// Says on stderr what a person must know although the command goes on.
    pub fn warn(&mut self, text: impl Display) {
        self.say("warning: ", &text.to_string());
    }

    fn say(&mut self, prefix: &str, text: &str) {
        let mut lines = String::new();
        escape::push_lines(&mut lines, prefix, text);
        self.put(&lines);
    }

    pub(crate) fn fail(&mut self, failure: &Failure) {
        let text = failure.render(self.format);
        self.put(&text);
    }

    /// A closed stderr is nobody's failure.
    fn put(&mut self, lines: &str) {
        let _ = self.err.write_all(lines.as_bytes()).and_then(|()| self.err.flush());
    }

    /// Prints a list in the chosen form.
    pub fn rows(&mut self, rows: &Rows) -> Result<(), Failure> {
        let mut printer = self.printer(&rows.columns);
        for row in &rows.rows {
            let cells: Vec<Cell<'_>> = row.iter().map(Cell::from).collect();
            printer.row(&cells)?;
        }
        printer.finish()
    }

    /// Prints one thing, such as a receipt, in the chosen form and sends it off at
    /// once: the producer that waits for it must not wait for a full buffer.
    pub fn record(&mut self, record: &Record) -> Result<(), Failure> {
        self.out.text(&record.render(self.format))?;
        self.out.flush()
    }

    /// Prints one of many things as a line of JSON, whatever form was chosen, and sends
    /// it off at once.
    pub fn record_line(&mut self, record: &Record) -> Result<(), Failure> {
        self.out.text(&record.render(Format::Jsonl))?;
        self.out.flush()
    }

    /// Prints rows one by one: for results too large to hold.
    pub fn printer(&mut self, columns: &[Column]) -> Printer<'_> {
        Printer {
            renderer: Renderer::new(self.format, columns),
            text: String::new(),
            out: &mut self.out,
        }
    }
}

/// Rows on their way to stdout; `finish` completes the document.
#[must_use]
pub struct Printer<'c> {
    renderer: Renderer,
    text: String,
    out: &'c mut Out,
}

impl Printer<'_> {
    pub fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), Failure> {
        self.renderer.row(cells, &mut self.text);
        if self.text.len() >= BUFFER { self.send() } else { Ok(()) }
    }

    pub fn finish(mut self) -> Result<(), Failure> {
        let renderer = self.renderer;
        renderer.finish(&mut self.text);
        self.out.text(&self.text)
    }

    fn send(&mut self) -> Result<(), Failure> {
        self.out.text(&self.text)?;
        self.text.clear();
        Ok(())
    }
}

/// Stdout, buffered. A reader that went away is a [`Failure`] of kind
/// `ClosedPipe`, which ends the program silently and with success.
pub struct Out {
    writer: BufWriter<Box<dyn Write + Send>>,
    terminal: bool,
    committed: bool,
}

impl Out {
    pub(crate) fn new(writer: Box<dyn Write + Send>, terminal: bool) -> Out {
        Out { writer: BufWriter::with_capacity(BUFFER, writer), terminal, committed: false }
    }

    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// From now on something is durable: output that cannot be written is then no
    /// longer "nothing was done", but an outcome that the caller has not learnt.
    pub fn committed(&mut self) {
        self.committed = true;
    }

    pub fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())
    }

    pub fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.text(text)?;
        self.text("\n")
    }

    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.writer.write_all(bytes).map_err(|e| self.failure(&e))
    }

    pub fn flush(&mut self) -> Result<(), Failure> {
        self.writer.flush().map_err(|e| self.failure(&e))
    }

    /// What an error of writing here means.
    pub fn failure(&self, error: &io::Error) -> Failure {
        let kind = match error.kind() {
            ErrorKind::BrokenPipe => Kind::ClosedPipe,
            _ if self.committed => Kind::Unknown,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Kind::DiskFull,
            _ => Kind::Denied,
        };
        Failure::new(kind, "cannot write to stdout").because(error)
    }
}

/// For writers of other crates; [`Out::failure`] tells what their errors mean.
impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
