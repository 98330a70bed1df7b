//! Random histories: bytes read back, a checkpoint says what the entries said,
//! and no bytes, however harmed, make a panic or another state.

use std::sync::Arc;

use proptest::prelude::*;

use crate::checkpoint;
use crate::codec::Decoder;
use crate::edit::{Action, Cause, Expect, ProducerSeq, Receipt, Sums, Transaction};
use crate::entry::{Entry, ready_from_bytes, ready_to_bytes};
use crate::frame::Framed;
use crate::id::{SegmentId, TableId, TxnId};
use crate::invariants::check_state;
use crate::mask::{Owners, Stretch};
use crate::schema::{Check, TableDef};
use crate::segment::{Part, Rank, Segment, SegmentKind, SymbolSpan};
use crate::sqltype::parse_columns;
use crate::state::State;
use crate::symbol::Symbol;
use crate::value::{Range, Value};

#[derive(Clone, Debug)]
enum Step {
    Add { symbol: u8, days: (i32, i32), count: u8 },
    AddPacked { day: i32 },
    Remove { symbol: u8 },
    Widen,
    Fence(u64),
    Floor,
    Hide { symbol: Option<u8>, days: (i32, i32) },
    Tag,
    Untag,
    Rewrite { symbol: u8 },
}

fn steps() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let step = prop_oneof![
        6 => (0..4u8, any::<(i16, u8)>(), 1..4u8).prop_map(|(symbol, (day, span), count)| {
            let day = i32::from(day);
            Step::Add { symbol, days: (day, day + i32::from(span)), count }
        }),
        1 => any::<i16>().prop_map(|day| Step::AddPacked { day: day.into() }),
        2 => (0..4u8).prop_map(|symbol| Step::Remove { symbol }),
        1 => Just(Step::Widen),
        1 => (0..1u64 << 62).prop_map(Step::Fence),
        1 => Just(Step::Floor),
        2 => (prop::option::of(0..4u8), any::<(i16, u8)>()).prop_map(|(symbol, (day, span))| {
            let day = i32::from(day);
            Step::Hide { symbol, days: (day, day + 100 * i32::from(span)) }
        }),
        1 => Just(Step::Tag),
        1 => Just(Step::Untag),
        1 => (0..4u8).prop_map(|symbol| Step::Rewrite { symbol }),
    ];
    prop::collection::vec(prop::collection::vec(step, 1..4), 1..20)
}

fn symbol(n: u8) -> Symbol {
    Symbol::new(["000001", "NULL", "A/B", "\u{8305}\u{53f0}"][usize::from(n)]).unwrap()
}

fn segment(txn: TxnId, n: u32, days: (i32, i32)) -> Segment {
    let key = |day| vec![Value::Date(day)];
    Segment {
        id: SegmentId { txn, n },
        kind: if n.is_multiple_of(2) { SegmentKind::Increment } else { SegmentKind::Base },
        schema_version: 1,
        rows: 1 + u64::from(n),
        bytes: u64::MAX >> n,
        hash: 0xfedc_ba98_7654_3210 ^ u64::from(n),
        sum: n.is_multiple_of(3).then_some(u64::MAX - u64::from(n)),
        range: Some(Range::new(key(days.0), key(days.1))),
        symbols: None,
        rank: Rank::default(),
        masks: Vec::new(),
        at_us: 0,
        census: None,
        added: 0,
    }
}

/// The lake's first transaction.
fn create() -> Action {
    let columns = parse_columns(
        "symbol VARCHAR, day DATE, x DECIMAL(9,2), l STRUCT(a INT, b MAP(VARCHAR, INT[]))",
    );
    let names = ["symbol".to_owned(), "day".to_owned()];
    let def = TableDef::new("bars", &columns.unwrap(), &names[..1], &names, &[]).unwrap();
    Action::CreateTable(TableDef { id: TableId(1), ..def })
}

fn action(state: &State, txn: TxnId, n: &mut u32, step: &Step) -> Option<Action> {
    let table = TableId(1);
    let def = &state.table("bars")?.def;
    let mut next = || {
        *n += 1;
        *n
    };
    Some(match step {
        Step::Add { symbol: s, days, count } => {
            let segments = (0..*count).map(|_| segment(txn, next(), *days)).collect();
            Action::Add { table, part: Part::Of(vec![symbol(*s)]), segments }
        }
        Step::AddPacked { day } => {
            let (first, last) = (vec![symbol(0)], vec![symbol(2)]);
            let symbols = Some(Box::new(SymbolSpan { first, last, count: 3 }));
            let segments = vec![Segment { symbols, ..segment(txn, next(), (*day, *day)) }];
            Action::Add { table, part: Part::Packed, segments }
        }
        Step::Remove { symbol: s } => {
            let part = Part::Of(vec![symbol(*s)]);
            let live = state.table("bars")?.part(&part);
            let segments = live.iter().step_by(2).map(|s| s.id).collect();
            Action::Remove { table, part, segments }
        }
        Step::Widen => {
            let mut schema = def.schema().clone();
            schema.version += 1;
            schema.fields[2].name += "x";
            schema.fields[2].default = Some("1.50".into());
            schema.checks.push(Check { name: "c".into(), condition: "x > 0".into() });
            Action::SetSchema { table, schema }
        }
        Step::Fence(session) => Action::Fence { session: *session },
        Step::Floor => Action::Floor { version: state.version },
        Step::Hide { symbol: s, days } => Action::Hide {
            table,
            owners: s.map(|s| Owners::new(vec![vec![symbol(s)]])),
            stretch: Stretch { from: Some(Value::Date(days.0)), to: Some(Value::Date(days.1)) },
        },
        Step::Tag => Action::Tag { name: "eod".into(), version: Some(state.version) },
        Step::Untag => Action::Tag { name: "eod".into(), version: None },
        Step::Rewrite { symbol: s } => {
            // As compaction adds a base: below what was committed since.
            let rank = Rank { version: state.version / 2, order: 0 };
            let segments = vec![Segment { rank, ..segment(txn, next(), (0, 9)) }];
            Action::Add { table, part: Part::Of(vec![symbol(*s)]), segments }
        }
    })
}

