//! Rows from files and streams: checked against the table's schema, in its types
//! and order, each with the place it came from.
//!
//! `open` finds the form of an input and makes its reader, which is one of `csv`
//! (over `pieces`, `records` and `parser`), `objects` (JSON, over `framing` and `json`), `parquet` and
//! `ipc`. Text goes through `unpack` and `encoding` first and into `assembly` cell by
//! cell; Arrow batches go through `conform`. `chunk` is what comes out. A rejected row
//! keeps its `fields`, and `again` reads these.

mod again;
mod assembly;
mod cast;
mod chunk;
mod column;
mod conform;
mod csv;
mod encoding;
mod expand;
mod fields;
mod file;
mod formats;
mod framing;
mod guard;
mod guess;
mod infer;
mod ipc;
mod json;
mod nested;
mod objects;
mod open;
mod options;
mod parquet;
mod parser;
mod pieces;
mod records;
mod target;
mod text;
mod time;
mod unpack;
mod window;

#[cfg(test)]
mod tests;

pub(crate) use again::Again;
pub use chunk::{Chunk, Reject, Rejects, Source};
pub(crate) use chunk::{NULL_WHY, Places};
pub(crate) use column::check_default;
pub use column::value_of;
pub(crate) use conform::{of_batch, of_named, row_text};
pub use expand::expand;
pub(crate) use fields::{Fields, Spelling, of_row};
pub(crate) use file::size as file_size;
pub(crate) use guard::guarded;
pub use guard::is_guarded;
pub use infer::infer;
pub(crate) use infer::of_arrow;
pub(crate) use open::{PACKED, open_source};
pub use options::{Input, InputFormat, SourceOptions};
pub use records::BadCsv;
