//! A query whose text says what it wants of its one table, such as `SELECT avg(close) FROM
//! bars WHERE symbol = 'A' AND date >= '2026-01-01'`. To have DuckDB plan it would take as
//! long as to run it, and tell no more.
//!
//! What is not surely such a query is none: it is planned.

use chrono::{NaiveDate, NaiveDateTime};
use lake_core::state::Table;
use lake_core::types::Type;
use lake_core::value::Value;
use serde_json::Value as Json;

use super::cond::{Cond, Op, Test};

/// Functions that the log or a few files may answer, by how they begin.
const TELLING: [&str; 8] = ["any_value", "approx", "arg_", "count", "first", "last", "max", "min"];
/// Those that need all rows, so that nothing is gained for the others beside them.
const NEEDING: [&str; 5] = ["avg", "mean", "median", "stddev", "sum"];

/// The condition that a parse tree puts on a table that SQL calls `name`; None: the query
/// is to be planned.
pub(crate) fn cond(tree: &Json, name: &str, table: &Table) -> Option<Cond> {
    let [statement] = list(tree, "statements") else { return None };
    let select = &statement["node"];
    let from = &select["from_table"];
    let is = |field: &str, text: &str| from[field].as_str() == Some(text);
    let plain = select["type"] == "SELECT_NODE"
        && select["aggregate_handling"] == "STANDARD_HANDLING"
        && is("type", "BASE_TABLE")
        && is("schema_name", "")
        && is("catalog_name", "")
        && from["table_name"].as_str()?.eq_ignore_ascii_case(name)
        && [&from["sample"], &from["at_clause"]].iter().all(|what| what.is_null())
        && ["sample", "qualify"].iter().all(|clause| select[clause].is_null())
        && list(&select["cte_map"], "map").is_empty()
        && ["group_expressions", "group_sets"].iter().all(|of| list(select, of).is_empty())
        && list(from, "column_name_alias").is_empty()
        && list(select, "modifiers").iter().all(|m| m["type"] == "ORDER_MODIFIER")
        && !tells_more(select);
    if !plain {
        return None;
    }
    let alias = from["alias"].as_str().filter(|alias| !alias.is_empty()).unwrap_or(name);
    let named = list(select, "select_list").iter().filter_map(|item| item["alias"].as_str());
    let scope = Scope { table, alias, named: named.collect() };
    match &select["where_clause"] {
        Json::Null => Some(Cond::Anything),
        filter => scope.cond(filter),
    }
}

/// Whether there is another query in it, or no more than functions that need few rows.
fn tells_more(select: &Json) -> bool {
    let mut functions = Vec::new();
    let begins = |function: &String, of: &[&str]| of.iter().any(|name| function.starts_with(name));
    !calls(select, &mut functions)
        || (functions.iter().any(|f| begins(f, &TELLING))
            && !functions.iter().any(|f| begins(f, &NEEDING)))
}

/// The functions that a tree calls. False: there is a window or another query in it.
fn calls(tree: &Json, functions: &mut Vec<String>) -> bool {
    match tree {
        Json::Object(fields) => {
            let text = |name: &str| fields.get(name).and_then(Json::as_str).unwrap_or_default();
            functions.push(text("function_name").to_ascii_lowercase());
            !["SUBQUERY", "WINDOW"].contains(&text("class"))
                && fields.values().all(|value| calls(value, functions))
        }
        Json::Array(items) => items.iter().all(|item| calls(item, functions)),
        _ => true,
    }
}

fn list<'j>(node: &'j Json, field: &str) -> &'j [Json] {
    node[field].as_array().map_or(&[], Vec::as_slice)
}

struct Scope<'t> {
    table: &'t Table,
    alias: &'t str,
    /// Names of results, which a filter may mean where it means no column.
    named: Vec<&'t str>,
}

