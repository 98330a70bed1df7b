//! SQL over one snapshot: the only crate that knows DuckDB.
//!
//! `snapshot -> split -> views -> rows`: [`Engine::mount`] takes a snapshot and
//! keeps its lease; a query makes a view of exact files of each table it names
//! (`plan` asks DuckDB's optimizer what the query wants of it, `prune` leaves out the
//! files that cannot hold that, `split` finds where newer segments overlap older
//! ones, `scan` and `views` spell the SQL) and streams the rows of the user's own
//! text.
//!
//! A name in SQL is a table of the mounted version, of another (`"bars@42"`), or what
//! changed between two (`"bars@41..45"`, `changes`): `sheet` tells them apart, and `called`
//! finds those that the arguments of `macros` name.
//!
//! What is not here: any writing. A statement that is not a question is refused.

mod attach;
mod brought;
mod called;
mod catalog;
mod changes;
mod database;
mod error;
mod facts;
#[cfg(test)]
mod fixture;
mod gate;
mod heldtype;
mod literal;
mod macros;
mod masks;
mod mounted;
mod outline;
mod parameter;
mod plan;
mod portable;
mod prune;
mod reading;
mod scan;
mod session;
mod sheet;
mod split;
mod types;
mod value;
mod viewfile;
mod views;

pub use catalog::{BaseColumn, BaseTable, BaseView};
pub use database::Database;
pub use duckdb::arrow;
pub use error::{EngineError, Result};
pub use facts::{Fact, Facts};
pub use heldtype::held_type;
pub use literal::literal;
pub use macros::{MACROS, Macro};
pub use mounted::{Column, Described, Mounted, Query, Rows};
pub use parameter::spell_parameters;
pub use portable::Views;
pub use reading::Reading;
pub use session::{Engine, Gauge, Interrupt, Options};
pub use sheet::Past;
pub use types::{Shape, SqlType};
pub use value::{Datum, Reader};
pub use viewfile::is_view_file;
