//! Tables and their columns. A column is its field id: names and types change
//! with the schema's version, ids never.

use crate::codec::{Decoded, Decoder, Encoder};
use crate::id::TableId;
use crate::sqltype::Column;
use crate::symbol::is_hidden;
use crate::types::Type;

/// The longest table name.
pub const MAX_TABLE_NAME: usize = 64;
/// The longest column name, in bytes.
pub const MAX_COLUMN_NAME: usize = 128;
/// The most columns of a table.
pub const MAX_COLUMNS: usize = 4096;

pub type FieldId = u32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub id: FieldId,
    pub name: String,
    pub ty: Type,
    pub not_null: bool,
    /// The value, as text, of rows that are older than the column.
    pub default: Option<String>,
}

/// A rule that every row keeps: its condition is not false.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub name: String,
    pub condition: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// 1 for the schema a table is created with.
    pub version: u32,
    pub fields: Vec<Field>,
    pub checks: Vec<Check>,
}

/// What a table is: everything about it that is not its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDef {
    pub id: TableId,
    pub name: String,
    pub partition_by: Vec<FieldId>,
    pub key: Vec<FieldId>,
    pub order_by: Vec<FieldId>,
    /// Every schema the table ever had, oldest first; never empty.
    pub schemas: Vec<Schema>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadSchema(pub String);

fn refuse<T>(why: impl Into<String>) -> Result<T, BadSchema> {
    Err(BadSchema(why.into()))
}

impl Schema {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    pub fn by_id(&self, id: FieldId) -> Option<&Field> {
        self.fields.iter().find(|f| f.id == id)
    }

    pub(crate) fn encode(&self, e: &mut Encoder) {
        e.num(self.version);
        e.list(&self.fields, |e, f| {
            e.num(f.id);
            e.text(&f.name);
            e.flag(f.not_null);
            f.ty.encode(e);
            e.option(f.default.as_ref(), |e, text| e.text(text));
        });
        e.list(&self.checks, |e, c| {
            e.text(&c.name);
            e.text(&c.condition);
        });
    }

    pub(crate) fn decode(d: &mut Decoder<'_>) -> Decoded<Schema> {
        let version = d.num32()?;
        let fields = d.list(|d| {
            let (id, name, not_null) = (d.num32()?, d.text()?.to_owned(), d.flag()?);
            let (ty, default) = (Type::decode(d)?, d.option(|d| Ok(d.text()?.to_owned()))?);
            Ok(Field { id, name, ty, not_null, default })
        })?;
        let checks =
            d.list(|d| Ok(Check { name: d.text()?.to_owned(), condition: d.text()?.to_owned() }))?;
        Ok(Schema { version, fields, checks })
    }
}

impl TableDef {
    /// A new table, with every rule of names and keys checked. Partition and key
    /// columns are NOT NULL whether declared so or not.
    pub fn new(
        name: &str,
        columns: &[Column],
        partition_by: &[String],
        key: &[String],
        order_by: &[String],
    ) -> Result<TableDef, BadSchema> {
        check_table_name(name)?;
        check_columns(columns)?;
        let find = |role: &str, names: &[String]| -> Result<Vec<FieldId>, BadSchema> {
            let mut ids = Vec::new();
            for name in names {
                let Some(at) = columns.iter().position(|c| c.name == *name) else {
                    return refuse(format!("{role} names {name:?}, which is not a column"));
                };
                if ids.contains(&(at as FieldId + 1)) {
                    return refuse(format!("{role} names {name:?} twice"));
                }
                ids.push(at as FieldId + 1);
            }
            Ok(ids)
        };
        let partition_by = find("--partition-by", partition_by)?;
        let key = find("--key", key)?;
        let order_by = find("--order-by", order_by)?;
        for (id, column) in (1..).zip(columns) {
            if partition_by.contains(&id) {
                check_partition_column(column)?;
            }
            if (key.contains(&id) || order_by.contains(&id)) && !column.ty.can_be_key() {
                return refuse(format!("{:?} is {} and cannot order rows", column.name, column.ty));
            }
        }
        if !key.is_empty() && partition_by.iter().any(|id| !key.contains(id)) {
            return refuse("the key must hold every partition column, or equal keys part ways");
        }
        let fields = (1..)
            .zip(columns)
            .map(|(id, c)| Field {
                id,
                name: c.name.clone(),
                ty: c.ty.clone(),
                not_null: c.not_null || partition_by.contains(&id) || key.contains(&id),
                default: None,
            })
            .collect();
        let schemas = vec![Schema { version: 1, fields, checks: Vec::new() }];
        Ok(TableDef { id: TableId(0), name: name.into(), partition_by, key, order_by, schemas })
    }

    /// The newest schema.
    pub fn schema(&self) -> &Schema {
        &self.schemas[self.schemas.len() - 1]
    }

    pub fn schema_at(&self, version: u32) -> Option<&Schema> {
        self.schemas.iter().find(|s| s.version == version)
    }

    /// The columns whose values a segment's range holds, and by which its rows
    /// are sorted within a symbol: of the key what is not the symbol, the order
    /// columns first; without a key, the order columns.
    pub fn range_columns(&self) -> Vec<FieldId> {
        let outside = |id: &&FieldId| !self.partition_by.contains(id);
        if self.key.is_empty() {
            return self.order_by.iter().filter(outside).copied().collect();
        }
        let in_key = self.order_by.iter().filter(|id| self.key.contains(id));
        let rest = self.key.iter().filter(|id| !self.order_by.contains(id));
        in_key.chain(rest).filter(outside).copied().collect()
    }

