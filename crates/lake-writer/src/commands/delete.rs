use std::path::{Path, PathBuf};

use lake_cli::{Console, Failure, Outcome};
use lake_core::mask::Stretch;
use lake_core::symbol::Symbol;
use lake_core::value::Value;
use lake_ingest::{FileFeed, Which, Writer};

use super::input::{InputFlags, files};
use super::receipt;
use crate::failure::of_ingest;

const EXAMPLES: &str = "\
Examples:
  lake-writer delete bars --where \"symbol = '600519' AND close < 0\"
  lake-writer delete bars --keys wrong.csv
  lake-writer delete bars --symbol 600519 --from 2026-01-01 --to 2026-01-31
  lake-writer delete bars --where \"volume = 0\" --dry-run

--from and --to are values of the table's first order column, both included. A delete by
symbol and range reads no data, whatever is stored. Earlier versions keep the rows.";

/// Delete rows: by a condition, by their keys, or by symbol and range
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true)
    .args(["condition", "keys", "symbol", "from", "to"]))]
pub(crate) struct Delete {
    /// Table to delete from
    table: String,
    /// An SQL condition over the table's columns
    #[arg(long = "where", value_name = "CONDITION", conflicts_with_all = ["keys", "symbol", "from", "to"])]
    condition: Option<String>,
    /// Files with the key columns of the rows to go
    #[arg(long, value_name = "FILE", conflicts_with_all = ["symbol", "from", "to"])]
    keys: Vec<PathBuf>,
    /// A symbol; several partition columns are divided by /; may be repeated
    #[arg(long, value_name = "SYMBOL")]
    symbol: Vec<String>,
    /// The smallest order value to go
    #[arg(long, value_name = "VALUE")]
    from: Option<String>,
    /// The largest order value to go
    #[arg(long, value_name = "VALUE")]
    to: Option<String>,
    /// Count, delete nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    input: InputFlags,
}

impl Delete {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        lake_store::process::raise_file_limit();
        let mut writer = Writer::open(lake).map_err(of_ingest)?;
        let feed;
        let which = match &self.condition {
            Some(text) => Which::Where(text),
            None if !self.keys.is_empty() => {
                feed = FileFeed::new(files(&self.keys)?, self.input.options());
                Which::Keys(&feed)
            }
            None => self.range(&mut writer)?,
        };
        let done = writer.delete(&self.table, &which, self.dry_run).map_err(of_ingest)?;
        if !self.dry_run {
            console.out.committed();
        }
        console.record(&receipt::of_deletion(&done))?;
        Ok(Outcome::Done)
    }

    fn range(&self, writer: &mut Writer) -> Result<Which<'static>, Failure> {
        let state = writer.lake().refresh().map_err(crate::failure::of_log)?.clone();
        let Some(table) = state.table(&self.table) else {
            return Err(of_ingest(lake_ingest::IngestError::NoTable(self.table.clone())));
        };
        let def = &table.def;
        let ids = def.range_columns();
        let field = ids.first().and_then(|id| def.schema().by_id(*id));
        let end = |text: &Option<String>| -> Result<Option<Value>, Failure> {
            let Some(text) = text else { return Ok(None) };
            let Some(field) = field else {
                return Err(Failure::bad_input(format!("table {} has no order", def.name)));
            };
            lake_ingest::value_of(text, &field.ty).map(Some).map_err(|why| {
                Failure::bad_input(format!("{text:?} {why}, as column {} is", field.name))
            })
        };
        let stretch = Stretch { from: end(&self.from)?, to: end(&self.to)? };
        let owner = |text: &String| -> Result<Vec<Symbol>, Failure> {
            let parts: Vec<&str> = match def.partition_by.len() {
                0 | 1 => vec![text],
                n => text.splitn(n, '/').collect(),
            };
            if parts.len() != def.partition_by.len() {
                return Err(Failure::bad_input(format!(
                    "{text:?} is no symbol of table {}: it has {} partition columns",
                    def.name,
                    def.partition_by.len()
                )));
            }
            let symbol = |part: &&str| Symbol::new(part);
            parts
                .iter()
                .map(symbol)
                .collect::<Result<_, _>>()
                .map_err(|e| Failure::bad_input(format!("{text:?}: {e}")))
        };
        let owners = match self.symbol.is_empty() {
            true => None,
            false => Some(self.symbol.iter().map(owner).collect::<Result<Vec<_>, _>>()?),
        };
        Ok(Which::Range { owners, stretch })
    }
}
