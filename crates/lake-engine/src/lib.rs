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
//!
//! In a program of one's own: open the lake, take a snapshot, ask, read Arrow batches.
//!
//! ```no_run
//! use lake_engine::{Engine, Options};
//! use lake_log::{Access, At, Lake};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut lake = Lake::open("data/lake".as_ref(), Access::Read)?;
//!     // Its files stay for as long as it is held, whoever compacts or sweeps meanwhile.
//!     let snapshot = lake.snapshot(At::Newest)?;
//!     let engine = Engine::open(&Options { threads: Some(2), ..Options::default() })?;
//!     let mut mounted = engine.mount(snapshot, lake.root().path())?;
//!
//!     let mut query = mounted.query("SELECT symbol, max(close) FROM bars GROUP BY symbol")?;
//!     println!("{} of {} files", query.segments_read, query.segments_total);
//!     for batch in query.rows()? {
//!         println!("{} rows", batch?.num_rows());
//!     }
//!
//!     // On to the newest version; the lease of the other ends here.
//!     mounted.remount(lake.snapshot(At::Newest)?)?;
//!     Ok(())
//! }
//! ```
//!
//! Rows come as Arrow [`Rows`] of the version that [`arrow`] is; [`Reader`] reads a column's
//! values with the types that DuckDB gave them. [`Interrupt`] ends a query from another
//! thread, [`Gauge`] tells how far it is.

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
mod setting;
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
