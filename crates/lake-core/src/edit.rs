//! A transaction: what one commit of one session wants to be true at once, what
//! it was based on, and what it tells its caller.

use std::sync::Arc;

use crate::codec::{Decoded, Decoder, Encoder, Malformed};
use crate::id::{SegmentId, TableId, TxnId, Version};
use crate::mask::{Owners, Stretch};
use crate::schema::{Schema, TableDef};
use crate::segment::{Part, Segment, get_id, get_txn, put_id, put_txn};
use crate::value::Range;

/// Why a transaction was made; for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Create,
    Ingest,
    Compact,
    Retain,
    Delete,
    Alter,
    Restore,
    Vacuum,
    Tag,
}

impl Cause {
    const ALL: [(Cause, &'static str); 9] = [
        (Cause::Create, "create"),
        (Cause::Ingest, "ingest"),
        (Cause::Compact, "compact"),
        (Cause::Retain, "retain"),
        (Cause::Delete, "delete"),
        (Cause::Alter, "alter"),
        (Cause::Restore, "restore"),
        (Cause::Vacuum, "vacuum"),
        (Cause::Tag, "tag"),
    ];

    pub fn word(self) -> &'static str {
        Cause::ALL.iter().find(|(c, _)| *c == self).map_or("", |(_, word)| word)
    }
}

/// A caller's own number for a batch: the lake commits it once, however often
/// it is sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerSeq {
    pub producer: Arc<str>,
    pub seq: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    CreateTable(TableDef),
    SetSchema {
        table: TableId,
        schema: Schema,
    },
    Add {
        table: TableId,
        part: Part,
        segments: Vec<Segment>,
    },
    Remove {
        table: TableId,
        part: Part,
        segments: Vec<SegmentId>,
    },
    /// This session's uncommitted transactions are refused from here on.
    Fence {
        session: u64,
    },
    /// Versions below cannot be opened from here on.
    Floor {
        version: Version,
    },
    /// The rows of these partitions (None: of all) in this stretch of the first range
    /// column are gone, as far as they were committed before.
    Hide {
        table: TableId,
        owners: Option<Owners>,
        stretch: Stretch,
    },
    /// A name for a version, which then stays; None takes the name away.
    Tag {
        name: String,
        version: Option<Version>,
    },
}

/// What the transaction was based on; checked at the version it wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The table's newest schema is still this one.
    Schema { table: TableId, version: u32 },
    /// Nothing was added to this partition after `since` whose keys overlap, and no
    /// row was taken away. What compaction wrote has the rank of the rows in it, and is
    /// no addition.
    Untouched { table: TableId, part: Part, since: Version, range: Option<Range> },
    /// No row was taken away from this partition after `since`.
    Uncut { table: TableId, part: Part, since: Version },
    /// No row of the table was added or taken away after `since`.
    Still { table: TableId, since: Version },
}

/// The counts of one table's part of a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    pub table: Arc<str>,
    pub rows_in: u64,
    pub rows_written: u64,
    pub rows_superseded: u64,
    pub rows_rejected: u64,
    pub segments: u64,
    pub bytes: u64,
    pub elapsed_ms: u64,
    /// For a stream: the last row of the producer's input that is now durable.
    pub through_row: Option<u64>,
    /// For a compaction.
    pub sums: Option<Sums>,
}

/// What a compaction made of its inputs' rows, each the sum of these rows' numbers in the
/// table's newest schema: `read == written + superseded + deleted`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub read: u64,
    pub written: u64,
    /// By rows of the same key and a higher rank.
    pub superseded: u64,
    /// Hidden by masks.
    pub deleted: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub id: TxnId,
    /// It cannot be in the log at or before this version.
    pub ready_at: Version,
    pub producer: Option<ProducerSeq>,
    pub cause: Cause,
    /// When and where it was made; for people, no decision reads it.
    pub at_us: i64,
    pub host: String,
    pub pid: u32,
    pub expects: Vec<Expect>,
    pub actions: Vec<Action>,
    pub receipts: Vec<Receipt>,
}

/// Sums follow a receipt, beside or without a row.
const WITH_SUMS: u8 = 2;

impl Sums {
    pub fn add(&mut self, other: &Sums) {
        self.read = self.read.wrapping_add(other.read);
        self.written = self.written.wrapping_add(other.written);
        self.superseded = self.superseded.wrapping_add(other.superseded);
        self.deleted = self.deleted.wrapping_add(other.deleted);
    }

    /// Whether no row was lost, doubled or changed.
    pub fn balance(&self) -> bool {
        let gone = self.superseded.wrapping_add(self.deleted);
        self.read == self.written.wrapping_add(gone)
    }
}

