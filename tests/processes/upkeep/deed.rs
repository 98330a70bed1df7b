//! What one process is told to do, as a command line.

use std::path::Path;

use lake_tests::rows::{BARS, Row, TICKS};

use super::die::Die;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Append,
    Upsert,
    Ignore,
    ReplaceRange,
    Replace,
}

#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// Rows of `bars` in a mode.
    Ingest(Mode, Vec<Row>),
    /// Rows of both tables in one commit; of `ticks` alone where there are none of `bars`.
    Both(Vec<Row>, Vec<Row>),
    DeleteRange {
        symbol: String,
        from: i64,
        to: i64,
    },
    /// Rows of `bars` whose stamp is so modulo 7.
    DeleteWhere {
        rest: i64,
    },
    DeleteKeys(Vec<Row>),
    Drop {
        table: &'static str,
        before: i64,
    },
    Archive {
        before: i64,
    },
    Unarchive,
    Restore {
        to: u64,
    },
    Compact {
        full: bool,
    },
    Vacuum,
    Undelete,
    Drain,
    Verify {
        deep: bool,
    },
    Tag {
        name: String,
        delete: bool,
    },
    Backup,
    /// A lake made of the backup, beside.
    Again,
    Query,
}

const SYMBOLS: [&str; 6] = ["A", "B", "C", "D", "600519", "x/y z"];
const DAYS: u64 = 40;

