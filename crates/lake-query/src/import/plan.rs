//! How the lake is to hold a table of a DuckDB file: types, partition, key and order.

use lake_cli::Failure;
use lake_core::sqltype::parse_type;
use lake_core::types::{Type, quoted};
use lake_engine::{BaseTable, Database, EngineError, held_type};

use crate::texts::texts;

/// Columns that mostly hold symbols, the surest first.
const SYMBOLS: [&str; 10] = [
    "symbol",
    "ticker",
    "ts_code",
    "stock_code",
    "sec_code",
    "code",
    "secid",
    "instrument",
    "isin",
    "ric",
];

/// `--cast COLUMN=TYPE` or `--cast TABLE.COLUMN=TYPE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cast {
    column: String,
    ty: Type,
}

pub(crate) fn cast(text: &str) -> Result<Cast, String> {
    let (column, ty) = text.split_once('=').ok_or("such as volume=BIGINT")?;
    let ty = parse_type(ty).map_err(|error| error.to_string())?;
    Ok(Cast { column: column.to_owned(), ty })
}

/// What the command line says of every table that is imported.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'a> {
    pub(crate) partition_by: Option<&'a [String]>,
    pub(crate) key: Option<&'a [String]>,
    pub(crate) casts: &'a [Cast],
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) table: BaseTable,
    pub(crate) columns: Vec<Planned>,
    pub(crate) partition_by: Vec<String>,
    pub(crate) key: Vec<String>,
    pub(crate) order_by: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Planned {
    name: String,
    ty: Type,
    /// The file has another type.
    cast: bool,
    not_null: bool,
}

/// The columns of all tables that the lake cannot hold.
pub(crate) fn refuse_unheld(tables: &[&BaseTable], casts: &[Cast]) -> Result<(), Failure> {
    let mut unheld: Vec<(String, &str)> = Vec::new();
    for table in tables {
        for column in &table.columns {
            if said(table, &column.name, casts).is_none()
                && parse_type(&held_type(&column.ty)).is_err()
            {
                unheld.push((format!("{}.{}", table.shown(), column.name), &column.ty));
            }
        }
    }
    let Some((first, _)) = unheld.first() else { return Ok(()) };
    let list: Vec<String> = unheld.iter().map(|(name, ty)| format!("{name} is {ty}")).collect();
    let message = format!("the lake does not hold the types of: {}", list.join(", "));
    Err(Failure::bad_input(message).hint(format!(
        "say what each is to become, such as --cast \"{first}=BIGINT\" (or DOUBLE, \
         \"DECIMAL(38,0)\", VARCHAR)"
    )))
}

fn said<'c>(table: &BaseTable, column: &str, casts: &'c [Cast]) -> Option<&'c Type> {
    let full = format!("{}.{column}", table.shown());
    let found = casts.iter().find(|c| c.column == full);
    found.or_else(|| casts.iter().find(|c| c.column == column)).map(|c| &c.ty)
}

impl Plan {
    /// Keys that the table does not promise are looked for in its rows.
    pub(crate) fn of(table: BaseTable, given: Given<'_>, file: &Database) -> Result<Plan, Failure> {
        let columns: Vec<Planned> = table
            .columns
            .iter()
            .map(|column| {
                let held = held_type(&column.ty);
                let ty = match said(&table, &column.name, given.casts) {
                    Some(ty) => ty.clone(),
                    None => parse_type(&held).map_err(|e| Failure::bad_input(e.to_string()))?,
                };
                // A zone is no type: Arrow carries the instants, and the writer knows UTC.
                let zone = column.ty == "TIMESTAMP WITH TIME ZONE" && ty == Type::Timestamp;
                let cast = !zone && ty.to_string() != column.ty;
                Ok(Planned { name: column.name.clone(), ty, cast, not_null: column.not_null })
            })
            .collect::<Result<_, Failure>>()?;
        let mut plan = Plan {
            table,
            columns,
            partition_by: Vec::new(),
            key: Vec::new(),
            order_by: Vec::new(),
        };
        plan.partition_by = match given.partition_by {
            Some(names) => plan.known(names)?,
            None => plan.symbol().into_iter().collect(),
        };
        plan.key = match given.key {
            Some(names) => plan.known(names)?,
            None => plan.proposed_key(file).map_err(crate::failure::of_engine)?,
        };
        if plan.key.is_empty() {
            plan.order_by = plan.times().into_iter().take(1).collect();
        }
        Ok(plan)
    }

    /// The columns of these names, as the table spells them. An empty name is none.
    fn known(&self, names: &[String]) -> Result<Vec<String>, Failure> {
        let names = names.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
        names
            .map(|name| {
                let found = self.columns.iter().find(|c| c.name.eq_ignore_ascii_case(name));
                found.map(|c| c.name.clone()).ok_or_else(|| {
                    let shown = self.table.shown();
                    Failure::bad_input(format!("table {shown} has no column {name:?}"))
                        .hint("import tables of other columns by themselves, with --table")
                })
            })
            .collect()
    }