impl Receipt {
    pub(crate) fn encode(&self, e: &mut Encoder) {
        e.text(&self.table);
        for n in [
            self.rows_in,
            self.rows_written,
            self.rows_superseded,
            self.rows_rejected,
            self.segments,
            self.bytes,
            self.elapsed_ms,
        ] {
            e.num(n);
        }
        let follows = u8::from(self.through_row.is_some());
        e.u8(if self.sums.is_some() { follows | WITH_SUMS } else { follows });
        if let Some(row) = self.through_row {
            e.num(row);
        }
        if let Some(sums) = self.sums {
            for sum in [sums.read, sums.written, sums.superseded, sums.deleted] {
                e.fixed64(sum);
            }
        }
    }

    pub(crate) fn decode(d: &mut Decoder<'_>) -> Decoded<Receipt> {
        let mut receipt = Receipt {
            table: d.arc_text()?,
            rows_in: d.num()?,
            rows_written: d.num()?,
            rows_superseded: d.num()?,
            rows_rejected: d.num()?,
            segments: d.num()?,
            bytes: d.num()?,
            elapsed_ms: d.num()?,
            ..Receipt::default()
        };
        let follows = d.u8()?;
        if follows > (1 | WITH_SUMS) {
            return Err(Malformed::Newer { what: "receipt", code: follows.into() });
        }
        receipt.through_row = (follows & 1 != 0).then(|| d.num()).transpose()?;
        let mut sums = || {
            let (read, written) = (d.fixed64()?, d.fixed64()?);
            Ok(Sums { read, written, superseded: d.fixed64()?, deleted: d.fixed64()? })
        };
        receipt.sums = (follows & WITH_SUMS != 0).then(&mut sums).transpose()?;
        Ok(receipt)
    }
}

impl Action {
    fn encode(&self, e: &mut Encoder) {
        let code = match self {
            Action::CreateTable(_) => 1,
            Action::SetSchema { .. } => 2,
            Action::Add { .. } => 3,
            Action::Remove { .. } => 4,
            Action::Fence { .. } => 5,
            Action::Floor { .. } => 6,
            Action::Hide { .. } => 7,
            Action::Tag { .. } => 8,
        };
        e.u8(code);
        e.framed(|e| match self {
            Action::CreateTable(def) => def.encode(e),
            Action::SetSchema { table, schema } => {
                e.num(table.0);
                schema.encode(e);
            }
            Action::Add { table, part, segments } => {
                e.num(table.0);
                part.encode(e);
                e.list(segments, |e, s| s.encode(e));
            }
            Action::Remove { table, part, segments } => {
                e.num(table.0);
                part.encode(e);
                e.list(segments, put_id);
            }
            Action::Fence { session } => e.fixed64(*session),
            Action::Floor { version } => e.num(*version),
            Action::Hide { table, owners, stretch } => {
                e.num(table.0);
                e.option(owners.as_ref(), |e, owners| owners.encode(e));
                stretch.encode(e);
            }
            Action::Tag { name, version } => {
                e.text(name);
                e.option(*version, |e, v| e.num(v));
            }
        });
    }

    fn decode(d: &mut Decoder<'_>) -> Decoded<Action> {
        let code = d.u8()?;
        let mut d = d.framed()?;
        let action = match code {
            1 => Action::CreateTable(TableDef::decode(&mut d)?),
            2 => {
                let table = TableId(d.num32()?);
                Action::SetSchema { table, schema: Schema::decode(&mut d)? }
            }
            3 => {
                let (table, part) = (TableId(d.num32()?), Part::decode(&mut d)?);
                Action::Add { table, part, segments: d.list(Segment::decode)? }
            }
            4 => {
                let (table, part) = (TableId(d.num32()?), Part::decode(&mut d)?);
                Action::Remove { table, part, segments: d.list(get_id)? }
            }
            5 => Action::Fence { session: d.fixed64()? },
            6 => Action::Floor { version: d.num()? },
            7 => Action::Hide {
                table: TableId(d.num32()?),
                owners: d.option(Owners::decode)?,
                stretch: Stretch::decode(&mut d)?,
            },
            8 => Action::Tag { name: d.text()?.to_owned(), version: d.option(|d| d.num())? },
            code => return Err(Malformed::Newer { what: "action", code: code.into() }),
        };
        d.finish()?;
        Ok(action)
    }
}

impl Expect {
    fn encode(&self, e: &mut Encoder) {
        match self {
            Expect::Schema { table, version } => {
                e.u8(1);
                e.num(table.0);
                e.num(*version);
            }
            Expect::Untouched { table, part, since, range } => {
                e.u8(2);
                e.num(table.0);
                part.encode(e);
                e.num(*since);
                e.option(range.as_ref(), |e, r| r.encode(e));
            }
            Expect::Uncut { table, part, since } => {
                e.u8(3);
                e.num(table.0);
                part.encode(e);
                e.num(*since);
            }
            Expect::Still { table, since } => {
                e.u8(4);
                e.num(table.0);
                e.num(*since);
            }
        }
    }

