//! A DuckDB file's tables on their way into the lake: `choice` says which and under what
//! names, `plan` proposes how the lake holds them, `writer` hands the rows to the program
//! that stores them. (This one never writes into a lake.)

pub(crate) mod choice;
pub(crate) mod plan;
pub(crate) mod writer;
