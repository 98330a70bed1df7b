//! What is said of a watch's work; nothing here decides anything.

use std::time::Duration;

use crate::error::{IngestError, Result};
use crate::ingest::Ingested;

/// What a watch says of its work. Files are called by their names in the directory,
/// and their new places by paths from there.
#[derive(Debug)]
pub enum Told<'a> {
    /// In the lake and moved, unless somebody took the file away meanwhile.
    Done { file: &'a str, moved_to: Option<&'a str>, ingested: &'a Ingested },
    /// Moved, with the reason beside it.
    Failed { file: &'a str, moved_to: &'a str, error: &'a IngestError },
    /// Nothing is wrong with the files; it is tried again after a pause.
    Waits { error: &'a IngestError, pause: Duration },
    /// It has grown or changed after it was taken for complete.
    Changed { file: &'a str },
    /// It was claimed, and somebody took it away before it could be read.
    Gone { file: &'a str },
    /// Another process sends under the same producer; the file gets another number.
    Shared { producer: &'a str },
    /// It stays where it is.
    BadName { file: &'a str },
    /// There are no events, for this reason.
    Deaf { why: &'a str },
    /// It ends, and so many files are not complete yet.
    Incomplete { files: usize },
}

/// Who hears of it.
pub trait Report {
    fn tell(&mut self, told: Told<'_>) -> Result<()>;

    /// What is written beside a file that failed.
    fn reason(&self, file: &str, error: &IngestError) -> String;
}
