//! A DuckDB file that holds views and nothing else.

use std::path::Path;

use duckdb::Connection;

use crate::error::{EngineError, Result};
use crate::literal::literal;
use crate::portable::{INFO, Views};
use crate::session::{self, Options};

/// What every DuckDB since 1.0 opens.
const STORAGE: &str = "v1.0.0";

impl Views {
    /// Makes the file, which must not be there yet. DuckDB binds each view and for that
    /// opens some of the lake's files.
    pub fn write(&self, file: &Path) -> Result<()> {
        let connection = open(&self.root)?;
        let file = literal(&session::text(file)?);
        let run = |sql: &str| {
            let done = connection.execute_batch(sql);
            done.map_err(|error| EngineError::of(&error, &self.root))
        };
        run(&format!("ATTACH {file} AS _lake_mount (STORAGE_VERSION '{STORAGE}')"))?;
        run("USE _lake_mount; BEGIN")?;
        self.statements().iter().try_for_each(|create| run(create))?;
        run("COMMIT; USE memory; CHECKPOINT _lake_mount; DETACH _lake_mount")
    }
}

/// Whether a DuckDB file is one that [`Views::write`] made, and has no table of
/// somebody's in it. What cannot be opened as one is none.
pub fn is_view_file(file: &Path) -> Result<bool> {
    let connection = open("/")?;
    let file = literal(&session::text(file)?);
    if connection.execute_batch(&format!("ATTACH {file} AS _lake_mount (READ_ONLY)")).is_err() {
        return Ok(false);
    }
    let ask = format!(
        "SELECT (SELECT count(*) FROM duckdb_tables() WHERE database_name = '_lake_mount') = 0 \
         AND (SELECT count(*) FROM duckdb_views() WHERE database_name = '_lake_mount' \
         AND lower(view_name) = {}) = 1",
        literal(INFO)
    );
    Ok(connection.query_row(&ask, [], |row| row.get(0)).unwrap_or(false))
}

/// It runs our own SQL alone, so nothing is locked.
fn open(root: &str) -> Result<Connection> {
    let options = Options { threads: Some(1), ..Options::default() };
    session::config(&options)
        .and_then(Connection::open_in_memory_with_flags)
        .map_err(|error| EngineError::of(&error, root))
}
