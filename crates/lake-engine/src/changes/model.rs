//! Histories of adds, hides, rewrites, restores and alterations: the changes between any
//! two of their versions, against plain lists of rows.

use std::collections::BTreeMap;

use lake_core::edit::Action;
use lake_core::id::TableId;
use lake_core::schema::Field;
use lake_core::segment::{Part, Rank};
use lake_core::state::State;
use lake_core::types::Type;
use lake_core::value::Value;
use proptest::prelude::*;

use super::tests::changes;
use crate::fixture::{Lake, ints, of, rows, span};
use crate::literal::literal;

#[derive(Clone, Debug)]
enum Step {
    /// Rows of a symbol, or of all in a pack, all with one value.
    Add {
        symbol: usize,
        packed: bool,
        from: i64,
        len: i64,
        value: i64,
        ranged: bool,
    },
    Hide {
        symbol: Option<usize>,
        from: Option<i64>,
        to: Option<i64>,
    },
    /// All files as one, as compaction does; without the rows of a day, as a delete does.
    Rewrite {
        without: Option<i64>,
    },
    Restore {
        to: usize,
    },
    Column(Option<String>),
}

const NAMES: [&str; 3] = ["S'0", "S1", "S2"];

fn step() -> impl Strategy<Value = Step> {
    let ranged = prop::bool::weighted(0.9);
    let add = (0..3usize, prop::bool::weighted(0.3), 0..9i64, 1..4i64, 0..2i64, ranged).prop_map(
        |(symbol, packed, from, len, value, ranged)| Step::Add {
            symbol,
            packed,
            from,
            len,
            value,
            ranged,
        },
    );
    let end = || prop::option::weighted(0.8, 0..12i64);
    let hide = (prop::option::weighted(0.7, 0..3usize), end(), end()).prop_map(
        |(symbol, from, to)| match (from, to) {
            (Some(a), Some(b)) => Step::Hide { symbol, from: Some(a.min(b)), to: Some(a.max(b)) },
            _ => Step::Hide { symbol, from, to },
        },
    );
    let without = prop::option::weighted(0.5, 0..12i64);
    prop_oneof![
        10 => add,
        4 => hide,
        2 => without.prop_map(|without| Step::Rewrite { without }),
        2 => any::<prop::sample::Index>().prop_map(|to| Step::Restore { to: to.index(8) }),
        1 => prop::option::of(Just("it's".to_owned())).prop_map(Step::Column),
    ]
}

fn filter() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(&NAMES[..])
            .prop_map(|name| format!("symbol = '{}'", name.replace('\'', "''"))),
        (0..12i64).prop_map(|d| format!("d >= {d} AND symbol > 'S1'")),
        (0..12i64).prop_map(|d| format!("d = {d}")),
        (0..2i64).prop_map(|v| format!("v = {v} AND _change <> 'insert'")),
        Just("lower(symbol) = 's2' OR _version < 4".to_owned()),
    ]
}

/// Symbol, day, and the other columns.
type Row = (String, i64, Vec<String>);

struct World {
    lake: Lake,
    keyed: bool,
    rows: Vec<Row>,
    /// Each version that was looked at, and its rows, with the columns of today.
    past: Vec<(State, Vec<Row>)>,
}