fn csv(path: &Path, rows: &[Row]) -> String {
    let lines = rows.iter().map(|(symbol, day, stamp)| format!("{symbol},{day},{stamp}\n"));
    std::fs::write(path, format!("symbol,day,stamp\n{}", lines.collect::<String>())).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Rows of `bars`, each key once, with stamps that nobody else has.
fn rows(die: &mut Die, stamp: i64) -> Vec<Row> {
    let (symbols, most) = (1 + die.below(3), 1 + die.below(6));
    let mut rows: Vec<Row> = Vec::new();
    for _ in 0..symbols {
        let (symbol, first) = (*die.pick(&SYMBOLS), die.day(DAYS));
        for day in (first..).step_by(1 + die.below(3) as usize).take(most as usize) {
            let key = (symbol.to_owned(), day);
            if !rows.iter().any(|(s, d, _)| (s, d) == (&key.0, &key.1)) {
                rows.push((key.0, key.1, stamp + rows.len() as i64));
            }
        }
    }
    rows
}

impl Deed {
    /// What a sync process does.
    pub(crate) fn of_writer(die: &mut Die, stamp: i64) -> Deed {
        // No two rows of `ticks` are the same.
        let ticks = |n: u64| -> Vec<Row> {
            (0..n as i64)
                .map(|i| (SYMBOLS[i as usize].to_owned(), stamp / 1000, stamp + i))
                .collect()
        };
        match die.below(20) {
            0..6 => Deed::Ingest(Mode::Upsert, rows(die, stamp)),
            6..8 => Deed::Ingest(Mode::Append, rows(die, stamp)),
            8..10 => Deed::Ingest(Mode::Ignore, rows(die, stamp)),
            10..12 => Deed::Ingest(Mode::ReplaceRange, rows(die, stamp)),
            12 => Deed::Ingest(Mode::Replace, rows(die, stamp)),
            13 => Deed::Both(Vec::new(), ticks(3)),
            14..16 => Deed::Both(rows(die, stamp), ticks(2)),
            16..18 => {
                let (symbol, from) = ((*die.pick(&SYMBOLS)).to_owned(), die.day(DAYS));
                Deed::DeleteRange { symbol, from, to: from + die.day(6) }
            }
            18 => Deed::DeleteWhere { rest: die.day(7) },
            _ => Deed::DeleteKeys(rows(die, stamp)),
        }
    }

    /// What keeps the lake small, beside them. `newest`: about the newest version.
    pub(crate) fn of_keeper(die: &mut Die, newest: u64) -> Deed {
        let name = format!("t{}", die.below(3));
        match die.below(40) {
            0..8 => Deed::Compact { full: false },
            8..12 => Deed::Compact { full: true },
            12..20 => Deed::Vacuum,
            20..22 => Deed::Drop { table: BARS, before: die.day(DAYS / 3) },
            22 => Deed::Drop { table: TICKS, before: die.day(newest.max(1)) },
            23..27 => Deed::Archive { before: die.day(DAYS / 2) },
            27..31 => Deed::Unarchive,
            31..33 => Deed::Restore { to: newest.saturating_sub(die.below(12)) },
            33 => Deed::Undelete,
            34 => Deed::Drain,
            35..37 => Deed::Verify { deep: die.below(2) == 0 },
            37 => Deed::Tag { name, delete: false },
            _ => Deed::Tag { name, delete: true },
        }
    }

    /// What an owner does now and then, and what analysts ask.
    pub(crate) fn of_owner(die: &mut Die) -> Deed {
        match die.below(8) {
            0..3 => Deed::Backup,
            3 => Deed::Again,
            4 => Deed::Verify { deep: true },
            _ => Deed::Query,
        }
    }

    /// Whether it is at most one commit, so that an error says of all of it that nothing
    /// was done.
    pub(crate) fn is_one(&self) -> bool {
        matches!(
            self,
            Deed::Ingest(..)
                | Deed::Both(..)
                | Deed::DeleteRange { .. }
                | Deed::DeleteWhere { .. }
                | Deed::DeleteKeys(_)
                | Deed::Drop { .. }
                | Deed::Restore { .. }
        )
    }

    pub(crate) fn is_ingest(&self) -> bool {
        matches!(self, Deed::Ingest(..) | Deed::Both(..))
    }

    /// The command line, in a directory of the process's own.
    pub(crate) fn args(&self, dir: &Path) -> Vec<String> {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let file = |name: &str, rows: &[Row]| csv(&dir.join(name), rows);
        match self {
            Deed::Ingest(mode, rows) => {
                let mode = match mode {
                    Mode::Append => "append",
                    Mode::Upsert => "upsert",
                    Mode::Ignore => "ignore",
                    Mode::ReplaceRange => "replace-range",
                    Mode::Replace => "replace",
                };
                [words("ingest bars"), vec![file("in.csv", rows)], words(&format!("--mode {mode}"))]
                    .concat()
            }
            Deed::Both(bars, ticks) if bars.is_empty() => {
                [words("ingest ticks"), vec![file("in.csv", ticks)]].concat()
            }
            Deed::Both(bars, ticks) => vec![
                "ingest-many".into(),
                format!("bars={}", file("in.csv", bars)),
                format!("ticks={}", file("ticks.csv", ticks)),
            ],
            Deed::DeleteRange { symbol, from, to } => [
                words("delete bars --symbol"),
                vec![symbol.clone()],
                words(&format!("--from {from} --to {to}")),
            ]
            .concat(),
            Deed::DeleteWhere { rest } => {
                [words("delete bars --where"), vec![format!("stamp % 7 = {rest}")]].concat()
            }
            Deed::DeleteKeys(rows) => {
                let keys = rows.iter().map(|(symbol, day, _)| format!("{symbol},{day}\n"));
                let file = dir.join("keys.csv");
                std::fs::write(&file, format!("symbol,day\n{}", keys.collect::<String>())).unwrap();
                [words("delete bars --keys"), vec![file.to_str().unwrap().to_owned()]].concat()
            }
            Deed::Drop { table, before } => words(&format!("retain {table} --before {before}")),
            Deed::Archive { before } => words(&format!("retain bars --before {before} --archive")),
            Deed::Unarchive => words("unarchive bars"),
            Deed::Restore { to } => words(&format!("restore --to {to}")),
            Deed::Compact { full: false } => words("compact --runs 2"),
            Deed::Compact { full: true } => words("compact --full"),
            Deed::Vacuum => words("vacuum --grace 0s --max-share 1000000"),
            Deed::Undelete => words("undelete"),
            Deed::Drain => words("drain"),
            Deed::Verify { deep: false } => words("verify"),
            Deed::Verify { deep: true } => words("verify --deep"),
            Deed::Tag { name, delete: false } => words(&format!("tag {name}")),
            Deed::Tag { name, delete: true } => words(&format!("tag --delete {name}")),
            Deed::Backup => words("backup backup"),
            Deed::Again => words("--lake again restore --from backup"),
            Deed::Query => [words("sql"), vec![QUERY.to_owned()]].concat(),
        }
    }
}

const QUERY: &str = "SELECT true AS keyed, symbol, day, stamp FROM bars UNION ALL \
    SELECT false, symbol, day, stamp FROM ticks ORDER BY ALL";
