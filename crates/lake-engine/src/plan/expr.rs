//! A filter of a plan, which is JSON, as a condition on one scan.

use lake_core::types::quoted;
use lake_core::value::Value;
use serde_json::Value as Json;

use super::cond::{Cond, Op, SUBJECT, Test};
use crate::literal::literal;

/// Functions whose value depends on their arguments alone, all of which are in the
/// plan.
const PURE: &[&str] = &[
    "!~~",
    "!~~*",
    "%",
    "*",
    "+",
    "-",
    "/",
    "//",
    "^@",
    "abs",
    "array_extract",
    "array_slice",
    "ascii",
    "chr",
    "concat",
    "concat_ws",
    "contains",
    "ends_with",
    "fmod",
    "greatest",
    "hash",
    "ilike_escape",
    "instr",
    "lcase",
    "least",
    "left",
    "len",
    "length",
    "like_escape",
    "lower",
    "lpad",
    "ltrim",
    "md5",
    "mod",
    "not_ilike_escape",
    "not_like_escape",
    "ord",
    "position",
    "prefix",
    "regexp_extract",
    "regexp_full_match",
    "regexp_matches",
    "regexp_replace",
    "repeat",
    "replace",
    "reverse",
    "right",
    "rpad",
    "rtrim",
    "split_part",
    "starts_with",
    "strip_accents",
    "strlen",
    "strpos",
    "substr",
    "substring",
    "suffix",
    "translate",
    "trim",
    "ucase",
    "unicode",
    "upper",
    "||",
    "~~",
    "~~*",
    "~~~",
];

/// Types that a cast in an expression may name.
const PLAIN: &[&str] = &[
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
    "FLOAT",
    "DOUBLE",
    "VARCHAR",
    "DATE",
    "TIMESTAMP",
    "TIME",
];

/// What an expression's reference stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// A column of the scan that is asked for.
    Column(usize),
    /// Something else.
    Other,
}

/// The condition that an expression puts on the scan.
pub(crate) fn cond(expr: &Json, slot: &dyn Fn(u64) -> Slot) -> Cond {
    let children = children(expr);
    match kind(expr) {
        "CONJUNCTION_AND" => Cond::all(children.iter().map(|c| cond(c, slot))),
        "CONJUNCTION_OR" => Cond::some(children.iter().map(|c| cond(c, slot))),
        "COMPARE_BETWEEN" => between(expr, slot),
        "COMPARE_IN" => member(children, slot).unwrap_or_else(|| sql(expr, slot)),
        other => match op(other) {
            Some(op) => comparison(op, children, slot).unwrap_or_else(|| sql(expr, slot)),
            None => prefix(expr, slot).unwrap_or_else(|| sql(expr, slot)),
        },
    }
}

/// Whether the condition says all that the expression does.
pub(crate) fn exact(expr: &Json, slot: &dyn Fn(u64) -> Slot) -> bool {
    let children = children(expr);
    match kind(expr) {
        "CONJUNCTION_AND" | "CONJUNCTION_OR" => children.iter().all(|c| exact(c, slot)),
        "COMPARE_BETWEEN" if column(&expr["children"][0], slot).is_some() => {
            children.iter().skip(1).all(|end| constant(end).is_some())
        }
        _ => cond(expr, slot) != Cond::Anything,
    }
}

fn kind(expr: &Json) -> &str {
    expr["type"].as_str().unwrap_or_default()
}

fn class(expr: &Json) -> &str {
    expr["expression_class"].as_str().unwrap_or_default()
}

fn children(expr: &Json) -> &[Json] {
    expr["children"].as_array().map_or(&[], Vec::as_slice)
}

fn function(expr: &Json) -> &str {
    let path = expr["qname"]["path"].as_array().and_then(|p| p.last());
    path.and_then(Json::as_str).unwrap_or_default()
}

fn op(kind: &str) -> Option<Op> {
    Some(match kind {
        "COMPARE_EQUAL" | "COMPARE_NOT_DISTINCT_FROM" => Op::Equal,
        "COMPARE_LESSTHAN" => Op::Less,
        "COMPARE_LESSTHANOREQUALTO" => Op::LessOrEqual,
        "COMPARE_GREATERTHAN" => Op::Greater,
        "COMPARE_GREATERTHANOREQUALTO" => Op::GreaterOrEqual,
        _ => return None,
    })
}

fn column(expr: &Json, slot: &dyn Fn(u64) -> Slot) -> Option<usize> {
    if class(expr) != "BOUND_REF" {
        return None;
    }
    match slot(expr["index"].as_u64()?) {
        Slot::Column(column) => Some(column),
        Slot::Other => None,
    }
}