impl World {
    fn new(keyed: bool) -> World {
        let columns = "symbol VARCHAR, d INTEGER, v INTEGER";
        let key: &[&str] = if keyed { &["symbol", "d"] } else { &[] };
        let lake = Lake::new("lake").with("t", columns, &["symbol"], key, &["d"]);
        let past = vec![(lake.state.clone(), Vec::new())];
        World { lake, keyed, rows: Vec::new(), past }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Add { symbol, packed, from, len, value, ranged } => {
                let names = if *packed { &NAMES[..] } else { &NAMES[*symbol..=*symbol] };
                let fields = self.lake.state.table("t").unwrap().schema().fields.len();
                let mut values = vec![value.to_string()];
                values.resize(fields - 2, "new".into());
                let days = *from..from + len;
                let new: Vec<Row> = names
                    .iter()
                    .flat_map(|n| days.clone().map(|d| (n.to_string(), d, values.clone())))
                    .collect();
                let range = ints(*from, from + len - 1).filter(|_| *ranged);
                let part = if *packed { Part::Packed } else { of(names[0]) };
                self.add(part, range, &new, Rank::default());
                let hidden =
                    |row: &Row| self.keyed && new.iter().any(|n| (&n.0, n.1) == (&row.0, row.1));
                self.rows.retain(|row| !hidden(row));
                self.rows.extend(new);
            }
            Step::Hide { symbol, from, to } => {
                let names: Vec<&str> = symbol.iter().map(|s| NAMES[*s]).collect();
                self.lake.hide("t", &names, from.map(Value::Int), to.map(Value::Int));
                self.rows.retain(|(name, d, _)| {
                    let named = names.is_empty() || names.contains(&&name[..]);
                    !(named && from.is_none_or(|f| f <= *d) && to.is_none_or(|t| *d <= t))
                });
            }
            Step::Rewrite { without } => {
                self.rows.retain(|row| Some(row.1) != *without);
                let ranks = self.lake.state.table("t").unwrap().segments().map(|(_, s)| s.rank);
                let Some(rank) = ranks.max() else { return };
                self.clear();
                let mut all = self.rows.clone();
                all.sort();
                if !all.is_empty() {
                    self.add(Part::Packed, ints(0, 12), &all, rank);
                }
            }
            Step::Restore { to } => self.restore(*to),
            Step::Column(default) => self.column(default.clone()),
        }
        self.past.push((self.lake.state.clone(), self.rows.clone()));
    }

    fn add(&mut self, part: Part, range: Option<lake_core::value::Range>, new: &[Row], rank: Rank) {
        let fields = self.lake.state.table("t").unwrap().schema().fields.clone();
        let value = |(text, field): (&String, &Field)| match &text[..] {
            "NULL" => format!("CAST(NULL AS {})", field.ty),
            text => format!("CAST({} AS {})", literal(text), field.ty),
        };
        let line = |(name, d, values): &Row| {
            let texts: Vec<String> =
                [name.clone(), d.to_string()].into_iter().chain(values.iter().cloned()).collect();
            let all: Vec<String> = texts.iter().zip(&fields).map(value).collect();
            format!("({})", all.join(", "))
        };
        let names: Vec<&str> = fields.iter().map(|f| &f.name[..]).collect();
        let lines: Vec<String> = new.iter().map(line).collect();
        let select = format!("FROM (VALUES {}) v({})", lines.join(", "), names.join(", "));
        self.lake.rank = rank;
        let symbols = (part == Part::Packed).then(|| span(NAMES[0], NAMES[2]));
        self.lake.add("t", part, range, symbols, &select);
        self.lake.rank = Rank::default();
    }

    fn clear(&mut self) {
        let table = self.lake.state.table("t").unwrap();
        let id = table.def.id;
        let gone = table.parts.iter().filter(|(_, live)| !live.segments.is_empty());
        let gone = gone.map(|(part, live)| Action::Remove {
            table: id,
            part: part.clone(),
            segments: live.segments.iter().map(|s| s.id).collect(),
        });
        let gone = gone.collect();
        self.lake.apply(gone);
    }

    fn restore(&mut self, to: usize) {
        let (state, rows) = &self.past[to % self.past.len()];
        self.rows = rows.clone();
        let table = state.table("t").unwrap();
        let back: Vec<Action> = table
            .parts
            .iter()
            .filter(|(_, live)| !live.segments.is_empty())
            .map(|(part, live)| Action::Add {
                table: TableId(1),
                part: part.clone(),
                segments: live.segments.clone(),
            })
            .collect();
        self.clear();
        self.lake.apply(back);
    }

    fn column(&mut self, default: Option<String>) {
        let shown = default.clone().unwrap_or("NULL".into());
        self.lake.alter("t", |schema| {
            let id = schema.fields.len() as u32 + 1;
            let (name, ty) = (format!("c{id}"), Type::Varchar);
            schema.fields.push(Field { id, name, ty, not_null: false, default });
        });
        let past = self.past.iter_mut().flat_map(|(_, rows)| rows);
        past.chain(&mut self.rows).for_each(|(_, _, values)| values.push(shown.clone()));
    }

    /// The changes between two versions that were looked at, without what is told of
    /// their versions.
    fn expected(&self, since: usize, until: usize) -> Vec<Vec<String>> {
        let columns = self.past[until].0.table("t").unwrap().schema().fields.len() - 2;
        let mut counts: BTreeMap<Row, i64> = BTreeMap::new();
        for (sign, at) in [(-1, since), (1, until)] {
            for (name, d, values) in &self.past[at].1 {
                let row = (name.clone(), *d, values[..columns].to_vec());
                *counts.entry(row).or_default() += sign;
            }
        }
        let mut keys: BTreeMap<(String, i64), i64> = BTreeMap::new();
        for ((name, d, _), n) in &counts {
            *keys.entry((name.clone(), *d)).or_default() += n.abs();
        }
        let mut all = Vec::new();
        for ((name, d, values), n) in counts {
            let both = self.keyed && keys[&(name.clone(), d)] == 2;
            let what = match (n > 0, both) {
                (true, false) => "insert",
                (false, false) => "delete",
                (true, true) => "update_after",
                (false, true) => "update_before",
            };
            let mut row = vec![what.to_owned(), name, d.to_string()];
            row.extend(values);
            all.extend((0..n.abs()).map(|_| row.clone()));
        }
        all
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_differs(
        keyed in any::<bool>(),
        steps in prop::collection::vec(step(), 1..9),
        filters in prop::collection::vec(filter(), 2),
    ) {
        let mut world = World::new(keyed);
        for step in &steps {
            world.take(step);
        }
        let last = world.past.len() - 1;
        let all = (0..last).map(|since| (since, last)).chain((1..=last).map(|n| (n - 1, n)));
        for (since, until) in all {
            let (from, to) = (&world.past[since].0, &world.past[until].0);
            let mut mounted = changes(&world.lake, from, to, "t");
            let mut found = rows(&mut mounted, "FROM changes").unwrap();
            let places: Vec<_> =
                found.iter().map(|r| (r[2].clone(), r[3].parse::<i64>().unwrap())).collect();
            prop_assert!(places.is_sorted(), "{:?}", found);
            for row in &mut found {
                let version: u64 = row.remove(1).parse().unwrap();
                prop_assert!(from.version < version && version <= to.version, "{:?}", row);
            }
            let pairs: Vec<_> = found.windows(2).filter(|w| w[0][0] == "update_before").collect();
            prop_assert!(pairs.iter().all(|w| w[1][0] == "update_after" && w[0][1..3] == w[1][1..3]));
            let mut whole = changes(&world.lake, from, to, "t");
            whole.prunes = false;
            for filter in &filters {
                let sql = format!("FROM changes WHERE {filter}");
                let pruned = rows(&mut mounted, &sql).unwrap();
                prop_assert_eq!(pruned, rows(&mut whole, &sql).unwrap(), "{}", sql);
            }
            found.sort();
            let mut expected = world.expected(since, until);
            expected.sort();
            prop_assert_eq!(found, expected, "{} to {}", from.version, to.version);
        }
    }
}
