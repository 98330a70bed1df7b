//! A lake to try things on, and what must be in it.
#![allow(clippy::disallowed_methods, reason = "a test looks at the disk by itself")]

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{AsArray, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{Float64Type, Int32Type};
use lake_core::census::Tally;
use lake_core::edit::{Action, Cause, Transaction};
use lake_core::id::Version;
use lake_core::mask::{Owners, Stretch};
use lake_core::schema::TableDef;
use lake_core::segment::{Part, Segment, SegmentKind};
use lake_core::sqltype::parse_columns;
use lake_core::state::{State, Table};
use lake_core::symbol::Symbol;
use lake_core::value::Value;
use lake_log::{Access, At, Census, InitOptions, Lake, Outcome};
use lake_segment::{
    Blank, Files, Format, Merge, MergeInput, MergeOptions, SegmentError, Touches, Verify,
    write_packs,
};
use lake_testkit::scratch;
use tempfile::TempDir;

pub(crate) type Rows = BTreeMap<(String, i32), f64>;

pub(crate) struct Yard {
    dir: TempDir,
    pub(crate) lake: Lake,
    pub(crate) rows: Rows,
    /// What was in it at each version that an owner made.
    past: BTreeMap<Version, Rows>,
}

/// A row: symbol, day, price.
pub(crate) type Row<'a> = (&'a str, i32, f64);

pub(crate) fn symbol(name: &str) -> Vec<Symbol> {
    vec![Symbol::new(name).unwrap()]
}

