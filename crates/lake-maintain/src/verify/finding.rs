//! What verify can find: a word for each kind, what is wrong and what to do.

use lake_core::id::Version;
use lake_log::Flaw;

use super::inventory::{BadReceipt, Held};

/// See each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A file of the log.
    Log(Flaw),
    /// What compaction says of its rows and what the log says of its files differ.
    Receipt(String),
    /// A file began at a version that the log does not have.
    Ahead(Version),
    Missing,
    /// Something that is no regular file has its name.
    NoFile,
    Size {
        found: u64,
        wanted: u64,
    },
    Hash,
    /// It cannot be decoded, or its rows are not sorted or of another partition.
    Contents(String),
    Rows {
        found: u64,
        wanted: u64,
    },
    Range(String),
    Symbols(String),
    Columns(String),
    Footer(String),
    Mask(String),
    /// A list of archived files is damaged.
    List(String),
    /// The same as of a segment's file, of one in the archive.
    Archived(Box<What>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub what: What,
    /// Relative to the lake.
    pub path: String,
    pub table: Option<String>,
    /// The newest version has it; else only older ones.
    pub live: bool,
    /// Versions from this one on do not need it.
    pub gone: Option<Version>,
}

impl Finding {
    pub(super) fn of_flaw(flaw: Flaw) -> Finding {
        let path = flaw.path();
        Finding { what: What::Log(flaw), path, table: None, live: false, gone: None }
    }

    pub(super) fn of_receipt(bad: BadReceipt) -> Finding {
        let BadReceipt { path, table, why } = bad;
        Finding { what: What::Receipt(why), path, table: Some(table), live: false, gone: None }
    }

    pub(super) fn of_file(path: &str, table: &str, held: &Held, what: What) -> Finding {
        let (path, table) = (path.to_owned(), Some(table.to_owned()));
        Finding { what, path, table, live: held.gone.is_none(), gone: held.gone }
    }

    pub(super) fn of_archive(path: String, table: &str, what: What) -> Finding {
        let what = match what {
            What::List(_) => what,
            what => What::Archived(Box::new(what)),
        };
        Finding { what, path, table: Some(table.to_owned()), live: true, gone: None }
    }

    pub(super) fn ahead(path: String, start: Version) -> Finding {
        Finding { what: What::Ahead(start), path, table: None, live: false, gone: None }
    }

    /// The word for it.
    pub fn kind(&self) -> &'static str {
        match &self.what {
            What::Log(flaw) => match flaw {
                Flaw::Lake(_) => "lake-file",
                Flaw::Missing { .. } => "system-missing",
                Flaw::Head => "head",
                Flaw::Slot(_) => "slot",
                Flaw::Entry { .. } | Flaw::Spent { .. } => "entry",
                Flaw::Checkpoint { .. } => "checkpoint",
                Flaw::End { .. } => "log-end",
                Flaw::Rule { .. } => "rule",
            },
            What::Receipt(_) => "receipt",
            What::Ahead(_) => "file-ahead",
            What::Missing => "file-missing",
            What::NoFile => "file-type",
            What::Size { .. } => "file-size",
            What::Hash => "file-hash",
            What::Contents(_) => "file-contents",
            What::Rows { .. } => "file-rows",
            What::Range(_) => "file-range",
            What::Symbols(_) => "file-symbols",
            What::Columns(_) => "file-columns",
            What::Footer(_) => "file-footer",
            What::Mask(_) => "file-mask",
            What::List(_) => "archive-list",
            What::Archived(_) => "archive-file",
        }
    }

    /// The log first, then files that the newest version has.
    pub(super) fn rank(&self) -> u8 {
        match (&self.what, self.live) {
            (What::Log(_) | What::Receipt(_) | What::Ahead(_), _) => 0,
            (_, true) => 1,
            (_, false) => 2,
        }
    }

    /// Whether it is about a segment's file.
    pub fn is_of_file(&self) -> bool {
        use What::{Ahead, Archived, List, Log, Receipt};
        !matches!(self.what, Log(_) | Receipt(_) | Ahead(_) | List(_) | Archived(_))
    }

    /// What is wrong.
    pub fn detail(&self) -> String {
        let only = match self.gone {
            Some(gone) => format!("; only versions before {gone} have it"),
            None => String::new(),
        };
        self.what.detail() + &only
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        match &self.what {
            What::Log(flaw) => flaw_remedy(flaw).to_owned(),
            What::Receipt(_) => "compare with a backup of the lake".to_owned(),
            What::List(_) | What::Archived(_) => "restore it from a backup".to_owned(),
            What::Ahead(_) => "restore the newest entries from a copy of _lake/log".to_owned(),
            _ => match self.gone {
                Some(_) => "restore it from a backup, or let the older versions go: \
                     lake-writer vacuum"
                    .to_owned(),
                None => "lake-writer repair looks for it in the trash; else restore it from a \
                     backup, or give its rows up: repair --drop-damaged"
                    .to_owned(),
            },
        }
    }
}