fn comparison(op: Op, children: &[Json], slot: &dyn Fn(u64) -> Slot) -> Option<Cond> {
    let [left, right] = children else { return None };
    let test = |place, op, value| Some(Cond::Of(place, Test::Is(op, value)));
    match (column(left, slot), column(right, slot)) {
        (Some(place), None) => test(place, op, constant(right)?),
        (None, Some(place)) => test(place, op.flipped(), constant(left)?),
        _ => None,
    }
}

fn between(expr: &Json, slot: &dyn Fn(u64) -> Slot) -> Cond {
    let [value, low, high] = children(expr) else { return Cond::Anything };
    let inclusive = |end: &str| expr["function_data"][end].as_bool();
    let (Some(with_low), Some(with_high)) =
        (inclusive("lower_inclusive"), inclusive("upper_inclusive"))
    else {
        return Cond::Anything;
    };
    let (above, below) = (
        if with_low { Op::GreaterOrEqual } else { Op::Greater },
        if with_high { Op::LessOrEqual } else { Op::Less },
    );
    let Some(place) = column(value, slot) else { return sql(expr, slot) };
    let end = |op, end: &Json| match constant(end) {
        Some(value) => Cond::Of(place, Test::Is(op, value)),
        None => Cond::Anything,
    };
    Cond::all([end(above, low), end(below, high)])
}

fn member(children: &[Json], slot: &dyn Fn(u64) -> Slot) -> Option<Cond> {
    let (value, list) = children.split_first()?;
    let place = column(value, slot)?;
    let values: Option<Vec<Value>> = list.iter().map(constant).collect();
    Some(Cond::Of(place, Test::In(values?)))
}

/// `starts_with`, and a LIKE pattern as far as it is constant.
fn prefix(expr: &Json, slot: &dyn Fn(u64) -> Slot) -> Option<Cond> {
    let [value, pattern] = children(expr) else { return None };
    let place = column(value, slot)?;
    let Value::Text(pattern) = constant(pattern)? else { return None };
    let prefix = |text: &str| Cond::Of(place, Test::Prefix(text.to_owned()));
    match function(expr) {
        "prefix" | "starts_with" | "^@" => Some(prefix(&pattern)),
        "~~" => {
            let constant = pattern.split(['%', '_']).next().filter(|text| !text.is_empty());
            Some(Cond::all(constant.map(prefix).into_iter().chain([sql(expr, slot)])))
        }
        _ => None,
    }
}

/// An expression that only DuckDB can decide, where it depends on one column.
fn sql(expr: &Json, slot: &dyn Fn(u64) -> Slot) -> Cond {
    let mut only = None;
    match text(expr, slot, &mut only) {
        Some(text) => only.map_or(Cond::Anything, |column| Cond::Of(column, Test::Sql(text))),
        None => Cond::Anything,
    }
}

fn text(expr: &Json, slot: &dyn Fn(u64) -> Slot, only: &mut Option<usize>) -> Option<String> {
    let mut each = |exprs: &[Json]| -> Option<Vec<String>> {
        exprs.iter().map(|e| text(e, slot, only)).collect()
    };
    let children = children(expr);
    let joined = |texts: Vec<String>, sign: &str| format!("({})", texts.join(sign));
    match class(expr) {
        "BOUND_REF" => {
            let column = column(expr, slot)?;
            (*only.get_or_insert(column) == column).then(|| SUBJECT.to_owned())
        }
        "BOUND_CONSTANT" => constant_text(expr),
        "BOUND_CONJUNCTION" => match kind(expr) {
            "CONJUNCTION_AND" => Some(joined(each(children)?, " AND ")),
            "CONJUNCTION_OR" => Some(joined(each(children)?, " OR ")),
            _ => None,
        },
        "BOUND_OPERATOR" => {
            let texts = each(children)?;
            Some(match (kind(expr), texts.as_slice()) {
                ("OPERATOR_NOT", [one]) => format!("(NOT {one})"),
                ("OPERATOR_IS_NULL", [one]) => format!("({one} IS NULL)"),
                ("OPERATOR_IS_NOT_NULL", [one]) => format!("({one} IS NOT NULL)"),
                ("COMPARE_IN", [one, list @ ..]) => format!("({one} IN ({}))", list.join(", ")),
                ("COMPARE_NOT_IN", [one, list @ ..]) => {
                    format!("({one} NOT IN ({}))", list.join(", "))
                }
                ("OPERATOR_COALESCE", all) => format!("coalesce({})", all.join(", ")),
                _ => return None,
            })
        }
        "BOUND_FUNCTION" => called(expr, each(children)?),
        _ => None,
    }
}

