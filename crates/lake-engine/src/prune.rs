//! Which segments of a table may hold rows that a query wants.
//!
//! Left out is only what cannot: by the symbols of a partition, or of a pack, and by
//! the first range column. Both are of the key where there is one, so that a segment
//! left out hides no row of one that is kept.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::slice;

use lake_core::segment::{Part, Segment};
use lake_core::state::Table;
use lake_core::symbol::Symbol;
use lake_core::value::Value;

use crate::plan::{Cond, Only, Op, Outline, Test, Top, alike};
use crate::split::{self, Live};

/// Finds out for which of these values an SQL expression holds; None: it fails.
pub(crate) type Decide<'d> = dyn FnMut(&str, &[&str]) -> Option<HashSet<String>> + 'd;

/// What a column of a table is to its segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// The n-th partition column.
    Partition(usize),
    /// The first range column.
    Range,
    None,
}

/// What a condition leaves of a table.
pub(crate) struct Pruned<'a, 'c> {
    /// In the table's order.
    pub(crate) live: Vec<Live<'a>>,
    /// All rows of a segment that has one symbol meet the condition.
    pub(crate) by_symbol: bool,
    cond: &'c Cond,
    judge: Judge<'a, 'c>,
}

impl Pruned<'_, '_> {
    /// How many rows of a segment surely meet the condition.
    pub(crate) fn certain(&self, one: &Live<'_>) -> u64 {
        let segment = one.segment;
        if self.judge.must(self.cond, one, false) {
            return segment.rows;
        }
        // One that has a range has a row that is not NULL there.
        u64::from(segment.range.is_some() && self.judge.must(self.cond, one, true))
    }
}

pub(crate) fn prune<'a, 'c>(
    table: &'a Table,
    cond: &'c Cond,
    decide: &mut Decide<'_>,
) -> Pruned<'a, 'c> {
    let mut judge = Judge { table, roles: roles(table), held: HashMap::new() };
    if *cond == Cond::Anything {
        return Pruned { live: split::all(table), by_symbol: true, cond, judge };
    }
    let parts: Vec<(&Part, &[Segment])> = match judge.named(cond) {
        Some(symbols) => judge.parts_of(symbols),
        None => table.parts.iter().map(|(part, live)| (part, &*live.segments)).collect(),
    };
    judge.ask(cond, &parts, decide);
    let mut live = Vec::new();
    for (part, segments) in parts {
        for segment in segments.iter().filter(|segment| judge.may(cond, part, segment)) {
            live.push(Live { part, segment });
        }
    }
    let of_partition = |column: &usize| matches!(judge.role(*column), Role::Partition(_));
    let by_symbol =
        cond.columns().iter().all(of_partition) && judge.held.values().all(Option::is_some);
    Pruned { live, by_symbol, cond, judge }
}

/// Those of `live` that may hold a row for which the condition holds. They are of any
/// version of the table; the condition's columns are those of `table`.
pub(crate) fn keep<'a>(
    table: &'a Table,
    live: Vec<Live<'a>>,
    cond: &Cond,
    decide: &mut Decide<'_>,
) -> Vec<Live<'a>> {
    let mut judge = Judge { table, roles: roles(table), held: HashMap::new() };
    let parts: Vec<(&Part, &[Segment])> =
        live.iter().map(|one| (one.part, slice::from_ref(one.segment))).collect();
    judge.ask(cond, &parts, decide);
    live.into_iter().filter(|one| judge.may(cond, one.part, one.segment)).collect()
}

fn roles(table: &Table) -> Vec<Role> {
    let def = &table.def;
    let range = def.range_columns().first().copied();
    let role = |id| match def.partition_by.iter().position(|p| *p == id) {
        Some(n) => Role::Partition(n),
        None if range == Some(id) => Role::Range,
        None => Role::None,
    };
    def.schema().fields.iter().map(|field| role(field.id)).collect()
}

struct Judge<'a, 'c> {
    table: &'a Table,
    roles: Vec<Role>,
    /// For which symbols an expression over a partition column holds.
    held: HashMap<(usize, &'c str), Option<HashSet<String>>>,
}

impl<'a, 'c> Judge<'a, 'c> {
    fn role(&self, column: usize) -> Role {
        self.roles.get(column).copied().unwrap_or(Role::None)
    }

