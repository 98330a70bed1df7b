//! The writer's SQL, and the only crate that knows DataFusion.
//!
//! `Filter` is a condition over the rows of a table (`delete --where`, `CHECK`);
//! `transform` runs a SELECT over the rows of an input (`ingest --sql`). Names of
//! columns are matched as DuckDB does: without case, unless they are quoted.

//!
//! Without the feature `datafusion` there is no SQL, and all of it is refused: for who
//! fuzzes the readers of files and cannot wait for an instrumented DataFusion.

use std::path::PathBuf;

use arrow::array::RecordBatch;

#[cfg(feature = "datafusion")]
mod context;
#[cfg(feature = "datafusion")]
mod filter;
#[cfg(feature = "datafusion")]
mod transform;
#[cfg(not(feature = "datafusion"))]
mod without;

#[cfg(feature = "datafusion")]
pub use filter::Filter;
#[cfg(feature = "datafusion")]
pub use transform::{Transformed, transform};
#[cfg(not(feature = "datafusion"))]
pub use without::{Filter, Transformed, transform};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The rows of an input, and why they end too early.
pub type Batches = Box<dyn Iterator<Item = std::result::Result<RecordBatch, BoxError>> + Send>;

/// What a SELECT may take.
#[derive(Clone, Debug)]
pub struct Limits {
    pub memory: usize,
    /// Where sorts and joins put what does not fit.
    pub spill: PathBuf,
}

/// What is wrong with the SQL, or with the rows under it.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    #[error("cannot understand {text:?}: {why}")]
    Bad { text: String, why: String },
    #[error("cannot compute {text:?}: {why}")]
    Failed { text: String, why: String },
    /// The input itself failed while it was read.
    #[error(transparent)]
    Input(BoxError),
}

pub type Result<T> = std::result::Result<T, SqlError>;

impl SqlError {
    fn bad(text: &str, why: impl ToString) -> SqlError {
        SqlError::Bad { text: text.into(), why: why.to_string() }
    }

    #[cfg(feature = "datafusion")]
    fn failed(text: &str, why: impl ToString) -> SqlError {
        SqlError::Failed { text: text.into(), why: why.to_string() }
    }
}

#[cfg(test)]
#[cfg(feature = "datafusion")]
mod tests;
