//! The two programs as their users run them: files in, SQL out, exit codes, and a
//! process killed at every operation.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test looks at the disk by itself and fails by panicking"
)]

mod bad_input;
mod changes;
mod compacted;
mod duckdb;
mod killed;
mod lake;
mod mounting;
mod readme;
mod retained;
mod rows;
mod versions;
mod watermark;
