//! How many inputs are open at once, and groups of them for which that is few.

use std::cmp::Ordering;

use lake_core::segment::Part;
use lake_core::symbol::Symbol;
use lake_core::value::Value;

use super::merging::Input;

/// Where an input begins or ends in the order of the rows. Of a pack it is known by
/// symbol alone.
type Place<'i> = (&'i [Symbol], Option<&'i [Value]>);

/// The most inputs that are open at one place of the merge.
pub(super) fn depth(inputs: &[Input]) -> usize {
    let mut ends: Vec<(Place<'_>, bool)> = Vec::with_capacity(inputs.len() * 2);
    for input in inputs {
        let range = input.segment.range.as_ref();
        let (first, last): (Place<'_>, Place<'_>) = match (&input.part, &input.segment.symbols) {
            (Part::Of(own), _) => ((own, range.map(|r| r.min())), (own, range.map(|r| r.max()))),
            (Part::Packed, Some(span)) => ((&span.first, None), (&span.last, None)),
            // It may hold anything.
            (Part::Packed, None) => return inputs.len(),
        };
        ends.push((first, false));
        ends.push((last, true));
    }
    ends.sort_by(|a, b| compare(a, b));
    let (mut open, mut most) = (0usize, 0);
    for (_, is_end) in ends {
        if is_end {
            open = open.saturating_sub(1);
        } else {
            open += 1;
            most = most.max(open);
        }
    }
    most
}

/// An unknown key begins before all others of its symbol and ends after them; of what
/// stands at one place beginnings go first.
fn compare((a, a_ends): &(Place<'_>, bool), (b, b_ends): &(Place<'_>, bool)) -> Ordering {
    let unknown = |ends: bool| if ends { 2 } else { 0 };
    let class = |place: &Place<'_>, ends: bool| place.1.map_or(unknown(ends), |_| 1);
    a.0.cmp(b.0)
        .then(class(a, *a_ends).cmp(&class(b, *b_ends)))
        .then(a.1.cmp(&b.1))
        .then(a_ends.cmp(b_ends))
}

/// Cuts inputs into groups of successive ranks with `most` open at once; `deep` are in
/// all. So of any two groups the one lies under the other.
pub(super) fn groups(mut inputs: Vec<Input>, most: usize, deep: usize) -> Vec<Vec<Input>> {
    inputs.sort_by_key(|input| input.segment.rank);
    let mut size = (inputs.len() * most / deep.max(1)).max(most).max(2);
    loop {
        let fit = inputs.chunks(size).all(|group| depth(group) <= most);
        if fit || size <= most.max(2) {
            return inputs.chunks(size).map(<[Input]>::to_vec).collect();
        }
        size = (size / 2).max(most).max(2);
    }
}
