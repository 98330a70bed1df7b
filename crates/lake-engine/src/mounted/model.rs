//! Histories of adds, hides and alterations, read back by SQL over real files, against
//! a plain list of rows.

use std::collections::BTreeMap;

use lake_core::schema::Field;
use lake_core::segment::{Part, Rank};
use lake_core::types::Type;
use lake_core::value::Value;
use proptest::prelude::*;

use crate::fixture::{Lake, ints, of, rows, span};
use crate::portable::tests::agree;

#[derive(Clone, Debug)]
pub(super) enum Step {
    Add {
        first: usize,
        more: usize,
        packed: bool,
        from: i64,
        len: i64,
        holes: usize,
        late: u8,
    },
    Hide {
        symbols: Vec<usize>,
        from: Option<i64>,
        to: Option<i64>,
    },
    Rename,
    Widen,
    /// A column with this default.
    Column(Option<String>),
}

/// In order.
const NAMES: [&str; 4] = ["S'0", "S1", "S2", "S3"];

pub(super) fn step() -> impl Strategy<Value = Step> {
    let packed = prop::bool::weighted(0.4);
    let add = (0..4usize, 0..4usize, packed, 0..20i64, 1..8i64, 1..4usize, 0..6u8).prop_map(
        |(first, more, packed, from, len, holes, late)| Step::Add {
            first,
            more,
            packed,
            from,
            len,
            holes,
            late,
        },
    );
    let symbols = prop::collection::vec(0..4usize, 0..3);
    let end = || prop::option::weighted(0.8, 0..24i64);
    let hide = (symbols, end(), end()).prop_map(|(symbols, from, to)| match (from, to) {
        (Some(a), Some(b)) => Step::Hide { symbols, from: Some(a.min(b)), to: Some(a.max(b)) },
        _ => Step::Hide { symbols, from, to },
    });
    let text = prop::option::of(Just("it's new".to_owned()));
    prop_oneof![
        12 => add,
        5 => hide,
        1 => Just(Step::Rename),
        1 => Just(Step::Widen),
        1 => text.prop_map(Step::Column),
    ]
}

/// The rows of one segment: what they hold by symbol and day.
struct Brought {
    rank: Rank,
    rows: BTreeMap<(&'static str, i64), Vec<String>>,
}

pub(super) struct World {
    pub(super) lake: Lake,
    brought: Vec<Brought>,
    columns: u32,
}

impl World {
    pub(super) fn new(root: &str) -> World {
        let columns = "symbol VARCHAR, d SMALLINT, px FLOAT";
        World { lake: Lake::new(root).keyed("bars", columns), brought: Vec::new(), columns: 3 }
    }

    fn fields(&self) -> Vec<Field> {
        self.lake.state.table("bars").unwrap().schema().fields.clone()
    }

    pub(super) fn take(&mut self, n: u64, step: &Step) {
        match step {
            Step::Add { .. } => self.add(n, step),
            Step::Hide { symbols, from, to } => {
                let names: Vec<&str> = symbols.iter().map(|s| NAMES[*s]).collect();
                let ends = (from.map(Value::Int), to.map(Value::Int));
                self.lake.hide("bars", &names, ends.0, ends.1);
                for brought in &mut self.brought {
                    brought.rows.retain(|(symbol, day), _| {
                        let named = names.is_empty() || names.contains(symbol);
                        !(named && from.is_none_or(|f| f <= *day) && to.is_none_or(|t| *day <= t))
                    });
                }
            }
            Step::Rename => {
                self.lake.alter("bars", |schema| schema.fields[2].name = format!("px{n}"));
            }
            Step::Widen => self.lake.alter("bars", |schema| {
                schema.fields[1].ty = Type::Int64;
                schema.fields[2].ty = Type::Double;
            }),
            Step::Column(default) => {
                self.columns += 1;
                let (id, name) = (self.columns, format!("c{n}"));
                let (ty, default) = (Type::Varchar, default.clone());
                let shown = default.clone().unwrap_or("NULL".into());
                self.lake.alter("bars", |schema| {
                    schema.fields.push(Field { id, name, ty, not_null: false, default });
                });
                let rows = self.brought.iter_mut().flat_map(|b| b.rows.values_mut());
                rows.for_each(|row| row.push(shown.clone()));
            }
        }
    }

