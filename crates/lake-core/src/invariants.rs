//! The rules every state keeps, each a function with a number. An action is
//! checked before it is committed, a whole state after it is loaded.

use std::collections::HashSet;

use crate::census::Extent;
use crate::edit::Action;
use crate::mask::Stretch;
use crate::segment::{Part, Segment};
use crate::state::{State, Table};
use crate::types::Type;
use crate::value::Value;

pub type Rule = &'static str;

/// A table, and the types of its range columns, looked up once.
struct Frame<'a> {
    table: &'a Table,
    range: Vec<Option<&'a Type>>,
}

type TableRule = fn(&Frame<'_>, &Part, &Segment) -> bool;

/// Rules of one segment in its table.
const SEGMENT_RULES: [(Rule, TableRule); 7] = [
    ("I1: a segment is of a schema the table has had", i1_schema_is_known),
    ("I2: a segment's partition has a value for each partition column", i2_partition_fits),
    ("I3: a segment has rows", i3_has_rows),
    ("I4: a range's ends are keys of the table, and in order", i4_range_fits),
    ("I5: a packed segment, and no other, says its symbols, in order", i5_packed_says_symbols),
    ("I14: a mask's stretch is of the first range column", i14_masks_fit),
    ("I15: a census lies in its file", i15_census_lies_inside),
];

impl<'a> Frame<'a> {
    fn new(table: &'a Table) -> Frame<'a> {
        let ty = |id| table.schema().by_id(id).map(|f| &f.ty);
        Frame { table, range: table.def.range_columns().into_iter().map(ty).collect() }
    }

    fn check(&self, part: &Part, segment: &Segment) -> Result<(), Rule> {
        match SEGMENT_RULES.iter().find(|(_, holds)| !holds(self, part, segment)) {
            Some((rule, _)) => Err(rule),
            None => Ok(()),
        }
    }
}

fn i1_schema_is_known(frame: &Frame<'_>, _: &Part, segment: &Segment) -> bool {
    frame.table.def.schema_at(segment.schema_version).is_some()
}

fn i2_partition_fits(frame: &Frame<'_>, part: &Part, _: &Segment) -> bool {
    match part {
        Part::Of(symbols) => symbols.len() == frame.table.def.partition_by.len(),
        Part::Packed => !frame.table.def.partition_by.is_empty(),
    }
}

fn i3_has_rows(_: &Frame<'_>, _: &Part, segment: &Segment) -> bool {
    segment.rows > 0 && segment.bytes > 0
}

fn i4_range_fits(frame: &Frame<'_>, _: &Part, segment: &Segment) -> bool {
    let Some(range) = &segment.range else { return true };
    let fits = |key: &[Value]| {
        key.len() == frame.range.len()
            && key.iter().zip(&frame.range).all(|(v, ty)| ty.is_none_or(|ty| value_fits(v, ty)))
    };
    !frame.range.is_empty() && fits(range.min()) && fits(range.max()) && range.min() <= range.max()
}

fn value_fits(value: &Value, ty: &Type) -> bool {
    match value {
        Value::Bool(_) => *ty == Type::Boolean,
        Value::Int(_) => matches!(ty, Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64),
        Value::UInt(_) => matches!(ty, Type::UInt8 | Type::UInt16 | Type::UInt32 | Type::UInt64),
        Value::Decimal { scale, .. } => {
            matches!(ty, Type::Decimal { scale: s, .. } if s == scale)
        }
        Value::Text(_) => *ty == Type::Varchar,
        Value::Date(_) => *ty == Type::Date,
        Value::Timestamp(_) => *ty == Type::Timestamp,
        Value::Time(_) => *ty == Type::Time,
    }
}

fn i5_packed_says_symbols(_: &Frame<'_>, part: &Part, segment: &Segment) -> bool {
    let in_order = segment.symbols.as_ref().is_none_or(|span| span.first <= span.last);
    (*part == Part::Packed) == segment.symbols.is_some() && in_order
}

fn i14_masks_fit(frame: &Frame<'_>, part: &Part, segment: &Segment) -> bool {
    segment.masks.iter().all(|mask| {
        stretch_fits(frame, &mask.stretch) && (mask.owners.is_none() || *part == Part::Packed)
    })
}

fn i15_census_lies_inside(_: &Frame<'_>, _: &Part, segment: &Segment) -> bool {
    let end = |c: Extent| c.at.checked_add(c.len);
    segment.census.is_none_or(|c| end(c).is_some_and(|end| end <= segment.bytes))
}

/// Of whatever type: a column that was widened since still has stretches of its older one.
fn stretch_fits(frame: &Frame<'_>, stretch: &Stretch) -> bool {
    stretch.is_whole() || !frame.range.is_empty()
}

/// What an action would break.
pub fn check_action(state: &State, action: &Action) -> Result<(), Rule> {
    match action {
        Action::Add { table, part, segments } => {
            let Some(table) = state.table_by_id(*table) else { return Ok(()) };
            let frame = Frame::new(table);
            segments.iter().try_for_each(|s| frame.check(part, s))
        }
        Action::SetSchema { schema, .. } => i6_fields_are_apart(&schema.fields),
        Action::CreateTable(def) if def.schemas.len() != 1 || def.schema().version != 1 => {
            Err("I7: a table begins with one schema, version 1")
        }
        Action::CreateTable(def) => i6_fields_are_apart(&def.schema().fields),
        Action::Hide { table, stretch, .. } => {
            let Some(table) = state.table_by_id(*table) else { return Ok(()) };
            match stretch_fits(&Frame::new(table), stretch) {
                true => Ok(()),
                false => Err("I14: a mask's stretch is of the first range column"),
            }
        }
        _ => Ok(()),
    }
}

/// What actions break beside each other. Each is checked against the state before
/// the transaction, so no two may change the same thing.
pub fn check_actions(actions: &[Action]) -> Result<(), Rule> {
    let mut seen = HashSet::new();
    let apart = actions.len() < 2
        || actions.iter().all(|action| match action {
            Action::CreateTable(_) => seen.insert((0, None)),
            Action::SetSchema { table, .. } => seen.insert((table.0, None)),
            Action::Add { table, part, .. } => seen.insert((table.0, Some((true, part)))),
            Action::Remove { table, part, .. } => seen.insert((table.0, Some((false, part)))),
            _ => true,
        });
    if !apart {
        return Err("I11: a transaction changes a table's schema or a partition once");
    }
    i12_hides_first(actions)
}

/// Hiding is checked against nothing and changes what is live, so that nothing else
/// that depends on it may be done before it, nor removals beside it.
fn i12_hides_first(actions: &[Action]) -> Result<(), Rule> {
    let last = actions.iter().rposition(|a| matches!(a, Action::Hide { .. }));
    let Some(last) = last else { return Ok(()) };
    let removes = actions.iter().any(|a| matches!(a, Action::Remove { .. }));
    match removes || actions[..last].iter().any(|a| !matches!(a, Action::Hide { .. })) {
        true => Err("I12: a transaction hides rows first, and removes no segments then"),
        false => Ok(()),
    }
}

fn i6_fields_are_apart(fields: &[crate::schema::Field]) -> Result<(), Rule> {
    let twice = |i: usize| {
        let f = &fields[i];
        fields[..i].iter().any(|g| g.id == f.id || g.name == f.name)
    };
    match (0..fields.len()).any(twice) {
        true => Err("I6: no two columns share an id or a name"),
        false => Ok(()),
    }
}

/// What a whole state breaks.
pub fn check_state(state: &State) -> Result<(), Rule> {
    for table in state.tables() {
        if table.def.id.0 >= state.next_table {
            return Err("I8: a table's number was given before the next one");
        }
        let frame = Frame::new(table);
        for (part, live) in &table.parts {
            let mut before = None;
            for segment in &live.segments {
                frame.check(part, segment)?;
                let (rank, added) = (segment.rank, segment.added);
                if added > state.version || rank.version > added || before > Some(rank) {
                    return Err("I9: segments lie in the order of ranks, none in the future");
                }
                before = Some(rank);
            }
        }
    }
    if state.floor > state.version {
        return Err("I10: the floor is a version there is");
    }
    if state.tags.values().any(|v| *v < state.floor || *v > state.version) {
        return Err("I13: a tag names a version that can be opened");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::id::{SegmentId, TableId, TxnId};
    use crate::mask::{Mask, Owners};
    use crate::schema::TableDef;
    use crate::segment::{Rank, SegmentKind, SymbolSpan};
    use crate::sqltype::parse_columns;
    use crate::state::PartState;
    use crate::symbol::Symbol;
    use crate::value::Range;

    const TABLE: TableId = TableId(1);

    fn symbols(name: &str) -> Vec<Symbol> {
        vec![Symbol::new(name).unwrap()]
    }

    fn days(from: i32, to: i32) -> Option<Range> {
        Some(Range::new(vec![Value::Date(from)], vec![Value::Date(to)]))
    }

    fn segment(n: u32) -> Segment {
        let txn = TxnId { start: 1, session: 9, counter: 1 };
        Segment {
            id: SegmentId { txn, n },
            kind: SegmentKind::Increment,
            schema_version: 1,
            rows: 1,
            bytes: 100,
            hash: 0,
            sum: None,
            range: days(1, 2),
            symbols: None,
            rank: Rank { version: 2, order: n },
            masks: Vec::new(),
            at_us: 0,
            census: None,
            added: 2,
        }
    }

    fn def() -> TableDef {
        let columns = parse_columns("symbol VARCHAR, day DATE").unwrap();
        let names = ["symbol".to_owned(), "day".to_owned()];
        let def = TableDef::new("bars", &columns, &names[..1], &names, &[]).unwrap();
        TableDef { id: TABLE, ..def }
    }

    /// Version 3, with a symbol of two segments and a pack.
    fn sound() -> State {
        let span = SymbolSpan { first: symbols("A"), last: symbols("B"), count: 2 };
        let pack = Segment { symbols: Some(Box::new(span)), ..segment(2) };
        let part = |segments| Arc::new(PartState { segments, ..PartState::default() });
        let own = (Part::Of(symbols("A")), part(vec![segment(0), segment(1)]));
        let table = Table { def: def(), parts: [own, (Part::Packed, part(vec![pack]))].into() };
        let mut state = State::empty("x");
        (state.version, state.floor, state.next_table) = (3, 1, 2);
        state.tables.insert(TABLE, Arc::new(table));
        state
    }

    fn breaks(harm: impl FnOnce(&mut State)) -> Rule {
        let mut state = sound();
        harm(&mut state);
        check_state(&state).unwrap_err()
    }

    fn number(rule: Rule) -> &'static str {
        rule.split(':').next().unwrap()
    }

    fn table(state: &mut State) -> &mut Table {
        Arc::make_mut(state.tables.get_mut(&TABLE).unwrap())
    }

    #[test]
    fn each_rule_of_a_state_can_be_broken() {
        assert_eq!(check_state(&sound()), Ok(()));
        type Harm = fn(&mut Segment);
        let date = |from| Stretch { from: Some(Value::Date(from)), to: None };
        let owned = Mask { owners: Some(Owners::new(vec![symbols("A")])), stretch: date(1) };
        let harms: [(&str, Harm); 9] = [
            ("I1", |s| s.schema_version = 2),
            ("I3", |s| s.rows = 0),
            ("I3", |s| s.bytes = 0),
            ("I4", |s| s.range = Some(Range::new(vec![Value::Int(1)], vec![Value::Int(2)]))),
            ("I4", |s| s.range = Some(Range::new(Vec::new(), Vec::new()))),
            ("I5", |s| s.symbols = None),
            ("I9", |s| s.added = 4),
            ("I9", |s| s.rank.version = 3),
            ("I15", |s| s.census = Some(Extent { at: u64::MAX, len: 1 })),
        ];
        for (rule, harm) in harms {
            let broken = breaks(|state| {
                let parts = &mut table(state).parts;
                harm(&mut Arc::make_mut(parts.get_mut(&Part::Packed).unwrap()).segments[0]);
            });
            assert_eq!(number(broken), rule);
        }
        let own = |harm: &dyn Fn(&mut Vec<Segment>)| {
            breaks(|state| {
                let part = Part::Of(symbols("A"));
                let live = table(state).parts.get_mut(&part).unwrap();
                harm(&mut Arc::make_mut(live).segments);
            })
        };
        assert_eq!(number(own(&|all| all.swap(0, 1))), "I9");
        assert_eq!(number(own(&|all| all[0].masks = vec![owned.clone()])), "I14");
        let span = SymbolSpan { first: symbols("B"), last: symbols("A"), count: 2 };
        assert_eq!(number(own(&|all| all[0].symbols = Some(Box::new(span.clone())))), "I5");
        let unpartitioned = breaks(|state| table(state).def.partition_by.clear());
        assert_eq!(number(unpartitioned), "I2");
        let unordered = breaks(|state| {
            let table = table(state);
            (table.def.key, table.def.order_by) = (Vec::new(), Vec::new());
        });
        assert_eq!(number(unordered), "I4");
        assert_eq!(number(breaks(|state| state.next_table = 1)), "I8");
        assert_eq!(number(breaks(|state| state.floor = 4)), "I10");
        for version in [0, 4] {
            let tag = |state: &mut State| {
                Arc::make_mut(&mut state.tags).insert("t".into(), version);
            };
            assert_eq!(number(breaks(tag)), "I13");
        }
    }

    #[test]
    fn each_rule_of_actions_can_be_broken() {
        let state = sound();
        let mut keyless = def();
        (keyless.key, keyless.order_by) = (Vec::new(), Vec::new());
        let mut twice = def();
        let mut schema = twice.schema().clone();
        schema.fields[1].name = "symbol".into();
        twice.schemas = vec![schema.clone()];
        let mut second = def();
        second.schemas[0].version = 2;
        let hide = || Action::Hide {
            table: TABLE,
            owners: None,
            stretch: Stretch { from: Some(Value::Date(1)), to: None },
        };
        let add = || {
            let part = Part::Of(symbols("C"));
            Action::Add { table: TABLE, part, segments: vec![segment(7)] }
        };
        let remove = Action::Remove {
            table: TABLE,
            part: Part::Of(symbols("A")),
            segments: vec![segment(0).id],
        };
        for good in [Action::CreateTable(def()), hide(), add(), remove.clone()] {
            assert_eq!(check_action(&state, &good), Ok(()));
        }
        let broken = |action: Action| number(check_action(&state, &action).unwrap_err());
        assert_eq!(broken(Action::CreateTable(twice)), "I6");
        assert_eq!(broken(Action::SetSchema { table: TABLE, schema }), "I6");
        assert_eq!(broken(Action::CreateTable(second)), "I7");
        let empty = Segment { rows: 0, ..segment(7) };
        let part = Part::Of(symbols("C"));
        assert_eq!(broken(Action::Add { table: TABLE, part, segments: vec![empty] }), "I3");
        let mut without = sound();
        table(&mut without).def = keyless;
        assert_eq!(number(check_action(&without, &hide()).unwrap_err()), "I14");
        let all = |actions: &[Action]| check_actions(actions).map_err(number);
        assert_eq!(all(&[hide(), hide(), add()]), Ok(()));
        assert_eq!(all(&[remove.clone(), add()]), Ok(()));
        assert_eq!(all(&[add(), add()]), Err("I11"));
        assert_eq!(all(&[remove.clone(), remove.clone()]), Err("I11"));
        assert_eq!(all(&[add(), hide()]), Err("I12"));
        assert_eq!(all(&[hide(), remove]), Err("I12"));
    }
}
