use std::path::Path;
use std::time::Duration;

use lake_cli::render::{Column, Rows};
use lake_cli::{Console, Failure, Outcome, human};
use lake_core::kind::Kind;
use lake_maintain::verify::{self, Depth, Finding, Note, Report};

use super::reading::read;
use crate::failure::{of_log, of_maintain};

const EXAMPLES: &str = "\
Examples:
  lake-writer verify
  lake-writer verify --deep                every byte and every row, on all processors
  lake-writer verify --format json > report.json; lake-writer repair report.json

Without --deep: the log is one unbroken chain, each checkpoint tells what the entries tell, every
rule holds, the receipts of compactions add up, and every file that a version still needs, or that
is in the archive, is there with its size. With --deep also: each file's hash, that it decodes, its
rows, their order, key range and symbols, its columns, and what its footer says.

One finding a line, none if all is well. What killed processes left and what is not the lake's is
told on stderr and is no finding. Nothing is changed and nobody waits; vacuum keeps what is read.

Exits 1 with findings, and 4 when the log is damaged so that the lake cannot be opened.";

/// Check that the lake is what its log says
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Verify {
    /// Read every file
    #[arg(long)]
    deep: bool,
}

/// A sample of what is foreign; the count says how much there is.
const SHOWN: usize = 5;

impl Verify {
    pub(crate) fn run(self, path: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let depth = if self.deep { Depth::All } else { Depth::Sizes };
        let stage = ["reading the log", "looking at files"];
        let (report, elapsed) = read(console, stage, |meter| verify::run(path, &depth, meter));
        let report = report.map_err(of_maintain)?;
        console.rows(&rows(&report.findings))?;
        console.out.flush()?;
        told(&report, self.deep, elapsed, console);
        match (report.closed, report.findings.is_empty()) {
            (Some(error), _) => Err(Failure { kind: Kind::Damaged, ..of_log(error) }),
            (None, true) => Ok(Outcome::Done),
            (None, false) => Ok(Outcome::No),
        }
    }
}

fn rows(findings: &[Finding]) -> Rows {
    let mut rows = Rows::new(["kind", "path", "table", "detail", "remedy"].map(Column::text));
    for finding in findings {
        rows.push([
            finding.kind().into(),
            finding.path.as_str().into(),
            finding.table.as_deref().into(),
            finding.detail().into(),
            finding.remedy().into(),
        ]);
    }
    rows
}

/// In words, for a person.
fn told(report: &Report, deep: bool, elapsed: Duration, console: &mut Console) {
    let foreign = |note: &Note| matches!(note, Note::Foreign(_));
    for note in report.notes.iter().filter(|note| !foreign(note)) {
        console.note(sentence(note));
    }
    for note in report.notes.iter().filter(|note| foreign(note)).take(SHOWN) {
        console.note(sentence(note));
    }
    let more = report.notes.iter().filter(|note| foreign(note)).count().saturating_sub(SHOWN);
    if more > 0 {
        console.note(format!("and {} more that are not the lake's", human::count(more as u64)));
    }
    let found = match report.findings.len() {
        0 => "nothing wrong".to_owned(),
        1 => "1 finding".to_owned(),
        n => format!("{} findings", human::count(n as u64)),
    };
    let read = match deep {
        true => format!(", {} rows read", human::rough(report.rows)),
        false => String::new(),
    };
    console.summary(format!(
        "{found}: versions {} to {}, {} ({}){read}, in {}",
        report.floor,
        report.version,
        counted(report.files, "file", "files"),
        human::bytes(report.bytes),
        human::duration(elapsed),
    ));
}

fn sentence(note: &Note) -> String {
    match note {
        Note::Foreign(path) => format!("not the lake's, left alone: {path}"),
        Note::Uncommitted { files, bytes } => format!(
            "{} ({}) that no version names, of killed writers or being written; vacuum takes the \
             dead ones",
            counted(*files, "file", "files"),
            human::bytes(*bytes)
        ),
        Note::Leftover(path) => format!(
            "{path} was never acknowledged, a power cut's leftover; the next writer moves it aside"
        ),
        Note::Staging(n) => {
            format!(
                "{} staging directories of killed processes; vacuum takes them",
                human::count(*n)
            )
        }
        Note::Archives(n) => format!(
            "{} not in the archive directory any more: their rows are in no file of this lake",
            counted(*n, "archive is", "archives are")
        ),
        Note::Spool(n) => format!(
            "{} in the spool; the next writer or lake-writer drain commits what can be",
            counted(*n, "transaction", "transactions")
        ),
    }
}

fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", human::count(n), if n == 1 { one } else { many })
}
