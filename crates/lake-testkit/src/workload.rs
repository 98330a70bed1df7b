//! Transactions as ingest makes them, with small files that prove themselves: the
//! bytes of a segment follow from its name.

use std::path::Path;
use std::sync::Arc;

use lake_core::edit::{Action, Cause, Expect, ProducerSeq, Receipt, Transaction};
use lake_core::frame::hash;
use lake_core::id::{SegmentId, TableId};
use lake_core::layout;
use lake_core::schema::TableDef;
use lake_core::segment::{Part, Rank, Segment, SegmentKind};
use lake_core::sqltype::parse_columns;
use lake_core::symbol::Symbol;
use lake_core::value::{Range, Value};
use lake_log::{Access, Draft, InitOptions, Lake, LogError, Outcome};

use crate::broken::{Broken, Checked};

/// The one table of the workload.
pub const TABLE: TableId = TableId(1);
const NAME: &str = "bars";

/// Makes a lake with the table, which is version 1.
pub fn create(path: &Path) -> Checked<()> {
    let bad = |why: &dyn std::fmt::Display| Broken::Promise(why.to_string());
    let _ = Lake::init(path, &InitOptions { accept_unsafe_fs: true })?;
    let mut lake = Lake::open(path, Access::Write)?;
    let columns = parse_columns("symbol VARCHAR, day BIGINT").map_err(|e| bad(&e))?;
    let names = |n: &[&str]| n.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let key = names(&["symbol", "day"]);
    let def = TableDef::new(NAME, &columns, &names(&["symbol"]), &key, &[]).map_err(|e| bad(&e))?;
    let mut txn = lake.begin()?.transaction(Cause::Create);
    txn.actions.push(Action::CreateTable(TableDef { id: TABLE, ..def }));
    match lake.commit(txn)? {
        Outcome::Committed { version: 1, .. } => Ok(()),
        other => Err(Broken::Promise(format!("the table was not created: {other:?}"))),
    }
}

/// The partition of a symbol.
pub fn part(symbol: &str) -> Checked<Part> {
    let symbol = Symbol::new(symbol).map_err(|e| Broken::Promise(e.to_string()))?;
    Ok(Part::Of(vec![symbol]))
}

pub fn sequence(producer: &str, seq: u64) -> ProducerSeq {
    ProducerSeq { producer: producer.into(), seq }
}

/// What is in a segment's file.
pub fn content(id: &SegmentId) -> Vec<u8> {
    format!("segment {id}\n").repeat(4).into_bytes()
}

/// One producer at work on an opened lake.
pub struct Workload {
    pub lake: Lake,
    producer: Arc<str>,
}

impl Workload {
    pub fn open(path: &Path, producer: &str) -> Result<Workload, LogError> {
        Ok(Workload { lake: Lake::open(path, Access::Write)?, producer: producer.into() })
    }

    /// W1-W3: one durable file a part, and the transaction that names them.
    pub fn stage(&mut self, parts: &[Part], seq: u64) -> Result<Transaction, LogError> {
        let draft = self.lake.begin()?;
        let mut txn = draft.transaction(Cause::Ingest);
        txn.producer = Some(ProducerSeq { producer: self.producer.clone(), seq });
        txn.expects.push(Expect::Schema { table: TABLE, version: 1 });
        for (n, part) in (0..).zip(parts) {
            let segment = segment(SegmentId { txn: draft.id, n }, seq);
            self.publish(&draft, part, &segment)?;
            txn.actions.push(Action::Add {
                table: TABLE,
                part: part.clone(),
                segments: vec![segment],
            });
        }
        let rows_in = parts.len() as u64;
        txn.receipts.push(Receipt { table: NAME.into(), rows_in, ..Receipt::default() });
        Ok(txn)
    }

    /// The whole of it.
    pub fn append(&mut self, parts: &[Part], seq: u64) -> Result<Outcome, LogError> {
        let txn = self.stage(parts, seq)?;
        self.lake.commit(txn)
    }

    /// Takes every segment of a partition out, as a compaction to nothing.
    pub fn clear(&mut self, part: &Part) -> Result<Outcome, LogError> {
        let draft = self.lake.begin()?;
        let mut txn = draft.transaction(Cause::Compact);
        let live = draft.state.table_by_id(TABLE).map_or(&[][..], |t| t.part(part));
        let segments = live.iter().map(|s| s.id).collect();
        txn.actions.push(Action::Remove { table: TABLE, part: part.clone(), segments });
        self.lake.commit(txn)
    }

    fn publish(&self, draft: &Draft, part: &Part, segment: &Segment) -> Result<(), LogError> {
        let tmp = format!("{}.tmp", layout::segment_name(segment.kind, &segment.id));
        let mut file = draft.staging.create(&tmp)?;
        file.write_all_at_once(&content(&segment.id))?;
        file.sync()?;
        file.close()?;
        let root = self.lake.root();
        let dir = layout::part_dir(NAME, &["symbol"], part);
        let place = root.make_dir(&dir)?;
        let known = draft.state.table_by_id(TABLE).is_some_and(|t| t.parts.contains_key(part));
        if !known {
            root.sync_parents(&dir)?;
        }
        draft.staging.rename(&tmp, &place, &layout::segment_name(segment.kind, &segment.id))?;
        place.sync()?;
        Ok(())
    }
}

fn segment(id: SegmentId, day: u64) -> Segment {
    let bytes = content(&id);
    let day = vec![Value::Int(i64::try_from(day).unwrap_or(i64::MAX))];
    Segment {
        id,
        kind: SegmentKind::Increment,
        schema_version: 1,
        rows: 1,
        bytes: bytes.len() as u64,
        hash: hash(&bytes),
        sum: None,
        range: Some(Range::new(day.clone(), day)),
        symbols: None,
        rank: Rank::default(),
        masks: Vec::new(),
        at_us: 0,
        census: None,
        added: 0,
    }
}
