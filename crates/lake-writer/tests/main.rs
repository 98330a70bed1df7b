//! lake-writer as a shell sees it.

// The whole suite is a test; clippy knows that of functions marked so only.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod changes;
mod commands;
mod health;
mod kit;
mod logs;
#[cfg(target_os = "linux")]
mod memory;
mod quarantine;
mod retain;
mod scheduling;
#[cfg(target_os = "linux")]
mod signals;
mod streams;
mod tasks;
mod vacuum;
mod verify;
mod watch;
