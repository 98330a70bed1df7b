//! A table of three schema versions, its segments on a disk, and what is read back.
#![allow(clippy::disallowed_methods, reason = "a test looks at the disk and the clock by itself")]

mod damage;
mod model;
mod whole;

use std::sync::Arc;

use arrow::array::*;
use arrow::compute::cast;
use arrow::util::display::array_value_to_string;
use lake_core::id::{SegmentId, TxnId};
use lake_core::mask::Mask;
use lake_core::schema::{Field, Schema, TableDef};
use lake_core::segment::{Part, Rank, Segment, SegmentKind, SymbolSpan};
use lake_core::sqltype::{parse_columns, parse_type};
use lake_core::symbol::Symbol;
use lake_core::value::{Range, Value};
use lake_store::Root;

use super::*;
use crate::{Format, Profile, Provenance, SegmentReader};

const DAY_US: i64 = 86_400_000_000;

/// With a key, `at` grows from UINTEGER to BIGINT; without, from DATE to TIMESTAMP.
fn table(keyed: bool) -> TableDef {
    let at = if keyed { ["UINTEGER", "BIGINT"] } else { ["DATE", "TIMESTAMP"] };
    let first = format!("symbol VARCHAR, at {}, qty INTEGER, gone VARCHAR, px FLOAT", at[0]);
    let own = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
    let key = if keyed { own(&["symbol", "at"]) } else { Vec::new() };
    let columns = parse_columns(&first).unwrap();
    let mut def = TableDef::new("bars", &columns, &own(&["symbol"]), &key, &own(&["at"])).unwrap();
    let add = |id, name: &str, ty: &str, default: Option<&str>| Field {
        id,
        name: name.into(),
        ty: parse_type(ty).unwrap(),
        not_null: false,
        default: default.map(str::to_owned),
    };
    let mut second = def.schema().clone();
    second.version = 2;
    second.fields[1].ty = parse_type(at[1]).unwrap();
    second.fields[2] = add(3, "amount", "BIGINT", None);
    second.fields.push(add(6, "note", "VARCHAR", Some("none")));
    let mut third = second.clone();
    third.version = 3;
    third.fields.retain(|f| f.name != "gone");
    third.fields.insert(0, add(7, "flag", "BOOLEAN", None));
    third.fields.push(add(8, "lot", "DECIMAL(9,2)", Some("1.50")));
    def.schemas.extend([second, third]);
    def
}

/// As it was when that version was the newest.
fn as_of(def: &TableDef, version: u32) -> TableDef {
    let schemas: Vec<Schema> =
        def.schemas.iter().filter(|s| s.version <= version).cloned().collect();
    TableDef { schemas, ..def.clone() }
}

fn symbol(n: usize) -> Symbol {
    Symbol::new(["A", "B", "BB", "C"][n]).unwrap()
}

/// A row: its symbol, its time and a number of its own, on which all else hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    symbol: usize,
    at: Option<i64>,
    qty: i64,
}

/// A time as a value of the type that `at` has in that version.
fn at_value(keyed: bool, version: u32, at: i64) -> Value {
    match (keyed, version) {
        (true, 1) => Value::UInt(at as u64),
        (true, _) => Value::Int(at),
        (false, 1) => Value::Date(at as i32),
        (false, _) => Value::Timestamp(at * DAY_US),
    }
}

fn rows_batch(def: &TableDef, rows: &[Row]) -> RecordBatch {
    let schema = crate::arrow_schema(def.schema());
    let column = |field: &Field| -> ArrayRef {
        let ty = crate::data_type(&field.ty);
        let made: ArrayRef = match field.id {
            1 => Arc::new(StringArray::from_iter_values(rows.iter().map(|r| symbol(r.symbol)))),
            2 if def.key.is_empty() => {
                let days: Int32Array = rows.iter().map(|r| r.at.map(|at| at as i32)).collect();
                cast(&(Arc::new(days) as ArrayRef), &arrow::datatypes::DataType::Date32).unwrap()
            }
            2 => Arc::new(rows.iter().map(|r| r.at).collect::<Int64Array>()),
            3 => Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.qty))),
            5 => Arc::new(Float64Array::from_iter_values(rows.iter().map(|r| r.qty as f64 / 4.0))),
            7 => Arc::new(rows.iter().map(|r| Some(r.qty % 2 == 0)).collect::<BooleanArray>()),
            8 => Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.qty % 100))),
            id => Arc::new(StringArray::from_iter_values(
                rows.iter().map(|r| format!("{id}-{}", r.qty)),
            )),
        };
        cast(&made, &ty).unwrap()
    };
    RecordBatch::try_new(schema, def.schema().fields.iter().map(column).collect()).unwrap()
}

/// What a row that was written in that version reads like in the newest.
fn text_of(keyed: bool, version: u32, row: &Row) -> String {
    let at = row.at.map_or("".into(), |at| at_value(keyed, 3, at).to_string());
    let (note, flag, lot) = (
        if version >= 2 { format!("6-{}", row.qty) } else { "none".into() },
        if version >= 3 { (row.qty % 2 == 0).to_string() } else { "".into() },
        if version >= 3 { format!("{}.00", row.qty % 100) } else { "1.50".into() },
    );
    let px = row.qty as f64 / 4.0;
    format!("{flag}|{}|{at}|{}|{px:?}|{note}|{lot}", symbol(row.symbol), row.qty)
}

