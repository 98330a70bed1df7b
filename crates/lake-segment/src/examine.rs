//! What a segment's file says of itself and what its rows are, for whoever does not
//! trust the log, or has none.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::partition;
use arrow::datatypes::Schema as ArrowSchema;
use arrow::row::Rows;
use lake_core::id::TxnId;
use lake_core::mask::Mask;
use lake_core::schema::{FieldId, TableDef};
use lake_core::segment::{Part, SymbolSpan};
use lake_core::symbol::Symbol;
use lake_core::value::{Key, Range};
use lake_store::Root;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use crate::digest::row_sum;
use crate::error::{Result, SegmentError};
use crate::merge::{Order, field_id, value};
use crate::metadata::table_pairs;
use crate::reader::{BATCH, guarded, hash};
use crate::stats::value_at;
use crate::types::data_type;

/// What the footer tells.
#[derive(Clone, Debug)]
pub struct Footer {
    /// The key-value pairs that are ours, with `lake.` before each.
    pub pairs: BTreeMap<String, String>,
    pub columns: ArrowSchema,
    pub rows: u64,
}

/// What the rows are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    pub rows: u64,
    /// Of the rows' numbers.
    pub sum: u64,
    /// None: a key has a value that is none.
    pub range: Option<Range>,
    /// Of the partition columns; None: the table has none.
    pub symbols: Option<SymbolSpan>,
}

/// The bytes of a file and their hash.
pub fn fingerprint(root: &Root, path: &str) -> Result<(u64, u64)> {
    let mut counted = Counted { file: root.open_read(path)?, bytes: 0 };
    let hash = hash(&mut counted).map_err(|e| damaged(path, e.to_string()))?;
    Ok((counted.bytes, hash))
}

struct Counted<R> {
    file: R,
    bytes: u64,
}

impl<R: std::io::Read> std::io::Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.bytes += n as u64;
        Ok(n)
    }
}

fn damaged(path: &str, why: impl Into<String>) -> SegmentError {
    SegmentError::Damaged { path: path.to_owned(), why: why.into() }
}

impl Footer {
    pub fn read(root: &Root, path: &str) -> Result<Footer> {
        let builder = open(root, path)?;
        let file = builder.metadata().file_metadata();
        let mut pairs = BTreeMap::new();
        for pair in file.key_value_metadata().into_iter().flatten() {
            if let Some(value) = pair.value.as_ref().filter(|_| pair.key.starts_with("lake.")) {
                pairs.insert(pair.key.clone(), value.clone());
            }
        }
        let rows = u64::try_from(file.num_rows()).unwrap_or(0);
        Ok(Footer { pairs, columns: builder.schema().as_ref().clone(), rows })
    }

    /// The field id of each column, as the file has them.
    pub fn field_ids(&self) -> Vec<Option<FieldId>> {
        self.columns.fields().iter().map(|f| field_id(f)).collect()
    }

    /// What it says of the table, the partition or the transaction that is not so. Where
    /// it is silent it says nothing wrong.
    pub fn contradicts(&self, def: &TableDef, part: &str, txn: &TxnId) -> Option<String> {
        let own = [("lake.partition", part.to_owned()), ("lake.txn", txn.to_string())];
        let table = table_pairs(def).into_iter().filter(|pair| pair.key != "lake.writer");
        let table = table.filter_map(|pair| Some((pair.key, pair.value?)));
        let own = own.into_iter().map(|(key, value)| (key.to_owned(), value));
        for (key, wanted) in own.chain(table) {
            match self.pairs.get(&key) {
                Some(found) if *found != wanted => {
                    return Some(format!("its footer says {key} = {found}, the log {wanted}"));
                }
                _ => {}
            }
        }
        None
    }

    /// How the columns differ from those of the table's newest schema.
    pub fn differs(&self, def: &TableDef) -> Option<String> {
        let wanted = &def.schema().fields;
        let found = self.columns.fields();
        if found.len() != wanted.len() {
            return Some(format!("it has {} columns, not {}", found.len(), wanted.len()));
        }
        for (found, wanted) in found.iter().zip(wanted) {
            let name = &wanted.name;
            if field_id(found) != Some(wanted.id) || found.name() != name {
                return Some(format!("it has column {} in the place of {name}", found.name()));
            }
            if !found.data_type().equals_datatype(&data_type(&wanted.ty)) {
                return Some(format!("column {name} is {}, not {}", found.data_type(), wanted.ty));
            }
            if found.is_nullable() == wanted.not_null {
                return Some(format!("column {name} has another rule for NULL"));
            }
        }
        None
    }
}

type Builder = ParquetRecordBatchReaderBuilder<lake_store::ReadFile>;

fn open(root: &Root, path: &str) -> Result<Builder> {
    let file = root.open_read(path)?;
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    guarded(|| ParquetRecordBatchReaderBuilder::try_new_with_options(file, options))
        .map_err(|e| damaged(path, e.to_string()))
}