    /// The partition columns' names as directories spell them: those the table
    /// was created with, whatever a column is called today.
    pub fn directory_columns(&self) -> Vec<&str> {
        let name = |id: &FieldId| self.schemas[0].by_id(*id).map_or("", |f| f.name.as_str());
        self.partition_by.iter().map(name).collect()
    }

    pub(crate) fn encode(&self, e: &mut Encoder) {
        e.num(self.id.0);
        e.text(&self.name);
        for ids in [&self.partition_by, &self.key, &self.order_by] {
            e.list(ids, |e, id| e.num(*id));
        }
        e.list(&self.schemas, |e, s| s.encode(e));
    }

    pub(crate) fn decode(d: &mut Decoder<'_>) -> Decoded<TableDef> {
        let (id, name) = (TableId(d.num32()?), d.text()?.to_owned());
        let mut ids = || d.list(|d| d.num32());
        let (partition_by, key, order_by) = (ids()?, ids()?, ids()?);
        let schemas = d.list(Schema::decode)?;
        if schemas.is_empty() {
            return d.broken("table without a schema");
        }
        Ok(TableDef { id, name, partition_by, key, order_by, schemas })
    }
}

/// A table name is a directory name and an SQL identifier at once.
pub fn check_table_name(name: &str) -> Result<(), BadSchema> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if !first || name.len() > MAX_TABLE_NAME || !name.bytes().all(word) {
        return refuse(format!(
            "{name:?} cannot be a table name: letters, digits and _ (not first a digit), at most {MAX_TABLE_NAME}"
        ));
    }
    if name.eq_ignore_ascii_case("lake") {
        return refuse("\"lake\" is the schema of the lake's own tables");
    }
    Ok(())
}

fn check_columns(columns: &[Column]) -> Result<(), BadSchema> {
    if columns.is_empty() || columns.len() > MAX_COLUMNS {
        return refuse(format!("a table has 1 to {MAX_COLUMNS} columns, not {}", columns.len()));
    }
    for (i, column) in columns.iter().enumerate() {
        check_column_name(&column.name)?;
        let lower = column.name.to_lowercase();
        if let Some(other) = columns[..i].iter().find(|c| c.name.to_lowercase() == lower) {
            return refuse(format!(
                "columns {:?} and {:?} are one name to SQL",
                other.name, column.name
            ));
        }
    }
    Ok(())
}

pub fn check_column_name(name: &str) -> Result<(), BadSchema> {
    let hidden = |c: char| c.is_control() || is_hidden(c);
    if name.is_empty() || name.len() > MAX_COLUMN_NAME || name.chars().any(hidden) {
        return refuse(format!(
            "{name:?} cannot be a column name: 1 to {MAX_COLUMN_NAME} bytes without control characters"
        ));
    }
    if name.starts_with("_lake_") {
        return refuse(format!("{name:?} cannot be a column name: _lake_ is ours"));
    }
    Ok(())
}

fn check_partition_column(column: &Column) -> Result<(), BadSchema> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if column.ty != Type::Varchar {
        return refuse(format!(
            "partition column {:?} is {}: a symbol is VARCHAR always",
            column.name, column.ty
        ));
    }
    if !column.name.bytes().all(plain) || column.name.len() > 14 {
        return refuse(format!(
            "partition column {:?} names directories: letters, digits and _, at most 14",
            column.name
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqltype::parse_columns;

    fn table(
        columns: &str,
        part: &[&str],
        key: &[&str],
        order: &[&str],
    ) -> Result<TableDef, BadSchema> {
        let own = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
        TableDef::new("bars", &parse_columns(columns).unwrap(), &own(part), &own(key), &own(order))
    }

    #[test]
    fn key_and_range() {
        let def = table(
            "symbol VARCHAR, at TIMESTAMP, venue VARCHAR, px DOUBLE",
            &["symbol"],
            &["symbol", "venue", "at"],
            &["at"],
        )
        .unwrap();
        assert_eq!(def.range_columns(), [2, 3]);
        let forced: Vec<_> = def.schema().fields.iter().map(|f| f.not_null).collect();
        assert_eq!(forced, [true, true, true, false]);
        let mut e = Encoder::default();
        def.encode(&mut e);
        assert_eq!(TableDef::decode(&mut Decoder::new(&e.0)), Ok(def));
    }

    #[test]
    fn refusals() {
        let c = "symbol VARCHAR, date DATE, px DOUBLE, n INT";
        for (result, word) in [
            (table(c, &["nope"], &[], &[]), "not a column"),
            (table(c, &["n"], &[], &[]), "VARCHAR always"),
            (table(c, &["symbol"], &["date"], &[]), "every partition column"),
            (table(c, &["symbol"], &["symbol", "px"], &[]), "cannot order"),
            (table(c, &["symbol", "symbol"], &[], &[]), "twice"),
            (table("a INT, A INT", &[], &[], &[]), "one name"),
            (table("_lake_x INT", &[], &[], &[]), "ours"),
            (table("\"\" INT", &[], &[], &[]), "column name"),
        ] {
            assert!(result.unwrap_err().0.contains(word), "{word}");
        }
        for name in ["", "1a", "a-b", "../x", "a b", "lake", &"x".repeat(65)] {
            assert!(check_table_name(name).is_err(), "{name}");
        }
    }
}
