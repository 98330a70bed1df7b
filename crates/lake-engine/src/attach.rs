//! A DuckDB file of somebody's beside the lake's tables: it is read and never written.
//!
//! DuckDB locks a file that it writes against all other processes, and one that it reads
//! against those that would write.

use std::path::Path;

use lake_core::kind::Kind;
use lake_core::types::quoted;

use crate::error::{EngineError, Result};
use crate::literal::literal;
use crate::session::{Engine, text};

/// Names that mean something else where a table is looked for.
const TAKEN: [&str; 7] =
    ["information_schema", "lake", "main", "memory", "pg_catalog", "system", "temp"];

impl Engine {
    /// Makes the tables of a file visible as `NAME.table`, to read, and returns the name:
    /// the file's, without its extension.
    pub fn attach(&mut self, file: &Path) -> Result<String> {
        let name = name_of(file)?;
        if !file.exists() {
            let message = format!("{} does not exist", file.display());
            return Err(EngineError::File { kind: Kind::NotFound, message, hint: None });
        }
        if !file.is_file() {
            return Err(bad(format!("{} is no file", file.display())));
        }
        let attach = format!("ATTACH {} AS {} (READ_ONLY)", literal(&text(file)?), quoted(&name));
        let attached = self.connection.execute_batch(&attach);
        attached.map_err(|error| EngineError::of_file(&error, file))?;
        Ok(name)
    }
}

fn name_of(file: &Path) -> Result<String> {
    let stem = file.file_stem().and_then(|stem| stem.to_str());
    let Some(stem) = stem else {
        return Err(bad(format!("{} is not the name of a DuckDB file", file.display())));
    };
    let ours = TAKEN.iter().any(|taken| taken.eq_ignore_ascii_case(stem));
    Ok(if ours || stem.starts_with("_lake_") { format!("{stem}_db") } else { stem.to_owned() })
}

fn bad(message: String) -> EngineError {
    EngineError::File { kind: Kind::BadInput, message, hint: None }
}

#[cfg(test)]
mod tests {
    use duckdb::Connection;

    use super::*;
    use crate::fixture::{Lake, ints, of, rows};
    use crate::{Database, Options};

    const TABLES: &str = "CREATE TABLE bars(symbol VARCHAR, d INTEGER, px DOUBLE, \
        UNIQUE (px), PRIMARY KEY (symbol, d), CHECK (px > 0)); \
        INSERT INTO bars VALUES ('A', 1, 1.5), ('Z', 9, 2.5); CREATE VIEW v AS FROM bars; \
        CREATE SCHEMA s; CREATE TABLE s.\"a b\"(e ENUM('x'), \"q\"\"\" HUGEINT)";

    #[test]
    fn its_tables_stand_beside_those_of_the_lake() {
        let mut lake = Lake::new("lake").keyed("bars", "symbol VARCHAR, d INTEGER");
        for name in ["A", "B"] {
            let select = format!("SELECT '{name}' AS symbol, 1::INTEGER AS d");
            lake.add("bars", of(name), ints(1, 1), None, &select);
        }
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("it's old.duckdb");
        Connection::open(&file).unwrap().execute_batch(TABLES).unwrap();
        let mut engine = Engine::open(&Options::default()).unwrap();
        let name = engine.attach(&file).unwrap();
        assert_eq!(name, "it's old");
        let mut mounted = engine.mount_state(lake.state.clone().into(), lake.root.path()).unwrap();
        let sql = "SELECT b.symbol, px FROM bars b JOIN \"it's old\".bars o USING (symbol, d)";
        assert_eq!(rows(&mut mounted, sql).unwrap(), [["A", "1.5"]]);
        let found = rows(&mut mounted, "SELECT count(*) FROM \"it's old\".v").unwrap();
        assert_eq!(found, [["2"]]);
        let query =
            mounted.query("FROM bars JOIN \"it's old\".bars o USING (symbol) WHERE symbol = 'A'");
        assert_eq!(query.unwrap().segments_read, 1);
        assert_eq!(mounted.attached(&name).unwrap().len(), 2);

        for sql in [
            "INSERT INTO \"it's old\".bars VALUES ('B', 1, 1)",
            "DROP TABLE \"it's old\".bars",
            "DETACH \"it's old\"",
        ] {
            assert_eq!(rows(&mut mounted, sql).unwrap_err().kind(), Kind::BadInput, "{sql}");
        }
        // Nor is any other file within reach, though the directory is.
        let csv = dir.path().join("a.csv");
        Connection::open_in_memory()
            .unwrap()
            .execute_batch(&format!("COPY (SELECT 1) TO {}", literal(csv.to_str().unwrap())))
            .unwrap();
        let sql = format!("FROM {}", literal(csv.to_str().unwrap()));
        assert_eq!(rows(&mut mounted, &sql).unwrap_err().kind(), Kind::BadInput);
    }

    #[test]
    fn its_catalog_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("main.duckdb");
        Connection::open(&file).unwrap().execute_batch(TABLES).unwrap();
        let database = Database::open(&file, &Options::default()).unwrap();
        assert_eq!(database.name(), "main_db");
        let tables = database.tables().unwrap();
        let (bars, other) = (&tables[0], &tables[1]);
        let columns: Vec<_> = bars.columns.iter().map(|c| (&*c.name, &*c.ty, c.not_null)).collect();
        assert_eq!(
            columns,
            [("symbol", "VARCHAR", true), ("d", "INTEGER", true), ("px", "DOUBLE", false)]
        );
        assert_eq!(bars.unique, [vec!["symbol", "d"], vec!["px"]]);
        assert_eq!(bars.checks.len(), 1);
        assert_eq!((other.shown().as_str(), other.columns[1].ty.as_str()), ("s.a b", "HUGEINT"));
        let count = |table: &crate::BaseTable| {
            let sql = format!("SELECT count(*) FROM {}", table.spelled(database.name()));
            database.query(&sql).and_then(|mut q| Ok(q.rows()?.next().unwrap()?.num_rows()))
        };
        assert_eq!((count(bars).unwrap(), count(other).unwrap()), (1, 1));
        let views = database.views().unwrap();
        assert_eq!((views.len(), views[0].shown().as_str()), (1, "v"));
        assert!(database.query("FROM read_csv('/etc/passwd')").is_err());
        let nothing = Database::open(&dir.path().join("none.duckdb"), &Options::default());
        assert_eq!(nothing.err().unwrap().kind(), Kind::NotFound);
        let folder = Database::open(dir.path(), &Options::default());
        assert_eq!(folder.err().unwrap().kind(), Kind::BadInput);
    }

    #[test]
    fn a_name_that_means_nothing_else() {
        for (file, name) in [
            ("/a/old.duckdb", "old"),
            ("my data.v2.db", "my data.v2"),
            ("Main.duckdb", "Main_db"),
            ("lake.duckdb", "lake_db"),
            ("_lake_in", "_lake_in_db"),
        ] {
            assert_eq!(name_of(Path::new(file)).unwrap(), name);
        }
        assert!(name_of(Path::new("..")).is_err());
    }
}