    fn decode(d: &mut Decoder<'_>) -> Decoded<Expect> {
        Ok(match d.u8()? {
            1 => Expect::Schema { table: TableId(d.num32()?), version: d.num32()? },
            2 => Expect::Untouched {
                table: TableId(d.num32()?),
                part: Part::decode(d)?,
                since: d.num()?,
                range: d.option(Range::decode)?,
            },
            3 => Expect::Uncut {
                table: TableId(d.num32()?),
                part: Part::decode(d)?,
                since: d.num()?,
            },
            4 => Expect::Still { table: TableId(d.num32()?), since: d.num()? },
            code => return Err(Malformed::Newer { what: "expectation", code: code.into() }),
        })
    }
}

impl Transaction {
    pub fn encode(&self, e: &mut Encoder) {
        put_txn(e, &self.id);
        e.num(self.ready_at);
        e.option(self.producer.as_ref(), |e, p| {
            e.text(&p.producer);
            e.num(p.seq);
        });
        let code = Cause::ALL.iter().position(|(c, _)| *c == self.cause);
        e.u8(code.map_or(0, |c| c as u8));
        e.int(self.at_us);
        e.text(&self.host);
        e.num(self.pid);
        e.list(&self.expects, |e, x| x.encode(e));
        e.list(&self.actions, |e, a| a.encode(e));
        e.list(&self.receipts, |e, r| r.encode(e));
    }

    pub fn decode(d: &mut Decoder<'_>) -> Decoded<Transaction> {
        let (id, ready_at) = (get_txn(d)?, d.num()?);
        let producer = d.option(|d| Ok(ProducerSeq { producer: d.arc_text()?, seq: d.num()? }))?;
        let code = d.u8()?;
        let cause = match Cause::ALL.get(usize::from(code)) {
            Some((cause, _)) => *cause,
            None => return Err(Malformed::Newer { what: "cause", code: code.into() }),
        };
        Ok(Transaction {
            id,
            ready_at,
            producer,
            cause,
            at_us: d.int()?,
            host: d.text()?.to_owned(),
            pid: d.num32()?,
            expects: d.list(Expect::decode)?,
            actions: d.list(Action::decode)?,
            receipts: d.list(Receipt::decode)?,
        })
    }

    /// Whether it adds rows to a table, or takes some away.
    pub fn touches_table(&self, table: TableId) -> bool {
        self.actions.iter().any(|action| match action {
            Action::Add { table: t, .. }
            | Action::Remove { table: t, .. }
            | Action::Hide { table: t, .. } => *t == table,
            _ => false,
        })
    }

    /// Whether it adds rows to a partition, or takes some away.
    pub fn touches(&self, table: TableId, part: &Part) -> bool {
        self.actions.iter().any(|action| match action {
            Action::Add { table: t, part: p, .. } | Action::Remove { table: t, part: p, .. } => {
                *t == table && p == part
            }
            Action::Hide { table: t, owners: None, .. } => *t == table,
            Action::Hide { table: t, owners: Some(owners), .. } => {
                *t == table && !matches!(part, Part::Of(own) if !owners.contains(own))
            }
            _ => false,
        })
    }

    /// Whether it follows from any state that has its tables, so that it can share
    /// an entry with others of its kind.
    pub fn is_unconditional(&self) -> bool {
        self.actions.iter().all(|a| matches!(a, Action::Add { .. } | Action::Hide { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_of_an_older_program_has_no_sums() {
        let row = [1, b't', 9, 8, 1, 0, 1, 5, 0];
        for (tail, through_row) in [(&[0][..], None), (&[1, 3], Some(3))] {
            let old = [&row[..], tail].concat();
            let receipt = Receipt::decode(&mut Decoder::new(&old)).unwrap();
            assert_eq!(
                (receipt.rows_in, receipt.through_row, receipt.sums),
                (9, through_row, None)
            );
            let sums = Some(Sums { read: 1, written: 2, superseded: 3, deleted: u64::MAX });
            for receipt in [Receipt { sums, ..receipt.clone() }, receipt] {
                let mut e = Encoder::default();
                receipt.encode(&mut e);
                assert_eq!(receipt.sums.is_none(), e.0 == old);
                assert_eq!(Receipt::decode(&mut Decoder::new(&e.0)), Ok(receipt));
            }
        }
        let newer = [&row[..], &[4]].concat();
        let refused = Receipt::decode(&mut Decoder::new(&newer));
        assert_eq!(refused, Err(Malformed::Newer { what: "receipt", code: 4 }));
    }

    #[test]
    fn sums_balance_when_no_row_is_lost() {
        let mut all = Sums { read: 5, written: 7, superseded: u64::MAX, deleted: u64::MAX };
        assert!(all.balance());
        all.add(&Sums { read: 9, written: 9, ..Sums::default() });
        assert!(all.balance());
        all.add(&Sums { read: 1, ..Sums::default() });
        assert!(!all.balance());
    }
}
