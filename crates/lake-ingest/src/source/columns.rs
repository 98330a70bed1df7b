//! Which column of the input is which of the table: by name.

use std::sync::Arc;

use arrow::datatypes::Schema as ArrowSchema;
use lake_core::schema::{MAX_COLUMNS, Schema};

use crate::error::{IngestError, Result};

/// For each column of the table, its place in the input. Names are the same when
/// they are the same to SQL, where case does not count; none may be missing, none
/// left over, none there twice.
pub(crate) fn order(file: &Arc<str>, names: &[String], schema: &Schema) -> Result<Vec<usize>> {
    let refuse = |why: String| Err(IngestError::File { file: file.clone(), why });
    if names.len() > MAX_COLUMNS {
        return refuse(format!(
            "it has {} columns; a table has {MAX_COLUMNS} at most",
            names.len()
        ));
    }
    let lower: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    for (i, name) in lower.iter().enumerate() {
        if lower[..i].contains(name) {
            return refuse(format!("column {} is there twice", names[i]));
        }
    }
    let place = |name: &str| lower.iter().position(|n| *n == name.to_lowercase());
    let places: Vec<Option<usize>> = schema.fields.iter().map(|f| place(&f.name)).collect();
    let missing = schema.fields.iter().zip(&places).find(|(_, place)| place.is_none());
    if let Some((field, _)) = missing {
        let hint = match field.not_null {
            true => "the table says NOT NULL",
            false => "add it, with nothing in it where it is NULL",
        };
        return refuse(format!("column {} is missing; {hint}", field.name));
    }
    if let Some(extra) = (0..names.len()).find(|i| !places.contains(&Some(*i))) {
        return refuse(format!("the table has no column {:?}", names[extra]));
    }
    Ok(places.into_iter().flatten().collect())
}

pub(crate) fn of_arrow(
    file: &Arc<str>,
    input: &ArrowSchema,
    schema: &Schema,
) -> Result<Vec<usize>> {
    let names: Vec<String> = input.fields().iter().map(|f| f.name().clone()).collect();
    order(file, &names, schema)
}
