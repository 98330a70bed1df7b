//! From arguments to an exit code.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::ffi::OsString;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::process::ExitCode;
use std::sync::OnceLock;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, ValueEnum};
use lake_core::kind::Kind;

use crate::log::Log;
use crate::{Clock, Console, Failure, Form, Format, Global, LogFormat, env};

/// How a command that did its work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Done, and the answer is "no" or there are findings.
    No,
    /// Durable, but not yet visible.
    Spooled,
    /// Something failed on the way, and [`Console::fail`] has told it.
    Failed(Kind),
}

impl Outcome {
    fn exit_code(self) -> u8 {
        match self {
            Outcome::Done => 0,
            Outcome::No => Kind::No.exit_code(),
            Outcome::Spooled => Kind::Spooled.exit_code(),
            Outcome::Failed(kind) => kind.exit_code(),
        }
    }
}

/// Parses the arguments, runs the command, reports what went wrong and returns
/// the exit code. Output is flushed before an error is said, so that the two keep
/// their order where both go to one place. `clock` dates the lines of a log.
pub fn run_main<P>(
    args: impl IntoIterator<Item = OsString>,
    clock: Clock,
    run: impl FnOnce(P, &mut Console) -> Result<Outcome, Failure>,
) -> ExitCode
where
    P: clap::Parser + AsRef<Global>,
{
    let log = Log { format: LogFormat::Text, clock };
    std::panic::set_hook(Box::new(move |info| report_panic(info, log)));
    let args: Vec<OsString> = args.into_iter().collect();
    let (parsed, asked) = match parse::<P>(&args) {
        Ok(parsed) => parsed,
        Err(error) => {
            let format = LogFormat::guess(&args, env::read(env::LAKE_LOG_FORMAT));
            return refuse(&error, Log { format, clock });
        }
    };
    let global: &Global = parsed.as_ref();
    let log = Log { format: global.log_format, clock };
    std::panic::set_hook(Box::new(move |info| report_panic(info, log)));
    let mut console = Console::new(global, asked, clock);
    ExitCode::from(conclude(&mut console, |console| run(parsed, console)))
}

/// What became of a command line that is none, or that asks for help.
fn refuse(error: &clap::Error, log: Log) -> ExitCode {
    // Help for a pipe that closed is help nobody wanted.
    let _ = match error.use_stderr() && log.is_json() {
        true => io::stderr().write_all(log.fail(&usage(error), Format::Table).as_bytes()),
        false => error.print(),
    };
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// The first paragraph is the message, what the parser advises is the hint.
fn usage(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
    match text.split_once("\n\n") {
        Some((message, advice)) => Failure::bad_input(message).hint(advice.trim_start()),
        None => Failure::bad_input(text),
    }
}

/// What the arguments say, and whether `--format` is among them.
fn parse<P: clap::Parser>(args: &[OsString]) -> clap::error::Result<(P, bool)> {
    let mut program = P::command();
    let matches = program.try_get_matches_from_mut(args)?;
    check_form(&mut program, &matches)?;
    let asked = matches.value_source("format") == Some(ValueSource::CommandLine);
    let parsed = P::from_arg_matches(&matches).map_err(|error| error.format(&mut program))?;
    Ok((parsed, asked))
}

/// A command has the forms of lists, and those that its own `--format` shows.
fn check_form(program: &mut clap::Command, matches: &ArgMatches) -> clap::error::Result<()> {
    let form = matches.get_one::<Form>("format").filter(|form| form.plain().is_none());
    let Some(name) = form.and_then(Form::to_possible_value) else { return Ok(()) };
    let (mut command, mut inner) = (&*program, Some(matches));
    while let Some((name, matches)) = inner.and_then(ArgMatches::subcommand) {
        let Some(sub) = command.find_subcommand(name) else { break };
        (command, inner) = (sub, Some(matches));
    }
    let own = command.get_arguments().filter(|arg| arg.get_id() == "format");
    let shown: Vec<String> = own
        .flat_map(|arg| arg.get_possible_values())
        .filter(|value| !value.is_hide_set())
        .map(|value| value.get_name().to_owned())
        .collect();
    let name = name.get_name();
    if shown.iter().any(|own| own == name) {
        return Ok(());
    }
    let (command, shown) = (command.get_name(), shown.join(", "));
    let text = format!("{command} does not print {name}; --format takes here: {shown}\n");
    Err(program.error(ErrorKind::InvalidValue, text))
}

/// Runs the command and reports; returns the exit code.
fn conclude(
    console: &mut Console,
    run: impl FnOnce(&mut Console) -> Result<Outcome, Failure>,
) -> u8 {
    let result =
        catch_unwind(AssertUnwindSafe(|| run(console))).unwrap_or_else(|panic| Err(bug(&*panic)));
    let flushed = console.out.flush();
    let failure = match (result, flushed) {
        (Ok(outcome), Ok(())) => return outcome.exit_code(),
        (Ok(_), Err(failure)) | (Err(failure), _) => failure,
    };
    if failure.kind != Kind::ClosedPipe {
        console.fail(&failure);
    }
    failure.kind.exit_code()
}

fn bug(panic: &(dyn Any + Send)) -> Failure {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    Failure::bug(format!("the program panicked: {text}"))
}

static EXPECTED: OnceLock<fn() -> bool> = OnceLock::new();

/// Says nothing of a panic while `expected` says that somebody catches it: a decoder
/// that meets a hostile file is such a case, and its error is told as one.
pub fn hush_panics(expected: fn() -> bool) {
    let _ = EXPECTED.set(expected);
}

/// Any thread's panic is said at once and where it stands: its thread may never be
/// joined. `RUST_BACKTRACE` works as everywhere.
fn report_panic(info: &PanicHookInfo<'_>, log: Log) {
    if EXPECTED.get().is_some_and(|expected| expected()) {
        return;
    }
    let mut text = format!("{info}\n");
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        text.push_str(&trace.to_string());
    }
    if log.is_json() {
        text = log.fail(&Failure::bug(text.trim_end()), Format::Table);
    }
    let _ = io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests;
