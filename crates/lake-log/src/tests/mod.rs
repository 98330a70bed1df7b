//! The log by itself: segments are only named here, no file stands behind them.

mod commits;
mod damage;
mod readers;

use std::path::Path;
use std::sync::Arc;

use lake_core::edit::{Action, Cause, Expect, ProducerSeq, Receipt, Transaction};
use lake_core::id::{SegmentId, TableId};
use lake_core::schema::TableDef;
use lake_core::segment::{Part, Rank, Segment, SegmentKind};
use lake_core::sqltype::parse_columns;
use lake_core::symbol::Symbol;
use lake_core::value::{Range, Value};

use crate::{Access, Draft, InitOptions, Lake, Outcome};

pub(crate) const TABLE: TableId = TableId(1);

pub(crate) fn new_lake(path: &Path) -> Lake {
    assert!(Lake::init(path, &InitOptions { accept_unsafe_fs: true }).unwrap().new);
    let mut lake = Lake::open(path, Access::Write).unwrap();
    let columns = parse_columns("symbol VARCHAR, day BIGINT").unwrap();
    let names = |n: &[&str]| n.iter().map(|s| s.to_string()).collect::<Vec<_>>();
    let def = TableDef::new("bars", &columns, &names(&["symbol"]), &names(&["symbol", "day"]), &[]);
    let draft = lake.begin().unwrap();
    let mut txn = draft.transaction(Cause::Create);
    txn.actions.push(Action::CreateTable(TableDef { id: TABLE, ..def.unwrap() }));
    assert!(matches!(lake.commit(txn).unwrap(), Outcome::Committed { version: 1, .. }));
    lake
}

pub(crate) fn symbol(name: &str) -> Part {
    Part::Of(vec![Symbol::new(name).unwrap()])
}

pub(crate) fn segment(draft: &Draft, n: u32, days: std::ops::RangeInclusive<i64>) -> Segment {
    Segment {
        id: SegmentId { txn: draft.id, n },
        kind: SegmentKind::Increment,
        schema_version: 1,
        rows: 1,
        bytes: 100,
        hash: 7,
        sum: None,
        range: Some(Range::new(vec![Value::Int(*days.start())], vec![Value::Int(*days.end())])),
        symbols: None,
        rank: Rank::default(),
        masks: Vec::new(),
        at_us: 0,
        census: None,
        added: 0,
    }
}

/// One increment of one day for one symbol.
pub(crate) fn append(draft: &Draft, name: &str, day: i64) -> Transaction {
    let mut txn = draft.transaction(Cause::Ingest);
    txn.expects.push(Expect::Schema { table: TABLE, version: 1 });
    let segments = vec![segment(draft, 0, day..=day)];
    txn.actions.push(Action::Add { table: TABLE, part: symbol(name), segments });
    txn.receipts.push(Receipt { table: Arc::from("bars"), rows_in: 1, ..Receipt::default() });
    txn
}

pub(crate) fn commit_one(lake: &mut Lake, name: &str, day: i64) -> Outcome {
    let draft = lake.begin().unwrap();
    lake.commit(append(&draft, name, day)).unwrap()
}

pub(crate) fn sequenced(mut txn: Transaction, producer: &str, seq: u64) -> Transaction {
    txn.producer = Some(ProducerSeq { producer: producer.into(), seq });
    txn
}

pub(crate) fn version_of(outcome: &Outcome) -> u64 {
    match outcome {
        Outcome::Committed { version, .. } => *version,
        other => panic!("not committed: {other:?}"),
    }
}
