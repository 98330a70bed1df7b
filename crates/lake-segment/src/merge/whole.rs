//! Row groups of an input that may be given out as they are.
//!
//! A group stands apart when all of its rows count and no row of another input comes
//! between them or has the key of one. By the footer's statistics it is decided whether to
//! look; then its key columns are read, and they alone decide. So a copied group is as
//! sorted, and of the symbols, that its keys say, and the rest of it is not decoded.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::partition;
use arrow::row::Rows;
use lake_core::census::Tally;
use lake_core::schema::{FieldId, TableDef};
use lake_core::segment::{Segment, SegmentKind};
use lake_core::value::{Key, Range};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};

use super::cursor::{Cursor, Shared};
use super::groups::pick;
use super::order::Order;
use super::upgrade::{Upgrade, field_id, widen};
use super::visible::{Visible, symbols};
use crate::error::{Result, SegmentError};
use crate::format::{Format, Profile};
use crate::group::{RowGroup, load, read_sums};
use crate::reader::{BATCH, SegmentReader, Selection, guarded, opened};
use crate::stats::value_at;

/// What the whole row groups of a merge's inputs are held against.
pub(super) struct Wholes {
    format: Format,
    /// Of batches of the key columns alone.
    order: Order,
    keys: Vec<FieldId>,
}

impl Wholes {
    /// None: the rows of such a table have no order.
    pub(super) fn new(def: &TableDef, format: &Format) -> Result<Option<Wholes>> {
        let keys: Vec<FieldId> =
            def.partition_by.iter().copied().chain(def.range_columns()).collect();
        let order = Order::among(def, &keys)?;
        Ok((!keys.is_empty()).then(|| Wholes { format: format.clone(), order, keys }))
    }
}

/// The row groups of a file that are still to come.
pub(super) struct Groups {
    pub(super) metadata: ArrowReaderMetadata,
    left: VecDeque<usize>,
    /// Those that may be given out whole, as far as the file itself is asked.
    fit: Vec<bool>,
    /// Keys that no row of them comes before, or after.
    least: Rows,
    most: Rows,
    sums: Vec<u64>,
}

/// What comes next of a file.
pub(super) enum Stop {
    End,
    /// A group that may be given out whole; a key that no row of it comes before.
    Whole(Vec<u8>),
    Read(Vec<usize>),
}

impl Groups {
    /// None: none of them can be given out whole.
    pub(super) fn open(path: &str, segment: &Segment, shared: &Shared) -> Result<Option<Groups>> {
        let Some(wholes) = &shared.wholes else { return Ok(None) };
        let newest = shared.def.schema().version;
        if segment.kind != SegmentKind::Base || segment.schema_version != newest {
            return Ok(None);
        }
        let file = opened(&shared.root, path, segment, shared.options.verify)?;
        let found = guarded(|| {
            let metadata = load(&file)?;
            let Some(sums) = read_sums(metadata.metadata()) else { return Ok(None) };
            if !wholes.format.made(metadata.metadata()) {
                return Ok(None);
            }
            let builder =
                ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone());
            let left = pick(&builder, &shared.asked)?;
            Ok(Some((metadata, sums, left)))
        });
        let damaged = |why: String| SegmentError::Damaged { path: path.to_owned(), why };
        let Some((metadata, sums, left)) = found.map_err(|e| damaged(e.to_string()))? else {
            return Ok(None);
        };
        let rows = metadata.metadata().file_metadata().num_rows();
        if u64::try_from(rows) != Ok(segment.rows) {
            return Err(damaged(format!("it should have {} rows but has {rows}", segment.rows)));
        }
        let Some(Bounds { fit, least, most }) = bounds(&metadata, &shared.order)? else {
            return Ok(None);
        };
        let fits = left.iter().any(|at| fit[*at]);
        Ok(fits.then(|| Groups { metadata, left: left.into(), fit, least, most, sums }))
    }

    pub(super) fn stop(&mut self) -> Stop {
        let Some(first) = self.left.front() else { return Stop::End };
        if self.fit[*first] {
            return Stop::Whole(self.least.row(*first).data().to_vec());
        }
        let count = self.left.iter().take_while(|at| !self.fit[**at]).count();
        Stop::Read(self.left.drain(..count).collect())
    }

    pub(super) fn take(&mut self) -> Option<usize> {
        self.left.pop_front()
    }

    /// Whether no row of the next group comes after that key or has it.
    fn ends_before(&self, key: Option<&[u8]>) -> bool {
        let most = self.left.front().map(|at| self.most.row(*at));
        most.is_some_and(|most| key.is_none_or(|key| most.data() < key))
    }
}

struct Bounds {
    fit: Vec<bool>,
    least: Rows,
    most: Rows,
}

