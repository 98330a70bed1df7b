//! Two checksummed slots in the file of the leases: the floor mirrored, and the
//! boundary below which the log is gone. One slot is written while the other
//! stands, so that a torn write loses nothing; readers take the higher valid one.

use lake_core::frame::hash;
use lake_core::id::Version;
use lake_core::layout;

use crate::error::Result;
use crate::files::Files;
use crate::lake::Lake;

pub(crate) const SLOT: usize = 64;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slots {
    /// Entries at or below are gone: no such version can be committed any more.
    pub boundary: Version,
    /// Versions below cannot be opened.
    pub floor: Version,
}

impl Slots {
    pub(crate) fn to_bytes(self) -> [u8; SLOT] {
        let mut bytes = [0; SLOT];
        bytes[..8].copy_from_slice(b"LKSLOT1\n");
        bytes[8..16].copy_from_slice(&self.boundary.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.floor.to_le_bytes());
        let sum = hash(&bytes[..56]);
        bytes[56..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Slots> {
        let word = |at: usize| {
            let mut w = [0; 8];
            w.copy_from_slice(bytes.get(at..at + 8)?);
            Some(u64::from_le_bytes(w))
        };
        let slots = Slots { boundary: word(8)?, floor: word(16)? };
        (slots.to_bytes()[..] == *bytes.get(..SLOT)?).then_some(slots)
    }

    /// The higher valid slot of the file, and the place of the other.
    pub(crate) fn choose(file: &[u8]) -> (Slots, u64) {
        let at = |i: usize| file.get(i * SLOT..(i + 1) * SLOT).and_then(Slots::from_bytes);
        match (at(0), at(1)) {
            (Some(a), Some(b)) if b > a => (b, 0),
            (Some(a), _) => (a, SLOT as u64),
            (None, Some(b)) => (b, 0),
            (None, None) => (Slots::default(), 0),
        }
    }
}

impl Files {
    pub(crate) fn slots(&self) -> Result<Slots> {
        Ok(Slots::choose(&self.locks.read(layout::LOCK_PINS)?).0)
    }
}

impl Lake {
    /// What the slots say now.
    pub fn slots(&self) -> Result<Slots> {
        self.files.slots()
    }

    pub(crate) fn set_slots(&self, slots: Slots) -> Result<()> {
        let (now, place) = Slots::choose(&self.files.locks.read(layout::LOCK_PINS)?);
        let slots =
            Slots { boundary: slots.boundary.max(now.boundary), floor: slots.floor.max(now.floor) };
        if slots != now {
            let bytes = slots.to_bytes();
            lake_store::overwrite(&self.files.locks, layout::LOCK_PINS, place, &bytes)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_slot_leaves_the_other() {
        let old = Slots { boundary: 5, floor: 7 };
        let new = Slots { boundary: 9, floor: 9 };
        let mut file = [old.to_bytes(), new.to_bytes()].concat();
        assert_eq!(Slots::choose(&file), (new, 0));
        file[70] ^= 1;
        assert_eq!(Slots::choose(&file), (old, 64));
        file[3] ^= 1;
        assert_eq!(Slots::choose(&file), (Slots::default(), 0));
        assert_eq!(Slots::choose(&file[..30]), (Slots::default(), 0));
        assert_eq!(Slots::choose(&new.to_bytes()), (new, 64));
    }
}
