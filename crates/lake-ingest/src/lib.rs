//! From a source of rows to one commit.
