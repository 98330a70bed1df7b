//! A condition over rows.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{DFSchema, tree_node::TreeNode};
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::physical_expr::PhysicalExpr;

use crate::context::{DIALECT, context, plain, respell};
use crate::{Result, SqlError};

/// An SQL condition that is bound to a schema.
#[derive(Clone)]
pub struct Filter {
    text: Arc<str>,
    expr: Arc<dyn PhysicalExpr>,
    columns: Vec<String>,
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({})", self.text)
    }
}

impl Filter {
    /// A condition that says the same of the same row always: no subquery, no
    /// aggregate, no clock, no chance.
    pub fn parse(text: &str, schema: &SchemaRef) -> Result<Filter> {
        let bad = |error| SqlError::bad(text, plain(&error));
        let context = context(None);
        let state = context.state();
        let mut ast = state.sql_to_expr_with_alias(text, &DIALECT).map_err(bad)?;
        if ast.alias.is_some() {
            return Err(SqlError::bad(text, "a condition has no name"));
        }
        respell(&mut ast.expr, schema, &HashSet::new());
        let known = DFSchema::try_from(Arc::clone(schema)).map_err(bad)?;
        let expr = state.create_logical_expr_from_sql_expr(ast, &known).map_err(bad)?;
        if let Some(what) = not_of_one_row(&expr) {
            return Err(SqlError::bad(text, format!("a condition over one row has no {what}")));
        }
        let columns = expr.column_refs().iter().map(|c| c.name.clone()).collect();
        let ty = expr.get_type(&known).map_err(bad)?;
        if ty != DataType::Boolean {
            return Err(SqlError::bad(text, format!("it is {ty}, not true or false")));
        }
        let expr = context.create_physical_expr(expr, &known).map_err(bad)?;
        Ok(Filter { text: text.into(), expr, columns })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The columns it reads.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// True, false or NULL for each row of a batch of the schema it was made for.
    pub fn evaluate(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let failed = |error| SqlError::failed(&self.text, plain(&error));
        let value = self.expr.evaluate(batch).map_err(failed)?;
        let array = value.into_array(batch.num_rows()).map_err(failed)?;
        Ok(array.as_boolean().clone())
    }
}

fn not_of_one_row(expr: &Expr) -> Option<&'static str> {
    let mut found = None;
    let _ = expr.exists(|e| {
        let what = match e {
            Expr::AggregateFunction(_) => "aggregate",
            Expr::WindowFunction(_) => "window",
            Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) => "subquery",
            Expr::ScalarFunction(f) if CLOCKS.contains(&f.func.name()) => "clock",
            e if e.is_volatile_node() => "chance",
            _ => return Ok(false),
        };
        found = Some(what);
        Ok(true)
    });
    found
}

const CLOCKS: &[&str] = &["now", "current_date", "current_time", "current_timestamp", "today"];
