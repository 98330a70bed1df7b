//! The stored rows that have a key of a block: for `append` to a table with a key,
//! for `ignore`, and for upserts that leave values as they are.

use std::collections::{HashMap, HashSet};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::row::{RowConverter, Rows, SortField};
use lake_core::mask::Stretch;
use lake_core::schema::TableDef;
use lake_core::segment::{Part, Segment};
use lake_core::state::Table;
use lake_core::value::Range;
use lake_segment::{Merge, MergeInput, MergeOptions, value_at};
use lake_store::Root;

use crate::block::Block;
use crate::error::{IngestError, Result};
use crate::layout::ends_of;
use crate::split::{Group, column};

pub(crate) struct Stored {
    /// The keys of the block's rows.
    ours: Option<Rows>,
    /// Where the stored row of a key is.
    found: HashMap<Box<[u8]>, usize>,
    rows: Option<RecordBatch>,
}

impl Stored {
    pub(crate) fn of(
        root: &Root,
        table: &Table,
        block: &Block,
        groups: &[Group],
    ) -> Result<Stored> {
        let mut stored = Stored { ours: None, found: HashMap::new(), rows: None };
        let inputs = suspects(table, block, groups);
        if inputs.is_empty() {
            return Ok(stored);
        }
        let def = &table.def;
        let keys = columns(def, &block.batch);
        let fields = keys.iter().map(|c| SortField::new(c.data_type().clone())).collect();
        let converter = RowConverter::new(fields)?;
        let ours = converter.convert_columns(&keys)?;
        let wanted: HashSet<&[u8]> =
            groups.iter().flat_map(|g| &g.rows).map(|r| ours.row(*r as usize).data()).collect();
        let mut kept = Vec::new();
        let mut found = HashMap::new();
        let stretch = stretch(def, block, groups).unwrap_or_default();
        let options = MergeOptions { stretch, ..MergeOptions::default() };
        for batch in Merge::open(root, def, &inputs, &options)? {
            let batch = batch?;
            let theirs = converter.convert_columns(&columns(def, &batch))?;
            let mut rows = Vec::new();
            for (row, key) in (0u32..).zip(theirs.iter()) {
                if wanted.contains(key.data()) {
                    found.insert(Box::from(key.data()), found.len());
                    rows.push(row);
                }
            }
            if !rows.is_empty() {
                kept.push(take_record_batch(&batch, &UInt32Array::from(rows))?);
            }
        }
        if !kept.is_empty() {
            stored.rows = Some(concat_batches(&block.batch.schema(), &kept)?);
        }
        (stored.found, stored.ours) = (found, Some(ours));
        Ok(stored)
    }

    /// The stored row with the key of a row of the block.
    pub(crate) fn of_row(&self, row: u32) -> Option<usize> {
        let ours = self.ours.as_ref()?;
        self.found.get(ours.row(row as usize).data()).copied()
    }

    pub(crate) fn rows(&self) -> Option<&RecordBatch> {
        self.rows.as_ref()
    }

    /// Refuses a block that has a key which is stored.
    pub(crate) fn refuse(&self, def: &TableDef, block: &Block) -> Result<()> {
        if self.found.is_empty() {
            return Ok(());
        }
        let rows = 0..block.batch.num_rows() as u32;
        let Some(row) = rows.into_iter().find(|row| self.of_row(*row).is_some()) else {
            return Ok(());
        };
        Err(IngestError::KeyExists {
            place: block.place(row as usize),
            table: def.name.clone(),
            key: key_text(&columns(def, &block.batch), row as usize),
        })
    }

    /// Leaves out the rows whose keys are stored; returns how many.
    pub(crate) fn leave_out(&self, groups: &mut [Group]) -> u64 {
        let mut out = 0;
        for group in groups.iter_mut().filter(|_| !self.found.is_empty()) {
            let before = group.rows.len();
            group.rows.retain(|row| self.of_row(*row).is_none());
            out += before - group.rows.len();
        }
        out as u64
    }
}

/// The live segments that may hold a key of the block.
fn suspects<'t>(table: &'t Table, block: &Block, groups: &[Group]) -> Vec<MergeInput<'t>> {
    let input = |part: &'t Part, segment: &'t Segment| MergeInput {
        path: table.path(part, segment),
        part,
        segment,
    };
    let meets = |s: &Segment, range: Option<&Range>| match (&s.range, range) {
        (Some(a), Some(b)) => a.overlaps(b),
        _ => true,
    };
    let mut inputs = Vec::new();
    let ranges: Vec<_> = groups.iter().map(|g| ends_of(&table.def, g, &block.batch)).collect();
    for (group, range) in groups.iter().zip(&ranges) {
        let own = table.parts.get_key_value(&Part::Of(group.symbols.clone()));
        let own = own
            .into_iter()
            .flat_map(|(part, live)| live.segments.iter().map(move |segment| (part, segment)));
        let own = own.filter(|(_, s)| meets(s, range.as_ref()));
        inputs.extend(own.map(|(part, s)| input(part, s)));
    }
    for pack in table.part(&Part::Packed) {
        let holds = |group: &Group| {
            pack.symbols
                .as_deref()
                .is_none_or(|span| span.first <= group.symbols && group.symbols <= span.last)
        };
        let mut both = groups.iter().zip(&ranges);
        if both.any(|(group, range)| meets(pack, range.as_ref()) && holds(group)) {
            inputs.push(input(&Part::Packed, pack));
        }
    }
    inputs
}

/// The stretch of the first range column in which all the block's keys lie.
fn stretch(def: &TableDef, block: &Block, groups: &[Group]) -> Option<Stretch> {
    let mut all: Option<Range> = None;
    for group in groups {
        let range = ends_of(def, group, &block.batch)?;
        all = Some(all.map_or_else(|| range.clone(), |all| all.join(&range)));
    }
    let all = all?;
    Some(Stretch { from: all.min().first().cloned(), to: all.max().first().cloned() })
}

/// The key columns.
fn columns(def: &TableDef, batch: &RecordBatch) -> Vec<ArrayRef> {
    def.key.iter().filter_map(|id| column(def, batch, *id)).cloned().collect()
}

fn key_text(columns: &[ArrayRef], row: usize) -> String {
    let text = |array: &ArrayRef| match array.as_string_opt::<i32>() {
        Some(texts) => texts.value(row).to_owned(),
        None => value_at(array, row).map_or("NULL".into(), |v| v.to_string()),
    };
    format!("({})", columns.iter().map(text).collect::<Vec<_>>().join(", "))
}