impl Contents {
    /// Decodes all rows. `def`: its newest schema is the file's. `seen`: called with the
    /// rows of each batch; false stops it.
    ///
    /// What is checked on the way: rows are sorted, no key is there twice, symbols are
    /// symbols, and of the partition's directory.
    pub fn read(
        root: &Root,
        path: &str,
        def: &TableDef,
        part: &Part,
        seen: &(dyn Fn(u64) -> bool + Sync),
    ) -> Result<Option<Contents>> {
        let builder = open(root, path)?;
        let mut reader = guarded(|| builder.with_batch_size(BATCH).build())
            .map_err(|e| damaged(path, e.to_string()))?;
        let order = Order::new(def)?;
        let keys = order.no_keys();
        let mut survey = Survey {
            path,
            def,
            part,
            order,
            keys,
            last: None,
            rows: 0,
            sum: 0,
            numbers: Vec::new(),
            ends: None,
        };
        loop {
            let next = guarded(|| reader.next().transpose().map_err(Into::into));
            match next.map_err(|e| damaged(path, e.to_string()))? {
                None => return Ok(Some(survey.finish())),
                Some(batch) if batch.num_rows() == 0 => {}
                Some(batch) => survey.take(&batch)?,
            }
            if !seen(survey.batch_rows()) {
                return Ok(None);
            }
        }
    }
}

/// The rows so far.
struct Survey<'a> {
    path: &'a str,
    def: &'a TableDef,
    part: &'a Part,
    order: Order,
    keys: Rows,
    last: Option<Vec<u8>>,
    rows: u64,
    sum: u64,
    numbers: Vec<u64>,
    ends: Option<Ends>,
}

struct Ends {
    span: SymbolSpan,
    least: Key,
    most: Key,
    /// Every key has been a value.
    known: bool,
}

impl Survey<'_> {
    fn batch_rows(&self) -> u64 {
        self.keys.num_rows() as u64
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = batch.num_rows();
        self.order.keys(batch, &mut self.keys)?;
        let keyed = !self.def.key.is_empty();
        let follows = |a: &[u8], b: &[u8]| if keyed { a < b } else { a <= b };
        let sorted = {
            let keys = (0..rows).map(|row| self.keys.row(row).data());
            let first = self.keys.row(0).data();
            self.last.as_deref().is_none_or(|last| follows(last, first))
                && keys.is_sorted_by(|a, b| follows(a, b))
        };
        if !sorted {
            let twice = if keyed { ", or a key is there twice" } else { "" };
            return Err(damaged(self.path, format!("its rows are not sorted{twice}")));
        }
        self.last = Some(self.keys.row(rows - 1).data().to_vec());
        self.rows += rows as u64;
        self.sum = self.sum.wrapping_add(row_sum(batch, &mut self.numbers)?);
        let names = self.columns(batch, &self.def.partition_by);
        let groups = match names.is_empty() {
            true => std::iter::once(0..rows).collect(),
            false => partition(&names).map_err(SegmentError::arrow)?.ranges(),
        };
        let columns = self.columns(batch, &self.def.range_columns());
        let key = |row: usize| columns.iter().map(|c| value_at(c, row)).collect::<Option<Key>>();
        for group in groups {
            let symbols = self.symbols(&names, group.start)?;
            let ends = (key(group.start), key(group.end - 1));
            self.note(symbols, ends);
        }
        Ok(())
    }

    fn columns(&self, batch: &RecordBatch, ids: &[FieldId]) -> Vec<ArrayRef> {
        let find = |id| crate::packs::column(self.def, batch, id).cloned();
        ids.iter().filter_map(|id| find(*id)).collect()
    }

    fn symbols(&self, names: &[ArrayRef], row: usize) -> Result<Vec<Symbol>> {
        use arrow::array::{Array, AsArray};
        let symbol = |name: &ArrayRef| {
            let texts = name.as_string_opt::<i32>().filter(|texts| !texts.is_null(row))?;
            Symbol::new(texts.value(row)).ok()
        };
        let symbols: Option<Vec<Symbol>> = names.iter().map(symbol).collect();
        let Some(symbols) = symbols else {
            return Err(damaged(self.path, "it has a text that cannot be a symbol"));
        };
        match self.part {
            Part::Of(own) if *own != symbols => {
                Err(damaged(self.path, "it has rows of another partition"))
            }
            _ => Ok(symbols),
        }
    }

    fn note(&mut self, symbols: Vec<Symbol>, ends: (Option<Key>, Option<Key>)) {
        let is_known = matches!(&ends, (Some(min), Some(_)) if !min.is_empty());
        let (min, max) = (ends.0.unwrap_or_default(), ends.1.unwrap_or_default());
        let Some(so_far) = &mut self.ends else {
            let span = SymbolSpan { first: symbols.clone(), last: symbols, count: 1 };
            self.ends = Some(Ends { span, least: min, most: max, known: is_known });
            return;
        };
        if so_far.span.last != symbols {
            so_far.span.count = so_far.span.count.saturating_add(1);
            so_far.span.last = symbols;
        }
        so_far.known &= is_known;
        if min < so_far.least {
            so_far.least = min;
        }
        if max > so_far.most {
            so_far.most = max;
        }
    }

    fn finish(self) -> Contents {
        let (rows, sum) = (self.rows, self.sum);
        let Some(ends) = self.ends else {
            return Contents { rows, sum, range: None, symbols: None };
        };
        let range = ends.known.then(|| Range::new(ends.least, ends.most));
        let symbols = (!self.def.partition_by.is_empty()).then_some(ends.span);
        Contents { rows, sum, range, symbols }
    }
}

/// Whether the ends of a mask are values of the column they are of.
pub fn mask_fits(def: &TableDef, mask: &Mask) -> bool {
    let first = def.range_columns().first().and_then(|id| def.schema().by_id(*id));
    let ends = [&mask.stretch.from, &mask.stretch.to];
    ends.into_iter()
        .flatten()
        .all(|end| first.is_some_and(|field| value::array(&field.ty, &[Some(end)]).is_some()))
}
