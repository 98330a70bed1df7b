//! A die whose throws follow from a seed.

pub(crate) struct Die(u64);

impl Die {
    pub(crate) fn new(seed: u64, who: u64) -> Die {
        let mut die = Die(seed ^ who.wrapping_mul(0xd6e8_feb8_6659_fd93));
        die.throw();
        die
    }

    /// splitmix64.
    pub(crate) fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.throw() % n
    }

    pub(crate) fn day(&mut self, n: u64) -> i64 {
        self.below(n) as i64
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }
}