fn texts(batch: &RecordBatch) -> Vec<String> {
    let cell = |c: &ArrayRef, row| array_value_to_string(c, row).unwrap();
    let row = |row| batch.columns().iter().map(|c| cell(c, row)).collect::<Vec<_>>().join("|");
    (0..batch.num_rows()).map(row).collect()
}

/// Segments of one table in a throw-away lake.
struct Disk {
    dir: tempfile::TempDir,
    root: Root,
    def: TableDef,
    files: Vec<(String, Part, Segment)>,
}

impl Disk {
    fn new(def: TableDef) -> Disk {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        Disk { dir, root, def, files: Vec::new() }
    }

    /// Writes the rows as they are given; the rank is the number of the file.
    fn add(&mut self, version: u32, packed: bool, rows: &[Row]) -> &mut Segment {
        let def = as_of(&self.def, version);
        let batch = rows_batch(&def, rows);
        let part = match packed {
            true => Part::Packed,
            false => Part::Of(vec![symbol(rows[0].symbol)]),
        };
        let segment = self.add_batch(&def, part, &batch);
        if packed {
            let names = || rows.iter().map(|r| vec![symbol(r.symbol)]);
            segment.symbols = Some(Box::new(SymbolSpan {
                first: names().min().unwrap(),
                last: names().max().unwrap(),
                count: 1,
            }));
        }
        let key = |at: i64| vec![at_value(!def.key.is_empty(), version, at)];
        let times: Option<Vec<i64>> = rows.iter().map(|r| r.at).collect();
        segment.range = times.map(|times| {
            Range::new(key(*times.iter().min().unwrap()), key(*times.iter().max().unwrap()))
        });
        segment
    }

    fn add_batch(&mut self, def: &TableDef, part: Part, batch: &RecordBatch) -> &mut Segment {
        let n = self.files.len();
        let txn = TxnId { start: 3, session: 9, counter: 1 };
        let from = Provenance { txn, producer: None, host: "h".into(), pid: 7, after: 0, at_us: 0 };
        let encoded =
            Format::new(def).unwrap().encode(batch, Profile::Base, "", &from, None).unwrap();
        let path = format!("{n}.parquet");
        let mut file = self.root.top().unwrap().create(&path).unwrap();
        file.write_all_at_once(&encoded.bytes).unwrap();
        file.close().unwrap();
        let segment = Segment {
            id: SegmentId { txn, n: n as u32 },
            kind: SegmentKind::Increment,
            schema_version: def.schema().version,
            rows: encoded.written.rows,
            bytes: encoded.written.bytes,
            hash: encoded.written.hash,
            range: encoded.written.range,
            sum: None,
            symbols: None,
            rank: Rank { version: n as u64 + 1, order: 0 },
            masks: Vec::new(),
            at_us: 0,
            census: None,
            added: 1,
        };
        self.files.push((path, part, segment));
        &mut self.files[n].2
    }

    fn merge(&self, options: &MergeOptions) -> Merge {
        let input = |(path, part, segment)| MergeInput { path: String::clone(path), part, segment };
        let inputs: Vec<_> = self.files.iter().map(|(a, b, c)| input((a, b, c))).collect();
        Merge::open(&self.root, &self.def, &inputs, options).unwrap()
    }
}

fn run(symbol: usize, times: impl Iterator<Item = i64>) -> Vec<Row> {
    times.map(|at| Row { symbol, at: Some(at), qty: at % 1_000 }).collect()
}

fn one(symbol: Symbol) -> Within {
    (Bound::Included(vec![symbol.clone()]), Bound::Included(vec![symbol]))
}

fn portions(rows: usize) -> MergeOptions {
    MergeOptions { batch_rows: rows, ..MergeOptions::default() }
}

#[test]
fn what_does_not_overlap_goes_through_in_whole_batches() {
    let mut disk = Disk::new(table(true));
    for n in [2, 0, 3, 1] {
        disk.add(3, false, &run(0, n * 1_000..(n + 1) * 1_000));
    }
    disk.add(3, false, &run(1, 0..1_000));
    let mut merge = disk.merge(&portions(100));
    let batches: Vec<_> = merge.by_ref().map(Result::unwrap).collect();
    assert!(batches.iter().all(|b| b.num_rows() == 100));
    let counts = merge.counts();
    assert_eq!((counts.out, counts.pieces), (5_000, 50));
}

