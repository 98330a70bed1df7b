//! Tables that a statement names by the arguments of its macros: `changes('bars', 41)` reads
//! `"bars@41.."`. What the arguments are is left to DuckDB, here as when the macro runs.

use std::collections::BTreeSet;

use duckdb::Connection;
use serde_json::{Value as Json, json};

use crate::macros::{BETWEEN, CHANGES, MACROS};

/// The names in a parse tree that have a version. An argument that makes no name is left to
/// the statement itself, which tells what is wrong with it.
pub(crate) fn names(connection: &Connection, tree: &Json) -> BTreeSet<String> {
    let mut named = Vec::new();
    calls(tree, &mut |call| named.extend(name(call)));
    // DuckDB takes no subquery there.
    named.retain(|name| !name.to_string().contains("\"class\":\"SUBQUERY\""));
    let texts = named.into_iter().filter_map(|name| value(connection, name));
    texts.filter(|text| text.contains('@')).collect()
}

/// Calls `found` with each table function of a parse tree.
fn calls(tree: &Json, found: &mut dyn FnMut(&Json)) {
    match tree {
        Json::Object(fields) => {
            if fields.get("type").is_some_and(|ty| ty == "TABLE_FUNCTION")
                && let Some(function) = fields.get("function")
            {
                found(function);
            }
            fields.values().for_each(|value| calls(value, found));
        }
        Json::Array(items) => items.iter().for_each(|item| calls(item, found)),
        _ => {}
    }
}

/// The expression that is the name of the table that a macro reads.
fn name(call: &Json) -> Option<Json> {
    let called = |name: &str| {
        call["function_name"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(name))
    };
    let mut call = call.clone();
    for argument in call["arguments"].as_array_mut()? {
        let expr = &mut argument["expression"];
        // A table function takes a bare name for a text.
        if let ("COLUMN_REF", Some([name])) = (
            expr["class"].as_str().unwrap_or_default(),
            expr["column_names"].as_array().map(Vec::as_slice),
        ) {
            *expr = json!({
                "class": "CONSTANT", "type": "VALUE_CONSTANT", "alias": "",
                "query_location": 0, "query_location_length": 0,
                "literal": { "kind": "STRING", "text": name },
            });
        }
    }
    if called(CHANGES) {
        call["function_name"] = BETWEEN.into();
        call["schema"] = "".into();
        call["qualified_name"]["path"] = json!([BETWEEN]);
        return Some(call);
    }
    let first = call["arguments"].as_array()?.first()?;
    MACROS.iter().any(|m| called(m.name)).then(|| first["expression"].clone())
}

/// The value of an expression as text.
fn value(connection: &Connection, expr: Json) -> Option<String> {
    let ask = |sql: &str, with: &str| -> Option<String> {
        connection.query_row(sql, [with], |row| row.get(0)).ok()
    };
    let mut tree: Json = serde_json::from_str(&ask(
        "SELECT json_serialize_sql($1::VARCHAR)",
        "SELECT CAST(1 AS VARCHAR)",
    )?)
    .ok()?;
    *tree.pointer_mut("/statements/0/node/select_list/0/child")? = expr;
    let sql = ask("SELECT json_deserialize_sql($1::JSON)", &tree.to_string())?;
    connection.query_row(&sql, [], |row| row.get(0)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(crate::macros::CREATE).unwrap();
        connection.execute_batch("SET VARIABLE v = '41'").unwrap();
        for (sql, expected) in [
            ("FROM changes('bars', 41)", vec!["bars@41.."]),
            ("FROM changes(bars, getvariable('v'), until := 40 + 5)", vec!["bars@41..45"]),
            ("FROM CHANGES(bars, DATE '2026-1-2', eod)", vec!["bars@2026-01-02..eod"]),
            ("FROM main.changes(bars, since := 1) a, latest('b@2') b", vec!["b@2", "bars@1.."]),
            ("FROM x WHERE d IN (SELECT d FROM latest(\"b@2\"))", vec!["b@2"]),
            ("FROM latest('bars'), range(3), x, \"changes\"", vec![]),
            ("FROM changes(bars), changes(NULL, 1), changes(bars, NULL), latest(NULL)", vec![]),
            ("FROM changes(bars, (SELECT error('it runs')))", vec![]),
        ] {
            let tree = crate::gate::check(&connection, sql).unwrap();
            let found = names(&connection, &tree);
            assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{sql}");
        }
    }
}
