//! What is in an attached file, as DuckDB's catalog tells it.

use duckdb::{Connection, Row};
use lake_core::types::quoted;

use crate::literal::literal;

/// A table that holds rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseTable {
    pub schema: String,
    pub name: String,
    pub columns: Vec<BaseColumn>,
    /// The columns of its PRIMARY KEY, then those of each UNIQUE.
    pub unique: Vec<Vec<String>>,
    /// Its CHECKs as SQL.
    pub checks: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseColumn {
    pub name: String,
    /// As a CAST can say it.
    pub ty: String,
    pub not_null: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseView {
    pub schema: String,
    pub name: String,
    pub sql: String,
}

impl BaseTable {
    /// As a person calls it: with its schema where that is not the main one.
    pub fn shown(&self) -> String {
        shown(&self.schema, &self.name)
    }

    /// As SQL calls it in the database of that name.
    pub fn spelled(&self, database: &str) -> String {
        let (database, name) = (quoted(database), quoted(&self.name));
        match self.schema.as_str() {
            "main" => format!("{database}.{name}"),
            schema => format!("{database}.{}.{name}", quoted(schema)),
        }
    }
}

impl BaseView {
    pub fn shown(&self) -> String {
        shown(&self.schema, &self.name)
    }
}

fn shown(schema: &str, name: &str) -> String {
    if schema == "main" { name.to_owned() } else { format!("{schema}.{name}") }
}

/// In the order of their names.
pub(crate) fn tables(connection: &Connection, database: &str) -> duckdb::Result<Vec<BaseTable>> {
    let of = literal(database);
    let mut tables: Vec<BaseTable> = Vec::new();
    // Views have columns there, too.
    let columns = format!(
        "SELECT schema_name, table_name, column_name, data_type, NOT is_nullable \
         FROM duckdb_columns() SEMI JOIN duckdb_tables() \
         USING (database_name, schema_name, table_name) \
         WHERE database_name = {of} AND NOT internal \
         ORDER BY schema_name <> 'main', schema_name, table_name, column_index"
    );
    each(connection, &columns, |row| {
        let (schema, name): (String, String) = (row.get(0)?, row.get(1)?);
        let column = BaseColumn { name: row.get(2)?, ty: row.get(3)?, not_null: row.get(4)? };
        match tables.last_mut().filter(|last| last.schema == schema && last.name == name) {
            Some(table) => table.columns.push(column),
            None => {
                tables.push(BaseTable { schema, name, columns: vec![column], ..Default::default() })
            }
        }
        Ok(())
    })?;
    let constraints = format!(
        "SELECT schema_name, table_name, constraint_type, \
         array_to_string(constraint_column_names, chr(10)), constraint_text \
         FROM duckdb_constraints() WHERE database_name = {of} \
         AND constraint_type IN ('PRIMARY KEY', 'UNIQUE', 'CHECK') \
         ORDER BY constraint_type, constraint_index"
    );
    each(connection, &constraints, |row| {
        let (schema, name): (String, String) = (row.get(0)?, row.get(1)?);
        let (kind, columns, text): (String, String, String) =
            (row.get(2)?, row.get(3)?, row.get(4)?);
        if let Some(table) = tables.iter_mut().find(|t| t.schema == schema && t.name == name) {
            match kind.as_str() {
                "CHECK" => table.checks.push(text),
                _ => table.unique.push(columns.split('\n').map(str::to_owned).collect()),
            }
        }
        Ok(())
    })?;
    Ok(tables)
}

pub(crate) fn views(connection: &Connection, database: &str) -> duckdb::Result<Vec<BaseView>> {
    let sql = format!(
        "SELECT schema_name, view_name, sql FROM duckdb_views() \
         WHERE database_name = {} AND NOT internal ORDER BY schema_name <> 'main', 1, 2",
        literal(database)
    );
    let mut views = Vec::new();
    each(connection, &sql, |row| {
        views.push(BaseView { schema: row.get(0)?, name: row.get(1)?, sql: row.get(2)? });
        Ok(())
    })?;
    Ok(views)
}

fn each(
    connection: &Connection,
    sql: &str,
    mut take: impl FnMut(&Row<'_>) -> duckdb::Result<()>,
) -> duckdb::Result<()> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(row)?;
    }
    Ok(())
}
