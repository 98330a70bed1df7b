//! What the suites share.

pub mod rows;
pub mod twin;