    /// The symbols that the condition names, where it names them one by one and they
    /// are all there is to a partition.
    fn named(&self, cond: &Cond) -> Option<BTreeSet<Symbol>> {
        if self.table.def.partition_by.len() != 1 {
            return None;
        }
        let known = |value: &Value| match value {
            // Another spelling of a symbol is no row's.
            Value::Text(text) => Symbol::new(text).ok().filter(|s| s.as_str() == &**text),
            _ => None,
        };
        match cond {
            Cond::All(conds) => {
                conds.iter().filter_map(|c| self.named(c)).min_by_key(BTreeSet::len)
            }
            Cond::Some(conds) => {
                let sets: Option<Vec<_>> = conds.iter().map(|c| self.named(c)).collect();
                Some(sets?.into_iter().flatten().collect())
            }
            Cond::Of(column, test) if self.role(*column) == Role::Partition(0) => match test {
                Test::Is(Op::Equal, value) => Some(known(value).into_iter().collect()),
                Test::In(values) => Some(values.iter().filter_map(known).collect()),
                _ => None,
            },
            _ => None,
        }
    }

    fn parts_of(&self, symbols: BTreeSet<Symbol>) -> Vec<(&'a Part, &'a [Segment])> {
        let own = symbols.into_iter().map(|symbol| Part::Of(vec![symbol]));
        own.chain([Part::Packed])
            .filter_map(|part| self.table.parts.get_key_value(&part))
            .map(|(part, live)| (part, &*live.segments))
            .collect()
    }

    /// Has the condition's expressions over partition columns decided.
    fn ask(&mut self, cond: &'c Cond, parts: &[(&'a Part, &[Segment])], decide: &mut Decide<'_>) {
        match cond {
            Cond::All(conds) | Cond::Some(conds) => {
                conds.iter().for_each(|c| self.ask(c, parts, decide));
            }
            Cond::Of(column, Test::Sql(sql)) => {
                let Role::Partition(n) = self.role(*column) else { return };
                let of = |part: &&'a Part| match part {
                    Part::Of(symbols) => symbols.get(n).map(Symbol::as_str),
                    Part::Packed => None,
                };
                let values: BTreeSet<&str> =
                    parts.iter().filter_map(|(part, _)| of(part)).collect();
                let values: Vec<&str> = values.into_iter().collect();
                let key = (*column, sql.as_str());
                self.held.entry(key).or_insert_with(|| decide(sql, &values));
            }
            _ => {}
        }
    }

    /// Whether the segment may hold a row for which the condition holds.
    fn may(&self, cond: &Cond, part: &Part, segment: &Segment) -> bool {
        match cond {
            Cond::Anything => true,
            Cond::All(conds) => conds.iter().all(|c| self.may(c, part, segment)),
            Cond::Some(conds) => conds.iter().any(|c| self.may(c, part, segment)),
            Cond::Of(column, test) => match self.role(*column) {
                Role::Partition(n) => self.may_symbol(*column, test, part, segment, n),
                Role::Range => segment.range.as_ref().is_none_or(|range| {
                    match (range.min().first(), range.max().first()) {
                        (Some(min), Some(max)) => test.may_pass(min, max, &|_, _, _| true),
                        _ => true,
                    }
                }),
                Role::None => true,
            },
        }
    }

    /// Whether the condition holds for all rows of a segment, as far as is known; `ranged`:
    /// for all that are not NULL in the first range column.
    fn must(&self, cond: &Cond, one: &Live<'_>, ranged: bool) -> bool {
        let (column, test) = match cond {
            Cond::Anything => return true,
            Cond::All(conds) => return conds.iter().all(|c| self.must(c, one, ranged)),
            Cond::Some(conds) => return conds.iter().any(|c| self.must(c, one, ranged)),
            Cond::Of(column, test) => (*column, test),
        };
        match (self.role(column), one.part) {
            (Role::Partition(n), Part::Of(symbols)) => symbols.get(n).is_some_and(|symbol| {
                let value = Value::Text(symbol.as_str().into());
                test.must_pass(&value, &value, &|sql| {
                    let held = self.held.get(&(column, sql)).and_then(Option::as_ref);
                    held.is_some_and(|held| held.contains(symbol.as_str()))
                })
            }),
            (Role::Range, _) => {
                let field = self.table.schema().fields.get(column);
                let whole = ranged || field.is_some_and(|f| f.not_null);
                one.segment.range.as_ref().filter(|_| whole).is_some_and(|range| {
                    match (range.min().first(), range.max().first()) {
                        (Some(min), Some(max)) => test.must_pass(min, max, &|_| false),
                        _ => false,
                    }
                })
            }
            _ => false,
        }
    }

    fn may_symbol(
        &self,
        column: usize,
        test: &Test,
        part: &Part,
        segment: &Segment,
        n: usize,
    ) -> bool {
        let text = |symbol: &Symbol| Value::Text(symbol.as_str().into());
        match part {
            Part::Of(symbols) => match symbols.get(n) {
                Some(symbol) => test.may_pass(&text(symbol), &text(symbol), &|sql, _, _| {
                    let held = self.held.get(&(column, sql)).and_then(Option::as_ref);
                    held.is_none_or(|held| held.contains(symbol.as_str()))
                }),
                None => true,
            },
            // Packs are sorted by the whole partition: of a later column nothing is known.
            Part::Packed if n > 0 => true,
            Part::Packed => segment.symbols.as_deref().is_none_or(|span| {
                match (span.first.first(), span.last.first()) {
                    (Some(first), Some(last)) => {
                        test.may_pass(&text(first), &text(last), &|_, _, _| true)
                    }
                    _ => true,
                }
            }),
        }
    }
}

