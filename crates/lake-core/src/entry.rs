//! One version of the log: the transactions that became visible together.

use crate::codec::{Decoded, Decoder, Encoder};
use crate::edit::Transaction;
use crate::frame::{BadFrame, Framed};
use crate::id::Version;

/// The most transactions that share one entry.
pub const MAX_FOLD: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub version: Version,
    /// The checksum of the entry before; for version 1, of the lake's id.
    pub previous: u64,
    /// Wall time, never before the previous entry's; information only.
    pub at_us: i64,
    pub transactions: Vec<Transaction>,
}

/// An entry's or checkpoint's file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFile {
    #[error(transparent)]
    Frame(#[from] BadFrame),
    #[error(transparent)]
    Body(#[from] crate::codec::Malformed),
}

impl BadFile {
    /// Whether a newer program would understand it.
    pub fn is_newer(&self) -> bool {
        matches!(
            self,
            BadFile::Frame(BadFrame::Newer(_))
                | BadFile::Body(crate::codec::Malformed::Newer { .. })
        )
    }
}

impl Entry {
    /// The entry's file and its checksum, which the next entry carries.
    pub fn seal(&self) -> (Vec<u8>, u64) {
        let mut e = Encoder::default();
        e.num(self.version);
        e.fixed64(self.previous);
        e.int(self.at_us);
        e.list(&self.transactions, |e, t| t.encode(e));
        (Framed::Entry.seal(&e.0), crate::frame::hash(&e.0))
    }

    /// Reads `seal`'s file back.
    pub fn from_bytes(bytes: &[u8]) -> Result<(Entry, u64), BadFile> {
        let (body, hash) = Framed::Entry.open(bytes)?;
        Ok((Entry::decode(body)?, hash))
    }

    fn decode(body: &[u8]) -> Decoded<Entry> {
        let mut d = Decoder::new(body);
        let entry = Entry {
            version: d.num()?,
            previous: d.fixed64()?,
            at_us: d.int()?,
            transactions: d.list(Transaction::decode)?,
        };
        d.finish()?;
        Ok(entry)
    }
}

/// A waiting transaction as a file of the spool.
pub fn ready_to_bytes(txn: &Transaction) -> Vec<u8> {
    let mut e = Encoder::default();
    txn.encode(&mut e);
    Framed::Ready.seal(&e.0)
}

/// Bytes of an older, longer one may follow it: the file is written over.
pub fn ready_from_bytes(bytes: &[u8]) -> Result<Transaction, BadFile> {
    let (body, _) = Framed::Ready.open(Framed::first(bytes))?;
    let mut d = Decoder::new(body);
    let txn = Transaction::decode(&mut d)?;
    d.finish()?;
    Ok(txn)
}
