//! The two programs as their users run them: files in, SQL out, exit codes, and a
//! process killed at every operation.

mod bad_input;
mod killed;
mod lake;
mod readme;
mod rows;
mod versions;
