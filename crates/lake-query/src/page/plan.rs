//! A question and its order as the SQL of one page.

use lake_cli::Failure;
use lake_cli::render::Cell;
use lake_core::schema::TableDef;
use lake_core::types::quoted;
use lake_engine::{Column, Described, Mounted, Query, literal};

use super::{OrderBy, Place};
use crate::failure::of_engine;
use crate::sink::each_row;

/// What is paged.
pub(crate) enum Source<'a> {
    Table(&'a TableDef),
    Sql(&'a str),
}

/// Whoever gets the rows of a page.
pub(crate) trait Paper {
    fn begin(&mut self, columns: &[Column]) -> Result<(), Failure>;
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), Failure>;
}

pub(crate) struct Plan {
    from: String,
    columns: Vec<Described>,
    keys: Vec<Key>,
}

/// One expression of the order.
struct Key {
    expression: String,
    ty: String,
    descending: bool,
    nullable: bool,
}

/// Types whose values have one text each, which a cast reads back equal.
const ORDERED: [&str; 24] = [
    "BOOLEAN",
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
    "DATE",
    "TIME",
    "TIME_NS",
    "TIMESTAMP",
    "TIMESTAMP_S",
    "TIMESTAMP_MS",
    "TIMESTAMP_NS",
    "VARCHAR",
    "BLOB",
    "UUID",
];

/// Those of them whose hashes say whether they are equal: that of a HUGEINT folds -1 and
/// 0 into one.
const HASHED: [&str; 14] = [
    "BOOLEAN",
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "FLOAT",
    "DOUBLE",
    "DATE",
    "TIMESTAMP",
    "VARCHAR",
];

impl Plan {
    pub(crate) fn new(
        mounted: &mut Mounted,
        source: &Source<'_>,
        order: &OrderBy,
    ) -> Result<Plan, Failure> {
        let (from, sql) = match source {
            Source::Table(def) => (quoted(&def.name), format!("FROM {}", quoted(&def.name))),
            // A comment at its end must not swallow the parenthesis.
            Source::Sql(sql) => {
                (format!("(\n{}\n)", sql.trim().trim_end_matches(';')), (*sql).to_owned())
            }
        };
        let columns = mounted.describe(&sql).map_err(of_engine)?;
        let own: Vec<String> = (0..columns.len()).map(|i| format!("c{i}")).collect();
        let from = format!("{from} AS _lake_q({})", own.join(", "));
        let mut keys = Vec::new();
        let mut ordered = Vec::new();
        for by in &order.0 {
            let at = find(&columns, &by.name)?;
            if ordered.contains(&at) {
                return Err(Failure::bad_input(format!("--order-by names {:?} twice", by.name)));
            }
            keys.push(key(&columns, at, by.descending, source)?);
            ordered.push(at);
        }
        match source {
            Source::Table(def) if !def.key.is_empty() => {
                let names = def.key.iter().filter_map(|id| def.schema().by_id(*id));
                for name in names.map(|field| &field.name) {
                    let at = find(&columns, name)?;
                    if !ordered.contains(&at) {
                        keys.push(key(&columns, at, false, source)?);
                    }
                }
            }
            _ => keys.push(whole_row(&columns)),
        }
        Ok(Plan { from, columns, keys })
    }

    /// The page after a place, and one row more, from which is seen whether there is
    /// another page.
    pub(crate) fn after(&self, place: Option<&Place>, limit: u64) -> Result<String, Failure> {
        let (filter, given) = match place {
            None => (String::new(), 0),
            Some(place) if place.last.len() != self.keys.len() => {
                return Err(Failure::bad_input("the page token is of another order"));
            }
            Some(place) => (format!(" WHERE {}", self.onwards(place)), place.given),
        };
        Ok(format!("{}{filter}{} OFFSET {given}", self.select(), self.ordered(limit)))
    }

    /// A page by its number, counted from 1.
    pub(crate) fn numbered(&self, page: u64, limit: u64) -> Result<String, Failure> {
        let offset = (page - 1).checked_mul(limit).filter(|n| i64::try_from(*n).is_ok());
        let offset = offset.ok_or_else(|| Failure::bad_input(format!("no page {page}")))?;
        Ok(format!("{}{} OFFSET {offset}", self.select(), self.ordered(limit)))
    }

    pub(crate) fn count(&self) -> String {
        format!("SELECT count(*) FROM {}", self.from)
    }

    fn select(&self) -> String {
        let visible = self.columns.iter().enumerate();
        let visible = visible.map(|(i, c)| format!("_lake_q.c{i} AS {}", quoted(&c.name)));
        let keys = self.keys.iter().enumerate();
        let keys =
            keys.map(|(i, key)| format!("CAST({} AS VARCHAR) AS _lake_k{i}", key.one_text()));
        let all: Vec<String> = visible.chain(keys).collect();
        format!("SELECT {} FROM {}", all.join(", "), self.from)
    }

    fn ordered(&self, limit: u64) -> String {
        let way = |key: &Key| if key.descending { "DESC" } else { "ASC" };
        let by = self.keys.iter().map(|key| format!("{} {} NULLS LAST", key.expression, way(key)));
        let by: Vec<String> = by.collect();
        format!(" ORDER BY {} LIMIT {}", by.join(", "), limit.saturating_add(1))
    }

