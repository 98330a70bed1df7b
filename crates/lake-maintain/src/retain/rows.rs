//! The visible rows that go, sorted by symbol and range columns.

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::row::{RowConverter, Rows, SortField};
use lake_core::schema::TableDef;
use lake_core::segment::{Part, Segment};
use lake_core::state::Table;
use lake_segment::{Merge, MergeInput, MergeOptions, SegmentError, Within, column};
use lake_store::Root;

use super::doom::Doom;
use crate::error::Result;

/// Rows of a decoded batch.
const BATCH: usize = 8 * 1024;

/// Batches with the columns of a definition's newest schema.
pub(crate) struct DoomedRows {
    old: Merge,
    newer: Option<Newer>,
}

impl DoomedRows {
    /// `def`: the table's, or with fewer columns.
    pub(crate) fn open(
        root: &Root,
        table: &Table,
        def: &TableDef,
        doom: &Doom,
        within: &Within,
    ) -> Result<DoomedRows> {
        let met: Vec<_> = doom.met(table).iter().map(|m| (m.part, m.segment)).collect();
        let options = MergeOptions {
            batch_rows: BATCH,
            within: within.clone(),
            stretch: doom.stretch.clone(),
            ..MergeOptions::default()
        };
        let old = Merge::open(root, def, &inputs(table, &met), &options)?;
        let newer = match doom.before_us.filter(|_| !def.key.is_empty()) {
            None => None,
            Some(before) => {
                let rest: Vec<_> = table.segments().filter(|(_, s)| s.at_us >= before).collect();
                Newer::open(root, table, &rest, &options)?
            }
        };
        Ok(DoomedRows { old, newer })
    }
}

fn inputs<'t>(table: &Table, live: &[(&'t Part, &'t Segment)]) -> Vec<MergeInput<'t>> {
    let input = |(part, segment): &(&'t Part, &'t Segment)| MergeInput {
        path: table.path(part, segment),
        part,
        segment,
    };
    live.iter().map(input).collect()
}

impl Iterator for DoomedRows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        loop {
            let batch = match self.old.next()? {
                Ok(batch) => batch,
                Err(error) => return Some(Err(error.into())),
            };
            let left = match &mut self.newer {
                None => Ok(batch),
                Some(newer) => newer.leave_out(&batch),
            };
            match left {
                Ok(batch) if batch.num_rows() == 0 => {}
                other => return Some(other),
            }
        }
    }
}

/// The keys of rows that stay, in the order of those that go: whatever they share is
/// superseded.
struct Newer {
    def: TableDef,
    converter: RowConverter,
    merge: Merge,
    keys: Option<Rows>,
    at: usize,
}

impl Newer {
    fn open(
        root: &Root,
        table: &Table,
        live: &[(&Part, &Segment)],
        options: &MergeOptions,
    ) -> Result<Option<Newer>> {
        if live.is_empty() {
            return Ok(None);
        }
        let def = keys_only(&table.def);
        let merge = Merge::open(root, &def, &inputs(table, live), options)?;
        let empty = RecordBatch::new_empty(merge.schema().clone());
        let columns = key_columns(&def, &empty);
        let fields = columns.iter().map(|c| SortField::new(c.data_type().clone())).collect();
        let converter = RowConverter::new(fields).map_err(SegmentError::arrow)?;
        Ok(Some(Newer { def, converter, merge, keys: None, at: 0 }))
    }

    fn leave_out(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = self.convert(batch)?;
        let mut stays = Vec::with_capacity(batch.num_rows());
        for row in &rows {
            let mut superseded = false;
            while self.fill()? {
                let Some(keys) = &self.keys else { break };
                let key = keys.row(self.at);
                if key >= row {
                    superseded = key == row;
                    break;
                }
                self.at += 1;
            }
            stays.push(!superseded);
        }
        let left = filter_record_batch(batch, &BooleanArray::from(stays));
        Ok(left.map_err(SegmentError::arrow)?)
    }

    /// Makes sure that there is a key. False: there are no more.
    fn fill(&mut self) -> Result<bool> {
        while self.keys.as_ref().is_none_or(|keys| self.at >= keys.num_rows()) {
            let Some(batch) = self.merge.next().transpose()? else { return Ok(false) };
            self.keys = Some(self.convert(&batch)?);
            self.at = 0;
        }
        Ok(true)
    }

    fn convert(&self, batch: &RecordBatch) -> Result<Rows> {
        // The two have the same columns under the same names.
        let columns: Option<Vec<ArrayRef>> = key_names(&self.def)
            .into_iter()
            .map(|name| batch.column_by_name(name).cloned())
            .collect();
        let columns = columns.unwrap_or_default();
        Ok(self.converter.convert_columns(&columns).map_err(SegmentError::arrow)?)
    }
}

fn key_names(def: &TableDef) -> Vec<&str> {
    let ids = def.partition_by.iter().copied().chain(def.range_columns());
    ids.filter_map(|id| def.schema().by_id(id).map(|f| f.name.as_str())).collect()
}

fn key_columns(def: &TableDef, batch: &RecordBatch) -> Vec<ArrayRef> {
    let ids = def.partition_by.iter().copied().chain(def.range_columns());
    ids.filter_map(|id| column(def, batch, id).cloned()).collect()
}

/// The table with the columns alone by which its rows are sorted, so that only these are
/// read.
pub(crate) fn keys_only(def: &TableDef) -> TableDef {
    let mut only = def.clone();
    let range = def.range_columns();
    let wanted = |id| range.contains(&id) || def.partition_by.contains(&id);
    if let Some(newest) = only.schemas.last_mut()
        && newest.fields.iter().any(|f| wanted(f.id))
    {
        newest.fields.retain(|f| wanted(f.id));
        newest.checks.clear();
    }
    only
}
