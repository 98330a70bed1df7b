//! SQL over one snapshot: the only crate that knows DuckDB.
//!
//! `snapshot -> split -> views -> rows`: [`Engine::mount`] takes a snapshot and
//! keeps its lease; a query makes a view of exact files of each table it names
//! (`split` finds where newer segments overlap older ones, `scan` and `views` spell
//! the SQL) and streams the rows of the user's own text.
//!
//! What is not here: any writing. A statement that is not a question is refused.

mod error;
#[cfg(test)]
mod fixture;
mod gate;
mod literal;
mod masks;
mod mounted;
mod portable;
mod scan;
mod session;
mod split;
mod types;
mod value;
mod viewfile;
mod views;

pub use duckdb::arrow;
pub use error::{EngineError, Result};
pub use mounted::{Column, Mounted, Query, Rows};
pub use portable::Views;
pub use session::{Engine, Interrupt, Options};
pub use types::{Shape, SqlType};
pub use value::{Datum, Reader};
pub use viewfile::is_view_file;
