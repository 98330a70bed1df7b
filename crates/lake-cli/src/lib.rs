//! What both programs share at the terminal: settings, rendering, exit codes.
//!
//! A program is one call of [`run_main`]: it parses the arguments, gives the
//! command a [`Console`] and turns its [`Outcome`] or [`Failure`] into an exit
//! code. Data goes to stdout through [`Out`], everything else to stderr. No
//! command prints by another way, reads the environment or exits.

pub mod complete;
pub mod config;
mod console;
pub mod env;
mod failure;
mod global;
pub mod human;
mod log;
pub mod parse;
mod program;
mod progress;
pub mod render;
mod stderr;
pub mod token;

pub use console::{Console, Out, Printer};
pub use failure::{Failure, kind_name};
pub use global::{Form, Format, Global};
pub use log::{Clock, LogFormat};
pub use program::{Outcome, hush_panics, run_main};
pub use progress::{Progress, Tally};
