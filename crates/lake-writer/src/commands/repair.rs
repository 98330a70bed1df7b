use std::io::{self, Read};
use std::path::{Path, PathBuf};

use lake_cli::render::{Column, Rows};
use lake_cli::{Console, Failure, Outcome};
use lake_maintain::repair::{self, Act, Asked, Options, Repaired};
use lake_store::Root;
use serde_json::Value;

use crate::failure::of_maintain;

const EXAMPLES: &str = "\
Examples:
  lake-writer verify --deep --format json > report.json
  lake-writer repair report.json --dry-run
  lake-writer repair report.json
  lake-writer repair report.json --drop-damaged      (the last resort)

Each finding of the report is looked for again; one that is no longer so is left alone. What only
hints (HEAD, the slots, a lock file) is made anew. A damaged checkpoint goes to
_lake/quarantine/damaged, as the entries tell the same. A file that is lost or damaged is brought
back from _lake/trash if it lies there whole.

What cannot be brought back stays as it is, unless --drop-damaged gives it up: then one commit
takes such files out of the lake, and it is said how many rows of which symbols are lost; a log
with a damaged end gets the end that can be read. What is damaged is moved to
_lake/quarantine/damaged, never deleted. Older versions that need such a file stay damaged until
lake-writer vacuum lets them go.

Exits 1 when something is left.";

/// Repair what verify found
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Repair {
    /// What verify --format json (or jsonl) printed; - is stdin
    #[arg(value_name = "REPORT")]
    report: PathBuf,
    /// Give up what cannot be brought back
    #[arg(long)]
    drop_damaged: bool,
    /// Say what would be done, change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Repair {
    pub(crate) fn run(self, path: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        lake_store::process::raise_file_limit();
        let asked = self.read()?;
        let options = Options { drop_damaged: self.drop_damaged, dry_run: self.dry_run };
        let done = repair::repair(path, &asked, &options).map_err(of_maintain)?;
        if !self.dry_run {
            console.out.committed();
        }
        console.rows(&rows(&done))?;
        if self.dry_run {
            console.note("dry run: nothing was changed");
        }
        match done.iter().any(|one| one.act == Act::Left) {
            true => Ok(Outcome::No),
            false => Ok(Outcome::Done),
        }
    }

    fn read(&self) -> Result<Vec<Asked>, Failure> {
        let name = self.report.display().to_string();
        let text = match name.as_str() {
            "-" => {
                let mut text = String::new();
                std::io::stdin().lock().read_to_string(&mut text).map(|_| text)
            }
            _ => text_of(&self.report),
        };
        let text = text.map_err(|e| {
            Failure::bad_input(format!("cannot read the report {name}")).because(&e)
        })?;
        asked(&text).map_err(|why| {
            Failure::bad_input(format!("{name} is no report: {why}"))
                .hint("make it with: lake-writer verify --format json > report.json")
        })
    }
}

fn text_of(path: &Path) -> io::Result<String> {
    let real = path.canonicalize()?;
    match (real.parent(), real.file_name().and_then(|name| name.to_str())) {
        (Some(dir), Some(name)) => {
            let bytes = Root::open(dir)?.read(name)?;
            String::from_utf8(bytes).map_err(io::Error::other)
        }
        _ => Err(io::Error::other("its name is not UTF-8, or it is a directory")),
    }
}

fn asked(text: &str) -> Result<Vec<Asked>, String> {
    let mut all = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        match value.map_err(|e| e.to_string())? {
            Value::Array(items) => all.extend(items),
            item => all.push(item),
        }
    }
    let text = |item: &Value, name: &str| {
        let text = item.get(name).and_then(Value::as_str).map(str::to_owned);
        text.ok_or_else(|| format!("{item} is no finding: it has no {name}"))
    };
    all.iter()
        .map(|item| Ok(Asked { kind: text(item, "kind")?, path: text(item, "path")? }))
        .collect()
}

fn rows(done: &[Repaired]) -> Rows {
    let mut rows = Rows::new(["kind", "path", "action", "detail"].map(Column::text));
    for one in done {
        let (kind, path) = (one.kind.as_str(), one.path.as_str());
        rows.push([kind.into(), path.into(), one.act.word().into(), one.detail.as_str().into()]);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_an_array_or_lines() {
        let one = r#"{"kind": "head", "path": "_lake/HEAD", "table": null}"#;
        let want = [Asked { kind: "head".into(), path: "_lake/HEAD".into() }];
        assert_eq!(asked(&format!("[{one}]")).unwrap(), want);
        assert_eq!(asked(&format!("{one}\n{one}\n")).unwrap().len(), 2);
        assert_eq!(asked("[]\n"), Ok(Vec::new()));
        assert_eq!(asked(""), Ok(Vec::new()));
        for bad in ["{", "[1]", "[{\"kind\": 1}]", "{\"kind\": \"head\"}", "kind,path"] {
            assert!(asked(bad).is_err(), "{bad}");
        }
    }
}
