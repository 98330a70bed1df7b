pub(crate) mod changes;
pub(crate) mod compare;
pub(crate) mod describe;
pub(crate) mod export;
pub(crate) mod files;
pub(crate) mod history;
pub(crate) mod import_duckdb;
pub(crate) mod mount;
pub(crate) mod page;
pub(crate) mod shell;
pub(crate) mod sql;
pub(crate) mod symbols;
pub(crate) mod tables;
pub(crate) mod watermark;

use lake_core::schema::{FieldId, TableDef};
use lake_core::segment::Part;
use lake_core::value;
use serde_json::{Value, json};

/// A key of the log as JSON: the value itself where there is one range column.
pub(crate) fn key(key: &[value::Value]) -> Value {
    match key {
        [] => Value::Null,
        [one] => key_value(one),
        several => several.iter().map(key_value).collect(),
    }
}

fn key_value(one: &value::Value) -> Value {
    match one {
        value::Value::Bool(v) => json!(v),
        value::Value::Int(v) => json!(v),
        value::Value::UInt(v) => json!(v),
        other => json!(other.to_string()),
    }
}

/// A partition's symbol; NULL where the files hold many, or none.
fn symbol(part: &Part) -> Value {
    match part {
        Part::Of(symbols) if symbols.len() == 1 => json!(symbols[0].as_str()),
        Part::Of(symbols) if !symbols.is_empty() => symbols.iter().map(|s| s.as_str()).collect(),
        _ => Value::Null,
    }
}

/// The names of columns as the newest schema has them.
pub(crate) fn names(def: &TableDef, ids: &[FieldId]) -> Vec<String> {
    ids.iter().filter_map(|id| def.schema().by_id(*id)).map(|f| f.name.clone()).collect()
}
