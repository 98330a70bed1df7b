//! What all ingests into one table and schema version share, made once.

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use lake_core::schema::{Check, TableDef};
use lake_segment::Format;
use lake_sql::Filter;

use crate::error::{IngestError, Place, Result};
use crate::source::{Chunk, Reject, Rejects, of_row, row_text};

pub(crate) struct Kit {
    pub(crate) format: Format,
    checks: Vec<(Check, Filter)>,
}

impl Kit {
    pub(crate) fn new(def: &TableDef) -> Result<Kit> {
        let format = Format::new(def)?;
        let filter = |check: &Check| -> Result<(Check, Filter)> {
            Ok((check.clone(), Filter::parse(&check.condition, format.schema())?))
        };
        let checks = def.schema().checks.iter().map(filter).collect::<Result<_>>()?;
        Ok(Kit { format, checks })
    }

    /// Leaves out the rows that break a CHECK.
    pub(crate) fn check(&self, mut chunk: Chunk, rejects: &mut dyn Rejects) -> Result<Chunk> {
        let places = |row| chunk.places.place(row);
        if let Some(keep) = self.kept(&chunk.batch, &places, rejects)? {
            chunk.places.retain(&keep);
            chunk.batch = filter_record_batch(&chunk.batch, &BooleanArray::from(keep))?;
        }
        Ok(chunk)
    }

    /// Which rows keep all checks, the others rejected; None: all of them do.
    pub(crate) fn kept(
        &self,
        batch: &RecordBatch,
        place: &dyn Fn(usize) -> Place,
        rejects: &mut dyn Rejects,
    ) -> Result<Option<Vec<bool>>> {
        let mut keep: Option<Vec<bool>> = None;
        for (check, filter) in &self.checks {
            let holds = filter.evaluate(batch)?;
            if holds.false_count() == 0 {
                continue;
            }
            let keep = keep.get_or_insert_with(|| vec![true; batch.num_rows()]);
            for (row, keep) in keep.iter_mut().enumerate().filter(|(_, keep)| **keep) {
                if holds.is_valid(row) && !holds.value(row) {
                    rejects.reject(broken(check, filter, batch, (row, place(row))))?;
                    *keep = false;
                }
            }
        }
        Ok(keep)
    }
}

fn broken(
    check: &Check,
    filter: &Filter,
    batch: &RecordBatch,
    (row, place): (usize, Place),
) -> Reject {
    let column = match filter.columns() {
        [only] => Some(only.clone()),
        _ => None,
    };
    let value = column.as_ref().and_then(|name| cell(batch, name, row));
    Reject {
        place,
        column,
        value,
        why: format!("breaks CHECK {} ({})", check.name, check.condition),
        raw: row_text(batch, row),
        fields: of_row(batch, row),
    }
}

fn cell(batch: &RecordBatch, name: &str, row: usize) -> Option<String> {
    let array = batch.column_by_name(name)?;
    arrow::util::display::array_value_to_string(array, row).ok()
}

impl From<lake_sql::SqlError> for IngestError {
    fn from(error: lake_sql::SqlError) -> IngestError {
        match error {
            lake_sql::SqlError::Input(source) => match source.downcast::<IngestError>() {
                Ok(own) => *own,
                Err(other) => IngestError::Sql(lake_sql::SqlError::Input(other)),
            },
            other => IngestError::Sql(other),
        }
    }
}