/// By the statistics: the least and the greatest value of each column make keys that lie
/// around all others. None: a column is not there.
fn bounds(metadata: &ArrowReaderMetadata, order: &Order) -> Result<Option<Bounds>> {
    let groups = metadata.metadata().row_groups();
    let sizes: RangeInclusive<usize> = Profile::Base.fewest_rows()..=Profile::Base.most_rows();
    let size = |rows: i64| usize::try_from(rows).is_ok_and(|rows| sizes.contains(&rows));
    let mut fit: Vec<bool> = groups.iter().map(|group| size(group.num_rows())).collect();
    let (mut least, mut most) = (Vec::new(), Vec::new());
    for column in order.columns() {
        let fields = metadata.schema().fields();
        let Some(field) = fields.iter().find(|f| field_id(f) == Some(column.id)) else {
            return Ok(None);
        };
        let statistics = StatisticsConverter::try_new(
            field.name(),
            metadata.schema(),
            metadata.parquet_schema(),
        );
        let statistics = statistics.map_err(SegmentError::Encode)?;
        let ty = crate::types::data_type(&column.ty);
        let end = |found: parquet::errors::Result<ArrayRef>| {
            widen(&found.map_err(SegmentError::Encode)?, &ty).map_err(SegmentError::arrow)
        };
        let (min, max) =
            (end(statistics.row_group_mins(groups))?, end(statistics.row_group_maxes(groups))?);
        let nulls = statistics.row_group_null_counts(groups).map_err(SegmentError::Encode)?;
        for (at, fit) in fit.iter_mut().enumerate() {
            let known = min.is_valid(at) && max.is_valid(at) && nulls.is_valid(at);
            *fit &= known && nulls.value(at) == 0;
        }
        least.push(min);
        most.push(max);
    }
    Ok(Some(Bounds { fit, least: order.rows(&least)?, most: order.rows(&most)? }))
}

/// A row group, and the key of its last row.
pub(super) struct Whole {
    pub(super) group: RowGroup,
    pub(super) last: Vec<u8>,
}

impl Cursor {
    /// Whether the row group that it stands before may stand apart: the other input is at
    /// this key.
    pub(super) fn may_give_whole(&self, other: Option<&[u8]>) -> bool {
        self.groups().is_some_and(|groups| groups.ends_before(other))
    }

    /// Takes the row group that it stands before. None: it must be decoded, because not all of
    /// its rows count. `after` is the key that was given out last.
    pub(super) fn take_whole(&mut self, after: &[u8], shared: &Shared) -> Result<Option<Whole>> {
        let (Some(wholes), Some(groups)) = (&shared.wholes, self.groups()) else {
            return Ok(None);
        };
        let Some(&at) = groups.left.front() else { return Ok(None) };
        let visible = self.visible(&wholes.order, shared)?;
        let metadata = groups.metadata.clone();
        let upgrade =
            Upgrade::new(&self.path, &shared.def, self.segment.schema_version, Some(&wholes.keys))?;
        let mut survey = Survey::new(visible, &wholes.order);
        let selection =
            Selection { columns: Some(upgrade.stored()), groups: None, batch_rows: BATCH };
        let file = shared.root.open_read(&self.path)?;
        let again = file.try_clone().map_err(|e| self.damaged(&e.to_string()))?;
        let reader = SegmentReader::of_groups(&self.path, again, &metadata, vec![at], &selection)?;
        for batch in reader {
            let batch = upgrade.apply(&batch?)?;
            wholes.order.keys(&batch, &mut survey.keys)?;
            let last = survey.last.as_deref().or(self.last());
            self.check(&wholes.order, &batch, &survey.keys, last, shared)?;
            if !survey.take(&wholes.order, &batch, after, !shared.def.key.is_empty())? {
                return Ok(None);
            }
        }
        let Survey { tallies, last, rows, .. } = survey;
        let Some(last) = last else { return Ok(None) };
        let Some(sum) = groups.sums.get(at).copied() else { return Ok(None) };
        self.passed(last.clone());
        let path = self.path.clone();
        Ok(Some(Whole { group: RowGroup { file, path, metadata, at, rows, sum, tallies }, last }))
    }
}

/// What a group's keys say.
struct Survey {
    visible: Visible,
    keys: Rows,
    tallies: Vec<Tally>,
    rows: u64,
    last: Option<Vec<u8>>,
}

impl Survey {
    fn new(visible: Visible, order: &Order) -> Survey {
        let keys = order.no_keys();
        Survey { visible, keys, tallies: Vec::new(), rows: 0, last: None }
    }

    /// False: not all of its rows count, or the first is there already.
    fn take(
        &mut self,
        order: &Order,
        batch: &RecordBatch,
        after: &[u8],
        keyed: bool,
    ) -> Result<bool> {
        let rows = batch.num_rows();
        let shown = self.visible.show(order, batch)?;
        let all = matches!(&shown.runs[..], [run] if *run == (0..rows));
        if !all || (keyed && self.keys.row(0).data() <= after) {
            return Ok(false);
        }
        self.rows += rows as u64;
        self.last = Some(self.keys.row(rows - 1).data().to_vec());
        let names: Vec<ArrayRef> =
            order.partition.iter().map(|c| batch.column(c.at).clone()).collect();
        let key = |row: usize| -> Option<Key> {
            order.range.iter().map(|c| value_at(batch.column(c.at), row)).collect()
        };
        let runs = match names.is_empty() {
            true => std::iter::once(0..rows).collect(),
            false => partition(&names).map_err(SegmentError::arrow)?.ranges(),
        };
        for run in runs {
            let own = symbols(&names, run.start);
            let ends = key(run.start).zip(key(run.end - 1)).filter(|(min, _)| !min.is_empty());
            let range = ends.map(|(min, max)| Range::new(min, max));
            let rows = run.len() as u64;
            match self.tallies.last_mut().filter(|tally| tally.symbols == own) {
                Some(tally) => {
                    tally.rows += rows;
                    tally.range = tally.range.take().zip(range).map(|(a, b)| a.join(&b));
                }
                None => {
                    self.tallies.push(Tally { symbols: own, rows, range, ..Tally::default() });
                }
            }
        }
        Ok(true)
    }
}
