//! What is planned for tables that are nowhere but here.

use std::sync::Arc;

use lake_core::mask::{Mask, Owners, Stretch};
use lake_core::schema::TableDef;
use lake_core::segment::{SegmentKind, SymbolSpan};
use lake_core::sqltype::parse_columns;
use lake_core::state::PartState;
use lake_core::value::{Range, Value};

use super::*;

struct Sketch {
    table: Table,
    version: Version,
}

fn symbol(name: &str) -> Vec<Symbol> {
    vec![Symbol::new(name).unwrap()]
}

impl Sketch {
    fn new() -> Sketch {
        let columns = parse_columns("symbol VARCHAR, day INTEGER").unwrap();
        let names = |n: &[&str]| n.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let key = names(&["symbol", "day"]);
        let def = TableDef::new("bars", &columns, &names(&["symbol"]), &key, &[]).unwrap();
        Sketch { table: Table { def, parts: BTreeMap::new() }, version: 1 }
    }

    fn put(&mut self, part: Part, segment: Segment) {
        let state = Arc::make_mut(self.table.parts.entry(part).or_default());
        state.segments.push(segment);
        state.segments.sort_by_key(|s| s.rank);
    }

    /// A pack of all symbols, or one symbol's file, of these days.
    fn add(&mut self, own: Option<&str>, days: (i64, i64), rows: u64) -> SegmentId {
        self.version += 1;
        let id =
            SegmentId { txn: TxnId { start: 0, session: 1, counter: self.version as u32 }, n: 0 };
        let key = |day: i64| vec![Value::Int(day)];
        let span = SymbolSpan { first: symbol("A"), last: symbol("Z"), count: 26 };
        let segment = Segment {
            id,
            kind: SegmentKind::Increment,
            schema_version: 1,
            rows,
            bytes: rows,
            hash: 0,
            sum: None,
            range: Some(Range::new(key(days.0), key(days.1))),
            symbols: own.is_none().then(|| Box::new(span)),
            rank: Rank { version: self.version, order: 0 },
            at_us: 0,
            census: None,
            masks: Vec::new(),
            added: self.version,
        };
        self.put(own.map_or(Part::Packed, |own| Part::Of(symbol(own))), segment);
        id
    }

    fn plan(&self, policy: &Policy) -> Vec<Step> {
        plan(&self.table, policy, &Stay::default())
    }

    /// Does what is planned, but for the files. Returns how many rows it wrote.
    fn compact(&mut self, policy: &Policy) -> u64 {
        let mut written = 0;
        for step in self.plan(policy) {
            let mut merged: Option<Segment> = None;
            for (part, id) in &step.inputs {
                let state: &mut PartState = Arc::make_mut(self.table.parts.get_mut(part).unwrap());
                let at = state.segments.iter().position(|s| s.id == *id).unwrap();
                let gone = state.segments.remove(at);
                merged = Some(match merged {
                    None => gone,
                    Some(m) => Segment {
                        rows: m.rows + gone.rows,
                        rank: m.rank.max(gone.rank),
                        range: Some(m.range.unwrap().join(&gone.range.unwrap())),
                        ..m
                    },
                });
            }
            self.version += 1;
            let txn = TxnId { start: 0, session: 2, counter: self.version as u32 };
            let mut base = merged.unwrap();
            base.id = SegmentId { txn, n: 0 };
            base.kind = SegmentKind::Base;
            written += base.rows;
            let span = SymbolSpan { first: symbol("A"), last: symbol("Z"), count: 26 };
            let part = match (step.form, &step.symbols) {
                (Form::Own, Some(own)) => Part::Of(own.clone()),
                _ => Part::Packed,
            };
            base.symbols = (part == Part::Packed).then(|| Box::new(span));
            self.put(part, base);
        }
        written
    }

    fn packs(&self) -> Vec<u64> {
        self.table.part(&Part::Packed).iter().map(|s| s.rows).collect()
    }
}

