//! Keyset pages: the rows after the last one of the page before, by values and not by
//! counting, so that page 10,000 costs what page 1 does.
//!
//! 1. The order is total: what the caller names, then the table's key; where there is no
//!    key, a hash of the whole row. NULL comes last, upwards and downwards.
//! 2. A place is the last row's values in that order, as text that a cast reads back
//!    equal, and how many rows of those values were given already. Rows that are equal in
//!    all of them are equal altogether, so that counting them is enough.
//! 3. All pages of a token are of one version.

mod order;
mod plan;
mod token;

pub(crate) use order::OrderBy;
pub(crate) use plan::{Paper, Plan, Source};
pub(crate) use token::Token;

/// Where a page ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The values of the order, NULL being none.
    pub(crate) last: Vec<Option<String>>,
    /// Rows of these values that were given.
    pub(crate) given: u64,
}

#[cfg(test)]
mod tests;