impl Scope<'_> {
    fn cond(&self, expr: &Json) -> Option<Cond> {
        let children = list(expr, "children");
        let kind = expr["type"].as_str()?;
        match (expr["class"].as_str()?, kind) {
            ("CONJUNCTION", "CONJUNCTION_AND") => {
                let conds: Option<Vec<_>> = children.iter().map(|c| self.cond(c)).collect();
                Some(Cond::all(conds?))
            }
            ("CONJUNCTION", "CONJUNCTION_OR") => {
                let conds: Option<Vec<_>> = children.iter().map(|c| self.cond(c)).collect();
                Some(Cond::some(conds?))
            }
            ("COMPARISON", _) => {
                let (column, ty) = self.column(&expr["left"])?;
                let value = constant(&expr["right"], ty)?;
                Some(Cond::Of(column, Test::Is(op(kind)?, value)))
            }
            ("BETWEEN", "COMPARE_BETWEEN") => {
                let (column, ty) = self.column(&expr["input"])?;
                let end = |op, end| Some(Cond::Of(column, Test::Is(op, constant(&expr[end], ty)?)));
                let (low, high) =
                    (end(Op::GreaterOrEqual, "lower")?, end(Op::LessOrEqual, "upper")?);
                Some(Cond::all([low, high]))
            }
            ("OPERATOR", "COMPARE_IN") => {
                let (value, values) = children.split_first()?;
                let (column, ty) = self.column(value)?;
                let values: Option<Vec<_>> = values.iter().map(|v| constant(v, ty)).collect();
                Some(Cond::Of(column, Test::In(values?)))
            }
            _ => None,
        }
    }

    /// The place and the type of a column of the table.
    fn column(&self, expr: &Json) -> Option<(usize, &Type)> {
        if expr["class"] != "COLUMN_REF" {
            return None;
        }
        let fields = &self.table.schema().fields;
        let place = |name: &str| fields.iter().position(|f| f.name.eq_ignore_ascii_case(name));
        let name = match list(expr, "column_names") {
            [name] => name.as_str()?,
            // Of a column that is called so it would be a field.
            [alias, name]
                if alias.as_str()?.eq_ignore_ascii_case(self.alias)
                    && place(self.alias).is_none() =>
            {
                name.as_str()?
            }
            _ => return None,
        };
        if self.named.iter().any(|named| named.eq_ignore_ascii_case(name)) {
            return None;
        }
        let at = place(name)?;
        Some((at, &fields[at].ty))
    }
}

fn op(kind: &str) -> Option<Op> {
    Some(match kind {
        "COMPARE_EQUAL" => Op::Equal,
        "COMPARE_LESSTHAN" => Op::Less,
        "COMPARE_LESSTHANOREQUALTO" => Op::LessOrEqual,
        "COMPARE_GREATERTHAN" => Op::Greater,
        "COMPARE_GREATERTHANOREQUALTO" => Op::GreaterOrEqual,
        _ => return None,
    })
}

/// A literal as DuckDB casts it to the type of the column that it is compared with, or one
/// with that type before it.
fn constant(expr: &Json, ty: &Type) -> Option<Value> {
    let literal = match expr["class"].as_str()? {
        "CONSTANT" => expr,
        "CAST" if expr["try_cast"] == Json::Bool(false) => {
            let named = expr["type_expr"]["type_name"].as_str()?;
            let same = matches!((named, ty), ("DATE", Type::Date) | ("TIMESTAMP", Type::Timestamp));
            same.then_some(&expr["child"]).filter(|child| child["class"] == "CONSTANT")?
        }
        _ => return None,
    };
    let text = literal["literal"]["text"].as_str()?;
    match (literal["literal"]["kind"].as_str()?, ty) {
        ("STRING", Type::Varchar) => Some(Value::Text(text.into())),
        ("STRING", Type::Date) => Some(Value::Date(days(text)?)),
        ("STRING", Type::Timestamp) => Some(Value::Timestamp(micros(text)?)),
        ("INTEGER", Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64) => {
            Some(Value::Int(text.parse().ok()?))
        }
        _ => None,
    }
}

const DATE: &[u8] = b"0000-00-00";
const TIMESTAMP: &[u8] = b"0000-00-00 00:00:00";

/// Whether a text has this form.
fn is(text: &str, form: &[u8]) -> bool {
    let alike = |(c, f): (&u8, &u8)| if *f == b'0' { c.is_ascii_digit() } else { c == f };
    text.len() == form.len() && text.as_bytes().iter().zip(form).all(alike)
}

/// Of a date that is written in full; DuckDB reads others, too.
fn days(text: &str) -> Option<i32> {
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1)?;
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| is(text, DATE))?;
    i32::try_from(date.signed_duration_since(epoch).num_days()).ok()
}

