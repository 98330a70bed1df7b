//! What a table should hold, told by a list of rows that is changed one by one.

use std::collections::{BTreeMap, BTreeSet};

use crate::Mode;

pub(super) type Cell = Option<i64>;

#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) id: usize,
    pub(super) name: String,
    pub(super) default: Cell,
    pub(super) not_null: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) symbol: u8,
    pub(super) date: Option<i32>,
    /// By column id.
    pub(super) cells: BTreeMap<usize, Cell>,
}

/// A CHECK, or what is deleted.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    Less(usize, i64),
    AtMost(usize, usize),
    IsNull(usize),
    Symbol(u8),
    Before(i32),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) written: u64,
    pub(super) rejected: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Oracle {
    pub(super) keyed: bool,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
    pub(super) checks: Vec<(String, Rule)>,
}

impl Row {
    pub(super) fn key(&self) -> (u8, Option<i32>) {
        (self.symbol, self.date)
    }

    fn cell(&self, id: usize) -> Cell {
        self.cells.get(&id).copied().flatten()
    }
}

impl Rule {
    /// None: NULL.
    pub(super) fn of(&self, row: &Row) -> Option<bool> {
        Some(match self {
            Rule::Less(id, most) => row.cell(*id)? < *most,
            Rule::AtMost(a, b) => row.cell(*a)? <= row.cell(*b)?,
            Rule::IsNull(id) => row.cell(*id).is_none(),
            Rule::Symbol(symbol) => row.symbol == *symbol,
            Rule::Before(date) => row.date? < *date,
        })
    }

    pub(super) fn uses(&self, id: usize) -> bool {
        match self {
            Rule::Less(a, _) | Rule::IsNull(a) => *a == id,
            Rule::AtMost(a, b) => *a == id || *b == id,
            Rule::Symbol(_) | Rule::Before(_) => false,
        }
    }

    pub(super) fn sql(&self, columns: &[Column]) -> String {
        let name = |id: &usize| columns.iter().find(|c| c.id == *id).map_or("?", |c| &c.name);
        match self {
            Rule::Less(id, most) => format!("{} < {most}", name(id)),
            Rule::AtMost(a, b) => format!("{} <= {}", name(a), name(b)),
            Rule::IsNull(id) => format!("{} IS NULL", name(id)),
            Rule::Symbol(symbol) => format!("symbol = 's{symbol}'"),
            Rule::Before(date) => format!("\"date\" < DATE '1970-01-{:02}'", date + 1),
        }
    }
}

impl Oracle {
    pub(super) fn keeps(&self, row: &Row) -> bool {
        let given = |c: &Column| !c.not_null || row.cell(c.id).is_some();
        let held = |(_, rule): &(String, Rule)| rule.of(row) != Some(false);
        let keyed = !self.keyed || row.date.is_some();
        keyed && self.columns.iter().all(given) && self.checks.iter().all(held)
    }

    pub(super) fn allows(&self, mode: Mode, keep: bool) -> bool {
        match self.keyed {
            true => !keep || mode == Mode::Upsert,
            false => !keep && !matches!(mode, Mode::Upsert | Mode::Ignore),
        }
    }

    /// None: refused, and nothing has changed.
    pub(super) fn ingest(
        &mut self,
        batch: &[Row],
        mode: Mode,
        keep: bool,
        skip: bool,
    ) -> Option<Counts> {
        if !self.allows(mode, keep) {
            return None;
        }
        let good: Vec<Row> = batch.iter().filter(|row| self.keeps(row)).cloned().collect();
        let mut counts = Counts { written: 0, rejected: (batch.len() - good.len()) as u64 };
        let mut rows = self.rows.clone();
        let keys: BTreeSet<_> = good.iter().map(Row::key).collect();
        match mode {
            Mode::Append => {
                let there = |row: &Row| rows.iter().any(|old| old.key() == row.key());
                if self.keyed && (keys.len() < good.len() || good.iter().any(there)) {
                    return None;
                }
            }
            Mode::Upsert | Mode::Ignore => {}
            Mode::Replace => rows.retain(|old| !good.iter().any(|row| row.symbol == old.symbol)),
            Mode::ReplaceRange => {
                if good.iter().any(|row| row.date.is_none()) {
                    return None;
                }
                rows.retain(|old| !between(old, &good));
            }
        }
        for row in good {
            let there = rows.iter().position(|old| self.keyed && old.key() == row.key());
            match there {
                Some(_) if mode == Mode::Ignore => {}
                Some(at) if keep => {
                    let given = row.cells.into_iter().filter(|(_, cell)| cell.is_some());
                    rows[at].cells.extend(given);
                }
                Some(at) => rows[at] = row,
                None => rows.push(row),
            }
        }
        counts.written = match mode {
            Mode::Ignore => (rows.len() - self.rows.len()) as u64,
            _ if self.keyed => keys.len() as u64,
            _ => batch.len() as u64 - counts.rejected,
        };
        // What was put together of two rows may break a rule that each of them keeps.
        if keep {
            let broken: Vec<_> = rows.iter().filter(|row| !self.keeps(row)).map(Row::key).collect();
            rows.retain(|row| !broken.contains(&row.key()));
            rows.extend(self.rows.iter().filter(|row| broken.contains(&row.key())).cloned());
            counts.written -= broken.len() as u64;
            counts.rejected += broken.len() as u64;
        }
        if counts.rejected > 0 && !skip {
            return None;
        }
        self.rows = rows;
        Some(counts)
    }

    /// How many are gone.
    pub(super) fn delete(&mut self, doomed: impl Fn(&Row) -> bool) -> u64 {
        let before = self.rows.len();
        self.rows.retain(|row| !doomed(row));
        (before - self.rows.len()) as u64
    }

    /// Rows of an older version in today's columns; None: they break a rule of today.
    pub(super) fn restore(&mut self, then: &[Row]) -> Option<()> {
        let cell =
            |row: &Row, c: &Column| (c.id, row.cells.get(&c.id).copied().unwrap_or(c.default));
        let today = |row: &Row| {
            let cells = self.columns.iter().map(|c| cell(row, c)).collect();
            Row { cells, ..row.clone() }
        };
        let rows: Vec<Row> = then.iter().map(today).collect();
        let kept = rows.iter().all(|row| self.keeps(row));
        kept.then(|| self.rows = rows)
    }

    /// Rows as they are read back, sorted.
    pub(super) fn table(&self) -> Vec<(String, Option<i32>, Vec<Cell>)> {
        let cells = |row: &Row| self.columns.iter().map(|c| row.cell(c.id)).collect();
        let read = |row: &Row| (format!("s{}", row.symbol), row.date, cells(row));
        let mut all: Vec<_> = self.rows.iter().map(read).collect();
        all.sort();
        all
    }
}

/// Whether a batch's rows of the same symbol span a row.
fn between(old: &Row, batch: &[Row]) -> bool {
    let own = || batch.iter().filter(|row| row.symbol == old.symbol).map(|row| row.date);
    old.date.is_some() && own().min() <= Some(old.date) && Some(old.date) <= own().max()
}
