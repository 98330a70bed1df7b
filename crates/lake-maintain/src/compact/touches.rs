//! When each symbol was last changed, which compaction carries on: a merged file has the
//! place of its newest rows, and most of its symbols are older.

use std::ops::RangeBounds;

use lake_core::census::{Census, Tally, Touch};
use lake_core::kind::Kind;
use lake_core::segment::Part;
use lake_core::state::Table;
use lake_core::symbol::Symbol;
use lake_log::LogError;
use lake_segment::{SegmentError, Touches, Within};
use lake_store::Root;

use super::merging::Input;
use crate::error::{MaintainError, Result};

/// Of the symbols within. Takes memory for each symbol, not for each input.
pub(super) fn touches(
    root: &Root,
    table: &Table,
    inputs: &[Input],
    within: &Within,
) -> Result<Touches> {
    let mut touches = Touches::new();
    let mut note = |symbols: &[Symbol], touched: &Touch| match touches.get_mut(symbols) {
        Some(known) if known.version >= touched.version => {}
        Some(known) => *known = touched.clone(),
        None => {
            touches.insert(symbols.to_vec(), touched.clone());
        }
    };
    for input in inputs {
        if let Part::Of(own) = &input.part
            && let Some(live) = table.parts.get(&input.part)
        {
            note(own, &live.touched);
        }
        let path = &input.path;
        let damaged = |error: LogError| match error.kind() {
            Kind::Damaged => MaintainError::from(SegmentError::Damaged {
                path: path.clone(),
                why: error.to_string(),
            }),
            _ => error.into(),
        };
        let read = lake_log::Census::read(root, path.clone(), &input.segment).map_err(damaged)?;
        for tally in read.iter().flat_map(|census| census.tallies()) {
            let tally = tally.map_err(damaged)?;
            if within.contains(&tally.symbols) {
                note(&tally.symbols, &tally.touched);
            }
        }
    }
    Ok(touches)
}

/// What a base of one symbol has to say: that it was changed later than the log knows of
/// its partition, since it has shared files.
pub(super) fn own_census(table: &Table, part: &Part, touches: &Touches) -> Census {
    let mut census = Census::default();
    if let Part::Of(symbols) = part
        && let Some(touched) = touches.get(symbols)
        && table.parts.get(part).is_none_or(|live| live.touched.version < touched.version)
    {
        let (symbols, touched) = (symbols.clone(), touched.clone());
        census.push(Tally { symbols, touched, ..Tally::default() });
    }
    census
}
