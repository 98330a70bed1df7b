//! What would go, symbol by symbol: read from the columns that sort the rows.

use std::ops::Bound;

use lake_core::id::Version;
use lake_core::segment::Part;
use lake_core::symbol::Symbol;
use lake_log::{At, Lake};
use lake_segment::{end_of, symbols_at};

use super::cut::Cut;
use super::doom::{Doom, Met};
use super::rows::{DoomedRows, keys_only};
use super::table_of;
use crate::error::Result;

/// What of a symbol would go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// None of them in a table without partitions.
    pub symbols: Vec<Symbol>,
    /// Visible ones, exactly.
    pub rows: u64,
    /// Of the files they are in their part, about.
    pub bytes: u64,
    pub files: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub version: Version,
    pub shares: Vec<Share>,
}

/// Counts, and changes nothing. A lake opened for reading is enough.
pub fn plan(lake: &mut Lake, table: &str, cut: &Cut) -> Result<Plan> {
    let root = lake.root().clone();
    let snapshot = lake.snapshot(At::Newest)?;
    let table = table_of(snapshot.state(), table)?;
    let mut plan = Plan { version: snapshot.version(), shares: Vec::new() };
    let Some(doom) = Doom::of(&table.def, cut)? else { return Ok(plan) };
    let met = doom.met(table);
    if met.is_empty() {
        return Ok(plan);
    }
    let def = keys_only(&table.def);
    let all = (Bound::Unbounded, Bound::Unbounded);
    for batch in DoomedRows::open(&root, table, &def, &doom, &all)? {
        let batch = batch?;
        let mut start = 0;
        while start < batch.num_rows() {
            let symbols = symbols_at(&def, &batch, start);
            let end = end_of(&def, &batch, start);
            let rows = (end - start) as u64;
            match plan.shares.last_mut().filter(|share| share.symbols == symbols) {
                Some(share) => share.rows += rows,
                None => plan.shares.push(Share { symbols, rows, bytes: 0, files: 0 }),
            }
            start = end;
        }
    }
    plan.shares.iter_mut().for_each(|share| weigh(share, &met));
    Ok(plan)
}

fn weigh(share: &mut Share, met: &[Met<'_>]) {
    let (mut rows, mut bytes) = (0u64, 0u64);
    for Met { segment, .. } in met.iter().filter(|m| has(m, &share.symbols)) {
        rows += segment.rows;
        bytes += segment.bytes;
        share.files += 1;
    }
    if rows > 0 {
        share.bytes = (u128::from(bytes) * u128::from(share.rows) / u128::from(rows)) as u64;
    }
}

fn has(met: &Met<'_>, symbols: &[Symbol]) -> bool {
    match (met.part, met.segment.symbols.as_deref()) {
        (Part::Of(own), _) => own == symbols,
        (Part::Packed, None) => true,
        (Part::Packed, Some(span)) => {
            span.first.as_slice() <= symbols && symbols <= span.last.as_slice()
        }
    }
}
