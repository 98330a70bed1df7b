//! A record inside a file that lives on, overwritten in place and made durable.

use std::fs::File;

use rustix::fs::OFlags;

use crate::dir::Dir;
use crate::error::Result;
use crate::root::open_beneath;
use crate::step::{Effect, check_name, look, step, step_write};

/// Writes over the beginning of a file that exists, without a sync. For records
/// that say their own length and carry a checksum: a reader may meet them half
/// written, and older bytes may follow them.
pub fn rewrite(dir: &Dir, name: &str, bytes: &[u8]) -> Result<()> {
    write(dir, name, 0, bytes).map(drop)
}

/// Writes over a part of a file that exists, and syncs it. For records that
/// carry a checksum and have a twin, as the write may be torn.
///
/// After an error the slot holds nobody knows what: the caller goes by the twin,
/// and never syncs this write again.
pub fn overwrite(dir: &Dir, name: &str, offset: u64, bytes: &[u8]) -> Result<()> {
    let file = write(dir, name, offset, bytes)?;
    // Of this file alone: claiming more would hide a missing sync from the recorder.
    step("sync_slot", &dir.at(name), Effect::SyncPath, || Ok(rustix::fs::fdatasync(&file)?))
}

fn write(dir: &Dir, name: &str, offset: u64, bytes: &[u8]) -> Result<File> {
    let at = dir.at(name);
    check_name("open_slot", &at)?;
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let file = File::from(look("open_slot", &at, || open_beneath(dir.fd(), name, flags))?);
    step_write(
        "overwrite",
        &at,
        bytes,
        |part| Effect::Overwrite { offset, bytes: part },
        |rest, done| Ok(rustix::io::pwrite(&file, rest, offset + done as u64)?),
    )?;
    Ok(file)
}
