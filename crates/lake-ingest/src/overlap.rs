//! Blocks of one input that share keys: their staged segments are merged, so that an
//! input of any size ends as if it had been sorted in one piece.

use lake_core::segment::{Part, Rank, Segment};
use lake_segment::{Merge, MergeInput, MergeOptions};

use crate::clusters::clusters_of;
use crate::error::Result;
use crate::make::Maker;
use lake_segment::Blank;
use lake_segment::{Touches, write_packs};

/// Rows of all segments of a merge that are decoded at a time, and of one of them.
const MERGED_ROWS: usize = 64 * 1024;
const LEAST_ROWS: usize = 512;
const MOST_ROWS: usize = 8 * 1024;

pub(crate) type Staged = (Part, Segment);

/// Merges the staged segments that may share keys. The later one wins, or the first.
/// Returns how many rows lost.
pub(crate) fn settle(maker: &Maker<'_>, staged: &mut Vec<Staged>, first: bool) -> Result<u64> {
    let mut lost = 0;
    let all = std::mem::take(staged);
    let count = all.len() as u32;
    let ranked = (0..).zip(all).map(|(i, (part, segment))| {
        let order = if first { count - i } else { i };
        (part, Segment { rank: Rank { version: 1, order }, ..segment })
    });
    let ranked: Vec<Staged> = ranked.collect();
    for cluster in clusters_of(ranked.iter().map(|(part, segment)| (part, segment))) {
        if let [(part, segment)] = *cluster {
            staged.push((part.clone(), Segment { rank: Rank::default(), ..segment.clone() }));
            continue;
        }
        let inputs: Vec<MergeInput<'_>> = cluster
            .iter()
            .map(|(part, segment)| {
                let path = maker.files.staged_path(segment);
                MergeInput { path, part, segment }
            })
            .collect();
        // However many they are, what is decoded of them at a time stays the same.
        let batch_rows = (MERGED_ROWS / inputs.len()).clamp(LEAST_ROWS, MOST_ROWS);
        let options = MergeOptions { batch_rows, ..MergeOptions::default() };
        let mut merge = Merge::open(maker.root, &maker.table.def, &inputs, &options)?;
        let (table, format) = (maker.table, &maker.kit.format);
        let mut batches = merge.by_ref();
        let packed = cluster.iter().any(|(part, _)| **part == Part::Packed);
        // A symbol's own file that shares keys with a pack goes into it.
        let part = if packed { &Part::Packed } else { cluster[0].0 };
        let written = match part {
            Part::Packed => {
                write_packs(maker.files, table, format, &Touches::new(), None, &mut batches)?
            }
            Part::Of(_) => {
                let rows = cluster.iter().map(|(_, s)| s.rows as usize).sum();
                vec![maker.files.write(
                    &Blank { table, format, part, rows, census: None, copies: None },
                    batches,
                )?]
            }
        };
        staged.extend(written.into_iter().map(|segment| (part.clone(), segment)));
        lost += merge.counts().superseded;
        for (_, segment) in &cluster {
            maker.files.discard(segment);
        }
    }
    Ok(lost)
}
