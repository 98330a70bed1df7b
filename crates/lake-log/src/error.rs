//! What can fail, by operation; `kind` says what the caller can do about it.

use std::path::PathBuf;

use lake_core::entry::BadFile;
use lake_core::id::Version;
use lake_core::invariants::Rule;
use lake_core::kind::Kind;
use lake_core::lakefile::BadLake;
use lake_core::state::BadChain;
use lake_store::{Finding, StoreError};

pub type Result<T> = std::result::Result<T, LogError>;

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("no lake at {}", .0.display())]
    NoLake(PathBuf),
    #[error("{} cannot hold a lake: {}", .path.display(), failed(.findings))]
    Unsafe { path: PathBuf, findings: Vec<Finding> },
    #[error("cannot use the lake at {}", .path.display())]
    Lake { path: PathBuf, source: BadLake },
    #[error("log entry {version} is damaged")]
    Entry { version: Version, source: BadFile },
    #[error("log entry {version} does not fit")]
    Chain { version: Version, source: BadChain },
    #[error("version {version} breaks rule {rule}")]
    Rule { version: Version, rule: Rule },
    #[error("what {path} says of its symbols is damaged")]
    Census { path: String, source: BadFile },
    #[error("the log lacks entry {missing}, which is older than its oldest checkpoint")]
    Gap { missing: Version },
    #[error("version {asked} is not there yet; the newest is {newest}")]
    Future { asked: Version, newest: Version },
    #[error("version {asked} is no longer kept; the oldest is {floor}")]
    Expired { asked: Version, floor: Version },
    /// The next writer commits it, or `drain`.
    #[error("nobody could commit in time; the transaction is durable and waits in the spool")]
    Spooled,
    #[error("no version is tagged {0}")]
    NoTag(String),
    #[error("nothing was there yet at that time; the oldest version is of {0}")]
    TooEarly(String),
    #[error("the log is busy: the commit lock or the next version could not be had in time")]
    Busy,
    #[error("whether version {version} is durable cannot be known")]
    Unknown { version: Version, source: StoreError },
    #[error("whether the batch was committed cannot be known: the commit lock could not be had")]
    Uncertain,
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn failed(findings: &[Finding]) -> String {
    let bad = findings.iter().filter(|f| !f.ok);
    bad.map(|f| format!("{}: {}", f.check, f.detail)).collect::<Vec<_>>().join("; ")
}

impl LogError {
    /// The same failure, where it leaves open whether `version` was committed.
    pub(crate) fn leaving_open(self, version: Version) -> LogError {
        match self {
            LogError::Store(source) => LogError::Unknown { version, source },
            other => other,
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            LogError::NoLake(_) | LogError::Future { .. } | LogError::TooEarly(_) => Kind::NotFound,
            LogError::Unsafe { .. } => Kind::UnsafeFs,
            LogError::Lake { source: BadLake::Damaged(_), .. } => Kind::Damaged,
            LogError::Lake { source: BadLake::Backup, .. } => Kind::BadInput,
            LogError::Lake { .. } => Kind::Newer,
            LogError::Entry { source, .. } | LogError::Census { source, .. }
                if source.is_newer() =>
            {
                Kind::Newer
            }
            LogError::Entry { .. }
            | LogError::Census { .. }
            | LogError::Chain { .. }
            | LogError::Rule { .. }
            | LogError::Gap { .. } => Kind::Damaged,
            LogError::Expired { .. } => Kind::Expired,
            LogError::NoTag(_) => Kind::NotFound,
            LogError::Spooled => Kind::Spooled,
            LogError::Busy => Kind::Busy,
            LogError::Unknown { .. } | LogError::Uncertain => Kind::Unknown,
            LogError::Store(error) => store_kind(error),
        }
    }

    pub fn hint(&self) -> Option<String> {
        Some(match self {
            LogError::NoLake(path) => {
                format!("make one with: lake-writer init --lake {}", path.display())
            }
            LogError::Unsafe { findings, .. } => {
                let remedy = findings.iter().find(|f| !f.ok).map(|f| f.remedy.clone());
                let remedy = remedy.unwrap_or_default();
                format!("{remedy}; or insist with --accept-unsafe-fs, at your own risk")
            }
            LogError::Lake { source: BadLake::Backup, path } => {
                format!(
                    "make a lake of it: lake-writer --lake NEW restore --from {}",
                    path.display()
                )
            }
            LogError::Lake { source: BadLake::Damaged(_), .. } => {
                "restore _lake/LAKE from a backup".into()
            }
            error if error.kind() == Kind::Newer => "use the newer program that wrote it".into(),
            error if error.kind() == Kind::Damaged => {
                "restore the file from a backup of the lake; nothing was changed".into()
            }
            LogError::Unknown { .. } | LogError::Uncertain => {
                "send the same batch again with the same --producer and --seq: it is committed once"
                    .into()
            }
            LogError::Store(error) => return store_hint(error),
            _ => return None,
        })
    }
}

/// The remedy for a failed call to the disk.
pub fn store_kind(error: &StoreError) -> Kind {
    match error.kind {
        lake_store::Kind::DiskFull => Kind::DiskFull,
        lake_store::Kind::NotFound | lake_store::Kind::Escape => Kind::Damaged,
        lake_store::Kind::Stale => Kind::Busy,
        _ => Kind::Denied,
    }
}

fn store_hint(error: &StoreError) -> Option<String> {
    Some(match error.kind {
        lake_store::Kind::DiskFull => "free space on the lake's disk, then try again".into(),
        lake_store::Kind::TooManyFiles => "raise the limit of open files (ulimit -n)".into(),
        lake_store::Kind::Permission => "check who owns the lake's directories".into(),
        lake_store::Kind::ReadOnly => "mount the lake's disk read-write".into(),
        lake_store::Kind::Escape => "a symbolic link was planted in the lake; remove it".into(),
        _ => return None,
    })
}