fn called(expr: &Json, args: Vec<String>) -> Option<String> {
    let sign = match kind(expr) {
        "COMPARE_EQUAL" => "=",
        "COMPARE_NOTEQUAL" => "<>",
        "COMPARE_LESSTHAN" => "<",
        "COMPARE_LESSTHANOREQUALTO" => "<=",
        "COMPARE_GREATERTHAN" => ">",
        "COMPARE_GREATERTHANOREQUALTO" => ">=",
        "COMPARE_DISTINCT_FROM" => "IS DISTINCT FROM",
        "COMPARE_NOT_DISTINCT_FROM" => "IS NOT DISTINCT FROM",
        "OPERATOR_CAST" => {
            let ty = expr["return_type"]["id"].as_str().filter(|id| PLAIN.contains(id))?;
            let cast = match expr["function_data"]["try_cast"].as_bool()? {
                true => "TRY_CAST",
                false => "CAST",
            };
            let [arg] = args.as_slice() else { return None };
            return Some(format!("{cast}({arg} AS {ty})"));
        }
        "COMPARE_BETWEEN" => {
            let sign = |end: &str, strict, loose| {
                expr["function_data"][end].as_bool().map(|with| if with { loose } else { strict })
            };
            let (above, below) =
                (sign("lower_inclusive", ">", ">=")?, sign("upper_inclusive", "<", "<=")?);
            let [value, low, high] = args.as_slice() else { return None };
            return Some(format!("({value} {above} {low} AND {value} {below} {high})"));
        }
        "BOUND_FUNCTION" => {
            let name = Some(function(expr)).filter(|name| PURE.contains(name))?;
            return Some(format!("{}({})", quoted(name), args.join(", ")));
        }
        _ => return None,
    };
    let [left, right] = args.as_slice() else { return None };
    Some(format!("({left} {sign} {right})"))
}

fn constant_text(expr: &Json) -> Option<String> {
    let value = &expr["value"];
    let ty = value["type"]["id"].as_str().filter(|id| PLAIN.contains(id))?;
    let text = match (value["is_null"].as_bool()?, &value["value"]) {
        (true, _) => "NULL".into(),
        (_, Json::String(text)) if ty == "VARCHAR" => return Some(literal(text)),
        (_, Json::Bool(v)) if ty == "BOOLEAN" => v.to_string(),
        (_, Json::Number(n)) if !matches!(ty, "DATE" | "TIMESTAMP" | "TIME") => {
            format!("'{n}'")
        }
        _ => return None,
    };
    Some(format!("CAST({text} AS {ty})"))
}

/// A constant that keys of segments can be compared with.
pub(crate) fn constant(expr: &Json) -> Option<Value> {
    if class(expr) == "BOUND_CONSTANT" { value(&expr["value"]) } else { None }
}

/// A value of a plan; None: NULL, or of a type that no key has.
pub(crate) fn value(value: &Json) -> Option<Value> {
    if value["is_null"] != Json::Bool(false) {
        return None;
    }
    let (ty, value) = (&value["type"], &value["value"]);
    Some(match ty["id"].as_str()? {
        "BOOLEAN" => Value::Bool(value.as_bool()?),
        "TINYINT" | "SMALLINT" | "INTEGER" | "BIGINT" => Value::Int(value.as_i64()?),
        "UTINYINT" | "USMALLINT" | "UINTEGER" | "UBIGINT" => Value::UInt(value.as_u64()?),
        "VARCHAR" => Value::Text(value.as_str()?.into()),
        "DATE" => Value::Date(i32::try_from(value.as_i64()?).ok()?),
        "TIMESTAMP" => Value::Timestamp(value.as_i64()?),
        "TIME" => Value::Time(value.as_i64()?),
        "DECIMAL" => {
            let scale = u8::try_from(ty["type_info"]["scale"].as_u64()?).ok()?;
            Value::Decimal { unscaled: wide(value)?, scale }
        }
        _ => return None,
    })
}

/// A number, or one of 128 bits in two halves.
fn wide(value: &Json) -> Option<i128> {
    match value.as_i64() {
        Some(small) => Some(small.into()),
        None => {
            let (upper, lower) = (value["upper"].as_i64()?, value["lower"].as_u64()?);
            Some((i128::from(upper) << 64) | i128::from(lower))
        }
    }
}
