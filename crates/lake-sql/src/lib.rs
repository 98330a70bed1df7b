//! The writer's SQL, and the only crate that knows DataFusion.
//!
//! `Filter` is a condition over the rows of a table (`delete --where`, `CHECK`);
//! `transform` runs a SELECT over the rows of an input (`ingest --sql`). Names of
//! columns are matched as DuckDB does: without case, unless they are quoted.

mod context;
mod filter;
mod transform;

pub use filter::Filter;
pub use transform::{Batches, Limits, Transformed, transform};

/// What is wrong with the SQL, or with the rows under it.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    #[error("cannot understand {text:?}: {why}")]
    Bad { text: String, why: String },
    #[error("cannot compute {text:?}: {why}")]
    Failed { text: String, why: String },
    /// The input itself failed while it was read.
    #[error(transparent)]
    Input(Box<dyn std::error::Error + Send + Sync>),
}

pub type Result<T> = std::result::Result<T, SqlError>;

impl SqlError {
    fn bad(text: &str, why: impl ToString) -> SqlError {
        SqlError::Bad { text: text.into(), why: why.to_string() }
    }

    fn failed(text: &str, why: impl ToString) -> SqlError {
        SqlError::Failed { text: text.into(), why: why.to_string() }
    }
}

#[cfg(test)]
mod tests;
