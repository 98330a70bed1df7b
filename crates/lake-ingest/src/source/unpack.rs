//! gzip and zstd, known by their first bytes, to any number of members. What grows
//! without end is refused, and so is what ends too early.

use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

pub(crate) type Stream = Box<dyn Read + Send>;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// Past so many bytes an archive may hold so many times its own size.
const FREE: u64 = 64 << 20;
const MAX_RATIO: u64 = 1000;
const BUFFER: usize = 64 << 10;

#[derive(Debug, thiserror::Error)]
pub(crate) enum BadArchive {
    #[error("it unpacks to more than {MAX_RATIO} times its size ({packed} bytes)")]
    Bomb { packed: u64 },
    #[error("it is not a whole {form} archive: {why}")]
    Torn { form: &'static str, why: String },
}

/// A stream whose first bytes were looked at.
pub(crate) struct Peeked {
    head: Vec<u8>,
    at: usize,
    rest: Stream,
}

impl Peeked {
    /// Reads until no mark that the bytes may begin with is undecided, so that a slow
    /// stream is not kept waiting for more.
    pub(crate) fn new(mut rest: Stream, marks: &[&[u8]]) -> io::Result<Peeked> {
        let mut head: Vec<u8> = Vec::new();
        let open = |head: &[u8]| marks.iter().any(|m| m.len() > head.len() && m.starts_with(head));
        let mut block = [0; 4096];
        while open(&head) {
            match rest.read(&mut block) {
                Ok(0) => break,
                Ok(n) => head.extend_from_slice(&block[..n]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(Peeked { head, at: 0, rest })
    }

    pub(crate) fn head(&self) -> &[u8] {
        &self.head[self.at..]
    }

    pub(crate) fn skip(&mut self, n: usize) {
        self.at = (self.at + n).min(self.head.len());
    }

    /// Reads one more block into the head; false at the end.
    pub(crate) fn more(&mut self) -> io::Result<bool> {
        let mut block = [0; 4096];
        loop {
            match self.rest.read(&mut block) {
                Ok(n) => {
                    self.head.extend_from_slice(&block[..n]);
                    return Ok(n > 0);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
}

impl Read for Peeked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let head = &self.head[self.at..];
        if head.is_empty() {
            return self.rest.read(buffer);
        }
        let n = head.len().min(buffer.len());
        buffer[..n].copy_from_slice(&head[..n]);
        self.at += n;
        Ok(n)
    }
}

/// The stream as it is, or what is packed in it.
pub(crate) fn unpack(stream: Stream) -> io::Result<Stream> {
    let peeked = Peeked::new(stream, &[GZIP, ZSTD])?;
    let (gzip, zstd) = (peeked.head().starts_with(GZIP), peeked.head().starts_with(ZSTD));
    if !gzip && !zstd {
        return Ok(Box::new(peeked));
    }
    let packed = Arc::new(AtomicU64::new(0));
    let counted = Counted { stream: peeked, count: packed.clone() };
    let buffered = BufReader::with_capacity(BUFFER, counted);
    let (form, stream): (_, Stream) = match gzip {
        true => ("gzip", Box::new(MultiGzDecoder::new(buffered))),
        false => ("zstd", Box::new(zstd::stream::read::Decoder::with_buffer(buffered)?)),
    };
    Ok(Box::new(Capped { form, stream, packed, unpacked: 0 }))
}

struct Counted {
    stream: Peeked,
    count: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.stream.read(buffer)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

struct Capped {
    form: &'static str,
    stream: Stream,
    packed: Arc<AtomicU64>,
    unpacked: u64,
}

impl Read for Capped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.stream.read(buffer).map_err(|e| match e.raw_os_error() {
            Some(_) => e,
            None if e.kind() == io::ErrorKind::Interrupted => e,
            None => io::Error::other(BadArchive::Torn { form: self.form, why: e.to_string() }),
        })?;
        self.unpacked += n as u64;
        let packed = self.packed.load(Ordering::Relaxed);
        if self.unpacked > FREE && self.unpacked / MAX_RATIO > packed {
            return Err(io::Error::other(BadArchive::Bomb { packed }));
        }
        Ok(n)
    }
}
