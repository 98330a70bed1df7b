//! Which producer and seq was committed in which version: for good, and small.
//! Consecutive seqs are one run with a mark every few; the receipts of the
//! newest commits are kept whole, older ones are read from the log between marks.

use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::codec::{Decoded, Decoder, Encoder};
use crate::edit::{ProducerSeq, Receipt};
use crate::id::Version;

/// Seqs between two marks of a run.
const STRIDE: u64 = 16;
/// Whole receipts kept.
const RECENT: usize = 1024;

/// Consecutive seqs whose versions never step back.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    last: u64,
    last_version: Version,
    /// The versions of the first seq and of every `STRIDE`-th after it.
    marks: Vec<Version>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Recent {
    key: ProducerSeq,
    version: Version,
    receipts: Arc<[Receipt]>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Producers {
    runs: BTreeMap<Arc<str>, BTreeMap<u64, Run>>,
    recent: VecDeque<Recent>,
}

/// Where a duplicate's first commit is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Whole {
        version: Version,
        receipts: Arc<[Receipt]>,
    },
    /// In one of these versions' entries.
    Between(RangeInclusive<Version>),
}

impl Producers {
    pub fn contains(&self, key: &ProducerSeq) -> bool {
        self.run(key).is_some()
    }

    fn run(&self, key: &ProducerSeq) -> Option<(u64, &Run)> {
        let (first, run) = self.runs.get(&key.producer)?.range(..=key.seq).next_back()?;
        (key.seq <= run.last).then_some((*first, run))
    }

    pub fn find(&self, key: &ProducerSeq) -> Option<Found> {
        let (first, run) = self.run(key)?;
        if let Some(r) = self.recent.iter().rev().find(|r| r.key == *key) {
            return Some(Found::Whole { version: r.version, receipts: r.receipts.clone() });
        }
        let mark = ((key.seq - first) / STRIDE) as usize;
        let low = run.marks.get(mark).copied().unwrap_or(run.last_version);
        let high = run.marks.get(mark + 1).copied().unwrap_or(run.last_version);
        Some(Found::Between(low..=high))
    }

    /// The largest seq a producer has committed.
    pub fn last_seq(&self, producer: &str) -> Option<u64> {
        self.runs.get(producer)?.values().next_back().map(|run| run.last)
    }

    pub(crate) fn insert(&mut self, key: &ProducerSeq, version: Version, receipts: &[Receipt]) {
        let runs = self.runs.entry(key.producer.clone()).or_default();
        match runs.range_mut(..=key.seq).next_back() {
            Some((first, run)) if run.last.checked_add(1) == Some(key.seq) => {
                if (key.seq - first).is_multiple_of(STRIDE) {
                    run.marks.push(version);
                }
                run.last = key.seq;
                run.last_version = version;
            }
            _ => {
                let run = Run { last: key.seq, last_version: version, marks: vec![version] };
                runs.insert(key.seq, run);
            }
        }
        self.recent.push_back(Recent { key: key.clone(), version, receipts: receipts.into() });
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }

    pub(crate) fn encode(&self, e: &mut Encoder) {
        e.len(self.runs.len());
        for (name, runs) in &self.runs {
            e.text(name);
            e.len(runs.len());
            for (first, run) in runs {
                e.num(*first);
                e.num(run.last - first);
                let mut before = 0;
                for mark in run.marks.iter().chain([&run.last_version]) {
                    e.num(mark - before);
                    before = *mark;
                }
            }
        }
        e.len(self.recent.len());
        for r in &self.recent {
            e.text(&r.key.producer);
            e.num(r.key.seq);
            e.num(r.version);
            e.list(&r.receipts, |e, receipt| receipt.encode(e));
        }
    }

    pub(crate) fn decode(d: &mut Decoder<'_>) -> Decoded<Producers> {
        let mut producers = Producers::default();
        for _ in 0..d.len()? {
            let name = d.arc_text()?;
            let runs = d.list(decode_run)?;
            producers.runs.insert(name, runs.into_iter().collect());
        }
        for _ in 0..d.len()? {
            let key = ProducerSeq { producer: d.arc_text()?, seq: d.num()? };
            let (version, receipts) = (d.num()?, d.list(Receipt::decode)?.into());
            producers.recent.push_back(Recent { key, version, receipts });
        }
        Ok(producers)
    }
}

fn decode_run(d: &mut Decoder<'_>) -> Decoded<(u64, Run)> {
    let (first, span) = (d.num()?, d.num()?);
    let Some(last) = first.checked_add(span) else {
        return d.broken("run of seqs past 64 bits");
    };
    let mut before = 0u64;
    let mut marks = Vec::new();
    for _ in 0..=span / STRIDE + 1 {
        before = before.wrapping_add(d.num()?);
        marks.push(before);
    }
    let last_version = marks.pop().unwrap_or(0);
    Ok((first, Run { last, last_version, marks }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(producer: &str, seq: u64) -> ProducerSeq {
        ProducerSeq { producer: producer.into(), seq }
    }

    proptest! {
        /// Against a map that simply remembers everything.
        #[test]
        fn never_forgets_and_never_invents(
            steps in prop::collection::vec((0..3u8, 0..200u64, 0..3u64), 1..300),
        ) {
            let mut producers = Producers::default();
            let mut truth = BTreeMap::new();
            let mut version = 0;
            for (who, seq, step) in steps {
                let key = key(["a", "b", "c"][usize::from(who)], seq);
                prop_assert_eq!(producers.contains(&key), truth.contains_key(&key));
                if truth.contains_key(&key) {
                    continue;
                }
                version += step;
                producers.insert(&key, version, &[]);
                truth.insert(key, version);
            }
            producers.recent.clear();
            let mut e = Encoder::default();
            producers.encode(&mut e);
            let mut d = Decoder::new(&e.0);
            prop_assert_eq!(&Producers::decode(&mut d).unwrap(), &producers);
            for (key, version) in truth {
                match producers.find(&key) {
                    Some(Found::Between(range)) => prop_assert!(range.contains(&version)),
                    other => prop_assert!(false, "{:?}", other),
                }
            }
        }
    }

    #[test]
    fn a_long_stream_is_one_small_run() {
        let mut producers = Producers::default();
        for seq in 1..=100_000 {
            producers.insert(&key("sync", seq), seq, &[]);
        }
        let mut e = Encoder::default();
        producers.recent.clear();
        producers.encode(&mut e);
        assert!(e.0.len() < 10_000, "{}", e.0.len());
        assert_eq!(producers.find(&key("sync", 50)), Some(Found::Between(49..=65)));
        assert_eq!(producers.last_seq("sync"), Some(100_000));
    }
}
