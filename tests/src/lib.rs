//! What the suites share.

pub mod twin;
