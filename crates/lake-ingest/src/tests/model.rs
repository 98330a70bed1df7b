//! Random histories of everything an owner can do to a table, against an oracle.

use std::collections::BTreeMap;

use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Int64Type};
use lake_core::invariants::check_state;
use lake_core::mask::Stretch;
use lake_core::segment::{Part, Segment};
use lake_core::symbol::Symbol;
use lake_core::types::Type;
use lake_core::value::Value;
use lake_log::{Access, At};
use lake_segment::{Merge, MergeInput, MergeOptions};
use proptest::prelude::*;

use super::feeds::Chunked;
use super::oracle::{Cell, Column, Oracle, Row, Rule};
use super::*;
use crate::clusters::clusters;
use crate::{Alteration, OnError, Which, alter_table, restore, tag};

type Given = (u8, Option<i32>, [Cell; 4]);

#[derive(Clone, Debug)]
enum Step {
    Ingest(Ingest),
    Where(Pick, bool),
    Keys(Vec<(u8, i32)>),
    Range { owners: Option<Vec<u8>>, from: Option<i32>, to: Option<i32> },
    Add { default: Cell, not_null: bool },
    Rename(usize),
    Widen(usize),
    Drop(usize),
    Check(Pick),
    DropCheck,
    NotNull(usize, bool),
    Restore(usize),
}

#[derive(Clone, Debug)]
struct Ingest {
    rows: Vec<Given>,
    mode: Mode,
    keep: bool,
    skip: bool,
    dry: bool,
    layout: Layout,
    /// Rows a chunk, and whether each is a block.
    chunk: usize,
    small: bool,
    /// Columns that the table got later are left out.
    old: bool,
}

/// A condition before it is known which columns there are.
type Pick = (u8, usize, usize, i64);

fn given() -> impl Strategy<Value = Given> {
    let cell = || prop_oneof![1 => Just(None), 3 => (-3..4i64).prop_map(Some)];
    let date = prop_oneof![1 => Just(None), 30 => (0..8i32).prop_map(Some)];
    (0..4u8, date, [cell(), cell(), cell(), cell()])
}

fn pick() -> impl Strategy<Value = Pick> {
    (0..5u8, 0..4usize, 0..4usize, -1..5i64)
}

fn ingest() -> impl Strategy<Value = Step> {
    let mode = prop_oneof![
        2 => Just(Mode::Append),
        3 => Just(Mode::Upsert),
        2 => Just(Mode::Ignore),
        2 => Just(Mode::ReplaceRange),
        1 => Just(Mode::Replace),
    ];
    let layout = prop_oneof![Just(Layout::Auto), Just(Layout::PerSymbol), Just(Layout::Packed)];
    let rows = prop::collection::vec(given(), 0..12);
    let flags = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.1), any::<bool>());
    let ways = (mode, layout, 1..6usize, prop::bool::weighted(0.3));
    (rows, ways, flags).prop_map(|(rows, (mode, layout, chunk, old), (keep, skip, dry, small))| {
        let keep = keep && mode == Mode::Upsert;
        Step::Ingest(Ingest { rows, mode, keep, skip, dry, layout, chunk, small, old })
    })
}

fn step() -> impl Strategy<Value = Step> {
    let owners = prop::option::of(prop::collection::vec(0..5u8, 1..3));
    let (from, to) = (prop::option::of(0..5i32), prop::option::of(3..8i32));
    let default = prop::option::of(-2..3i64);
    prop_oneof![
        12 => ingest(),
        2 => (pick(), prop::bool::weighted(0.2)).prop_map(|(p, dry)| Step::Where(p, dry)),
        1 => prop::collection::vec((0..4u8, 0..8i32), 1..6).prop_map(Step::Keys),
        2 => (owners, from, to).prop_map(|(owners, from, to)| Step::Range { owners, from, to }),
        1 => (default, any::<bool>()).prop_map(|(default, n)| Step::Add { default, not_null: n }),
        1 => (0..4usize).prop_map(Step::Rename),
        1 => (0..4usize).prop_map(Step::Widen),
        1 => (0..4usize).prop_map(Step::Drop),
        1 => pick().prop_map(Step::Check),
        1 => Just(Step::DropCheck),
        1 => (0..4usize, any::<bool>()).prop_map(|(at, on)| Step::NotNull(at, on)),
        1 => (0..20usize).prop_map(Step::Restore),
    ]
}

fn symbol(n: u8) -> Vec<Symbol> {
    vec![Symbol::new(&format!("s{n}")).unwrap()]
}

