//! A part of a file overwritten in place and synced. For records that carry a
//! checksum and have a twin, as the write may be torn.

use std::fs::File;
use std::io;

use rustix::fs::OFlags;

use crate::dir::Dir;
use crate::error::Result;
use crate::root::open_beneath;
use crate::step::{Effect, check_name, look, step, step_write};

/// Writes `bytes` at `offset` of a file that exists, and syncs it.
pub fn overwrite(dir: &Dir, name: &str, offset: u64, bytes: &[u8]) -> Result<()> {
    let at = dir.at(name);
    check_name("overwrite", &at)?;
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let file = File::from(look("open_slot", &at, || open_beneath(dir.fd(), name, flags))?);
    step_write(
        "overwrite",
        &at,
        bytes,
        |part| Effect::Overwrite { offset, bytes: part },
        |rest, done| -> io::Result<usize> {
            Ok(rustix::io::pwrite(&file, rest, offset + done as u64)?)
        },
    )?;
    step("sync_slot", &at, Effect::SyncFs, || Ok(rustix::fs::fdatasync(&file)?))
}
