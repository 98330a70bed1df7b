//! A table that is made by its first ingest.

use std::path::{Path, PathBuf};

use lake_cli::{Console, Failure};
use lake_core::schema::TableDef;
use lake_core::sqltype::Column;
use lake_core::types::Type;
use lake_ingest::{SourceOptions, SqlFeed, create_table, infer_all};
use lake_log::{Access, Lake};

use crate::failure::{of_ingest, of_log};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "A new table, if there is none of that name")]
pub(crate) struct NewTable {
    /// Make it of the input's columns, with these as partition
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    partition_by: Vec<String>,
    /// Columns that identify a row
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    key: Vec<String>,
    /// Columns that rows are sorted by within a partition
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    order_by: Vec<String>,
}

impl NewTable {
    fn is_asked(&self) -> bool {
        !(self.partition_by.is_empty() && self.key.is_empty() && self.order_by.is_empty())
    }

    pub(crate) fn is_due(&self, lake: &Path, table: &str) -> Result<bool, Failure> {
        if !self.is_asked() {
            return Ok(false);
        }
        let lake = Lake::open(lake, Access::Read).map_err(of_log)?;
        Ok(lake.state().table(table).is_none())
    }

    pub(crate) fn create_from_files(
        &self,
        lake: &Path,
        table: &str,
        files: &[PathBuf],
        options: &SourceOptions,
        console: &mut Console,
    ) -> Result<(), Failure> {
        match self.is_due(lake, table)? {
            true => {
                let columns = infer_all(files, options).map_err(of_ingest)?;
                self.create(lake, table, columns, console)
            }
            false => Ok(()),
        }
    }

    pub(crate) fn create_from_select(
        &self,
        lake: &Path,
        table: &str,
        feed: &SqlFeed,
        console: &mut Console,
    ) -> Result<(), Failure> {
        match self.is_due(lake, table)? {
            true => {
                let columns = feed.columns().map_err(of_ingest)?;
                self.create(lake, table, columns, console)
            }
            false => Ok(()),
        }
    }

    fn create(
        &self,
        lake: &Path,
        table: &str,
        mut columns: Vec<Column>,
        console: &mut Console,
    ) -> Result<(), Failure> {
        for column in &mut columns {
            // A symbol is a text, whatever its digits look like.
            if self.partition_by.contains(&column.name) {
                column.ty = Type::Varchar;
            }
        }
        let def = TableDef::new(table, &columns, &self.partition_by, &self.key, &self.order_by)
            .map_err(|e| Failure::bad_input(e.to_string()))?;
        let mut lake = Lake::open(lake, Access::Write).map_err(of_log)?;
        let _ = create_table(&mut lake, &def).map_err(of_ingest)?;
        console.out.committed();
        let list: Vec<String> = def
            .schema()
            .fields
            .iter()
            .map(|f| format!("{} {}{}", f.name, f.ty, if f.not_null { " NOT NULL" } else { "" }))
            .collect();
        console.note(format!("created table {table} ({}), as the input has it", list.join(", ")));
        Ok(())
    }
}
