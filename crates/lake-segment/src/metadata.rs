//! The footer's key-value metadata: what is needed to rebuild a lost log from the
//! directory, and to tell a person where a file came from.

use std::collections::BTreeMap;

use lake_core::edit::{ProducerSeq, Transaction};
use lake_core::id::{SegmentId, TxnId, Version};
use lake_core::schema::{FieldId, TableDef};
use lake_core::segment::{Rank, Segment};
use parquet::file::metadata::KeyValue;

/// Who made a segment, and in which transaction.
#[derive(Clone, Debug)]
pub struct Provenance {
    pub txn: TxnId,
    pub producer: Option<ProducerSeq>,
    pub host: String,
    pub pid: u32,
    /// It is committed after this version.
    pub after: Version,
    pub at_us: i64,
}

/// What a segment that was merged or rewritten takes the place of, so that a lost log can
/// be rebuilt without bringing those rows to life twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lineage {
    pub replaces: Vec<SegmentId>,
    /// Of these the lowest and the highest rank; it has the highest.
    pub from: Rank,
    pub rank: Rank,
    /// It was made to leave rows of them out.
    pub cuts: bool,
}

impl Lineage {
    pub fn of<'s>(inputs: impl IntoIterator<Item = &'s Segment>) -> Lineage {
        let mut all = Vec::new();
        let mut ranks = Vec::new();
        for segment in inputs {
            all.push(segment.id);
            ranks.push(segment.rank);
        }
        all.sort_unstable();
        let (from, rank) = (ranks.iter().min().copied(), ranks.iter().max().copied());
        let (from, rank) = (from.unwrap_or_default(), rank.unwrap_or_default());
        Lineage { replaces: all, from, rank, cuts: false }
    }

    /// Of what a delete leaves.
    pub fn cutting(self) -> Lineage {
        Lineage { cuts: true, ..self }
    }

    /// `7.0000000000000009.1-0..4 8.0000000000000009.1-0`: a word for each transaction's
    /// segments that follow each other.
    pub(crate) fn pairs(&self) -> Vec<KeyValue> {
        let mut words: Vec<(SegmentId, u32)> = Vec::new();
        for id in &self.replaces {
            match words.last_mut() {
                Some((first, last)) if first.txn == id.txn && *last + 1 == id.n => *last = id.n,
                _ => words.push((*id, id.n)),
            }
        }
        let word = |(first, last): &(SegmentId, u32)| match first.n == *last {
            true => first.to_string(),
            false => format!("{first}..{last}"),
        };
        let rank = |rank: Rank| format!("{}.{}", rank.version, rank.order);
        let mut pairs = vec![
            pair("lake.replaces", words.iter().map(word).collect::<Vec<_>>().join(" ")),
            pair("lake.rank_from", rank(self.from)),
            pair("lake.rank", rank(self.rank)),
        ];
        if self.cuts {
            pairs.push(pair("lake.cuts", "true".to_owned()));
        }
        pairs
    }

    /// Reads `pairs` back. None: the footer has none, or no whole one.
    pub fn read(pairs: &BTreeMap<String, String>) -> Option<Lineage> {
        const MOST: u32 = 1 << 24;
        let rank = |key: &str| {
            let (version, order) = pairs.get(key)?.split_once('.')?;
            Some(Rank { version: version.parse().ok()?, order: order.parse().ok()? })
        };
        let (from, rank) = (rank("lake.rank_from")?, rank("lake.rank")?);
        let mut replaces = Vec::new();
        for word in pairs.get("lake.replaces")?.split_whitespace() {
            let (first, last) = match word.split_once("..") {
                Some((first, last)) => (first.parse::<SegmentId>().ok()?, last.parse().ok()?),
                None => {
                    let id = word.parse::<SegmentId>().ok()?;
                    (id, id.n)
                }
            };
            if last.checked_sub(first.n)? > MOST {
                return None;
            }
            replaces.extend((first.n..=last).map(|n| SegmentId { txn: first.txn, n }));
        }
        let cuts = pairs.get("lake.cuts").is_some_and(|text| text == "true");
        Some(Lineage { replaces, from, rank, cuts })
    }
}

impl Provenance {
    pub fn of(txn: &Transaction) -> Provenance {
        Provenance {
            txn: txn.id,
            producer: txn.producer.clone(),
            host: txn.host.clone(),
            pid: txn.pid,
            after: txn.ready_at,
            at_us: txn.at_us,
        }
    }

    pub(crate) fn pairs(&self) -> Vec<KeyValue> {
        let mut pairs = vec![
            pair("lake.txn", self.txn.to_string()),
            pair("lake.host", self.host.clone()),
            pair("lake.pid", self.pid.to_string()),
            pair("lake.after", self.after.to_string()),
            pair("lake.at_us", self.at_us.to_string()),
        ];
        if let Some(key) = &self.producer {
            pairs.push(pair("lake.producer", key.producer.to_string()));
            pairs.push(pair("lake.seq", key.seq.to_string()));
        }
        pairs
    }
}

/// What all segments of a table and schema version say.
pub(crate) fn table_pairs(def: &TableDef) -> Vec<KeyValue> {
    let ids = |ids: &[FieldId]| ids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    vec![
        pair("lake.table", def.name.clone()),
        pair("lake.table_id", def.id.0.to_string()),
        pair("lake.schema_version", def.schema().version.to_string()),
        pair("lake.partition_by", ids(&def.partition_by)),
        pair("lake.key", ids(&def.key)),
        pair("lake.order_by", ids(&def.order_by)),
        pair("lake.writer", env!("CARGO_PKG_VERSION").to_owned()),
    ]
}

pub(crate) fn pair(key: &str, value: String) -> KeyValue {
    KeyValue::new(key.to_owned(), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lineage_reads_back() {
        let id = |start, n| SegmentId { txn: TxnId { start, session: 9, counter: 1 }, n };
        let rank = |version, order| Rank { version, order };
        let all = vec![id(3, 0), id(3, 1), id(3, 2), id(3, 7), id(4, 0)];
        let lineage = Lineage { replaces: all, from: rank(4, 0), rank: rank(5, 17), cuts: true };
        let pairs = lineage.pairs();
        let words = pairs[0].value.as_deref().unwrap();
        assert_eq!(
            words,
            "3.0000000000000009.1-0..2 3.0000000000000009.1-7 4.0000000000000009.1-0"
        );
        let mut map: BTreeMap<String, String> =
            pairs.into_iter().map(|p| (p.key, p.value.unwrap())).collect();
        assert_eq!(Lineage::read(&map), Some(lineage));
        for bad in ["3.9.1-0", "3.0000000000000009.1-2..1", "3.0000000000000009.1-0..99999999"] {
            map.insert("lake.replaces".into(), bad.into());
            assert_eq!(Lineage::read(&map), None, "{bad}");
        }
    }
}
