//! Parts rows by symbol, sorts each part and lets the last of equal keys win.

use std::cmp::Ordering;
use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::{DataType, Int64Type};
use arrow::row::{RowConverter, Rows as SortRows, SortField};
use lake_core::schema::{FieldId, TableDef};
use lake_core::segment::Part;
use lake_core::symbol::Symbol;

use crate::error::{IngestError, Result};
use crate::rows::Rows;

/// The rows of one partition, in the order of the input.
pub(crate) struct Group {
    pub(crate) part: Part,
    rows: Vec<u32>,
}

/// What to do with rows of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Equal {
    /// They are different rows: the table has no key.
    Keep,
    LastWins,
    Refuse,
}

pub(crate) fn column<'a>(
    def: &TableDef,
    batch: &'a RecordBatch,
    id: FieldId,
) -> Option<&'a ArrayRef> {
    let at = def.schema().fields.iter().position(|f| f.id == id)?;
    batch.columns().get(at)
}

/// The partitions of a batch, each with the numbers of its rows.
pub(crate) fn groups(def: &TableDef, batch: &RecordBatch, rows: &Rows) -> Result<Vec<Group>> {
    let mut parts: Vec<Vec<Symbol>> = vec![Vec::new()];
    let mut part_of: Vec<u32> = vec![0; batch.num_rows()];
    for id in &def.partition_by {
        let Some(values) = column(def, batch, *id) else { continue };
        let values = values.as_string::<i32>();
        let mut known: HashMap<(u32, &str), u32> = HashMap::new();
        let mut finer: Vec<Vec<Symbol>> = Vec::new();
        let mut last: Option<((u32, &str), u32)> = None;
        for (row, part) in part_of.iter_mut().enumerate() {
            let key = (*part, values.value(row));
            if let Some((before, number)) = last
                && before == key
            {
                *part = number;
                continue;
            }
            let number = match known.get(&key) {
                Some(number) => *number,
                None => {
                    let symbol = Symbol::new(key.1).map_err(|source| {
                        let name = def.schema().by_id(*id).map_or("", |f| f.name.as_str());
                        IngestError::Symbol { place: rows.place(row), column: name.into(), source }
                    })?;
                    let mut symbols = parts[key.0 as usize].clone();
                    symbols.push(symbol);
                    finer.push(symbols);
                    known.insert(key, finer.len() as u32 - 1);
                    finer.len() as u32 - 1
                }
            };
            *part = number;
            last = Some((key, number));
        }
        parts = finer;
    }
    let mut groups: Vec<Group> =
        parts.into_iter().map(|p| Group { part: Part::Of(p), rows: Vec::new() }).collect();
    for (row, part) in (0u32..).zip(&part_of) {
        groups[*part as usize].rows.push(row);
    }
    groups.retain(|group| !group.rows.is_empty());
    Ok(groups)
}

/// The rows' places in the order of the range columns.
pub(crate) enum Keys {
    /// No range columns: within a partition all rows are equal.
    None,
    /// One column of whole numbers, dates or times without NULL.
    Number(Vec<i64>),
    Any(SortRows),
}

impl Keys {
    pub(crate) fn of(def: &TableDef, batch: &RecordBatch) -> Result<Keys> {
        let ids = def.range_columns();
        let columns: Vec<ArrayRef> =
            ids.iter().filter_map(|id| column(def, batch, *id)).cloned().collect();
        if let [only] = columns.as_slice()
            && only.null_count() == 0
            && let Some(numbers) = numbers(only)?
        {
            return Ok(Keys::Number(numbers));
        }
        if columns.is_empty() {
            return Ok(Keys::None);
        }
        let fields = columns.iter().map(|c| SortField::new(c.data_type().clone())).collect();
        Ok(Keys::Any(RowConverter::new(fields)?.convert_columns(&columns)?))
    }

    fn compare(&self, a: u32, b: u32) -> Ordering {
        let (a, b) = (a as usize, b as usize);
        match self {
            Keys::None => Ordering::Equal,
            Keys::Number(keys) => keys[a].cmp(&keys[b]),
            Keys::Any(keys) => keys.row(a).cmp(&keys.row(b)),
        }
    }
}

fn numbers(column: &ArrayRef) -> Result<Option<Vec<i64>>> {
    let ty = column.data_type();
    let fits = matches!(ty, DataType::Date32 | DataType::Timestamp(..) | DataType::Time64(_))
        || (ty.is_integer() && *ty != DataType::UInt64);
    if !fits {
        return Ok(None);
    }
    // Arrow casts a date to 32 bits only.
    let narrow = if *ty == DataType::Date32 { &cast(column, &DataType::Int32)? } else { column };
    Ok(Some(cast(narrow, &DataType::Int64)?.as_primitive::<Int64Type>().values().to_vec()))
}

/// One partition's rows as they are written.
pub(crate) struct Piece {
    pub(crate) batch: RecordBatch,
    pub(crate) superseded: u64,
}

impl Group {
    /// Sorts, decides equal keys and picks the rows. Rows of one key stay in the
    /// order of the input.
    pub(crate) fn arrange(
        &self,
        batch: &RecordBatch,
        keys: &Keys,
        equal: Equal,
        rows: &Rows,
    ) -> Result<Piece> {
        let mut order = self.rows.clone();
        if !order.is_sorted_by(|a, b| keys.compare(*a, *b).is_le()) {
            order.sort_by(|a, b| keys.compare(*a, *b));
        }
        if equal != Equal::Keep {
            let twice = order.windows(2).find(|w| keys.compare(w[0], w[1]).is_eq());
            if let (Some(twice), Equal::Refuse) = (twice, equal) {
                let (first, second) =
                    (rows.place(twice[0] as usize), rows.place(twice[1] as usize));
                return Err(IngestError::SameKey { first, second });
            }
            if twice.is_some() {
                // From the back, so that the last of equal keys is met first.
                order.reverse();
                order.dedup_by(|a, b| keys.compare(*a, *b).is_eq());
                order.reverse();
            }
        }
        let superseded = (self.rows.len() - order.len()) as u64;
        let in_one_run = order.windows(2).all(|w| w[0] + 1 == w[1]);
        let batch = match (order.first(), in_one_run) {
            (Some(first), true) => batch.slice(*first as usize, order.len()),
            _ => take_record_batch(batch, &UInt32Array::from(order))?,
        };
        Ok(Piece { batch, superseded })
    }
}
