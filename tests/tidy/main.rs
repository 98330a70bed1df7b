//! The rules of the house, checked on the sources themselves: one rule a file, each
//! with a test that it catches a planted offender. A finding names file and line and
//! says what to do.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test reads files and fails by panicking"
)]

mod arrows;
mod calls;
mod finding;
mod layout;
mod leftovers;
mod length;
mod lexer;
mod modules;
mod sources;
mod text;
mod workspace;
