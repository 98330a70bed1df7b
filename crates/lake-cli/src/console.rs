//! The only place that owns stdout and stderr.

use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::time::Duration;

use lake_core::kind::Kind;

use crate::log::{Clock, Level, Log};
use crate::progress::Rhythm;
use crate::render::{Cell, Column, Record, Renderer, Rows};
use crate::stderr::Stderr;
use crate::{Failure, Form, Format, Global, Progress, Tally, env};

const BUFFER: usize = 64 * 1024;
/// Short work shows nothing; then as often as eyes can follow.
const AT_A_TERMINAL: Rhythm =
    Rhythm { first: Duration::from_millis(500), then: Duration::from_millis(200) };
const IN_A_LOG: Rhythm = Rhythm { first: Duration::from_secs(10), then: Duration::from_secs(10) };
/// The width of a terminal that does not say it.
const WIDTH: usize = 80;

/// What a command prints with: data on stdout, notes on stderr.
pub struct Console {
    pub out: Out,
    err: Stderr,
    err_is_terminal: bool,
    can_redraw: bool,
    log: Log,
    format: Format,
    asked: Option<Form>,
    quiet: bool,
}

impl Console {
    /// `asked` says that the form is from the command line itself.
    pub(crate) fn new(global: &Global, asked: bool, clock: Clock) -> Console {
        let err_is_terminal = io::stderr().is_terminal();
        Console {
            out: Out::new(Box::new(io::stdout()), io::stdout().is_terminal()),
            err: Stderr::new(Box::new(io::stderr())),
            err_is_terminal,
            can_redraw: err_is_terminal && env::can_redraw(),
            log: Log { format: global.log_format, clock },
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
        Console {
            out: Out::new(out, false),
            err: Stderr::new(err),
            err_is_terminal: false,
            can_redraw: false,
            log: Log { format: crate::LogFormat::Text, clock: || 0 },
            format,
            asked: None,
            quiet,
        }
    }

    #[cfg(test)]
    pub(crate) fn logging(mut self) -> Console {
        self.log.format = crate::LogFormat::Json;
        self
    }

    #[cfg(test)]
    pub(crate) fn at_a_terminal(mut self, can_redraw: bool) -> Console {
        (self.err_is_terminal, self.can_redraw) = (true, can_redraw);
        self
    }

    pub fn format(&self) -> Format {
        self.format
    }

    /// The form that the command line asks for; neither the default nor the variable.
    pub fn asked(&self) -> Option<Form> {
        self.asked
    }

    /// Whether [`Console::progress`] shows anything: what only it needs can be spared
    /// otherwise.
    pub fn shows_progress(&self) -> bool {
        !self.quiet && (self.log.is_json() || self.can_redraw)
    }

    /// Shows how far the work is: `look` is asked for it several times a second at a
    /// terminal, every ten seconds where stderr is a log of JSON, and never elsewhere.
    pub fn progress(&self, look: impl Fn() -> Tally + Send + 'static) -> Progress {
        let log = self.log;
        match self.shows_progress() {
            false => Progress::default(),
            true if log.is_json() => Progress::start(IN_A_LOG, self.err.clone(), move |err| {
                err.put(&log.progress(&look()));
            }),
            true => Progress::start(AT_A_TERMINAL, self.err.clone(), move |err| {
                err.draw(&look().line(width()));
            }),
        }
    }

    /// Says once more, in words, what stdout was told in figures: a person at a terminal
    /// and a log hear it, a script's stderr stays empty.
    pub fn summary(&mut self, text: impl Display) {
        if self.err_is_terminal || self.log.is_json() {
            self.note(text);
        }
    }

    /// Says on stderr what a person may like to know; `--quiet` drops it.
    pub fn note(&mut self, text: impl Display) {
        if !self.quiet {
            self.say(Level::Info, &text.to_string());
        }
    }

    /// Says on stderr what a person must know although the command goes on.
    pub fn warn(&mut self, text: impl Display) {
        self.say(Level::Warn, &text.to_string());
    }

    fn say(&mut self, level: Level, text: &str) {
        self.err.put(&self.log.say(level, text));
    }

    /// Tells a failure after which the program goes on; the last one is returned instead.
    pub fn fail(&mut self, failure: &Failure) {
        self.err.put(&self.log.fail(failure, self.format));
    }

    /// How many columns stdout has.
    pub fn width(&self) -> usize {
        let size = terminal_size::terminal_size_of(io::stdout()).filter(|_| self.out.terminal);
        size.map_or(WIDTH, |(width, _)| width.0.into())
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
        self.err.clear();
        self.out.text(&record.render(self.format))?;
        self.out.flush()
    }

    /// Prints one of many things as a line of JSON, whatever form was chosen, and sends
    /// it off at once.
    pub fn record_line(&mut self, record: &Record) -> Result<(), Failure> {
        self.err.clear();
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

/// It may change while a line is drawn.
fn width() -> usize {
    terminal_size::terminal_size_of(io::stderr()).map_or(WIDTH, |(width, _)| width.0.into())
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
    after_commit: Option<Box<dyn FnMut() + Send>>,
}

impl Out {
    pub(crate) fn new(writer: Box<dyn Write + Send>, terminal: bool) -> Out {
        let writer = BufWriter::with_capacity(BUFFER, writer);
        Out { writer, terminal, committed: false, after_commit: None }
    }

    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// From now on something is durable: output that cannot be written is then no
    /// longer "nothing was done", but an outcome that the caller has not learnt.
    pub fn committed(&mut self) {
        self.committed = true;
        if let Some(act) = &mut self.after_commit {
            act();
        }
    }

    /// What is done whenever something has become durable.
    pub fn after_commit(&mut self, act: Box<dyn FnMut() + Send>) {
        self.after_commit = Some(act);
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
