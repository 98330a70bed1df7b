//! The commit log used by real processes, that are killed and stopped at any
//! moment. They are the program `lake-actor`; everything waits for lines of them.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test looks at the disk by itself and fails by panicking"
)]

mod actor;
mod crowd;
mod killed;
mod readers;
mod stopped;
mod truncated;
mod upkeep;
mod vacuum;
