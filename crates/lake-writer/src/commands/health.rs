use std::path::Path;
use std::time::Duration;

use lake_cli::render::{Column, Rows};
use lake_cli::{Console, Failure, Outcome, human};
use lake_log::{Access, Lake};
use lake_maintain::health::{Finding, Unit};
use serde_json::Value;

use crate::alerts;
use crate::failure::of_log;

const EXAMPLES: &str = "\
Examples:
  lake-writer health
  lake-writer health --format json
  lake-writer tasks run health             (and tell the hooks what has changed)

Each rule alerts above its limit. The limits are in lake.toml, each rule can be switched off, and
of what changes a command or a web server can be told, by the task health:

  [alerts]
  spool_rows = 50000
  disk_used = \"80%\"
  lease_age = \"12h\"
  increments = \"off\"
  command = [\"/usr/local/bin/page\", \"--team\", \"data\"]      (hears JSON on its stdin)
  webhook = \"http://127.0.0.1:9093/lake\"                     (gets the same by POST)
  repeat = \"4h\"                                             (an alert that stands is told again)
  timeout = \"10s\"                                           (of each of the two)

Exits 1 if there is an alert. A rule is unknown when nothing is there to judge by, such as runs of
tasks where there were none.";

/// Judge the lake by rules: what waits, what grows, what fails
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Health {}

impl Health {
    pub(crate) fn run(self, path: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let mut lake = Lake::open(path, Access::Read).map_err(of_log)?;
        let findings = alerts::check(path, &mut lake)?;
        console.rows(&rows(&findings))?;
        for finding in alerts::standing(&findings) {
            console.summary(sentence(finding));
        }
        Ok(match alerts::standing(&findings).next() {
            Some(_) => Outcome::No,
            None => Outcome::Done,
        })
    }
}

fn rows(findings: &[Finding]) -> Rows {
    let mut rows = Rows::new([
        Column::text("rule"),
        Column::text("state"),
        Column::number("value"),
        Column::number("limit"),
        Column::text("unit"),
        Column::text("of"),
        Column::text("about"),
    ]);
    for Finding { rule, state, measure, limit } in findings {
        rows.push([
            rule.name.into(),
            state.word().into(),
            number(measure.as_ref().map(|m| m.value)),
            number(*limit),
            rule.unit.word().into(),
            measure.as_ref().and_then(|m| m.of.as_deref()).into(),
            rule.about.into(),
        ]);
    }
    rows
}

/// Whole where it is, else to four decimals.
pub(crate) fn number(value: Option<f64>) -> Value {
    match value {
        None => Value::Null,
        Some(whole) if whole.fract() == 0.0 && whole.abs() < 1e15 => (whole as i64).into(),
        Some(value) => ((value * 1e4).round() / 1e4).into(),
    }
}

/// `disk_used is 93 %, above 90 %: lake-writer vacuum ...`.
pub(crate) fn sentence(finding: &Finding) -> String {
    let Finding { rule, measure, limit, .. } = finding;
    let shown = |value: f64| match rule.unit {
        Unit::Count => human::count(value as u64),
        Unit::Share => format!("{:.1} %", value * 100.0),
        Unit::Age => human::duration(Duration::try_from_secs_f64(value).unwrap_or(Duration::MAX)),
    };
    let of = measure.as_ref().and_then(|m| m.of.as_deref());
    let of = of.map(|of| format!(" ({of})")).unwrap_or_default();
    let value = measure.as_ref().map(|m| shown(m.value)).unwrap_or_default();
    let limit = limit.map(shown).unwrap_or_default();
    format!("{} is {value}{of}, above {limit}: {}", rule.name, rule.remedy)
}