impl What {
    fn detail(&self) -> String {
        match self {
            What::Log(flaw) => flaw_detail(flaw),
            What::Ahead(start) => format!(
                "it was begun at version {start}, which the log does not have: has it lost its \
                 end?"
            ),
            What::Missing => "the file is missing".to_owned(),
            What::NoFile => "it is no regular file".to_owned(),
            What::Size { found, wanted } => format!("it has {found} bytes instead of {wanted}"),
            What::Hash => "its bytes do not match their hash".to_owned(),
            What::Rows { found, wanted } => format!("it has {found} rows instead of {wanted}"),
            What::Receipt(why)
            | What::Contents(why)
            | What::Range(why)
            | What::Symbols(why)
            | What::Columns(why)
            | What::Footer(why)
            | What::Mask(why) => why.clone(),
            What::List(why) => format!("{why}: the archive's rows cannot be brought back"),
            What::Archived(what) => what.detail(),
        }
    }
}

fn flaw_detail(flaw: &Flaw) -> String {
    match flaw {
        Flaw::Lake(why) => format!("the lake's birth certificate is damaged: {why}"),
        Flaw::Missing { is_dir: true, .. } => "the directory is missing".to_owned(),
        Flaw::Missing { is_dir: false, .. } => "the file is missing".to_owned(),
        Flaw::Head => "it is garbage; it is only a hint".to_owned(),
        Flaw::Slot(n) => format!("slot {n} is garbage"),
        Flaw::Entry { version, why, next: None } => {
            format!("{why}: version {version} and all after it cannot be opened")
        }
        Flaw::Entry { version, why, next: Some(next) } if *next == version + 1 => {
            format!("{why}: version {version} cannot be opened; later ones can")
        }
        Flaw::Entry { version, why, next: Some(next) } => {
            let last = next - 1;
            format!("{why}: versions {version} to {last} cannot be opened; later ones can")
        }
        Flaw::Spent { why, .. } => format!("{why}; no version needs it any more"),
        Flaw::Checkpoint { why, spare: true, .. } => {
            format!("{why}; the entries tell the same state")
        }
        Flaw::Checkpoint { why, spare: false, .. } => why.clone(),
        Flaw::End { acknowledged, newest } => {
            format!("the log ends at version {newest}, but version {acknowledged} was acknowledged")
        }
        Flaw::Rule { rule, .. } => format!("the version breaks rule {rule}"),
    }
}

fn flaw_remedy(flaw: &Flaw) -> &'static str {
    match flaw {
        Flaw::Lake(_) => "restore it from a backup, or lake-writer rebuild",
        Flaw::Missing { .. } | Flaw::Head | Flaw::Slot(_) => "lake-writer repair makes it anew",
        // What lake-writer backup makes has no entries.
        Flaw::Entry { next: Some(_), .. } => {
            "restore it from a copy of _lake/log, or let all versions before the later ones go: \
             lake-writer vacuum"
        }
        Flaw::Entry { .. } => {
            "restore it from a copy of _lake/log, or give these versions up: repair --drop-damaged"
        }
        Flaw::Checkpoint { spare: true, .. } | Flaw::Spent { .. } => {
            "lake-writer repair moves it aside"
        }
        Flaw::Checkpoint { .. } => "restore it from a copy of _lake/checkpoints",
        Flaw::End { .. } => {
            "restore the entries from a copy of _lake/log, or give them up: repair --drop-damaged"
        }
        Flaw::Rule { .. } => "restore the log from a copy of _lake, and report it as a defect",
    }
}
