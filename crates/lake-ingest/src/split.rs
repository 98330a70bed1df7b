//! Parts rows by symbol, sorts each part and decides which of equal keys stays.

use std::cmp::Ordering;
use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use arrow::row::{RowConverter, Rows as SortRows, SortField};
use lake_core::schema::TableDef;
use lake_core::symbol::Symbol;

use crate::block::Block;
use crate::error::{IngestError, Result};

/// The rows of one partition: as they came, then as they are written.
pub(crate) struct Group {
    pub(crate) symbols: Vec<Symbol>,
    pub(crate) rows: Vec<u32>,
}

/// What to do with rows of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Equal {
    /// They are different rows: the table has no key.
    Keep,
    LastWins,
    FirstWins,
    Refuse,
}

pub(crate) use lake_segment::column;

/// The partitions of a batch, each with the numbers of its rows.
pub(crate) fn groups(def: &TableDef, block: &Block) -> Result<Vec<Group>> {
    let batch = &block.batch;
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
                        IngestError::Symbol { place: block.place(row), column: name.into(), source }
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
        parts.into_iter().map(|symbols| Group { symbols, rows: Vec::new() }).collect();
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

    pub(crate) fn compare(&self, a: u32, b: u32) -> Ordering {
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

impl Group {
    /// Sorts, and decides equal keys; rows of one key stay in the order of the input.
    /// Returns how many rows lost.
    pub(crate) fn arrange(&mut self, keys: &Keys, equal: Equal, block: &Block) -> Result<u64> {
        let before = self.rows.len();
        let order = &mut self.rows;
        if !order.is_sorted_by(|a, b| keys.compare(*a, *b).is_le()) {
            order.sort_by(|a, b| keys.compare(*a, *b));
        }
        let same = |a: &u32, b: &u32| keys.compare(*a, *b).is_eq();
        match equal {
            Equal::Keep => {}
            Equal::Refuse => {
                if let Some(twice) = order.windows(2).find(|w| same(&w[0], &w[1])) {
                    let (first, second) = (twice[0] as usize, twice[1] as usize);
                    let (first, second) = (block.place(first), block.place(second));
                    return Err(IngestError::SameKey { first, second });
                }
            }
            Equal::FirstWins => order.dedup_by(|a, b| same(a, b)),
            Equal::LastWins => {
                if order.windows(2).any(|w| same(&w[0], &w[1])) {
                    // From the back, so that the last of equal keys is met first.
                    order.reverse();
                    order.dedup_by(|a, b| same(a, b));
                    order.reverse();
                }
            }
        }
        Ok((before - self.rows.len()) as u64)
    }
}