    /// A segment whose number is in its rows. It may be late: of a rank among those
    /// of older ones, as what compaction writes is.
    fn add(&mut self, n: u64, step: &Step) {
        let Step::Add { first, more, packed, from, len, holes, late } = step else { return };
        let last = if *packed { (first + more).min(3) } else { *first };
        let names = &NAMES[*first..=last];
        let days: Vec<i64> = (*from..from + len).step_by(*holes).collect();
        let fields = self.fields();
        let texts: Vec<String> = (3..fields.len()).map(|i| format!("{n}.{i}")).collect();
        let mut rows = BTreeMap::new();
        let mut values = Vec::new();
        for name in names {
            for day in &days {
                let mut row = vec![name.to_string(), day.to_string(), format!("{n}.0")];
                row.extend(texts.iter().cloned());
                let own: Vec<String> = fields
                    .iter()
                    .zip(&row)
                    .map(|(f, v)| format!("CAST({} AS {})", crate::literal::literal(v), f.ty))
                    .collect();
                values.push(format!("({})", own.join(", ")));
                rows.insert((*name, *day), row);
            }
        }
        let columns: Vec<_> = fields.iter().map(|f| f.name.clone()).collect();
        let select = format!("FROM (VALUES {}) v({})", values.join(", "), columns.join(", "));
        let version = if *late == 0 { n % self.lake.state.version + 1 } else { 0 };
        self.lake.rank = Rank { version, order: if *late == 0 { 100 + n as u32 } else { 0 } };
        // One in six does not say its range.
        let range = ints(days[0], days[days.len() - 1]).filter(|_| *late != 1);
        let symbols = packed.then(|| span(names[0], names[names.len() - 1]));
        let part = if *packed { Part::Packed } else { of(names[0]) };
        self.lake.add("bars", part, range, symbols, &select);
        let rank = match *late {
            0 => self.lake.rank,
            _ => Rank { version: self.lake.state.version, order: 0 },
        };
        self.brought.push(Brought { rank, rows });
    }

    fn expected(&self) -> Vec<Vec<String>> {
        let mut by_rank: Vec<&Brought> = self.brought.iter().collect();
        by_rank.sort_by_key(|b| b.rank);
        let rows = by_rank.iter().flat_map(|b| &b.rows);
        let last: BTreeMap<_, _> = rows.collect();
        last.into_values().cloned().collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever overlaps whatever and whatever was hidden or altered: the rows are
    /// those of the map, also when a filter prunes files.
    #[test]
    fn the_rows_that_count(
        steps in prop::collection::vec(step(), 1..16),
        root in prop::sample::select(vec!["a[1]'s", "a=b's"]),
    ) {
        let mut world = World::new(root);
        for (n, step) in (1..).zip(&steps) {
            world.take(n, step);
        }
        let expected = world.expected();
        let mut mounted = world.lake.mount();
        let all = rows(&mut mounted, "FROM bars ORDER BY symbol, d").unwrap();
        prop_assert_eq!(&all, &expected);
        let filtered = "FROM bars WHERE symbol = 'S1' AND d >= 5 ORDER BY symbol, d";
        agree(&world.lake, ["FROM bars ORDER BY symbol, d", filtered]);
        type Test = fn(&[String], i64) -> bool;
        for (filter, test) in [
            ("symbol = 'S1'", (|r, _| r[0] == "S1") as Test),
            ("symbol IN ('S''0', 'S3') AND d >= 5", |r, d| (r[0] == "S'0" || r[0] == "S3") && d >= 5),
            ("d BETWEEN 3 AND 9", |_, d| (3..=9).contains(&d)),
        ] {
            let sql = format!("FROM bars WHERE {filter} ORDER BY symbol, d");
            let expected: Vec<_> =
                expected.iter().filter(|r| test(r, r[1].parse().unwrap())).cloned().collect();
            prop_assert_eq!(rows(&mut mounted, &sql).unwrap(), expected, "{}", filter);
        }
    }
}