fn column(oracle: &Oracle, at: usize) -> Option<Column> {
    let columns = &oracle.columns;
    (!columns.is_empty()).then(|| columns[at % columns.len()].clone())
}

fn rule(oracle: &Oracle, (kind, a, b, number): Pick) -> Rule {
    match (kind, column(oracle, a), column(oracle, b)) {
        (0, ..) => Rule::Symbol(number.max(0) as u8),
        (1, Some(a), _) => Rule::Less(a.id, number),
        (2, Some(a), Some(b)) if a.id != b.id => Rule::AtMost(a.id, b.id),
        (3, Some(a), _) => Rule::IsNull(a.id),
        _ => Rule::Before(number.max(0) as i32),
    }
}

/// A lake, and what should be in it.
struct Pair {
    bench: Bench,
    oracle: Oracle,
    /// Columns there ever were.
    columns: usize,
    /// The rows of some versions.
    then: Vec<(u64, Vec<Row>)>,
}

impl Pair {
    fn new(keyed: bool) -> Pair {
        let key: &[&str] = if keyed { &["symbol", "date"] } else { &[] };
        let bench = Bench::new("symbol VARCHAR, date DATE, a DOUBLE, b BIGINT", key);
        let column = |(id, name): (usize, &str)| Column {
            id,
            name: name.into(),
            default: None,
            not_null: false,
        };
        let columns = ["a", "b"].into_iter().enumerate().map(column).collect();
        let oracle = Oracle { keyed, columns, rows: Vec::new(), checks: Vec::new() };
        Pair { bench, oracle, columns: 2, then: Vec::new() }
    }

