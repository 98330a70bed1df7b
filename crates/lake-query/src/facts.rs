//! What is known of each symbol of a table: from the log, or, where symbols share
//! files, from the columns that say so.

use std::collections::BTreeMap;
use std::path::Path;

use lake_cli::Failure;
use lake_cli::render::json as text;
use lake_core::segment::Part;
use lake_core::state::{Table, Touch};
use lake_core::symbol::Symbol;
use lake_core::types::quoted;
use lake_core::value::Range;
use lake_engine::{Engine, Options, Reader};
use lake_log::{At, Lake};
use serde_json::{Value, json};

use crate::cell;
use crate::commands::key;
use crate::failure::{of_engine, of_log};

/// One symbol's.
pub(crate) struct Facts {
    pub(crate) symbols: Vec<Symbol>,
    /// Its own files; NULL where it shares some.
    pub(crate) segments: Value,
    pub(crate) bytes: Value,
    pub(crate) rows: u64,
    pub(crate) min_key: Value,
    pub(crate) max_key: Value,
    pub(crate) touched: Touch,
}

/// Of all symbols, or of one, in order.
pub(crate) fn of(
    lake: &mut Lake,
    version: u64,
    table: &Table,
    only: Option<&[Symbol]>,
) -> Result<Vec<Facts>, Failure> {
    match table.part(&Part::Packed).is_empty() {
        true => Ok(of_log_alone(table, only)),
        false => of_rows(lake, version, table, only),
    }
}

fn of_log_alone(table: &Table, only: Option<&[Symbol]>) -> Vec<Facts> {
    let mut all = Vec::new();
    for (part, live) in table.parts.iter().filter(|(_, live)| !live.segments.is_empty()) {
        let Part::Of(symbols) = part else { continue };
        if only.is_some_and(|only| only != symbols) {
            continue;
        }
        let ranges: Option<Vec<&Range>> = live.segments.iter().map(|s| s.range.as_ref()).collect();
        let range = ranges.and_then(|all| all.into_iter().cloned().reduce(|a, b| a.join(&b)));
        all.push(Facts {
            symbols: symbols.clone(),
            segments: json!(live.segments.len()),
            bytes: json!(live.segments.iter().map(|s| s.bytes).sum::<u64>()),
            rows: live.segments.iter().map(|s| s.rows).sum(),
            min_key: range.as_ref().map_or(Value::Null, |r| key(r.min())),
            max_key: range.as_ref().map_or(Value::Null, |r| key(r.max())),
            touched: live.touched.clone(),
        });
    }
    all
}

/// Symbols that share files are counted in them.
fn of_rows(
    lake: &mut Lake,
    version: u64,
    table: &Table,
    only: Option<&[Symbol]>,
) -> Result<Vec<Facts>, Failure> {
    let def = &table.def;
    let name = |id| def.schema().by_id(id).map_or_else(String::new, |f| quoted(&f.name));
    let symbols: Vec<String> = def.partition_by.iter().map(|id| name(*id)).collect();
    let keys: Vec<String> = def.range_columns().into_iter().map(name).collect();
    let ends = |f: &str| match keys.as_slice() {
        [] => "NULL::INTEGER".to_owned(),
        [one] => format!("{f}({one})"),
        several => format!("{f}(row({}))", several.join(", ")),
    };
    let filter = only.map_or_else(String::new, |only| {
        let same = |(column, symbol): (&String, &Symbol)| {
            format!("{column} = '{}'", symbol.as_str().replace('\'', "''"))
        };
        let all: Vec<String> = symbols.iter().zip(only).map(same).collect();
        format!("WHERE {}", all.join(" AND "))
    });
    let list = symbols.join(", ");
    let sql = format!(
        "SELECT count(*), {}, {}, {list} FROM {} {filter} GROUP BY {list} ORDER BY {list}",
        ends("min"),
        ends("max"),
        quoted(&def.name)
    );
    let shared = table.parts.get(&Part::Packed).map(|p| p.touched.clone()).unwrap_or_default();
    let mut own: BTreeMap<&[Symbol], &Touch> = BTreeMap::new();
    for (part, live) in &table.parts {
        if let Part::Of(symbols) = part {
            own.insert(symbols, &live.touched);
        }
    }
    let fact = |row: Vec<Value>| -> Option<Facts> {
        let mut row = row.into_iter();
        let (rows, min_key, max_key) = (row.next()?.as_u64()?, row.next()?, row.next()?);
        let symbols: Vec<Symbol> =
            row.map(|v| Symbol::new(v.as_str()?).ok()).collect::<Option<_>>()?;
        let later = own.get(symbols.as_slice()).filter(|t| t.version > shared.version);
        let touched = later.map_or_else(|| shared.clone(), |t| (*t).clone());
        let (segments, bytes) = (Value::Null, Value::Null);
        Some(Facts { symbols, segments, bytes, rows, min_key, max_key, touched })
    };
    let rows = query(lake, version, &sql)?;
    Ok(rows.into_iter().filter_map(fact).collect())
}

fn query(lake: &mut Lake, version: u64, sql: &str) -> Result<Vec<Vec<Value>>, Failure> {
    let snapshot = lake.snapshot(At::Version(version)).map_err(of_log)?;
    lake_store::process::raise_file_limit();
    let root: &Path = lake.root().path();
    let engine = Engine::open(&Options::default()).map_err(of_engine)?;
    let mut mounted = engine.mount(snapshot, root).map_err(of_engine)?;
    let mut query = mounted.query(sql).map_err(of_engine)?;
    let rows = query.rows().map_err(of_engine)?;
    let columns = rows.columns.clone();
    let mut all = Vec::new();
    for batch in rows {
        let batch = batch.map_err(of_engine)?;
        let arrays = batch.columns().iter().zip(&columns);
        let readers: Vec<Reader<'_>> =
            arrays.map(|(array, column)| Reader::new(array.as_ref(), &column.ty.shape)).collect();
        for row in 0..batch.num_rows() {
            all.push(readers.iter().map(|r| value(r.get(row))).collect());
        }
    }
    Ok(all)
}

/// As the terminal prints it in JSON; a key of several columns is a list.
fn value(datum: lake_engine::Datum<'_>) -> Value {
    let mut out = String::new();
    text::push_cell(&mut out, &cell::of(datum));
    match serde_json::from_str(&out) {
        Ok(Value::Object(fields)) => fields.into_iter().map(|(_, v)| v).collect(),
        Ok(other) => other,
        Err(_) => Value::Null,
    }
}

/// A symbol as people name it: several partition columns divided by `/`.
pub(crate) fn parse_symbol(table: &Table, name: &str) -> Result<Vec<Symbol>, Failure> {
    let count = table.def.partition_by.len();
    let parts: Vec<&str> = if count > 1 { name.splitn(count, '/').collect() } else { vec![name] };
    if parts.len() != count {
        let message = format!("{name:?} is no symbol of table {}", table.def.name);
        return Err(Failure::bad_input(message)
            .hint(format!("it is partitioned by {}", table.def.directory_columns().join("/"))));
    }
    let symbols = parts.into_iter().map(Symbol::new).collect::<Result<_, _>>();
    symbols.map_err(|e| Failure::bad_input(format!("{name:?}: {e}")))
}