/// Of the segments that a condition leaves, those that are needed for no more than
/// these rows. `certain`: how many rows of a segment are surely wanted.
pub(crate) fn narrow<'a>(
    table: &Table,
    live: Vec<Live<'a>>,
    only: &Only,
    certain: impl Fn(&Live<'a>) -> u64,
) -> Vec<Live<'a>> {
    let (top, by) = match only {
        Only::All => return live,
        Only::Some(rows) => return some(live, *rows, certain),
        Only::First(top) => (top, &Vec::new()),
        Only::FirstOfEach(top, by) | Only::Outline(Outline { first: Some(top), by, .. }) => {
            (top, by)
        }
        Only::Outline(_) => return live,
    };
    if !is_ordered(table, top) {
        return live;
    }
    if by.is_empty() {
        return first(live, top, &certain);
    }
    let roles = roles(table);
    let all = (0..table.def.partition_by.len())
        .all(|n| by.iter().any(|column| roles.get(*column) == Some(&Role::Partition(n))));
    if !all || by.len() != table.def.partition_by.len() {
        return live;
    }
    let one_by_one = live.chunk_by(|a, b| a.part == b.part);
    let needed = |of: &[Live<'a>]| match of[0].part {
        Part::Of(_) => first(of.to_vec(), top, &certain),
        // Of each symbol's rows in a pack nothing is known.
        Part::Packed => of.to_vec(),
    };
    one_by_one.flat_map(needed).collect()
}

/// Whether segments tell where their rows stand in an order. A segment that has a range has
/// one row at least that is not NULL there.
fn is_ordered(table: &Table, top: &Top) -> bool {
    let field = table.schema().fields.get(top.column);
    let stands = |not_null| not_null || (top.nulls_last && top.rows == 1);
    roles(table).get(top.column) == Some(&Role::Range) && field.is_some_and(|f| stands(f.not_null))
}

fn some<'a>(live: Vec<Live<'a>>, rows: u64, certain: impl Fn(&Live<'a>) -> u64) -> Vec<Live<'a>> {
    let mut sure = Vec::new();
    let mut found = 0;
    for one in &live {
        if found >= rows && !sure.is_empty() {
            return sure;
        }
        let more = certain(one);
        if more > 0 {
            found += more;
            sure.push(*one);
        }
    }
    if found >= rows && !sure.is_empty() { sure } else { live }
}

/// The segments that can hold the first rows of an order: as soon as enough rows are
/// certain to be there, none is needed that lies behind all of them.
fn first<'a>(live: Vec<Live<'a>>, top: &Top, certain: &impl Fn(&Live<'a>) -> u64) -> Vec<Live<'a>> {
    let ends = |one: &Live<'a>| -> Option<(&'a Value, &'a Value)> {
        let range = one.segment.range.as_ref()?;
        let (min, max) = (range.min().first()?, range.max().first()?);
        Some(if top.descending { (max, min) } else { (min, max) })
    };
    // `near` is the end that comes first in the order, `far` the other.
    let before = |a: &Value, b: &Value| if top.descending { a > b } else { a < b };
    let mut sure: Vec<(&Value, u64)> =
        live.iter().filter_map(|one| Some((ends(one)?.1, certain(one)))).collect();
    sure.retain(|(_, rows)| *rows > 0);
    // A column that was widened has values of two types.
    if sure.iter().any(|(value, _)| !alike(value, sure[0].0)) {
        return live;
    }
    sure.sort_by(|(a, _), (b, _)| if top.descending { b.cmp(a) } else { a.cmp(b) });
    let mut rows = 0;
    let limit = sure.iter().find(|(_, more)| {
        rows += more;
        rows >= top.rows
    });
    let Some((limit, _)) = limit else { return live };
    let needed = |one: &Live<'a>| match ends(one) {
        Some((near, _)) => !alike(near, limit) || !before(limit, near),
        None => true,
    };
    live.iter().filter(|one| needed(one)).copied().collect()
}
