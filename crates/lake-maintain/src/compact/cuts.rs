//! Where a merge can be cut so that its pieces have about the same work.

use std::ops::Bound;

use lake_core::segment::Part;
use lake_core::symbol::Symbol;
use lake_segment::Within;

use super::merging::Input;

/// Pieces of fewer rows are not worth a thread.
const FEW_ROWS: u64 = 256 * 1024;

/// At most so many runs of symbols that cover all there are.
pub(super) fn cuts(inputs: &[Input], most: usize) -> Vec<Within> {
    // Of a pack the log knows two symbols: let each of them have half of its rows.
    let mut weights: Vec<(&[Symbol], u64)> = Vec::new();
    for input in inputs {
        let rows = input.segment.rows;
        match (&input.part, &input.segment.symbols) {
            (Part::Of(own), _) => weights.push((own, rows)),
            (Part::Packed, Some(span)) => {
                weights.push((&span.first, rows / 2));
                weights.push((&span.last, rows - rows / 2));
            }
            (Part::Packed, None) => {}
        }
    }
    weights.sort_unstable();
    let all: u64 = weights.iter().map(|(_, rows)| rows).sum();
    let pieces = (all / FEW_ROWS).clamp(1, most.max(1) as u64);
    let mut pieces_of = Vec::new();
    let (mut from, mut sum) = (Bound::Unbounded, 0);
    for (symbols, rows) in weights {
        let due = all * (pieces_of.len() as u64 + 1) / pieces;
        let here = matches!(&from, Bound::Included(at) if *at == symbols);
        if sum >= due && !here && (pieces_of.len() as u64) + 1 < pieces {
            pieces_of.push((from, Bound::Excluded(symbols.to_vec())));
            from = Bound::Included(symbols.to_vec());
        }
        sum += rows;
    }
    pieces_of.push((from, Bound::Unbounded));
    pieces_of
}
