use std::path::Path;

use clap::Subcommand;
use lake_cli::render::Record;
use lake_cli::{Console, Failure, Outcome};
use lake_core::sqltype::parse_columns;
use lake_core::types::{Type, quoted};
use lake_ingest::{Alteration, alter_table};
use lake_log::{Access, Lake};

use crate::failure::{of_ingest, of_log};

const EXAMPLES: &str = "\
Examples:
  lake-writer alter bars add-column turnover DOUBLE
  lake-writer alter bars add-column currency \"VARCHAR NOT NULL\" DEFAULT CNY
  lake-writer alter bars rename-column vol volume
  lake-writer alter bars widen-column volume \"DECIMAL(20,0)\"
  lake-writer alter bars add-check positive \"close > 0\"

Stored rows are not rewritten: a new column is its default, or NULL, in them. A check or
NOT NULL is refused as long as a stored row breaks it.";

/// Change a table's columns and checks
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Alter {
    /// Table to change
    table: String,
    #[command(subcommand)]
    change: Change,
}

#[derive(Debug, Subcommand)]
enum Change {
    /// A new column, last
    AddColumn {
        name: String,
        /// Its type, and NOT NULL
        #[arg(value_name = "TYPE")]
        ty: String,
        /// DEFAULT and the value that stored rows have in it
        #[arg(value_name = "DEFAULT VALUE")]
        default: Vec<String>,
    },
    /// Another name; stored rows have it under the new one
    RenameColumn {
        from: String,
        to: String,
    },
    /// A type that holds all values of the present one
    WidenColumn {
        name: String,
        #[arg(value_name = "TYPE")]
        ty: String,
    },
    /// A column less; earlier versions keep it
    DropColumn {
        name: String,
    },
    /// A condition that no row may break
    AddCheck {
        name: String,
        condition: String,
    },
    DropCheck {
        name: String,
    },
    /// No NULL from now on
    SetNotNull {
        name: String,
    },
    DropNotNull {
        name: String,
    },
}

impl Change {
    fn into_alteration(self) -> Result<Alteration, Failure> {
        Ok(match self {
            Change::AddColumn { name, ty, default } => {
                // NOT NULL and DEFAULT may stand within the type's argument or after it.
                let all: Vec<&str> = std::iter::once(ty.as_str())
                    .chain(default.iter().map(String::as_str))
                    .collect();
                let all = all.join(" ");
                let upper = all.to_ascii_uppercase();
                let (ty, default) = match upper.find(" DEFAULT ") {
                    Some(at) => (&all[..at], Some(unquoted(all[at + 9..].trim()))),
                    None => (all.as_str(), None),
                };
                let (ty, not_null) = type_of(ty)?;
                Alteration::AddColumn { name, ty, default, not_null }
            }
            Change::RenameColumn { from, to } => Alteration::RenameColumn { from, to },
            Change::WidenColumn { name, ty } => {
                Alteration::WidenColumn { name, ty: type_of(&ty)?.0 }
            }
            Change::DropColumn { name } => Alteration::DropColumn { name },
            Change::AddCheck { name, condition } => Alteration::AddCheck { name, condition },
            Change::DropCheck { name } => Alteration::DropCheck { name },
            Change::SetNotNull { name } => Alteration::SetNotNull { name },
            Change::DropNotNull { name } => Alteration::DropNotNull { name },
        })
    }
}

fn type_of(text: &str) -> Result<(Type, bool), Failure> {
    let columns = parse_columns(&format!("{} {text}", quoted("x")));
    let mut columns = columns.map_err(|e| Failure::bad_input(format!("type {text:?}: {e}")))?;
    match (columns.pop(), columns.is_empty()) {
        (Some(column), true) => Ok((column.ty, column.not_null)),
        _ => Err(Failure::bad_input(format!("{text:?} is more than one type"))),
    }
}

/// A value as SQL quotes it, or as it stands.
fn unquoted(text: &str) -> String {
    let inner = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\''));
    inner.map_or_else(|| text.to_owned(), |t| t.replace("''", "'"))
}

impl Alter {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let mut lake = Lake::open(lake, Access::Write).map_err(of_log)?;
        let change = self.change.into_alteration()?;
        let (version, schema) = alter_table(&mut lake, &self.table, &change).map_err(of_ingest)?;
        console.out.committed();
        let record = Record::new()
            .with("version", version)
            .with("table", self.table)
            .with("schema_version", schema);
        console.record(&record)?;
        Ok(Outcome::Done)
    }
}