fn transaction(state: &State, counter: u32) -> Transaction {
    Transaction {
        id: TxnId { start: state.version, session: 0x2bad_cafe_1234_5678, counter },
        ready_at: state.version,
        producer: counter
            .is_multiple_of(3)
            .then(|| ProducerSeq { producer: Arc::from("sync"), seq: u64::from(counter) }),
        cause: Cause::Ingest,
        at_us: -5,
        host: "host".into(),
        pid: 7,
        expects: vec![],
        actions: vec![],
        receipts: vec![Receipt {
            through_row: counter.is_multiple_of(2).then_some(3),
            rows_in: 9,
            sums: counter.is_multiple_of(3).then_some(Sums { read: u64::MAX, ..Sums::default() }),
            ..Receipt::default()
        }],
    }
}

fn entry(state: &State, transactions: Vec<Transaction>) -> Entry {
    Entry { version: state.version + 1, previous: state.hash, at_us: 5, transactions }
}

fn apply(state: &mut State, entry: &Entry) {
    let (bytes, hash) = entry.seal();
    assert_eq!(Entry::from_bytes(&bytes), Ok((entry.clone(), hash)));
    state.apply(entry, hash).unwrap();
    check_state(state).unwrap();
}

/// Plays a history; a checkpoint taken on the way must lead to the same end.
fn play(history: &[Vec<Step>], checkpoint_at: usize) -> (State, State) {
    let mut state = State::empty("id");
    let mut first = transaction(&state, 0);
    first.actions.push(create());
    let first = entry(&state, vec![first]);
    apply(&mut state, &first);
    let mut other = None;
    for (counter, steps) in (1..).zip(history) {
        if counter as usize == checkpoint_at {
            other = Some(checkpoint::from_bytes(&checkpoint::to_bytes(&state)).unwrap());
        }
        let mut txn = transaction(&state, counter);
        let mut n = 0;
        for step in steps {
            // Each step must be fine beside those before it in the transaction.
            let candidate = action(&state, txn.id, &mut n, step);
            txn.actions.extend(candidate);
            let mut copy = state.clone();
            let entry = entry(&state, vec![txn.clone()]);
            if state.check(&txn).is_err()
                || copy.apply(&entry, 1).is_err()
                || check_state(&copy).is_err()
            {
                txn.actions.pop();
            }
        }
        txn.expects.push(Expect::Schema {
            table: TableId(1),
            version: state.table("bars").unwrap().schema().version,
        });
        let entry = entry(&state, vec![txn]);
        apply(&mut state, &entry);
        if let Some(other) = &mut other {
            apply(other, &entry);
        }
    }
    (state.clone(), other.unwrap_or(state))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_checkpoint_says_what_the_entries_said(history in steps(), at in 1..20usize) {
        let (by_log, by_checkpoint) = play(&history, at);
        prop_assert_eq!(checkpoint::to_bytes(&by_log), checkpoint::to_bytes(&by_checkpoint));
        prop_assert_eq!(by_log.segment_count(), by_checkpoint.segment_count());
        let live: usize = by_log.tables().map(|t| t.segment_count()).sum();
        prop_assert_eq!(by_log.segment_count(), live);
        let again = checkpoint::from_bytes(&checkpoint::to_bytes(&by_log)).unwrap();
        prop_assert_eq!(checkpoint::to_bytes(&again), checkpoint::to_bytes(&by_log));
    }

    /// The checksum stands before the decoder; behind it the decoder stands alone.
    #[test]
    fn harmed_bodies_are_errors_not_panics(history in steps(), at in any::<prop::sample::Index>(), bit in 0..8u8, cut in any::<bool>()) {
        let (state, _) = play(&history, 99);
        let sealed = checkpoint::to_bytes(&state);
        let (body, _) = Framed::Checkpoint.open(&sealed).unwrap();
        let mut body = body.to_vec();
        let at = at.index(body.len());
        if cut { body.truncate(at) } else { body[at] ^= 1 << bit }
        if let Ok(other) = checkpoint::from_bytes(&Framed::Checkpoint.seal(&body)) {
            let _ = check_state(&other);
        }
        let mut txn = transaction(&state, u32::from(bit));
        txn.actions.push(create());
        let ready = ready_to_bytes(&txn);
        prop_assert_eq!(ready_from_bytes(&ready), Ok(txn));
        let (body, _) = Framed::Ready.open(&ready).unwrap();
        let mut body = body.to_vec();
        let at = at % body.len();
        if cut { body.truncate(at) } else { body[at] ^= 1 << bit }
        let _ = Transaction::decode(&mut Decoder::new(&body));
    }
}
