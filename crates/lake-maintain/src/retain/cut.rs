//! Where the line between what stays and what goes is drawn.

use lake_core::mask::Stretch;
use lake_core::schema::{Field, TableDef};
use lake_core::types::Type;
use lake_core::value::Value;

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