impl Yard {
    pub(crate) fn new() -> Yard {
        let dir = scratch().unwrap();
        let _ = Lake::init(dir.path(), &InitOptions { accept_unsafe_fs: true }).unwrap();
        let lake = Lake::open(dir.path(), Access::Write).unwrap();
        let mut yard = Yard { dir, lake, rows: Rows::new(), past: BTreeMap::new() };
        let columns = parse_columns("symbol VARCHAR, day INTEGER, px DOUBLE").unwrap();
        let names = |n: &[&str]| n.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let key = names(&["symbol", "day"]);
        let def = TableDef::new("bars", &columns, &names(&["symbol"]), &key, &[]).unwrap();
        let mut txn = yard.lake.begin().unwrap().transaction(Cause::Create);
        txn.actions.push(Action::CreateTable(TableDef { id: lake_core::id::TableId(1), ..def }));
        yard.commit(txn);
        yard
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn state(&mut self) -> std::sync::Arc<State> {
        self.lake.refresh().unwrap().clone()
    }

    pub(crate) fn table(&mut self) -> Table {
        self.state().table("bars").unwrap().clone()
    }

    fn commit(&mut self, txn: Transaction) {
        commit(&mut self.lake, txn);
        self.note();
    }

    fn note(&mut self) {
        let version = self.state().version;
        self.past.insert(version, self.rows.clone());
    }

    /// Upserts rows, each key once.
    pub(crate) fn add(&mut self, rows: &[Row<'_>], packed: bool) {
        add(&mut self.lake, rows, packed);
        self.learn(rows);
    }

    /// Somebody else has upserted them.
    pub(crate) fn learn(&mut self, rows: &[Row<'_>]) {
        self.rows.extend(rows.iter().map(|(s, day, px)| (((*s).to_owned(), *day), *px)));
        self.note();
    }

    pub(crate) fn hide(&mut self, owner: Option<&str>, from: i32, to: i32) {
        hide(&mut self.lake, owner, from, to);
        self.forget(owner, from, to);
    }

    pub(crate) fn forget(&mut self, owner: Option<&str>, from: i32, to: i32) {
        let gone = |s: &str, day: i32| owner.is_none_or(|o| o == s) && (from..=to).contains(&day);
        self.rows.retain(|(s, day), _| !gone(s, *day));
        self.note();
    }

    pub(crate) fn check_newest(&mut self) {
        assert_eq!(read(&mut self.lake, At::Newest), self.rows);
    }

    /// That the newest version and all before it have the rows they should.
    pub(crate) fn check(&mut self) {
        self.check_newest();
        for (version, rows) in &self.past {
            let found = read(&mut self.lake, At::Version(*version));
            assert_eq!(&found, rows, "version {version}");
        }
    }

    /// The version that last changed each symbol that has rows, as log and files tell.
    /// What packs say of rows is looked at by the way.
    pub(crate) fn changed(&mut self) -> BTreeMap<String, u64> {
        let (table, root) = (self.table(), self.lake.root().clone());
        let mut all = BTreeMap::new();
        let mut note = |symbols: &[Symbol], version: u64| {
            let known = all.entry(symbols[0].as_str().to_owned()).or_default();
            *known = version.max(*known);
        };
        for (part, live) in &table.parts {
            if let (Part::Of(own), false) = (part, live.segments.is_empty()) {
                note(own, live.touched.version);
            }
            for segment in &live.segments {
                let census = Census::read(&root, table.path(part, segment), segment).unwrap();
                let all = census.iter().flat_map(|c| c.tallies()).map(Result::unwrap);
                let all: Vec<Tally> = all.collect();
                all.iter().for_each(|tally| note(&tally.symbols, tally.touched.version));
                if let Some(span) = &segment.symbols {
                    assert_eq!(all.iter().map(|tally| tally.rows).sum::<u64>(), segment.rows);
                    assert_eq!(all.len(), span.count as usize);
                    let ranges = all.iter().filter_map(|tally| tally.range.clone());
                    assert_eq!(ranges.reduce(|a, b| a.join(&b)), segment.range);
                }
            }
        }
        all.retain(|symbol, _| self.rows.keys().any(|(own, _)| own == symbol));
        all
    }

    pub(crate) fn live(&mut self) -> Vec<(Part, Segment)> {
        self.table().segments().map(|(part, s)| (part.clone(), s.clone())).collect()
    }
}

pub(crate) fn commit(lake: &mut Lake, txn: Transaction) {
    let done = lake.commit(txn).unwrap();
    assert!(matches!(done, Outcome::Committed { .. }), "{done:?}");
}

pub(crate) fn hide(lake: &mut Lake, owner: Option<&str>, from: i32, to: i32) {
    let value = |day: i32| Some(Value::Int(day.into()));
    let draft = lake.begin().unwrap();
    let mut txn = draft.transaction(Cause::Delete);
    txn.actions.push(Action::Hide {
        table: lake_core::id::TableId(1),
        owners: owner.map(|o| Owners::new(vec![symbol(o)])),
        stretch: Stretch { from: value(from), to: value(to) },
    });
    commit(lake, txn);
}

pub(crate) fn add(lake: &mut Lake, rows: &[Row<'_>], packed: bool) {
    let mut rows = rows.to_vec();
    rows.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
    let draft = lake.begin().unwrap();
    let table = draft.state.table("bars").unwrap();
    let mut txn = draft.transaction(Cause::Ingest);
    let kind = SegmentKind::Increment;
    let mut files = Files::new(lake.root(), &draft.staging, &txn, kind);
    let format = Format::new(&table.def).unwrap();
    let mut staged: Vec<(Part, Vec<Segment>)> = Vec::new();
    if packed {
        let mut batches = std::iter::once(Ok::<_, SegmentError>(batch(&format, &rows)));
        let packs =
            write_packs(&files, table, &format, &Touches::new(), None, &mut batches).unwrap();
        staged.push((Part::Packed, packs));
    } else {
        for own in rows.chunk_by(|a, b| a.0 == b.0) {
            let part = Part::Of(symbol(own[0].0));
            let blank = Blank {
                table,
                format: &format,
                part: &part,
                rows: own.len(),
                census: None,
                copies: None,
            };
            let batches = std::iter::once(Ok::<_, SegmentError>(batch(&format, own)));
            let segment = files.write(&blank, batches).unwrap();
            staged.push((part, vec![segment]));
        }
    }
    let placing: Vec<_> =
        staged.iter().flat_map(|(p, all)| all.iter().map(move |s| (table, p, s))).collect();
    files.place(&placing).unwrap();
    for (part, segments) in staged {
        txn.actions.push(Action::Add { table: table.def.id, part, segments });
    }
    commit(lake, txn);
    files.keep();
}

pub(crate) fn batch(format: &Format, rows: &[Row<'_>]) -> RecordBatch {
    let names = StringArray::from_iter_values(rows.iter().map(|r| r.0));
    let days = Int32Array::from_iter_values(rows.iter().map(|r| r.1));
    let prices = Float64Array::from_iter_values(rows.iter().map(|r| r.2));
    let columns: Vec<arrow::array::ArrayRef> =
        vec![std::sync::Arc::new(names), std::sync::Arc::new(days), std::sync::Arc::new(prices)];
    RecordBatch::try_new(format.schema().clone(), columns).unwrap()
}

/// All rows that count at a version, by the merge alone.
pub(crate) fn read(lake: &mut Lake, at: At) -> Rows {
    let snapshot = lake.snapshot(at).unwrap();
    let mut rows = Rows::new();
    let Some(table) = snapshot.state().table("bars") else { return rows };
    let inputs: Vec<_> = table
        .segments()
        .map(|(part, segment)| MergeInput { path: table.path(part, segment), part, segment })
        .collect();
    let options = MergeOptions { verify: Verify::Hash, ..MergeOptions::default() };
    for batch in Merge::open(lake.root(), &table.def, &inputs, &options).unwrap() {
        let batch = batch.unwrap();
        let names = batch.column(0).as_string::<i32>();
        let days = batch.column(1).as_primitive::<Int32Type>();
        let prices = batch.column(2).as_primitive::<Float64Type>();
        for row in 0..batch.num_rows() {
            let key = (names.value(row).to_owned(), days.value(row));
            assert!(rows.insert(key, prices.value(row)).is_none(), "a key is there twice");
        }
    }
    rows
}
