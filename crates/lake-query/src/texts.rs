//! Small answers to questions of our own, whole.

use lake_engine::{Datum, Query, Reader, Result};

/// Every value as its text; None: NULL.
pub(crate) type Texts = Vec<Vec<Option<String>>>;

/// The rows of a query whose columns are VARCHAR.
pub(crate) fn texts(query: &mut Query<'_>) -> Result<Texts> {
    let rows = query.rows()?;
    let columns = rows.columns.clone();
    let mut all = Vec::new();
    for batch in rows {
        let batch = batch?;
        let arrays = batch.columns().iter().zip(&columns);
        let readers: Vec<Reader<'_>> =
            arrays.map(|(array, column)| Reader::new(array.as_ref(), &column.ty.shape)).collect();
        for row in 0..batch.num_rows() {
            let text = |reader: &Reader<'_>| match reader.get(row) {
                Datum::Text(text) => Some(text.into_owned()),
                _ => None,
            };
            all.push(readers.iter().map(text).collect());
        }
    }
    Ok(all)
}
