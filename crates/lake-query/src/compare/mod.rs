//! A table of a DuckDB file against the lake's table of that name.
//!
//! 1. `sums` adds up hashes of the rows of each symbol, on both sides. That needs no more
//!    memory than there are symbols, and mostly tells that all is equal.
//! 2. `rows` looks at the symbols whose sums differ, as many at a time as memory allows:
//!    every value of theirs is compared.

mod pair;
mod rows;
mod sums;

use lake_engine::{Mounted, Result};

pub(crate) use pair::Pair;
pub(crate) use rows::{Difference, Place};

use crate::texts::{Texts, texts};

/// What a comparison found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) rows_file: u64,
    pub(crate) rows_lake: u64,
    /// Rows of one key that differ in other columns.
    pub(crate) differ: u64,
    pub(crate) only_file: u64,
    pub(crate) only_lake: u64,
    /// The columns in which rows differ, and those that one side lacks.
    pub(crate) columns: Vec<String>,
    pub(crate) checksum_file: String,
    pub(crate) checksum_lake: String,
    /// The first that differ.
    pub(crate) differences: Vec<Difference>,
}

impl Found {
    pub(crate) fn is_equal(&self) -> bool {
        self.columns.is_empty() && self.differ + self.only_file + self.only_lake == 0
    }

    /// Rows that are in both.
    pub(crate) fn both(&self) -> u64 {
        self.rows_file.saturating_sub(self.differ + self.only_file)
    }
}

/// Shows at most so many differences.
pub(crate) fn compare(mounted: &mut Mounted, pair: &Pair, limit: usize) -> Result<Found> {
    let (mut found, groups) = sums::sums(mounted, pair)?;
    rows::look(mounted, pair, &groups, limit, &mut found)?;
    found.columns.extend(pair.lacking());
    Ok(found)
}

fn ask(mounted: &mut Mounted, sql: &str) -> Result<Texts> {
    texts(&mut mounted.query(sql)?)
}

fn number(text: Option<&Option<String>>) -> u64 {
    text.and_then(|text| text.as_ref()?.parse().ok()).unwrap_or_default()
}
