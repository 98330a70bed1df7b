use std::path::Path;

use lake_cli::render::Record;
use lake_cli::{Console, Failure, Outcome};
use lake_core::schema::TableDef;
use lake_core::sqltype::parse_columns;
use lake_ingest::{Creation, create_table};
use lake_log::{Access, Lake};

use crate::failure::{of_ingest, of_log};

const EXAMPLES: &str = "\
Examples:
  lake-writer create bars --schema \"symbol VARCHAR, date DATE, close DOUBLE, volume BIGINT\" \\
      --partition-by symbol --key symbol,date
  lake-writer create events --schema \"at TIMESTAMP, what VARCHAR NOT NULL\" --order-by at";

/// Create a table
///
/// One that is there with the same settings stays as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Create {
    /// Name: letters, digits and _
    table: String,
    /// Columns as in SQL: name, type, NOT NULL
    #[arg(long, value_name = "COLUMNS")]
    schema: String,
    /// Columns whose values have their own directories; VARCHAR
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    partition_by: Vec<String>,
    /// Columns that identify a row: the later commit wins
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    key: Vec<String>,
    /// Columns that rows are sorted by within a partition [default: the key]
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    order_by: Vec<String>,
}

impl Create {
    pub(crate) fn run(&self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let columns = parse_columns(&self.schema).map_err(|e| {
            Failure::bad_input(e.to_string())
                .hint("for example: --schema \"symbol VARCHAR, date DATE, close DOUBLE\"")
        })?;
        let trimmed = |names: &[String]| names.iter().map(|n| n.trim().to_owned()).collect();
        let (partition_by, key, order_by): (Vec<_>, Vec<_>, Vec<_>) =
            (trimmed(&self.partition_by), trimmed(&self.key), trimmed(&self.order_by));
        let def = TableDef::new(&self.table, &columns, &partition_by, &key, &order_by)
            .map_err(|e| Failure::bad_input(e.to_string()))?;
        let mut lake = Lake::open(lake, Access::Write).map_err(of_log)?;
        let (version, created) = match create_table(&mut lake, &def).map_err(of_ingest)? {
            Creation::Created(version) => (version, true),
            Creation::Unchanged(version) => (version, false),
        };
        console.out.committed();
        let record = Record::new()
            .with("version", version)
            .with("table", self.table.as_str())
            .with("created", created);
        console.record(&record)?;
        Ok(Outcome::Done)
    }
}
