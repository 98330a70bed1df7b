//! Where the line between what stays and what goes is drawn.

use lake_core::id::Version;
use lake_core::mask::Stretch;
use lake_core::schema::{Field, TableDef};
use lake_core::types::Type;
use lake_core::value::Value;
use lake_log::{Lake, LogError};

use crate::error::{MaintainError, Result};

const DAY_US: i64 = 86_400_000_000;

/// What goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Rows whose first range column is less.
    Order(Value),
    /// Files whose newest row was committed before: microseconds since 1970.
    Commit(i64),
}

/// The column that an order cut is a value of: by it the rows of a symbol are sorted.
pub fn order_column(def: &TableDef) -> Result<&Field> {
    let first = def.range_columns().into_iter().next();
    let field = first.and_then(|id| def.schema().by_id(id));
    field.ok_or_else(|| MaintainError::NoOrder(def.name.clone()))
}

impl Cut {
    /// What is older than a time, by the first order column. Of days, those that were over
    /// before that day began.
    pub fn order_at(def: &TableDef, us: i64) -> Result<Cut> {
        let field = order_column(def)?;
        match field.ty {
            Type::Date => {
                let day = us.div_euclid(DAY_US);
                let day = day.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
                Ok(Cut::Order(Value::Date(day as i32)))
            }
            Type::Timestamp => Ok(Cut::Order(Value::Timestamp(us))),
            _ => Err(MaintainError::NoAge {
                table: def.name.clone(),
                column: field.name.clone(),
                ty: field.ty.to_string(),
            }),
        }
    }
}

/// All values less than this one. None: there are none.
pub(crate) fn below(def: &TableDef, value: &Value) -> Result<Option<Stretch>> {
    let last = match value {
        Value::Bool(v) => v.then_some(Value::Bool(false)),
        Value::Int(v) => v.checked_sub(1).map(Value::Int),
        Value::UInt(v) => v.checked_sub(1).map(Value::UInt),
        Value::Decimal { unscaled, scale } => {
            unscaled.checked_sub(1).map(|unscaled| Value::Decimal { unscaled, scale: *scale })
        }
        Value::Date(v) => v.checked_sub(1).map(Value::Date),
        Value::Timestamp(v) => v.checked_sub(1).map(Value::Timestamp),
        Value::Time(v) => v.checked_sub(1).map(Value::Time),
        // A stretch has both ends in it, and no text comes just before another.
        Value::Text(_) => {
            let (table, field) = (def.name.clone(), order_column(def)?);
            return Err(MaintainError::NoCut { table, column: field.name.clone() });
        }
    };
    Ok(last.map(|last| Stretch { from: None, to: Some(last) }))
}

/// What the log knows of the versions before a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dated {
    /// This version and all before it were committed earlier.
    pub(crate) older: Version,
    /// Of this version and those before it, the log no longer tells when they were
    /// committed; 0: it tells all.
    pub(crate) untold: Version,
}

/// Commit times never step back.
pub(crate) fn dated(lake: &mut Lake, us: i64) -> Result<Dated> {
    lake.refresh()?;
    let newest = lake.state().version;
    if lake.state().at_us < us {
        return Ok(Dated { older: newest, untold: 0 });
    }
    let oldest = lake.oldest()?;
    let (mut low, mut high) = (oldest.version, newest);
    if low > 0 && oldest.at_us >= us {
        return Ok(Dated { older: 0, untold: low });
    }
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        let entry = lake.entry(middle)?.ok_or(LogError::Gap { missing: middle })?;
        match entry.at_us < us {
            true => low = middle,
            false => high = middle - 1,
        }
    }
    Ok(Dated { older: low, untold: 0 })
}
