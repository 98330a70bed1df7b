//! A DuckDB file alone, without a lake: what is to be brought into one is read from it.

use std::path::Path;

use crate::catalog::{self, BaseTable, BaseView};
use crate::error::{EngineError, Result};
use crate::mounted::Query;
use crate::session::{Engine, Interrupt, Options};

/// Errors of its SQL are about no lake, so that no path is taken for one of a lake's.
const NOWHERE: &str = "\0";

pub struct Database {
    engine: Engine,
    name: String,
}

impl Database {
    /// Opens a file to read.
    pub fn open(file: &Path, options: &Options) -> Result<Database> {
        let mut engine = Engine::open(options)?;
        let name = engine.attach(file)?;
        engine.shut()?;
        Ok(Database { engine, name })
    }

    /// What its tables are called by: `NAME.table`.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn interrupt(&self) -> Interrupt {
        self.engine.interrupt()
    }

    pub fn tables(&self) -> Result<Vec<BaseTable>> {
        catalog::tables(&self.engine.connection, &self.name).map_err(|error| sort(&error))
    }

    pub fn views(&self) -> Result<Vec<BaseView>> {
        catalog::views(&self.engine.connection, &self.name).map_err(|error| sort(&error))
    }

    /// Prepares a question of our own. (One of a user's goes through
    /// [`crate::Mounted::query`], which refuses all but questions.)
    pub fn query(&self, sql: &str) -> Result<Query<'_>> {
        let statement = self.engine.connection.prepare(sql).map_err(|error| sort(&error))?;
        Ok(Query::plain(statement, NOWHERE))
    }
}

/// Without the place in the text, which nobody wrote.
fn sort(error: &duckdb::Error) -> EngineError {
    match EngineError::of(error, NOWHERE) {
        EngineError::Sql { mut message, hint } => {
            message.truncate(message.find("\n\nLINE ").unwrap_or(message.len()));
            EngineError::Sql { message, hint }
        }
        other => other,
    }
}