fn micros(text: &str) -> Option<i64> {
    match text.len() {
        10 => Some(i64::from(days(text)?) * 86_400_000_000),
        19 if is(text, TIMESTAMP) && !text.ends_with(":60") => {
            let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?;
            Some(time.and_utc().timestamp_micros())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use duckdb::Connection;
    use lake_core::schema::TableDef;
    use lake_core::sqltype::parse_columns;

    use super::*;
    use crate::gate;

    fn asked(sql: &str) -> Option<String> {
        let columns = "symbol VARCHAR, d DATE, n BIGINT, ts TIMESTAMP, px DOUBLE";
        let columns = parse_columns(columns).unwrap();
        let by = ["symbol".to_owned()];
        let def = TableDef::new("bars", &columns, &by, &[], &["d".into()]).unwrap();
        let table = Table { def, parts: Default::default() };
        let connection = Connection::open_in_memory().unwrap();
        let tree = gate::check(&connection, sql).unwrap();
        let names = ["symbol", "d", "n", "ts", "px"];
        cond(&tree, "bars", &table).map(|cond| cond.text(&names))
    }

    #[test]
    fn a_text_says_what_it_wants() {
        for (sql, wants) in [
            ("FROM bars", "true"),
            ("SELECT count(*), Sum(n), max(d) FROM bars WHERE symbol = 'A'", "\"symbol\" = 'A'"),
            ("SELECT avg(px), sum(n) FROM bars WHERE symbol = 'A''s'", "\"symbol\" = 'A''s'"),
            ("FROM Bars b WHERE B.SYMBOL IN ('A', 'B')", "\"symbol\" IN ('A', 'B')"),
            (
                "FROM bars WHERE symbol = 'A' AND d BETWEEN '2026-01-02' AND DATE '2026-03-04'",
                "(\"symbol\" = 'A' AND \"d\" >= '2026-01-02' AND \"d\" <= '2026-03-04')",
            ),
            ("FROM bars WHERE bars.d < '1969-12-31' ORDER BY n", "\"d\" < '1969-12-31'"),
            ("FROM bars WHERE ts > '2026-01-02 03:04:05'", "\"ts\" > '2026-01-02T03:04:05'"),
            ("FROM bars WHERE ts <= TIMESTAMP '2026-01-02'", "\"ts\" <= '2026-01-02T00:00:00'"),
            ("FROM bars WHERE n >= -5 OR symbol > 'A'", "(\"n\" >= -5 OR \"symbol\" > 'A')"),
        ] {
            assert_eq!(asked(sql).as_deref(), Some(wants), "{sql}");
        }
    }

    #[test]
    fn what_is_not_surely_such_a_query_is_planned() {
        for sql in [
            "SELECT count(*) FROM bars WHERE symbol = 'A'",
            "SELECT MAX(d) FROM bars",
            "SELECT DISTINCT symbol FROM bars",
            "SELECT symbol FROM bars GROUP BY symbol",
            "SELECT symbol, avg(px) FROM bars GROUP BY ALL",
            "FROM bars WHERE symbol = 'A' ORDER BY d DESC LIMIT 1",
            "FROM bars WHERE symbol = 'A' QUALIFY row_number() OVER (ORDER BY d) = 1",
            "FROM bars TABLESAMPLE 10%",
            "FROM bars WHERE symbol = 'A' AND px > 3",
            "FROM bars WHERE symbol = 'A' AND NOT n = 5",
            "FROM bars WHERE symbol = 600519",
            "FROM bars WHERE symbol = NULL",
            "FROM bars WHERE d = '2026-1-2'",
            "FROM bars WHERE d = '2026-02-30'",
            "FROM bars WHERE ts = '2026-01-02 03:04:60'",
            "FROM bars WHERE ts = DATE '2026-01-02'",
            "FROM bars WHERE d > TIMESTAMP '2026-01-02 03:04:05'",
            "FROM bars WHERE n = 5.5",
            "FROM bars WHERE n = 9223372036854775808",
            "FROM bars WHERE lower(symbol) = 'a'",
            "FROM bars AS n(symbol) WHERE symbol = 'A'",
            "FROM bars AS d WHERE d.symbol = 'A'",
            "SELECT upper(symbol) AS symbol FROM bars WHERE symbol = 'A'",
            "SELECT symbol AS s FROM bars WHERE s = 'A'",
            "FROM bars WHERE symbol = (SELECT 'A')",
            "SELECT (SELECT 1) FROM bars",
            "WITH bars AS (SELECT 'A' AS symbol) FROM bars WHERE symbol = 'B'",
            "FROM bars a, bars b WHERE symbol = 'A'",
            "FROM memory.bars WHERE symbol = 'A'",
            "FROM funds WHERE symbol = 'A'",
            "FROM bars UNION ALL FROM bars",
            "FROM (FROM bars) WHERE symbol = 'A'",
        ] {
            assert_eq!(asked(sql), None, "{sql}");
        }
    }
}