    /// Rows that do not come before a place. The bound of the first column is said once
    /// more by itself: that is what files are skipped by.
    fn onwards(&self, place: &Place) -> String {
        let mut filter = String::new();
        for (key, value) in self.keys.iter().zip(&place.last).rev() {
            filter = key.onwards(value.as_deref(), &filter);
        }
        match (self.keys.first(), place.last.first()) {
            (Some(key), Some(value)) if self.keys.len() > 1 => {
                format!("{} AND {filter}", key.onwards(value.as_deref(), ""))
            }
            _ => filter,
        }
    }

    /// Gives the rows of a page to the paper; returns how many there are, and the place
    /// where the next page goes on if there is one.
    pub(crate) fn read(
        &self,
        query: &mut Query<'_>,
        after: Option<&Place>,
        limit: u64,
        paper: &mut dyn Paper,
    ) -> Result<(u64, Option<Place>), Failure> {
        let rows = query.rows().map_err(of_engine)?;
        let columns = rows.columns.clone();
        let visible = self.columns.len();
        paper.begin(columns.get(..visible).unwrap_or(&columns))?;
        let (mut count, mut more, mut place) = (0, false, Place::default());
        for batch in rows {
            let batch = batch.map_err(of_engine)?;
            each_row(&batch, &columns, |cells| {
                if count == limit {
                    more = true;
                    return Ok(());
                }
                let (own, keys) = cells.split_at(visible.min(cells.len()));
                let last: Vec<Option<String>> = keys.iter().map(text).collect();
                if last == place.last {
                    place.given += 1;
                } else {
                    place = Place { last, given: 1 };
                }
                count += 1;
                paper.row(own)
            })?;
        }
        // Where the whole page is of the same values as the row before it.
        if let Some(after) = after.filter(|after| place.given == count && after.last == place.last)
        {
            place.given += after.given;
        }
        Ok((count, more.then_some(place)))
    }
}

fn text(cell: &Cell<'_>) -> Option<String> {
    match cell {
        Cell::Null => None,
        other => Some(other.plain().into_owned()),
    }
}

impl Key {
    /// Zero has two signs and is one value.
    fn one_text(&self) -> String {
        let Key { expression, ty, .. } = self;
        match ty.as_str() {
            "FLOAT" | "DOUBLE" => {
                format!("CASE WHEN {expression} = 0 THEN CAST(0 AS {ty}) ELSE {expression} END")
            }
            _ => expression.clone(),
        }
    }

    /// Rows that come after a value here, or are equal here and `then`.
    fn onwards(&self, value: Option<&str>, then: &str) -> String {
        let Key { expression, ty, .. } = self;
        let and = if then.is_empty() { String::new() } else { format!(" AND {then}") };
        let Some(value) = value else {
            return format!("({expression} IS NULL{and})");
        };
        let value = constant(value, ty);
        let way = if self.descending { "<" } else { ">" };
        let null = match self.nullable {
            true => format!(" OR {expression} IS NULL"),
            false => String::new(),
        };
        match then.is_empty() {
            true => format!("({expression} {way}= {value}{null})"),
            false => {
                format!("({expression} {way} {value}{null} OR ({expression} = {value}{and}))")
            }
        }
    }
}

/// A zero byte ends a statement, also in a text.
fn constant(text: &str, ty: &str) -> String {
    let parts: Vec<String> = text.split('\0').map(literal).collect();
    format!("CAST({} AS {ty})", parts.join(" || chr(0) || "))
}

/// SQL's names have no case, unless two differ in nothing else.
fn find(columns: &[Described], name: &str) -> Result<usize, Failure> {
    let matching = |same: &dyn Fn(&str) -> bool| -> Vec<usize> {
        (0..columns.len()).filter(|i| same(&columns[*i].name)).collect()
    };
    let lower = name.to_lowercase();
    let exact = matching(&|own| own == name);
    let found = if exact.is_empty() { matching(&|own| own.to_lowercase() == lower) } else { exact };
    match found.as_slice() {
        [one] => Ok(*one),
        [] => {
            let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
            Err(Failure::bad_input(format!("there is no column {name:?} to order by"))
                .hint(format!("the columns are: {}", names.join(", "))))
        }
        _ => Err(Failure::bad_input(format!("several columns are called {name:?}"))
            .hint("give each a name of its own with AS")),
    }
}

fn key(
    columns: &[Described],
    at: usize,
    descending: bool,
    source: &Source<'_>,
) -> Result<Key, Failure> {
    let Described { name, ty } = &columns[at];
    let orders = is_one_of(ty, &ORDERED) || ty.starts_with("ENUM(") && !ty.ends_with(']');
    if !orders {
        return Err(Failure::bad_input(format!("cannot page by {name:?}, which is {ty}"))
            .hint("order by columns of numbers, texts or times"));
    }
    let not_null = match source {
        Source::Table(def) => def.schema().field(name).is_some_and(|field| field.not_null),
        Source::Sql(_) => false,
    };
    let (expression, ty) = (format!("_lake_q.c{at}"), ty.clone());
    Ok(Key { expression, ty, descending, nullable: !not_null })
}

fn is_one_of(ty: &str, types: &[&str]) -> bool {
    !ty.ends_with(']') && types.contains(&ty.split('(').next().unwrap_or_default())
}

/// What tells rows apart that are equal in all that the caller names.
fn whole_row(columns: &[Described]) -> Key {
    let columns = columns.iter().enumerate();
    let parts = columns.map(|(i, column)| match is_one_of(&column.ty, &HASHED) {
        true => format!("_lake_q.c{i}"),
        false => format!("CAST(_lake_q.c{i} AS VARCHAR)"),
    });
    let expression = format!("hash({})", parts.collect::<Vec<_>>().join(", "));
    Key { expression, ty: "UBIGINT".into(), descending: false, nullable: false }
}