#[test]
fn files_are_opened_when_they_are_due_and_closed_after_their_last_row() {
    let mut disk = Disk::new(table(true));
    for n in 0..40 {
        disk.add(3, false, &run(0, n * 10..(n + 1) * 10));
    }
    disk.add(3, true, &run(1, 0..10));
    // The last two are gone: one from the middle of the order, one by its symbols.
    for path in ["30.parquet", "40.parquet"] {
        disk.root.top().unwrap().unlink(path).unwrap();
    }
    let files = || {
        let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        let here = |e: &std::fs::DirEntry| {
            std::fs::read_link(e.path())
                .is_ok_and(|to| to.starts_with(disk.dir.path().canonicalize().unwrap()))
        };
        open.filter(here).count()
    };
    let before = files();
    let mut merge = disk.merge(&portions(10));
    for _ in 0..30 {
        assert!(files() <= before + 1, "{} open", files() - before);
        assert_eq!(merge.next().unwrap().unwrap().num_rows(), 10);
    }
    let error = merge.next().unwrap().unwrap_err().to_string();
    assert!(error.contains("30.parquet") && error.contains("missing"), "{error}");
    assert!(merge.next().is_none());
}

#[test]
fn row_groups_without_a_row_that_is_asked_for_are_not_read() {
    let group = Profile::Increment.row_group() as i64;
    let mut disk = Disk::new(table(true));
    let rows: Vec<Row> = (0..3).flat_map(|s| run(s, 0..group)).collect();
    disk.add(1, true, &rows);
    let options = MergeOptions { within: one(symbol(1)), ..portions(8_192) };
    let path = disk.dir.path().join("0.parquet");
    let mut bytes = std::fs::read(&path).unwrap();
    // The first and the last group's pages are noise now.
    let file = std::fs::File::open(&path).unwrap();
    let found = parquet::file::reader::SerializedFileReader::new(file).unwrap();
    use parquet::file::reader::FileReader;
    for group in [0, 2] {
        for column in found.metadata().row_group(group).columns() {
            let (start, len) = column.byte_range();
            bytes[start as usize..(start + len) as usize].fill(0xee);
        }
    }
    std::fs::write(&path, bytes).unwrap();
    let mut merge = disk.merge(&options);
    assert_eq!(merge.by_ref().map(|b| b.unwrap().num_rows() as i64).sum::<i64>(), group);
    assert_eq!(merge.counts().read as i64, group);
    for (from, to, want) in [(5, 9, 5), (group, group, 0)] {
        let [from, to] = [from, to].map(|v| Some(Value::Int(v)));
        let options = MergeOptions { stretch: Stretch { from, to }, ..options.clone() };
        assert_eq!(disk.merge(&options).map(|b| b.unwrap().num_rows()).sum::<usize>(), want);
    }
    assert!(disk.merge(&portions(10)).any(|b| b.is_err()), "the noise was not read");
}

#[test]
fn batches_of_which_little_is_left_are_not_held_on_to() {
    let mut disk = Disk::new(table(true));
    let gap = |n: i64| {
        let [from, to] = [n * 40 + 1, n * 40 + 39].map(|at| Some(Value::Int(at)));
        Mask { owners: None, stretch: Stretch { from, to } }
    };
    disk.add(3, false, &run(0, 0..4_000)).masks = (0..100).map(gap).collect();
    let mut merge = disk.merge(&portions(40));
    let mut rows = Vec::new();
    while let Some(batch) = merge.next() {
        rows.push(batch.unwrap().num_rows());
        assert!(merge.pending.most_held() <= 1 + SPARE_BATCHES);
    }
    assert_eq!(rows, [40, 40, 20]);
    assert_eq!(merge.counts().hidden, 3_900);
}

#[test]
fn an_upgrade_of_some_columns_has_them_in_the_order_asked_for() {
    let mut disk = Disk::new(table(true));
    disk.add(1, false, &run(0, 3..5));
    let (path, _, segment) = &disk.files[0];
    let upgrade = Upgrade::new(path, &disk.def, 1, Some(&[8, 3, 99, 2])).unwrap();
    assert_eq!(upgrade.stored(), [3, 2]);
    let columns = Some(upgrade.stored());
    let reader = SegmentReader::open(&disk.root, path, segment, Verify::Hash, columns).unwrap();
    let batch = upgrade.apply(&reader.map(Result::unwrap).next().unwrap()).unwrap();
    assert_eq!(texts(&batch), ["1.50|3|3", "1.50|4|4"]);
    let names: Vec<_> = batch.schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names, ["lot", "amount", "at"]);
}

#[test]
fn without_partition_or_order_rows_stand_by_rank() {
    let columns = parse_columns("n INTEGER").unwrap();
    let mut disk = Disk::new(TableDef::new("t", &columns, &[], &[], &[]).unwrap());
    let def = disk.def.clone();
    for values in [[3, 4], [1, 2]] {
        let schema = crate::arrow_schema(def.schema());
        let batch = RecordBatch::try_new(schema, vec![Arc::new(Int32Array::from(values.to_vec()))]);
        disk.add_batch(&def, Part::Of(Vec::new()), &batch.unwrap());
    }
    disk.files.reverse();
    let rows: Vec<String> = disk.merge(&portions(3)).flat_map(|b| texts(&b.unwrap())).collect();
    assert_eq!(rows, ["3", "4", "1", "2"]);
}
