//! What the commands list, as SQL tables: `lake.files`, `lake.history` and so on.

use std::sync::{Arc, Mutex, PoisonError};

use lake_cli::Failure;
use lake_cli::render::Rows;
use lake_core::state::State;
use lake_engine::{EngineError, Fact};
use lake_log::Lake;
use serde_json::{Map, Value};

use crate::commands::{describe, files, history, tables, watermark};

/// The table of that name at a version; None: there is none.
pub(crate) fn fact(
    name: &str,
    lake: &Arc<Mutex<Lake>>,
    state: &State,
) -> Result<Option<Fact>, EngineError> {
    let mut lake = lake.lock().unwrap_or_else(PoisonError::into_inner);
    let rows: Result<Rows, Failure> = match name {
        "tables" => Ok(tables::rows(state)),
        "columns" => Ok(describe::rows(state)),
        "files" => Ok(files::rows(state.tables())),
        "history" => history::rows(&mut lake, state),
        "metadata" => watermark::rows(&mut lake, state.version, state.tables()),
        _ => return Ok(None),
    };
    let rows = rows.map_err(|Failure { kind, message, causes, hint, .. }| EngineError::Fact {
        kind,
        message: format!("cannot tell lake.{name}: {message}"),
        detail: (!causes.is_empty()).then(|| causes.join(": ")),
        hint,
    })?;
    Ok(Some(of(rows)))
}

fn of(rows: Rows) -> Fact {
    let column = |(i, column): (usize, &lake_cli::render::Column)| {
        let ty = match rows.rows.iter().map(|row| &row[i]).find(|value| !value.is_null()) {
            _ if matches!(column.name.as_str(), "at" | "committed_at") => "TIMESTAMP",
            Some(Value::Bool(_)) => "BOOLEAN",
            _ if column.numeric => "BIGINT",
            _ => "VARCHAR",
        };
        (column.name.clone(), ty)
    };
    let columns: Vec<_> = rows.columns.iter().enumerate().map(column).collect();
    let object = |row: Vec<Value>| -> Value {
        let fields = columns.iter().map(|(name, _)| name.clone()).zip(row.into_iter().map(plain));
        Value::Object(fields.collect::<Map<_, _>>())
    };
    let all: Value = rows.rows.into_iter().map(object).collect();
    Fact { rows: all.to_string(), columns }
}

/// A list as its text.
fn plain(value: Value) -> Value {
    match value {
        Value::Array(_) | Value::Object(_) => Value::String(value.to_string()),
        other => other,
    }
}
