//! The only place where a path of the lake is spelled, and read back.

use crate::id::{SegmentId, TxnId, Version, decimal};
use crate::segment::{Part, SegmentKind};
use crate::symbol::Symbol;

pub const LAKE_FILE: &str = "LAKE";
pub const SETTINGS: &str = "lake.toml";
pub const SYSTEM: &str = "_lake";
pub const LOG: &str = "_lake/log";
pub const CHECKPOINTS: &str = "_lake/checkpoints";
pub const LOCKS: &str = "_lake/locks";
pub const STAGING: &str = "_lake/staging";
pub const SPOOL: &str = "_lake/spool";
pub const QUARANTINE: &str = "_lake/quarantine";
pub const TRASH: &str = "_lake/trash";
/// Made when a task first runs.
pub const TASKS: &str = "_lake/tasks";
pub const WAREHOUSE: &str = "warehouse";
pub const ARCHIVE: &str = "archive";
pub const HEAD: &str = "HEAD";
pub const PACKED: &str = "packed";

/// Lock files, made by init and never unlinked or renamed.
pub const LOCK_COMMIT: &str = "commit";
pub const LOCK_PINS: &str = "pins";
pub const LOCK_STARTS: &str = "starts";
pub const LOCK_LIVE: &str = "live";
pub const LOCK_COMPACT: &str = "compact";
pub const LOCK_VACUUM: &str = "vacuum";
pub const LOCK_CHECKPOINT: &str = "checkpoint";
/// Made when a task first runs, and as the others never unlinked.
pub const LOCK_TASKS: &str = "tasks";
pub const LOCK_FILES: [&str; 7] =
    [LOCK_COMMIT, LOCK_PINS, LOCK_STARTS, LOCK_LIVE, LOCK_COMPACT, LOCK_VACUUM, LOCK_CHECKPOINT];

/// Versions in one epoch directory.
pub const EPOCH: u64 = 1000;

pub fn epoch(version: Version) -> u64 {
    version / EPOCH
}

/// The name of an epoch's directory beneath `LOG`.
pub fn epoch_name(epoch: u64) -> String {
    format!("{epoch:010}")
}

pub fn epoch_dir(epoch: u64) -> String {
    format!("{LOG}/{}", epoch_name(epoch))
}

pub fn entry_name(version: Version) -> String {
    format!("{version:013}.e")
}

pub fn checkpoint_name(version: Version) -> String {
    format!("{version:013}.c")
}

fn padded(text: &str, width: usize) -> Option<u64> {
    let digits = text.len() >= width && text.bytes().all(|b| b.is_ascii_digit());
    let value = digits.then(|| text.parse().ok()).flatten()?;
    (format!("{value:0width$}") == text).then_some(value)
}

pub fn parse_epoch(name: &str) -> Option<u64> {
    padded(name, 10)
}

pub fn parse_entry(name: &str) -> Option<Version> {
    padded(name.strip_suffix(".e")?, 13)
}

pub fn parse_checkpoint(name: &str) -> Option<Version> {
    padded(name.strip_suffix(".c")?, 13)
}

pub fn table_dir(table: &str) -> String {
    format!("{WAREHOUSE}/{table}")
}

/// The directory of a partition: `warehouse/bars/symbol=600519`.
pub fn part_dir(table: &str, columns: &[&str], part: &Part) -> String {
    part_below(table_dir(table), columns, part)
}

fn part_below(mut dir: String, columns: &[&str], part: &Part) -> String {
    match part {
        Part::Packed => {
            dir.push('/');
            dir.push_str(PACKED);
        }
        Part::Of(symbols) => {
            for (column, symbol) in columns.iter().zip(symbols) {
                dir.push('/');
                dir.push_str(column);
                dir.push('=');
                dir.push_str(&symbol.encode());
            }
        }
    }
    dir
}

pub fn archive_dir(table: &str) -> String {
    format!("{ARCHIVE}/{table}")
}

/// Where a partition's archived rows lie: `archive/bars/symbol=600519`.
pub fn archive_part_dir(table: &str, columns: &[&str], part: &Part) -> String {
    part_below(archive_dir(table), columns, part)
}

/// A file of archived rows.
pub fn archived_name(id: &SegmentId) -> String {
    format!("arc-{id}.parquet")
}

pub fn parse_archived(name: &str) -> Option<SegmentId> {
    name.strip_prefix("arc-")?.strip_suffix(".parquet")?.parse().ok()
}

/// The list of one archive's files; its number is the seq of the commit that makes it valid.
pub fn archive_name(seq: u64) -> String {
    format!("{seq:010}.archive")
}

pub fn parse_archive(name: &str) -> Option<u64> {
    padded(name.strip_suffix(".archive")?, 10)
}

pub fn segment_name(kind: SegmentKind, id: &SegmentId) -> String {
    let word = match kind {
        SegmentKind::Increment => "inc",
        SegmentKind::Base => "base",
    };
    format!("{word}-{id}.parquet")
}

pub fn parse_segment(name: &str) -> Option<(SegmentKind, SegmentId)> {
    let stem = name.strip_suffix(".parquet")?;
    let (word, id) = stem.split_once('-')?;
    let kind = match word {
        "inc" => SegmentKind::Increment,
        "base" => SegmentKind::Base,
        _ => return None,
    };
    Some((kind, id.parse().ok()?))
}

