//! Identities. None of them is a clock or a pid, and none says an order of
//! commits: only the version does.

use std::fmt;
use std::str::FromStr;

/// The number of a commit: one sequence for the whole lake, 0 is the empty lake.
pub type Version = u64;

/// A table's number, given by the commit that created it and never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u32);

/// One transaction of one session. `session` is 62 random bits, so that two
/// hosts, a restarted pid, a fork or a clock stepping back never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxnId {
    pub start: Version,
    pub session: u64,
    pub counter: u32,
}

/// One segment of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId {
    pub txn: TxnId,
    pub n: u32,
}

impl fmt::Display for TxnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:016x}.{}", self.start, self.session, self.counter)
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.txn, self.n)
    }
}

/// Text that is not the one spelling of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an identity of this lake")]
pub struct BadId;

/// Digits as `Display` writes them: no sign, no leading zero.
pub(crate) fn decimal<T: FromStr>(text: &str) -> Option<T> {
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    let padded = text.len() > 1 && text.starts_with('0');
    (plain && !padded).then(|| text.parse().ok()).flatten()
}

impl FromStr for TxnId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let mut parts = text.split('.');
        let (Some(start), Some(session), Some(counter), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(BadId);
        };
        let hex = session.len() == 16
            && session.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let session = hex.then(|| u64::from_str_radix(session, 16).ok()).flatten();
        Ok(TxnId {
            start: decimal(start).ok_or(BadId)?,
            session: session.filter(|s| s >> 62 == 0).ok_or(BadId)?,
            counter: decimal(counter).ok_or(BadId)?,
        })
    }
}

impl FromStr for SegmentId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let (txn, n) = text.rsplit_once('-').ok_or(BadId)?;
        Ok(SegmentId { txn: txn.parse()?, n: decimal(n).ok_or(BadId)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_each() {
        let id = SegmentId { txn: TxnId { start: 42, session: 0x1f, counter: 7 }, n: 3 };
        assert_eq!(id.to_string(), "42.000000000000001f.7-3");
        assert_eq!("42.000000000000001f.7-3".parse(), Ok(id));
        for bad in [
            "",
            "42.1f.7-3",
            "042.000000000000001f.7-3",
            "42.000000000000001F.7-3",
            "42.000000000000001f.7-03",
            "42.000000000000001f.7-+3",
            "42.f00000000000001f.7-3",
            "42.000000000000001f.7.0-3",
            "99999999999999999999.000000000000001f.7-3",
        ] {
            assert!(bad.parse::<SegmentId>().is_err(), "{bad}");
        }
    }
}
