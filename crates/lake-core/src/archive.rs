//! What one commit of retention moved out of a table: the files, and which commit it was.
//!
//! The list is written before the commit, and counts only when the state says that its
//! producer and seq were committed; those of a killed process are as if they were not
//! there. Bringing the rows back is a commit of the same seq by another producer; a restore
//! of a version that had them commits that, too. So the log alone says what is archived, at
//! each of its versions, for good.

use crate::codec::{Decoded, Decoder, Encoder};
use crate::edit::ProducerSeq;
use crate::entry::BadFile;
use crate::frame::Framed;
use crate::id::{TableId, TxnId};
use crate::layout;
use crate::schema::TableDef;
use crate::segment::{Part, Segment, get_txn, put_txn};
use crate::state::State;
use crate::value::Value;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    pub table: TableId,
    pub seq: u64,
    pub txn: TxnId,
    /// When it was made; for people.
    pub at_us: i64,
    pub files: Vec<(Part, Segment)>,
}

/// What became of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its rows are still in the table, and may stay there.
    Uncommitted,
    Archived,
    /// Its rows are in the table again.
    Restored,
}

/// What these producers commit says what is archived: no batch of anybody's may be theirs.
pub fn is_reserved(producer: &str) -> bool {
    ["archive/", "unarchive/"].iter().any(|prefix| producer.starts_with(prefix))
}

/// The commit that takes the rows of an archive out of the table.
pub fn archive_key(table: &str, seq: u64) -> ProducerSeq {
    ProducerSeq { producer: archive_producer(table).into(), seq }
}

pub fn archive_producer(table: &str) -> String {
    format!("archive/{table}")
}

/// The commit that brings them back.
pub fn unarchive_key(table: &str, seq: u64) -> ProducerSeq {
    ProducerSeq { producer: format!("unarchive/{table}").into(), seq }
}

pub fn standing(state: &State, table: &str, seq: u64) -> Standing {
    let is_done = |key: &ProducerSeq| state.producers.contains(key);
    match (is_done(&archive_key(table, seq)), is_done(&unarchive_key(table, seq))) {
        (false, _) => Standing::Uncommitted,
        (true, false) => Standing::Archived,
        (true, true) => Standing::Restored,
    }
}

/// How each number that may be a table's archive stands.
pub fn standings<'s>(state: &'s State, table: &'s str) -> impl Iterator<Item = (u64, Standing)> {
    let last = state.producers.last_seq(&archive_producer(table)).unwrap_or(0);
    (1..=last).map(move |seq| (seq, standing(state, table, seq)))
}

impl Archive {
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|(_, file)| file.rows).sum()
    }

    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, file)| file.bytes).sum()
    }

    /// Smallest and largest value of the first range column, where all files know theirs.
    pub fn ends(&self) -> Option<(Value, Value)> {
        let ends = |file: &Segment| {
            let range = file.range.as_ref()?;
            Some((range.min().first()?.clone(), range.max().first()?.clone()))
        };
        let all: Option<Vec<_>> = self.files.iter().map(|(_, file)| ends(file)).collect();
        all?.into_iter().reduce(|(min, max), (a, b)| (min.min(a), max.max(b)))
    }

    /// The path of one of its files, relative to the lake.
    pub fn path(def: &TableDef, part: &Part, file: &Segment) -> String {
        let dir = layout::archive_part_dir(&def.name, &def.directory_columns(), part);
        format!("{dir}/{}", layout::archived_name(&file.id))
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut e = Encoder::default();
        e.num(self.table.0);
        e.num(self.seq);
        put_txn(&mut e, &self.txn);
        e.int(self.at_us);
        e.list(&self.files, |e, (part, file)| {
            part.encode(e);
            file.encode(e);
        });
        Framed::Archive.seal(&e.0)
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Archive, BadFile> {
        let (body, _) = Framed::Archive.open(bytes)?;
        Ok(decode(body)?)
    }
}

fn decode(body: &[u8]) -> Decoded<Archive> {
    let mut d = Decoder::new(body);
    let archive = Archive {
        table: TableId(d.num32()?),
        seq: d.num()?,
        txn: get_txn(&mut d)?,
        at_us: d.int()?,
        files: d.list(|d| Ok((Part::decode(d)?, Segment::decode(d)?)))?,
    };
    d.finish()?;
    Ok(archive)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SegmentId;
    use crate::segment::{Rank, SegmentKind};
    use crate::symbol::Symbol;
    use crate::value::Range;

    #[test]
    fn the_keys_are_of_producers_that_are_reserved() {
        for key in [archive_key("bars", 1), unarchive_key("bars", 1)] {
            assert!(is_reserved(&key.producer));
        }
        assert!(!is_reserved("archive") && !is_reserved("my/archive/bars"));
    }

    #[test]
    fn a_list_reads_back_and_knows_its_ends() {
        let txn = TxnId { start: 7, session: 9, counter: 1 };
        let file = |n: u32, from: i32, to: i32| Segment {
            id: SegmentId { txn, n },
            kind: SegmentKind::Base,
            schema_version: 1,
            rows: 3,
            bytes: 100,
            hash: 5,
            sum: None,
            range: Some(Range::new(vec![Value::Date(from)], vec![Value::Date(to)])),
            symbols: None,
            rank: Rank::default(),
            at_us: 0,
            census: None,
            masks: Vec::new(),
            added: 0,
        };
        let part = |name: &str| Part::Of(vec![Symbol::new(name).unwrap()]);
        let files = vec![(part("A"), file(0, 5, 9)), (part("B"), file(1, 2, 6))];
        let archive = Archive { table: TableId(3), seq: 12, txn, at_us: -5, files };
        assert_eq!(Archive::from_bytes(&archive.to_bytes()), Ok(archive.clone()));
        assert_eq!(archive.ends(), Some((Value::Date(2), Value::Date(9))));
        assert_eq!((archive.rows(), archive.bytes()), (6, 200));
        let bytes = archive.to_bytes();
        for cut in 0..bytes.len() {
            assert!(Archive::from_bytes(&bytes[..cut]).is_err());
        }
    }
}