    fn alter(&mut self, change: Alteration) -> bool {
        alter_table(self.bench.writer.lake(), "bars", &change).is_ok()
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Ingest(ingest) => self.ingest(ingest),
            Step::Where(..) | Step::Keys(_) | Step::Range { .. } => self.delete(step),
            Step::Check(_) | Step::DropCheck | Step::NotNull(..) => self.restrict(step),
            Step::Add { .. } => self.add(step),
            Step::Rename(_) | Step::Widen(_) | Step::Drop(_) => self.change(step),
            Step::Restore(at) => self.restore(*at),
        }
    }

    fn rows(&self, ingest: &Ingest) -> (Vec<Row>, Vec<Column>) {
        let columns = self.oracle.columns.iter().filter(|c| !ingest.old || c.id < 2);
        let sent: Vec<Column> = columns.cloned().collect();
        let row = |(symbol, date, cells): &Given| {
            let cell = |(at, c): (usize, &Column)| match sent.iter().any(|s| s.id == c.id) {
                true => (c.id, cells[at % 4]),
                false => (c.id, c.default),
            };
            let cells = self.oracle.columns.iter().enumerate().map(cell).collect();
            Row { symbol: *symbol, date: *date, cells }
        };
        (ingest.rows.iter().map(row).collect(), sent)
    }

    fn ingest(&mut self, ingest: &Ingest) {
        let (rows, sent) = self.rows(ingest);
        let batches = rows.chunks(ingest.chunk).map(|rows| batch(rows, &sent)).collect();
        let options = Options {
            mode: Some(ingest.mode),
            keep_nulls: ingest.keep,
            on_error: if ingest.skip { OnError::Skip } else { OnError::Abort },
            layout: ingest.layout,
            memory: if ingest.small && !ingest.keep { 1 } else { 1 << 20 },
            dry_run: ingest.dry,
            ..Options::default()
        };
        let mut after = self.oracle.clone();
        let want = after.ingest(&rows, ingest.mode, ingest.keep, ingest.skip);
        let done = self.bench.writer.ingest("bars", &Chunked(batches), &options);
        // An input without a column that every row must have is refused as a whole.
        let lacks =
            |c: &Column| c.not_null && c.default.is_none() && !sent.iter().any(|s| s.id == c.id);
        let lacking = !rows.is_empty() && self.oracle.columns.iter().any(lacks);
        let Some(want) = want.filter(|_| !lacking) else {
            assert!(done.is_err(), "should be refused: {done:?}");
            return;
        };
        let got = done.unwrap().receipt;
        assert_eq!(got.rows_in, rows.len() as u64);
        assert_eq!((got.rows_written, got.rows_rejected), (want.written, want.rejected));
        assert_eq!(got.rows_written + got.rows_superseded + got.rows_rejected, got.rows_in);
        if !ingest.dry {
            self.oracle = after;
        }
    }

    fn delete(&mut self, step: &Step) {
        let mut after = self.oracle.clone();
        let writer = &mut self.bench.writer;
        let (done, gone, dry) = match step {
            Step::Where(pick, dry) => {
                let rule = rule(&self.oracle, *pick);
                let text = rule.sql(&self.oracle.columns);
                let gone = after.delete(|row| rule.of(row) == Some(true));
                (writer.delete("bars", &Which::Where(&text), *dry), Some(gone), *dry)
            }
            Step::Keys(keys) => {
                let row = |(symbol, date): &(u8, i32)| Row {
                    symbol: *symbol,
                    date: Some(*date),
                    cells: BTreeMap::new(),
                };
                let rows: Vec<Row> = keys.iter().map(row).collect();
                let feed = Chunked(vec![batch(&rows, &[])]);
                let gone = after.delete(|row| rows.iter().any(|key| key.key() == row.key()));
                (writer.delete("bars", &Which::Keys(&feed), false), Some(gone), false)
            }
            Step::Range { owners, from, to } => {
                let stretch = Stretch { from: from.map(Value::Date), to: to.map(Value::Date) };
                let whole = stretch.is_whole();
                let own = |row: &Row| owners.as_ref().is_none_or(|o| o.contains(&row.symbol));
                let inside = |date: i32| {
                    from.is_none_or(|from| from <= date) && to.is_none_or(|to| date <= to)
                };
                let _ = after.delete(|row| own(row) && (whole || row.date.is_some_and(inside)));
                let owners = owners.as_ref().map(|o| o.iter().map(|n| symbol(*n)).collect());
                (writer.delete("bars", &Which::Range { owners, stretch }, false), None, false)
            }
            _ => return,
        };
        if !self.oracle.keyed && matches!(step, Step::Keys(_)) {
            assert!(done.is_err());
            return;
        }
        let done = done.unwrap();
        if gone.is_some() {
            assert_eq!(done.rows_deleted, gone);
        }
        if !dry {
            self.oracle = after;
        }
    }

    fn add(&mut self, step: &Step) {
        let Step::Add { default, not_null } = step else { return };
        let (id, not_null) = (self.columns, *not_null);
        let name = format!("c{id}");
        let text = default.map(|n| n.to_string());
        let change =
            Alteration::AddColumn { name: name.clone(), ty: Type::Int32, default: text, not_null };
        let done = self.alter(change);
        assert_eq!(done, !not_null || default.is_some());
        if done {
            self.columns += 1;
            let column = Column { id, name, default: *default, not_null };
            self.oracle.columns.push(column);
            for row in &mut self.oracle.rows {
                row.cells.insert(id, *default);
            }
        }
    }

    fn change(&mut self, step: &Step) {
        let (Step::Rename(at) | Step::Widen(at) | Step::Drop(at)) = step else { return };
        let Some(column) = column(&self.oracle, *at) else { return };
        let name = column.name.clone();
        let free = !self.oracle.checks.iter().any(|(_, rule)| rule.uses(column.id));
        let at = self.oracle.columns.iter().position(|c| c.id == column.id).unwrap();
        match step {
            Step::Rename(_) => {
                let to = format!("{name}x");
                let done = self.alter(Alteration::RenameColumn { from: name, to: to.clone() });
                assert_eq!(done, free);
                if done {
                    self.oracle.columns[at].name = to;
                }
            }
            Step::Widen(_) => {
                let ty = Type::Int64;
                let done = self.alter(Alteration::WidenColumn { name, ty });
                assert_eq!(done, column.id > 0, "a DOUBLE is not widened");
            }
            _ => {
                let done = self.alter(Alteration::DropColumn { name });
                assert_eq!(done, free);
                if done {
                    self.oracle.columns.remove(at);
                    for row in &mut self.oracle.rows {
                        row.cells.remove(&column.id);
                    }
                }
            }
        }
    }

    fn restrict(&mut self, step: &Step) {
        let mut after = self.oracle.clone();
        let change = match step {
            Step::Check(pick) => {
                let (name, rule) = (format!("k{}", after.checks.len()), rule(&self.oracle, *pick));
                let condition = rule.sql(&after.columns);
                after.checks.push((name.clone(), rule));
                Alteration::AddCheck { name, condition }
            }
            Step::DropCheck => match after.checks.pop() {
                Some((name, _)) => Alteration::DropCheck { name },
                None => return,
            },
            Step::NotNull(at, on) => {
                let Some(column) = column(&self.oracle, *at) else { return };
                let name = column.name.to_uppercase();
                after
                    .columns
                    .iter_mut()
                    .filter(|c| c.id == column.id)
                    .for_each(|c| c.not_null = *on);
                match on {
                    true => Alteration::SetNotNull { name },
                    false => Alteration::DropNotNull { name },
                }
            }
            _ => return,
        };
        let kept = after.rows.iter().all(|row| after.keeps(row));
        assert_eq!(self.alter(change), kept);
        if kept {
            self.oracle = after;
        }
    }

    fn restore(&mut self, at: usize) {
        let Some((version, rows)) = self.then.get(at % self.then.len().max(1)).cloned() else {
            return;
        };
        let lake = self.bench.writer.lake();
        let name = format!("v{version}");
        assert_eq!(tag(lake, &name, Some(At::Version(version))).unwrap(), Some(version));
        let done = restore(lake, &At::Tag(name.as_str().into()));
        match self.oracle.restore(&rows) {
            Some(()) => assert_eq!(done.unwrap().from, version),
            None => assert!(done.is_err(), "{done:?}"),
        }
    }

    /// Reads everything, whole and cluster by cluster, and looks for traces.
    fn check(&mut self) {
        let state = self.bench.writer.lake().refresh().unwrap().clone();
        assert_eq!(check_state(&state), Ok(()));
        let table = state.table("bars").unwrap();
        let root = self.bench.writer.lake().root();
        let all: Vec<_> = table.segments().collect();
        assert_eq!(read(root, table, &all), self.oracle.table());
        let apart = clusters(table);
        assert_eq!(apart.iter().map(Vec::len).sum::<usize>(), all.len());
        let mut rows: Vec<_> = apart.iter().flat_map(|live| read(root, table, live)).collect();
        rows.sort();
        assert_eq!(rows, self.oracle.table());
        assert_eq!(self.bench.files("/_lake/staging/"), [""; 0]);
        self.then.push((state.version, self.oracle.rows.clone()));
    }
}