/// Reads `symbol=600519` back.
pub fn parse_partition(component: &str) -> Option<(&str, Symbol)> {
    let (column, value) = component.split_once('=')?;
    Some((column, Symbol::decode(value).ok()?))
}

/// Whether a directory beneath a table's may hold segments.
pub fn is_part_dir(name: &str) -> bool {
    name == PACKED || parse_partition(name).is_some()
}

/// A transaction that waits in the spool.
pub fn ready_name(id: &TxnId) -> String {
    format!("{id}.r")
}

pub fn parse_ready(name: &str) -> Option<TxnId> {
    name.strip_suffix(".r")?.parse().ok()
}

/// What a power cut left beyond the end of the log, moved to quarantine; `random`
/// tells two of one version apart.
pub fn log_leftover_name(version: Version, random: u32) -> String {
    format!("log-{version}-{random:08x}.e")
}

pub fn is_log_leftover(name: &str) -> bool {
    let parts = || {
        let (version, random) = name.strip_prefix("log-")?.strip_suffix(".e")?.split_once('-')?;
        let random = u32::from_str_radix(random, 16).ok()?;
        Some(log_leftover_name(decimal(version)?, random))
    };
    parts().is_some_and(|same| same == name)
}

/// The history of a task's runs.
pub fn runs_name(task: &str) -> String {
    format!("{task}.runs")
}

/// Files that one vacuum moved away, at a time in microseconds and a version.
pub fn trash_name(at_us: i64, version: Version) -> String {
    format!("{at_us}-{version}")
}

pub fn parse_trash(name: &str) -> Option<(i64, Version)> {
    let (at_us, version) = name.split_once('-')?;
    let at_us = i64::try_from(decimal::<u64>(at_us)?).ok()?;
    Some((at_us, decimal(version)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        let id = SegmentId { txn: TxnId { start: 7, session: 9, counter: 1 }, n: 2 };
        let name = segment_name(SegmentKind::Base, &id);
        assert_eq!(name, "base-7.0000000000000009.1-2.parquet");
        assert_eq!(parse_segment(&name), Some((SegmentKind::Base, id)));
        assert_eq!(parse_segment("base-7.0000000000000009.1-2.parquet.tmp"), None);
        assert_eq!(parse_segment("x.parquet"), None);
        for version in [0, 1, 999, 1000, 123_456_789_012, u64::MAX] {
            assert_eq!(parse_entry(&entry_name(version)), Some(version));
            assert_eq!(parse_checkpoint(&checkpoint_name(version)), Some(version));
            assert_eq!(parse_epoch(&epoch_name(epoch(version))), Some(epoch(version)));
        }
        assert_eq!(parse_entry("1.e"), None);
        assert_eq!(parse_entry("00000000000001.e"), None);
        assert_eq!(parse_entry("+000000000001.e"), None);
    }

    #[test]
    fn archived_files_are_no_segments() {
        let id = SegmentId { txn: TxnId { start: 7, session: 9, counter: 1 }, n: 2 };
        let name = archived_name(&id);
        assert_eq!(name, "arc-7.0000000000000009.1-2.parquet");
        assert_eq!((parse_archived(&name), parse_segment(&name)), (Some(id), None));
        assert_eq!(parse_archive(&archive_name(12)), Some(12));
        assert_eq!(archive_name(12), "0000000012.archive");
        assert_eq!((parse_archive("12.archive"), parse_archive("x.archive")), (None, None));
        let part = Part::Of(vec![Symbol::new("A/B").unwrap()]);
        assert_eq!(archive_part_dir("bars", &["symbol"], &part), "archive/bars/symbol=A%2FB");
    }

    #[test]
    fn what_vacuum_may_take_is_spelled_exactly() {
        let id = TxnId { start: 7, session: 9, counter: 1 };
        assert_eq!(parse_ready(&ready_name(&id)), Some(id));
        assert_eq!(parse_ready("notes.r"), None);
        assert!(is_log_leftover(&log_leftover_name(42, 0xab)));
        for foreign in ["log-42.e", "log-042-000000ab.e", "log-42-000000AB.e", "log-42-+00000ab.e"]
        {
            assert!(!is_log_leftover(foreign), "{foreign}");
        }
        assert_eq!(
            parse_trash(&trash_name(1_795_176_000_000_000, 42)),
            Some((1_795_176_000_000_000, 42))
        );
        for foreign in ["", "42", "-1-42", "01-42", "1-042", "1-42-3", "9223372036854775808-1"] {
            assert_eq!(parse_trash(foreign), None, "{foreign}");
        }
        for (name, is) in [("packed", true), ("symbol=600519", true), ("old", false), ("=", false)]
        {
            assert_eq!(is_part_dir(name), is, "{name}");
        }
        assert!(!is_part_dir("symbol=a%2f"), "a value has one spelling");
    }

    #[test]
    fn a_symbol_has_one_directory() {
        let part = Part::Of(vec![Symbol::new("balance").unwrap(), Symbol::new("A/B").unwrap()]);
        let dir = part_dir("facts", &["type", "symbol"], &part);
        assert_eq!(dir, "warehouse/facts/type=balance/symbol=A%2FB");
        let last = dir.rsplit('/').next().unwrap();
        assert_eq!(parse_partition(last), Some(("symbol", Symbol::new("A/B").unwrap())));
        assert_eq!(part_dir("facts", &[], &Part::Of(vec![])), "warehouse/facts");
        assert_eq!(part_dir("facts", &["symbol"], &Part::Packed), "warehouse/facts/packed");
    }
}