    fn symbol(&self) -> Option<String> {
        let texts = || self.columns.iter().filter(|c| c.ty == Type::Varchar);
        let named = |name: &&str| texts().find(|c| c.name.eq_ignore_ascii_case(name));
        SYMBOLS.iter().find_map(named).map(|c| c.name.clone())
    }

    /// The columns that say when, in order.
    fn times(&self) -> Vec<String> {
        let times = [Type::Date, Type::Timestamp, Type::Time];
        let columns =
            self.columns.iter().filter(|c| times.contains(&c.ty) && !c.name.contains(','));
        columns.map(|c| c.name.clone()).collect()
    }

    /// What the table declares, or else its symbol with the first date, or with all of
    /// them, where no two rows share it: a key that they share would lose rows.
    fn proposed_key(&self, file: &Database) -> Result<Vec<String>, EngineError> {
        let with_symbol = |more: &[String]| {
            let mut key = self.partition_by.clone();
            key.extend(more.iter().filter(|name| !self.partition_by.contains(name)).cloned());
            key
        };
        // A comma stands between names on a command line.
        let orders = |name: &String| {
            let column = self.columns.iter().find(|c| c.name == *name);
            column.is_some_and(|c| c.ty.can_be_key()) && !name.contains(',')
        };
        if let Some(unique) = self.table.unique.iter().find(|key| key.iter().all(orders)) {
            // A declared key without the symbol is one with it, too; UNIQUE lets NULLs in.
            let key = with_symbol(unique);
            if self.identifies(&key, file)? {
                return Ok(key);
            }
        }
        let times = self.times();
        for more in [times.get(..1), Some(&times[..]).filter(|t| t.len() > 1)] {
            let Some(more) = more else { continue };
            let key = with_symbol(more);
            if self.identifies(&key, file)? {
                return Ok(key);
            }
        }
        Ok(Vec::new())
    }

    /// Whether every row has these columns, and no two the same.
    fn identifies(&self, key: &[String], file: &Database) -> Result<bool, EngineError> {
        let names: Vec<String> = key.iter().map(|name| quoted(name)).collect();
        let null: Vec<String> = names.iter().map(|name| format!("{name} IS NULL")).collect();
        let rows = self.select(file.name());
        let ask = format!(
            "SELECT CAST(NOT EXISTS (FROM ({rows}) WHERE {}) AND NOT EXISTS (SELECT 1 FROM ({rows}) \
             GROUP BY {} HAVING count(*) > 1) AS VARCHAR)",
            null.join(" OR "),
            names.join(", ")
        );
        let answer = texts(&mut file.query(&ask)?)?;
        Ok(answer.iter().flatten().flatten().any(|text| text == "true"))
    }

    /// The columns as `lake-writer create` takes them.
    pub(crate) fn schema(&self) -> String {
        let column = |c: &Planned| {
            let not_null = if c.not_null { " NOT NULL" } else { "" };
            format!("{} {}{not_null}", quoted(&c.name), c.ty)
        };
        self.columns.iter().map(column).collect::<Vec<_>>().join(", ")
    }

    /// The rows as the lake is to hold them, from the database of that name.
    pub(crate) fn select(&self, database: &str) -> String {
        let column = |c: &Planned| {
            let name = quoted(&c.name);
            if c.cast { format!("CAST({name} AS {}) AS {name}", c.ty) } else { name }
        };
        let columns: Vec<String> = self.columns.iter().map(column).collect();
        format!("SELECT {} FROM {}", columns.join(", "), self.table.spelled(database))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|c| c.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use lake_engine::BaseColumn;

    use super::*;

    #[test]
    fn what_the_lake_cannot_hold_is_told_at_once() {
        let column =
            |name: &str, ty: &str| BaseColumn { name: name.into(), ty: ty.into(), not_null: false };
        let table = BaseTable {
            schema: "main".into(),
            name: "bars".into(),
            columns: vec![
                column("volume", "HUGEINT"),
                column("e", "ENUM('a')"),
                column("i", "INTERVAL"),
            ],
            ..BaseTable::default()
        };
        let message = |casts: &[&str]| {
            let casts: Vec<Cast> = casts.iter().map(|c| cast(c).unwrap()).collect();
            refuse_unheld(&[&table], &casts).map_err(|f| f.message)
        };
        let error = message(&[]).unwrap_err();
        assert!(error.contains("bars.volume is HUGEINT, bars.i is INTERVAL"), "{error}");
        let error = message(&["volume=BIGINT"]).unwrap_err();
        assert!(error.ends_with(": bars.i is INTERVAL"), "{error}");
        assert_eq!(message(&["bars.volume=DECIMAL(38,0)", "i=VARCHAR"]), Ok(()));
        assert!(cast("volume").is_err() && cast("volume=HUGEINT").is_err());
    }
}
