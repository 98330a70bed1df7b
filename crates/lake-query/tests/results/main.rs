//! Results as scripts get them: forms, files, pages. The lake has real rows.

// The whole crate is a test; clippy knows that of functions marked so only.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod export;
mod lake;
mod page;
mod shell;
mod sql;