/// A batch in the table's names; numbers come as 64 bits and are narrowed.
fn batch(rows: &[Row], columns: &[Column]) -> RecordBatch {
    let symbols = StringArray::from_iter_values(rows.iter().map(|r| format!("s{}", r.symbol)));
    let dates: Date32Array = rows.iter().map(|r| r.date).collect();
    let mut all: Vec<(&str, ArrayRef)> =
        vec![("symbol", Arc::new(symbols)), ("date", Arc::new(dates))];
    for column in columns {
        let cells = rows.iter().map(|r| r.cells[&column.id]);
        all.push((&column.name, Arc::new(cells.collect::<Int64Array>())));
    }
    RecordBatch::try_from_iter_with_nullable(all.into_iter().map(|(n, a)| (n, a, true))).unwrap()
}

type Live<'t> = (&'t Part, &'t Segment);

fn read(
    root: &lake_store::Root,
    table: &Table,
    live: &[Live<'_>],
) -> Vec<(String, Option<i32>, Vec<Cell>)> {
    let inputs: Vec<MergeInput<'_>> = live
        .iter()
        .map(|(part, segment)| MergeInput { path: table.path(part, segment), part, segment })
        .collect();
    let options = MergeOptions { verify: Verify::Hash, ..MergeOptions::default() };
    let mut rows = Vec::new();
    for batch in Merge::open(root, &table.def, &inputs, &options).unwrap() {
        let batch = batch.unwrap();
        let symbols = batch.column(0).as_string::<i32>();
        let dates = batch.column(1).as_primitive::<Date32Type>();
        let cells: Vec<ArrayRef> =
            batch.columns()[2..].iter().map(|c| cast(c, &DataType::Int64).unwrap()).collect();
        let cell = |column: &ArrayRef, row: usize| {
            column.is_valid(row).then(|| column.as_primitive::<Int64Type>().value(row))
        };
        for row in 0..batch.num_rows() {
            let date = dates.is_valid(row).then(|| dates.value(row));
            let cells = cells.iter().map(|c| cell(c, row)).collect();
            rows.push((symbols.value(row).to_owned(), date, cells));
        }
    }
    rows.sort();
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is done in whatever order, the rows that count are the oracle's, and
    /// so they are for whoever opens the lake anew.
    #[test]
    fn histories(keyed in prop::bool::weighted(0.7), steps in prop::collection::vec(step(), 1..14)) {
        let mut pair = Pair::new(keyed);
        for step in &steps {
            pair.step(step);
            pair.check();
        }
        let table = pair.bench.table();
        let mut again = Lake::open(pair.bench.path(), Access::Write).unwrap();
        prop_assert_eq!(again.refresh().unwrap().table("bars").unwrap(), &table);
    }
}
