//! What there is where DataFusion is not: refusals.

use std::convert::Infallible;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::datatypes::SchemaRef;

use crate::{Batches, Limits, Result, SqlError};

const WHY: &str = "this program was built without SQL";

/// There is none.
#[derive(Clone, Debug)]
pub struct Filter(Infallible);

/// There is none.
pub struct Transformed(Infallible);

impl Filter {
    pub fn parse(text: &str, _: &SchemaRef) -> Result<Filter> {
        Err(SqlError::bad(text, WHY))
    }

    pub fn text(&self) -> &str {
        match self.0 {}
    }

    pub fn columns(&self) -> &[String] {
        match self.0 {}
    }

    pub fn evaluate(&self, _: &RecordBatch) -> Result<BooleanArray> {
        match self.0 {}
    }
}

pub fn transform(sql: &str, _: SchemaRef, _: Batches, _: &Limits) -> Result<Transformed> {
    Err(SqlError::bad(sql, WHY))
}

impl Transformed {
    pub fn schema(&self) -> &SchemaRef {
        match self.0 {}
    }
}

impl Iterator for Transformed {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        match self.0 {}
    }
}
