//! Results as files that DuckDB writes itself: Parquet, and a database of its own.
//! They lie in the directory that [`crate::Engine::drafts_in`] named.

use std::path::Path;

use duckdb::arrow::datatypes::SchemaRef;
use lake_core::types::quoted;

use super::describe::nested;
use super::{Described, Mounted, Rows};
use crate::error::{EngineError, Result};
use crate::gate;
use crate::literal::literal;
use crate::types::{is_word, quoted_len};

/// The database while it is written.
const OUT: &str = "_lake_out";

impl Rows<'_> {
    /// The schema of the batches, also of a result that has none.
    pub fn schema(&self) -> SchemaRef {
        self.stream.get_schema()
    }
}

impl Mounted {
    /// Writes the answer, or its first rows, as Parquet and returns how many rows it has.
    pub fn write_parquet(&mut self, sql: &str, file: &Path, most: Option<u64>) -> Result<u64> {
        let columns = self.describe(sql)?;
        self.fill(sql)?;
        let limit = most.map_or_else(String::new, |most| format!(" LIMIT {most}"));
        // DuckDB would write beside the file and rename it; whoever asks does that.
        let copy = format!(
            "COPY ({}{limit}) TO {} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880, \
             USE_TMP_FILE false)",
            projected(sql, &columns, stored),
            literal(text(file)?)
        );
        self.count(&copy)
    }

    /// Makes a database with the answer to each statement as a table, and returns how
    /// many rows they have in all.
    pub fn write_database(&mut self, tables: &[(&str, &str)], file: &Path) -> Result<u64> {
        let file = literal(text(file)?);
        // The oldest storage: any DuckDB opens it.
        self.run(&format!("ATTACH {file} AS {OUT} (STORAGE_VERSION 'v1.0.0')"))?;
        let filled = tables.iter().try_fold(0, |rows, (name, sql)| {
            let columns = self.describe(sql)?;
            self.fill(sql)?;
            let create = format!(
                "CREATE TABLE {OUT}.{} AS {}",
                quoted(name),
                projected(sql, &columns, kept)
            );
            Ok(rows + self.count(&create)?)
        });
        // Detaching brings everything into the one file.
        let detached = self.run(&format!("DETACH {OUT}"));
        let rows = filled?;
        detached.map(|()| rows)
    }

    /// Gives the views the files that the statement wants, as the statement around it
    /// does not ask for them.
    fn fill(&mut self, sql: &str) -> Result<()> {
        let tree = gate::check(&self.connection, sql).map_err(|error| self.naming(error))?;
        self.ask(sql, &tree).map(drop)
    }

    fn count(&self, sql: &str) -> Result<u64> {
        let rows = self.connection.execute(sql, []).map_err(|error| self.sort(&error))?;
        Ok(rows as u64)
    }
}

fn text(file: &Path) -> Result<&str> {
    file.to_str().ok_or_else(|| EngineError::Path(file.into()))
}

/// The statement with a name of its own for each column, and the type that `cast` says.
fn projected(sql: &str, columns: &[Described], cast: fn(&str) -> Option<String>) -> String {
    let inner: Vec<String> = (0..columns.len()).map(|i| format!("c{i}")).collect();
    let outer = distinct(columns).into_iter().zip(columns).zip(&inner).map(
        |((name, column), c)| match cast(&column.ty) {
            Some(ty) => format!("CAST({c} AS {ty}) AS {}", quoted(&name)),
            None => format!("{c} AS {}", quoted(&name)),
        },
    );
    let outer = outer.collect::<Vec<_>>().join(", ");
    format!("SELECT {outer} FROM {} AS _lake_q({})", nested(sql), inner.join(", "))
}

/// A table's columns are told apart by name, whatever the case.
fn distinct(columns: &[Described]) -> Vec<String> {
    let lower: Vec<String> = columns.iter().map(|c| c.name.to_lowercase()).collect();
    let mut taken: Vec<String> = Vec::with_capacity(columns.len());
    let mut names = Vec::with_capacity(columns.len());
    for (i, column) in columns.iter().enumerate() {
        let (mut name, mut n) = (column.name.clone(), 0);
        let mut own = lower[i].clone();
        while taken.contains(&own) || (n > 0 && lower.contains(&own)) {
            n += 1;
            name = format!("{}_{n}", column.name);
            own = name.to_lowercase();
        }
        taken.push(own);
        names.push(name);
    }
    names
}

/// In a database everything keeps its type but what the oldest storage lacks.
fn kept(ty: &str) -> Option<String> {
    ty.contains("VARIANT").then(|| "VARCHAR".to_owned())
}

/// The type that Parquet holds in place of one that it would change or that only
/// DuckDB reads: a HUGEINT would become a DOUBLE.
fn stored(ty: &str) -> Option<String> {
    if ty.contains("UNION(") || ty.contains("VARIANT") || ty.contains("GEOMETRY") {
        return Some("VARCHAR".into());
    }
    let mut out = String::new();
    let mut rest = ty;
    while let Some(c) = rest.chars().next() {
        let end = match c {
            '"' | '\'' => quoted_len(rest),
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(end);
        // Where a type follows it is the name of a field.
        let names = after.trim_start().starts_with(|c: char| is_word(c) || c == '"');
        rest = after;
        match token {
            "TIME" if after.starts_with(" WITH TIME ZONE") => {
                out.push_str("VARCHAR");
                rest = &after[" WITH TIME ZONE".len()..];
            }
            "HUGEINT" | "UHUGEINT" if !names => out.push_str("DECIMAL(38,0)"),
            "INTERVAL" | "BIT" | "BIGNUM" | "TIME_NS" if !names => out.push_str("VARCHAR"),
            other => out.push_str(other),
        }
    }
    (out != ty).then_some(out)
}

#[cfg(test)]
mod tests;
