//! The frame around every file of ours: what it is, how long, and its checksum.

use xxhash_rust::xxh3::xxh3_64;

/// The most bytes a framed file may hold; a longer one is not read at all.
pub const MAX_FRAME: u64 = 4 << 30;
const HEAD: usize = 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed {
    Entry,
    Checkpoint,
    /// A transaction that waits to be committed by somebody.
    Ready,
    /// A part of a Parquet file.
    Census,
    /// The list of what one commit archived.
    Archive,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    #[error("cut short: {have} of {want} bytes")]
    Short { have: u64, want: u64 },
    #[error("not a file of this kind")]
    Magic,
    #[error("checksum mismatch")]
    Checksum,
    #[error("bytes after the end")]
    Long,
    #[error("written with flags {0:#x} of a newer format")]
    Newer(u32),
}

impl Framed {
    fn magic(self) -> [u8; 4] {
        *match self {
            Framed::Entry => b"LKE1",
            Framed::Checkpoint => b"LKC1",
            Framed::Ready => b"LKR1",
            Framed::Census => b"LKS1",
            Framed::Archive => b"LKA1",
        }
    }

    pub fn seal(self, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + body.len());
        bytes.extend_from_slice(&self.magic());
        bytes.extend_from_slice(&0u32.to_le_bytes());
        bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&hash(body).to_le_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    /// The first framed file of what may be followed by other bytes.
    pub fn first(bytes: &[u8]) -> &[u8] {
        let mut word = [0; 8];
        let Some(length) = bytes.get(8..16) else { return bytes };
        word.copy_from_slice(length);
        let end = u64::from_le_bytes(word).saturating_add(HEAD as u64);
        usize::try_from(end).ok().and_then(|end| bytes.get(..end)).unwrap_or(bytes)
    }

    /// The body of a whole, unharmed file, and its checksum.
    pub fn open(self, bytes: &[u8]) -> Result<(&[u8], u64), BadFrame> {
        let have = bytes.len() as u64;
        let Some((head, body)) = bytes.split_at_checked(HEAD) else {
            return Err(BadFrame::Short { have, want: HEAD as u64 });
        };
        let word = |at: usize| {
            let mut w = [0; 8];
            w.copy_from_slice(&head[at..at + 8]);
            u64::from_le_bytes(w)
        };
        if head[..4] != self.magic() {
            return Err(BadFrame::Magic);
        }
        let flags = (word(0) >> 32) as u32;
        if flags != 0 {
            return Err(BadFrame::Newer(flags));
        }
        let want = word(8);
        if (body.len() as u64) < want {
            return Err(BadFrame::Short { have, want: want.saturating_add(HEAD as u64) });
        }
        if body.len() as u64 > want {
            return Err(BadFrame::Long);
        }
        if hash(body) != word(16) {
            return Err(BadFrame::Checksum);
        }
        Ok((body, word(16)))
    }
}

pub fn hash(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        let sealed = Framed::Entry.seal(b"some body");
        assert_eq!(Framed::Entry.open(&sealed).unwrap().0, b"some body");
        assert_eq!(Framed::Checkpoint.open(&sealed), Err(BadFrame::Magic));
        for cut in 0..sealed.len() {
            assert!(Framed::Entry.open(&sealed[..cut]).is_err());
        }
        for bit in 0..sealed.len() * 8 {
            let mut harmed = sealed.clone();
            harmed[bit / 8] ^= 1 << (bit % 8);
            assert!(Framed::Entry.open(&harmed).is_err(), "bit {bit}");
        }
        let longer = [&sealed[..], b"x"].concat();
        assert_eq!(Framed::first(&longer), sealed);
        assert_eq!(Framed::first(&sealed[..sealed.len() - 1]), &sealed[..sealed.len() - 1]);
        assert_eq!(Framed::Entry.open(&longer), Err(BadFrame::Long));
    }
}
