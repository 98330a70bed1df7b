//! One command a file: its flags, and what it does with them.

pub(crate) mod alter;
pub(crate) mod backup;
mod batch;
pub(crate) mod compact;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod doctor;
pub(crate) mod drain;
pub(crate) mod health;
pub(crate) mod ingest;
pub(crate) mod ingest_many;
pub(crate) mod init;
mod input;
mod mode;
mod new_table;
pub(crate) mod quarantine;
mod reading;
pub(crate) mod rebuild;
mod receipt;
pub(crate) mod repair;
mod report;
pub(crate) mod restore;
pub(crate) mod retain;
mod retry;
pub(crate) mod run;
pub(crate) mod status;
mod stream;
pub(crate) mod tag;
pub(crate) mod tasks;
pub(crate) mod unarchive;
pub(crate) mod undelete;
pub(crate) mod vacuum;
pub(crate) mod verify;
pub(crate) mod watch;

use lake_cli::render::{Column, Rows};
use lake_store::Finding;

/// The findings of a probe as rows.
fn findings(found: &[Finding]) -> Rows {
    let mut rows = Rows::new(["check", "ok", "detail", "remedy"].map(Column::text));
    for f in found {
        rows.push([
            f.check.into(),
            f.ok.into(),
            f.detail.as_str().into(),
            f.remedy.as_str().into(),
        ]);
    }
    rows
}
