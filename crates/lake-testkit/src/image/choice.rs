//! Which of the effects that no sync covers reached the disk: all combinations,
//! or where they are too many the extremes, each one alone, and a seeded sample.

/// What became of one effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Lost,
    Half,
    Whole,
}

/// In how many ways an effect may have gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ways {
    /// A name is there or not.
    Name,
    /// Bytes may also be torn.
    Bytes,
}

impl Ways {
    fn kept(self) -> &'static [Kept] {
        match self {
            Ways::Name => &[Kept::Lost, Kept::Whole],
            Ways::Bytes => &[Kept::Lost, Kept::Half, Kept::Whole],
        }
    }
}

pub(crate) struct Choices;

impl Choices {
    pub(crate) fn of(pending: &[Ways], most: usize, seed: u64) -> Vec<Vec<Kept>> {
        let product = pending.iter().try_fold(1usize, |n, w| n.checked_mul(w.kept().len()));
        match product {
            Some(n) if n <= most => (0..n).map(|i| nth(pending, i)).collect(),
            _ => sample(pending, most, seed),
        }
    }
}

/// The `index`-th of all combinations.
fn nth(pending: &[Ways], mut index: usize) -> Vec<Kept> {
    let digit = |ways: &Ways| {
        let kept = ways.kept();
        let one = kept[index % kept.len()];
        index /= kept.len();
        one
    };
    pending.iter().map(digit).collect()
}

fn sample(pending: &[Ways], most: usize, seed: u64) -> Vec<Vec<Kept>> {
    let all = |kept| vec![kept; pending.len()];
    let mut chosen = vec![all(Kept::Lost), all(Kept::Whole)];
    for (i, ways) in pending.iter().enumerate() {
        for (others, one) in [(Kept::Lost, Kept::Whole), (Kept::Whole, Kept::Lost)] {
            let mut choice = all(others);
            choice[i] = one;
            chosen.push(choice);
        }
        if *ways == Ways::Bytes {
            let mut choice = all(Kept::Whole);
            choice[i] = Kept::Half;
            chosen.push(choice);
        }
    }
    let mut state = seed;
    while chosen.len() < most {
        let pick = |ways: &Ways| {
            let kept = ways.kept();
            kept[(splitmix(&mut state) % kept.len() as u64) as usize]
        };
        chosen.push(pending.iter().map(pick).collect());
    }
    chosen
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_enumerated_and_many_are_sampled_with_the_extremes() {
        let few = [Ways::Name, Ways::Bytes, Ways::Name];
        let mut all = Choices::of(&few, 12, 1);
        assert_eq!(all.len(), 12);
        all.dedup();
        assert_eq!(all.len(), 12);
        let many = vec![Ways::Bytes; 20];
        let some = Choices::of(&many, 100, 1);
        assert_eq!(some.len(), 100);
        assert!(some.contains(&vec![Kept::Lost; 20]) && some.contains(&vec![Kept::Whole; 20]));
        let missing = |c: &Vec<Kept>| c.iter().filter(|k| **k == Kept::Lost).count();
        assert!(some.iter().filter(|c| missing(c) == 1).count() >= 20);
        assert!(some.iter().filter(|c| missing(c) == 19).count() >= 20);
        assert_eq!(some, Choices::of(&many, 100, 1));
        assert_eq!(Choices::of(&[], 5, 1), [Vec::new()]);
    }
}