#[test]
fn a_year_of_days_is_written_a_few_times_and_read_from_a_few_files() {
    for history in [0, 2500] {
        let (mut sketch, policy) = (Sketch::new(), Policy::default());
        if history > 0 {
            sketch.add(None, (0, history - 1), 5_000 * history as u64);
        }
        let mut written = 0;
        for day in 0..250 {
            sketch.add(None, (history + day, history + day), 5_000);
            written += sketch.compact(&policy);
            assert!(sketch.packs().len() <= policy.runs, "day {day}: {:?}", sketch.packs());
        }
        let amplification = written as f64 / (250.0 * 5_000.0);
        let most = if history == 0 { 5.5 } else { 8.5 };
        assert!(amplification < most, "{amplification} with {history} days before");
        // Years of history stay where they are.
        assert!(history == 0 || sketch.packs()[0] == 5_000 * history as u64);
    }
}

#[test]
fn few_runs_are_left_alone() {
    let (mut sketch, policy) = (Sketch::new(), Policy::default());
    for day in 0..4 {
        sketch.add(None, (day, day), 10);
        assert_eq!(sketch.plan(&policy), []);
    }
    sketch.add(None, (4, 4), 10);
    let steps = sketch.plan(&policy);
    assert_eq!((steps.len(), steps[0].inputs.len(), steps[0].rows), (1, 5, 50));
    assert_eq!(steps[0].why, "5 runs where 4 are enough: the newest 5 become one");
}

#[test]
fn files_of_single_symbols_become_packs_when_they_are_many() {
    let (mut sketch, policy) = (Sketch::new(), Policy { loose: 3, ..Policy::default() });
    for symbol in ["A", "B", "C"] {
        sketch.add(Some(symbol), (0, 9), 10);
    }
    assert_eq!(sketch.plan(&policy), []);
    sketch.add(Some("D"), (0, 9), 10);
    let steps = sketch.plan(&policy);
    assert_eq!((steps.len(), steps[0].form, steps[0].inputs.len()), (1, Form::Packs, 4));
    assert_eq!(steps[0].why, "4 files of single symbols, up to 1 of one: they become packs");
}

#[test]
fn a_symbol_with_many_rows_keeps_files_of_its_own() {
    let (mut sketch, policy) = (Sketch::new(), Policy { own_rows: 100, ..Policy::default() });
    for day in 0..5 {
        sketch.add(Some("BIG"), (day, day), 30);
        sketch.add(Some("SMALL"), (day, day), 1);
    }
    let steps = sketch.plan(&policy);
    let told: Vec<_> = steps.iter().map(|s| (s.form, s.symbols.clone(), s.rows)).collect();
    assert_eq!(told, [(Form::Own, Some(symbol("BIG")), 150), (Form::Packs, None, 5)]);
}

#[test]
fn what_lies_between_comes_along_if_it_may_share_keys() {
    let (mut sketch, policy) = (Sketch::new(), Policy { runs: 1, growth: 0, ..Policy::default() });
    let first = sketch.add(Some("A"), (0, 9), 10);
    let over = sketch.add(None, (5, 5), 1_000);
    let beside = sketch.add(None, (50, 60), 1_000);
    let second = sketch.add(Some("A"), (20, 20), 1);
    let steps = sketch.plan(&Policy { loose: 1, runs: 2, ..policy });
    let inputs: Vec<SegmentId> = steps[0].inputs.iter().map(|(_, id)| *id).collect();
    assert!([first, over, second].iter().all(|id| inputs.contains(id)), "{steps:?}");
    let stay = Stay { these: BTreeSet::from([over]), after: None };
    let kept = plan(&sketch.table, &Policy { loose: 1, runs: 4, ..Policy::default() }, &stay);
    assert_eq!(kept, [], "{beside}");
}

#[test]
fn a_run_that_is_largely_hidden_is_written_anew() {
    let (mut sketch, policy) = (Sketch::new(), Policy::default());
    sketch.add(None, (0, 99), 1_000);
    let mut mask = |owners: Option<Owners>, to: i64| {
        let stretch = Stretch { from: None, to: Some(Value::Int(to)) };
        let state = Arc::make_mut(sketch.table.parts.get_mut(&Part::Packed).unwrap());
        state.segments[0].masks = vec![Mask { owners, stretch }];
        sketch.plan(&policy).first().map(|step| step.why.clone())
    };
    assert_eq!(mask(None, 10), None);
    assert_eq!(mask(None, 50).unwrap(), "about 51 % of its rows are hidden");
    assert_eq!(mask(Some(Owners::new(vec![symbol("B")])), 99), None);
}
