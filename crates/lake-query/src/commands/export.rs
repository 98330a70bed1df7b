use std::path::{Path, PathBuf};

use lake_cli::render::{Csv, Record};
use lake_cli::{Console, Failure, Outcome, env};
use lake_core::state::State;
use lake_core::types::quoted;

use crate::ask::{Ask, Session};
use crate::draft::Draft;
use crate::failure::of_engine;
use crate::form::{self, FileForm, Pack};
use crate::open::{AtVersion, table};
use crate::sink::pack::Packed;
use crate::sink::{self, Broken, Style};

/// Write a table, or the result of a SELECT, to a file
///
/// The name of the file says its form: .csv .tsv .json (an array of objects) .jsonl .md
/// .txt .arrow .arrows .parquet .xlsx (typed cells; another sheet after 1,048,576 rows)
/// .duckdb (a database with the tables in it). Texts are packed by .gz and .zst.
///
/// The file is there whole or not at all: it is written in a directory beside it whose
/// name begins with a dot and ends in .tmp, synced, and renamed. What a killed export
/// left, the next one of the same file removes. Rows of a table come in no order; take
/// --sql with ORDER BY where it matters.
#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// The table; several become the tables of one .duckdb file
    #[arg(value_name = "TABLE", required_unless_present = "sql", conflicts_with = "sql")]
    tables: Vec<String>,
    /// Export the result of this SELECT-like statement
    #[arg(long, allow_hyphen_values = true, value_name = "SQL")]
    sql: Option<String>,
    /// The file; never in the lake
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    to: PathBuf,
    /// Form of the file, where its name does not say it
    #[arg(long = "as", value_name = "FORM")]
    form: Option<FileForm>,
    /// Packing of a text, where the name of the file does not say it
    #[arg(long, value_name = "PACKING")]
    compress: Option<Pack>,
    /// Replace the file if it is there; otherwise that is refused
    #[arg(long)]
    overwrite: bool,
    /// Put an apostrophe before text that a spreadsheet would run as a formula: what
    /// begins with = + - @, a tab or a carriage return. Numbers stay, and in .xlsx text is
    /// never a formula
    #[arg(long)]
    excel_safe: bool,
    /// What stands between the cells of csv: one of , ; | : ^ ~ or tab
    #[arg(long, value_name = "C", value_parser = delimiter)]
    delimiter: Option<char>,
    /// No line of names in csv and tsv
    #[arg(long)]
    no_header: bool,
    #[command(flatten)]
    at: AtVersion,
    #[command(flatten)]
    ask: Ask,
}

fn delimiter(text: &str) -> Result<char, String> {
    match text {
        "tab" | "\\t" | "\t" => Ok('\t'),
        "," | ";" | "|" | ":" | "^" | "~" => Ok(text.chars().next().unwrap_or(',')),
        _ => Err("it is one of , ; | : ^ ~ or tab".into()),
    }
}

impl Export {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        if self.to.as_os_str() == "-" {
            return Err(Failure::bad_input("export writes files")
                .hint("lake-query sql prints to stdout, in every form"));
        }
        let (form, pack) = form::of_file(&self.to, self.form, self.compress, "--as")?;
        self.check(form)?;
        let opened = self.ask.clone().open(lake, &self.at)?;
        let tables = self.statements(opened.snapshot.state(), form)?;
        let draft = Draft::of(&self.to, opened.root())?;
        if !self.overwrite {
            draft.must_be_new()?;
        }
        let mut session = opened.mount(Some(&draft.dir()))?;
        let version = session.mounted.version();
        let rows = match form {
            FileForm::Duckdb => {
                let tables: Vec<(&str, &str)> =
                    tables.iter().map(|(name, sql)| (name.as_str(), sql.as_str())).collect();
                let written = session.mounted.write_database(&tables, &draft.path());
                written.map_err(|e| session.stop.explain(of_engine(e)))?
            }
            FileForm::Parquet => {
                let written = session.mounted.write_parquet(&tables[0].1, &draft.path(), None);
                written.map_err(|e| session.stop.explain(of_engine(e)))?
            }
            form => self.stream(&tables[0], form, pack, &draft, &mut session)?,
        };
        let bytes = draft.publish(self.overwrite)?;
        let record = Record::new()
            .with("file", self.to.to_string_lossy())
            .with("rows", rows)
            .with("bytes", bytes)
            .with("version", version)
            .with("elapsed_ms", session.watch.elapsed().as_millis() as u64);
        console.record(&record)?;
        Ok(Outcome::Done)
    }

    /// What is said must have an effect.
    fn check(&self, form: FileForm) -> Result<(), Failure> {
        let csv = matches!(form, FileForm::Csv | FileForm::Tsv);
        let vain = [
            ("--delimiter", self.delimiter.is_some() && form != FileForm::Csv),
            ("--no-header", self.no_header && !csv),
            ("--excel-safe", self.excel_safe && !csv && form != FileForm::Xlsx),
        ];
        match vain.iter().find(|(_, vain)| *vain) {
            Some((flag, _)) => {
                Err(Failure::bad_input(format!("{flag} says nothing of {}", form.name())))
            }
            None => Ok(()),
        }
    }

    /// What is exported: names, and the statements that give the rows. Never empty.
    fn statements(&self, state: &State, form: FileForm) -> Result<Vec<(String, String)>, Failure> {
        if let Some(sql) = &self.sql {
            return Ok(vec![("result".into(), self.ask.spell(sql))]);
        }
        if self.tables.len() > 1 && form != FileForm::Duckdb {
            let message = format!("{} holds one table, not {}", form.name(), self.tables.len());
            return Err(
                Failure::bad_input(message).hint("export them one by one, or to one .duckdb file")
            );
        }
        let mut all: Vec<(String, String)> = Vec::new();
        for name in &self.tables {
            let name = table(state, name)?.def.name.clone();
            if all.iter().any(|(known, _)| *known == name) {
                return Err(Failure::bad_input(format!("table {name} is named twice")));
            }
            let sql = format!("SELECT * FROM {}", quoted(&name));
            all.push((name, sql));
        }
        Ok(all)
    }

    fn stream(
        &self,
        (title, sql): &(String, String),
        form: FileForm,
        pack: Pack,
        draft: &Draft,
        session: &mut Session,
    ) -> Result<u64, Failure> {
        let Session { mounted, stop, .. } = session;
        let csv = Csv { delimiter: self.delimiter.unwrap_or(','), header: !self.no_header };
        let (title, scratch) = (title.clone(), env::scratch_dir());
        let excel_safe = self.excel_safe && form != FileForm::Xlsx;
        let style = Style { csv, excel_safe, title, scratch };
        let failed = |broken: Broken| stop.explain(broken.into_failure(|e| draft.failure(e)));
        let mut query = mounted.query(sql).map_err(|e| stop.explain(of_engine(e)))?;
        let mut out = Packed::new(pack, draft.create()?).map_err(|e| draft.failure(&e))?;
        let rows = query.rows().map_err(|e| failed(Broken::Query(e)))?;
        let sink = sink::of(form, &rows, &style, &mut out);
        let sink = sink.map_err(|e| draft.failure(&e))?;
        let end = sink::pour(rows, sink, None, &mut |_| {}).map_err(failed)?;
        out.finish().map_err(|e| draft.failure(&e))?;
        Ok(end.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_that_no_value_holds() {
        assert_eq!(delimiter(";"), Ok(';'));
        assert_eq!(delimiter("tab"), Ok('\t'));
        for bad in ["", "\"", ".", "-", "a", "\n", ",,", "/", "="] {
            assert!(delimiter(bad).is_err(), "{bad}");
        }
    }
}
