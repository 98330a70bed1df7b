//! The model: what must be in the lake after each transaction of the log.

use std::collections::BTreeMap;

use lake_core::edit::{Expect, Transaction};
use lake_core::id::Version;
use lake_tests::rows::{BARS, Contents, Row};

use super::deed::{Deed, Mode};

type Key = (String, i64);

/// A row, and the version that has brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    stamp: i64,
    since: Version,
}

type Cells = BTreeMap<Key, Cell>;

#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    bars: Cells,
    ticks: BTreeMap<(String, i64, i64), Version>,
    archives: BTreeMap<u64, BTreeMap<Key, i64>>,
}

/// The version whose rows a transaction was made of, if it depends on that.
fn based_on(txn: &Transaction) -> Option<Version> {
    txn.expects.iter().find_map(|expect| match expect {
        Expect::Untouched { since, .. } | Expect::Uncut { since, .. } => Some(*since),
        _ => None,
    })
}

/// Takes rows away that were there at `since`: what came later under the same key stays.
fn take(cells: &mut Cells, since: Version, goes: impl Fn(&Key, i64) -> bool) -> BTreeMap<Key, i64> {
    let doomed = |(key, cell): &(&Key, &Cell)| cell.since <= since && goes(key, cell.stamp);
    let taken: BTreeMap<Key, i64> =
        cells.iter().filter(doomed).map(|(key, cell)| (key.clone(), cell.stamp)).collect();
    cells.retain(|key, _| !taken.contains_key(key));
    taken
}

fn put(cells: &mut Cells, rows: &[Row], since: Version) {
    for (symbol, day, stamp) in rows {
        cells.insert((symbol.clone(), *day), Cell { stamp: *stamp, since });
    }
}

impl World {
    /// What `txn`, which somebody was told `deed` for, makes of it in `version`.
    pub(crate) fn follow(
        &mut self,
        deed: &Deed,
        txn: &Transaction,
        version: Version,
        past: impl Fn(Version) -> Result<World, String>,
    ) -> Result<(), String> {
        let since = based_on(txn).unwrap_or(version);
        match deed {
            Deed::Ingest(mode, rows) => self.ingest(*mode, rows, version)?,
            Deed::Both(bars, ticks) => {
                put(&mut self.bars, bars, version);
                for row in ticks {
                    let twice = self.ticks.insert(row.clone(), version).is_some();
                    if twice {
                        return Err(format!("{row:?} comes twice"));
                    }
                }
            }
            Deed::DeleteRange { symbol, from, to } => {
                take(&mut self.bars, version, |(s, day), _| {
                    s == symbol && (*from..=*to).contains(day)
                });
            }
            Deed::DeleteWhere { rest } => {
                take(&mut self.bars, since, |_, stamp| stamp % 7 == *rest);
            }
            Deed::DeleteKeys(rows) => {
                take(&mut self.bars, since, |(s, day), _| {
                    rows.iter().any(|(symbol, d, _)| (symbol, d) == (s, day))
                });
            }
            Deed::Drop { table, before } if *table == BARS => {
                take(&mut self.bars, version, |(_, day), _| day < before);
            }
            Deed::Drop { before, .. } => self.ticks.retain(|(_, day, _), _| day >= before),
            Deed::Archive { before } => {
                // What was superseded since is archived as it was, and stays as it is.
                let rows = take(&mut past(since)?.bars, since, |(_, day), _| day < before);
                take(&mut self.bars, since, |(_, day), _| day < before);
                if self.archives.insert(seq_of(txn)?, rows).is_some() {
                    return Err("the number of an archive is given twice".into());
                }
            }
            Deed::Unarchive => {
                let rows = self.archives.remove(&seq_of(txn)?);
                for (key, stamp) in rows.ok_or("an archive that is not there comes back")? {
                    self.bars.entry(key).or_insert(Cell { stamp, since: version });
                }
            }
            Deed::Restore { to } => self.restore(past(*to)?, version),
            other => return Err(format!("{other:?} changes no rows")),
        }
        Ok(())
    }

