//! A small record overwritten in place, which may be torn, stale or garbage at
//! any time: its reader checks it and never depends on it. Over NFS it shows what
//! others wrote only when opened anew.

use std::fs::File;
use std::io;

use rustix::fs::{Mode, OFlags};

use crate::dir::Dir;
use crate::error::{Kind, Result};
use crate::fault;
use crate::root::open_beneath;
use crate::step::{Effect, check_name, look, step, step_write};

pub const HINT_LEN: usize = 32;

#[derive(Debug)]
pub struct Hint {
    dir: Dir,
    name: String,
    file: File,
}

impl Hint {
    /// For reading and writing, or for reading alone where that is all we may.
    pub fn open(dir: &Dir, name: &str) -> Result<Hint> {
        let at = dir.at(name);
        check_name("open_hint", &at)?;
        let open = |access| {
            look("open_hint", &at, || open_beneath(dir.fd(), name, access | OFlags::CLOEXEC))
        };
        let fd = match open(OFlags::RDWR) {
            Err(e) if matches!(e.kind, Kind::Permission | Kind::ReadOnly) => open(OFlags::RDONLY)?,
            outcome => outcome?,
        };
        Ok(Hint { dir: dir.clone(), name: name.to_owned(), file: File::from(fd) })
    }

    /// Made empty when it is missing.
    pub fn create(dir: &Dir, name: &str) -> Result<Hint> {
        let at = dir.at(name);
        check_name("create", &at)?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o640);
        let effect = Effect::Create { ino: fault::next_ino() };
        let made =
            step("create", &at, effect, || Ok(rustix::fs::openat(dir.fd(), name, flags, mode)?));
        match made {
            Err(e) if e.kind == Kind::AlreadyExists => Hint::open(dir, name),
            outcome => {
                let file = File::from(outcome?);
                Ok(Hint { dir: dir.clone(), name: name.to_owned(), file })
            }
        }
    }

    /// None when it is shorter than a record.
    pub fn read(&self) -> Result<Option<[u8; HINT_LEN]>> {
        look("read_hint", &self.dir.at(&self.name), || {
            let mut record = [0u8; HINT_LEN];
            let got = rustix::io::pread(&self.file, &mut record[..], 0)?;
            Ok((got == HINT_LEN).then_some(record))
        })
    }

    /// One write, not synced.
    pub fn write(&self, record: &[u8; HINT_LEN]) -> Result<()> {
        step_write(
            "write_hint",
            &self.dir.at(&self.name),
            record,
            |part| Effect::Overwrite { offset: 0, bytes: part },
            |rest, done| -> io::Result<usize> {
                Ok(rustix::io::pwrite(&self.file, rest, done as u64)?)
            },
        )
    }
}
