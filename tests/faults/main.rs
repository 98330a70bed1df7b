//! The commit log when calls fail, processes die and the power goes: in one
//! process, deterministic, at every operation.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test looks at the disk by itself and fails by panicking"
)]

mod commits;
mod lifecycle;
mod market;
mod meanwhile;
mod mutants;
mod power;
mod prepared;
mod stalled;
mod sweep;
mod upkeep;
mod vacuum;