    fn ingest(&mut self, mode: Mode, rows: &[Row], version: Version) -> Result<(), String> {
        let stored = |cells: &Cells, row: &Row| cells.contains_key(&(row.0.clone(), row.1));
        match mode {
            Mode::Upsert => {}
            Mode::Append => {
                if let Some(row) = rows.iter().find(|row| stored(&self.bars, row)) {
                    return Err(format!("{row:?} is appended and its key is there"));
                }
            }
            Mode::Ignore => {
                let new = rows.iter().filter(|row| !stored(&self.bars, row)).cloned();
                let new: Vec<Row> = new.collect();
                put(&mut self.bars, &new, version);
                return Ok(());
            }
            Mode::Replace => {
                self.bars.retain(|(symbol, _), _| !rows.iter().any(|(s, ..)| s == symbol));
            }
            Mode::ReplaceRange => {
                let mut ends: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
                for (symbol, day, _) in rows {
                    let (least, most) = ends.entry(symbol).or_insert((*day, *day));
                    (*least, *most) = ((*least).min(*day), (*most).max(*day));
                }
                self.bars.retain(|(symbol, day), _| {
                    ends.get(&**symbol).is_none_or(|(least, most)| day < least || day > most)
                });
            }
        }
        put(&mut self.bars, rows, version);
        Ok(())
    }

    /// An archive counts no more: its rows are in the table.
    pub(crate) fn uncount(&mut self, seq: u64) -> Result<(), String> {
        match self.archives.remove(&seq) {
            Some(_) => Ok(()),
            None => Err(format!("archive {seq} does not count already")),
        }
    }

    /// One that was not there then.
    pub(crate) fn archived_since(&self, then: &World) -> Option<u64> {
        self.archives.keys().find(|seq| !then.archives.contains_key(seq)).copied()
    }

    /// What is the same as before has been there all the time.
    fn restore(&mut self, then: World, version: Version) {
        let mut bars = then.bars;
        for (key, cell) in &mut bars {
            let same = self.bars.get(key).filter(|now| now.stamp == cell.stamp);
            cell.since = same.map_or(version, |now| now.since);
        }
        self.bars = bars;
        self.ticks = then.ticks;
    }

    /// Whether a deed may have found nothing to do here.
    pub(crate) fn has_nothing_for(&self, deed: &Deed) -> bool {
        let none =
            |goes: &dyn Fn(&Key, i64) -> bool| !self.bars.iter().any(|(k, c)| goes(k, c.stamp));
        match deed {
            Deed::DeleteRange { symbol, from, to } => {
                none(&|(s, day), _| s == symbol && (*from..=*to).contains(day))
            }
            Deed::DeleteWhere { rest } => none(&|_, stamp| stamp % 7 == *rest),
            Deed::DeleteKeys(rows) => {
                none(&|(s, day), _| rows.iter().any(|(symbol, d, _)| (symbol, d) == (s, day)))
            }
            Deed::Drop { table, before } if *table == BARS => none(&|(_, day), _| day < before),
            Deed::Drop { before, .. } => !self.ticks.keys().any(|(_, day, _)| day < before),
            _ => false,
        }
    }

    pub(crate) fn contents(&self) -> Contents {
        let rows = |key: &Key, stamp: i64| (key.0.clone(), key.1, stamp);
        let of_archive = |(seq, own): (&u64, &BTreeMap<Key, i64>)| {
            own.iter().map(|(key, stamp)| (*seq, rows(key, *stamp))).collect::<Vec<_>>()
        };
        Contents {
            bars: self.bars.iter().map(|(key, cell)| rows(key, cell.stamp)).collect(),
            ticks: self.ticks.keys().cloned().collect(),
            archived: self.archives.iter().flat_map(of_archive).collect(),
        }
    }
}

fn seq_of(txn: &Transaction) -> Result<u64, String> {
    txn.producer.as_ref().map(|key| key.seq).ok_or("an archive without a number".to_owned())
}
