//! The program `lake-writer` as a child, which stores what this one reads.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use lake_cli::{Failure, env};
use lake_core::kind::Kind;

use super::plan::Plan;
use crate::sink::{Broken, Out};

const BUFFER: usize = 256 * 1024;

pub(crate) struct Writer {
    program: PathBuf,
    lake: PathBuf,
}

/// What the program said of a commit: names with their values.
pub(crate) struct Said(Vec<(String, String)>);

impl Said {
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.get(name).parse().unwrap_or_default()
    }

    /// A line of names and a line of values, none of which has a comma in it.
    fn read(csv: &str) -> Said {
        let mut lines = csv.lines().map(|line| line.split(',').map(str::to_owned));
        let (names, values) = (lines.next(), lines.next());
        Said(names.into_iter().flatten().zip(values.into_iter().flatten()).collect())
    }
}

impl Writer {
    /// The program of that path, or the one beside this, or the one that a shell finds.
    pub(crate) fn of(program: Option<PathBuf>, lake: &Path) -> Writer {
        let beside = || env::beside("lake-writer").filter(|path| path.is_file());
        let program = program.or_else(beside).unwrap_or_else(|| "lake-writer".into());
        Writer { program, lake: lake.to_owned() }
    }

    pub(crate) fn create(&self, table: &str, plan: &Plan) -> Result<Said, Failure> {
        let mut command = self.command(&["create", table]);
        command.arg("--schema").arg(plan.schema()).stdin(Stdio::null());
        let lists = [
            ("--partition-by", &plan.partition_by),
            ("--key", &plan.key),
            ("--order-by", &plan.order_by),
        ];
        for (flag, names) in lists.iter().filter(|(_, names)| !names.is_empty()) {
            command.args([flag, &*names.join(",")]);
        }
        let child = self.spawn(&mut command)?;
        said(child, &format!("could not create table {table}"))
    }

    /// Stores the rows that `send` writes as an Arrow stream, all or none of them: a
    /// stream without its end mark, as our death leaves it, is refused over there.
    /// `seq` of a producer is stored once; without it whatever was stored before.
    pub(crate) fn ingest(
        &self,
        table: &str,
        once: Option<(&str, u64)>,
        send: impl FnOnce(Out<'_>) -> Result<(), Broken>,
    ) -> Result<Said, Failure> {
        let mut command = self.command(&["ingest", table, "-", "--input-format", "arrow"]);
        if let Some((producer, seq)) = once {
            command.args(["--producer", producer, "--seq", &seq.to_string()]);
        }
        let mut child = self.spawn(command.stdin(Stdio::piped()))?;
        let sent = match child.stdin.take() {
            Some(pipe) => {
                let mut pipe = BufWriter::with_capacity(BUFFER, pipe);
                send(&mut pipe).and_then(|()| pipe.flush().map_err(Broken::Write))
            }
            None => Err(Broken::Write(io::ErrorKind::BrokenPipe.into())),
        };
        match sent {
            // Who reads no more has a reason, and tells it.
            Err(Broken::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(broken) => {
                let _ = child.kill().and_then(|()| child.wait());
                return Err(broken.into_failure(|error| {
                    Failure::new(Kind::Denied, "cannot send rows to lake-writer").because(error)
                }));
            }
            Ok(()) => {}
        }
        said(child, &format!("could not store the rows of table {table}"))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).arg("--lake").arg(&self.lake);
        // The form of its errors follows that of its data, and these are for people.
        command.args(["--format", "csv", "--quiet"]);
        command.stdout(Stdio::piped()).stderr(Stdio::inherit());
        command
    }

    fn spawn(&self, command: &mut Command) -> Result<Child, Failure> {
        command.spawn().map_err(|error| {
            let message = format!("cannot start {}", self.program.display());
            Failure::not_found(message).because(&error).hint(
                "the program lake-writer stores the rows: put it beside lake-query, or name it \
                 with --writer or LAKE_WRITER",
            )
        })
    }
}

/// What it said in the end; its own errors are on stderr already.
fn said(child: Child, what: &str) -> Result<Said, Failure> {
    let output = child
        .wait_with_output()
        .map_err(|error| Failure::new(Kind::Unknown, "lost lake-writer").because(&error))?;
    match output.status.success() {
        true => Ok(Said::read(&String::from_utf8_lossy(&output.stdout))),
        false => Err(failed(output.status, what)),
    }
}

fn failed(status: ExitStatus, what: &str) -> Failure {
    let Some(code) = status.code() else {
        let message = format!("lake-writer was killed ({status}), and {what} for certain");
        return Failure::new(Kind::Unknown, message)
            .hint("import again: what is stored already is not stored twice");
    };
    let kind = match code {
        1 => Kind::No,
        2 => Kind::BadInput,
        3 => Kind::Busy,
        4 => Kind::Damaged,
        5 => Kind::Newer,
        6 => Kind::Unknown,
        7 => Kind::Spooled,
        8 => Kind::Denied,
        130 => Kind::Interrupted,
        _ => Kind::Bug,
    };
    let failure = Failure::new(kind, format!("lake-writer {what}, exit code {code}"));
    match kind {
        Kind::Spooled => failure.hint("they are durable: lake-writer drain makes them visible"),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_is_read_by_name() {
        let said = Said::read("version,table,duplicate\n7,bars,true\n");
        assert_eq!((said.number("version"), said.get("duplicate")), (7, "true"));
        assert_eq!((Said::read("").number("version"), Said::read("a,b\n1").get("b")), (0, ""));
    }
}
