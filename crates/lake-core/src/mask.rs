//! Rows that are gone although the file that holds them is live: a stretch of the
//! first range column, of one symbol or of all.

use std::cmp::Ordering;
use std::mem::discriminant;
use std::sync::Arc;

use crate::codec::{Decoded, Decoder, Encoder};
use crate::segment::{Part, Segment, get_symbols, put_symbols};
use crate::symbol::Symbol;
use crate::value::{Range, Value};

/// A stretch of values, both ends in it; an end that is None is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    pub from: Option<Value>,
    pub to: Option<Value>,
}

/// Some partitions, by their values; sorted, none twice. One batch of a market day
/// names thousands, and each pack it meets shares the one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owners(Arc<[Vec<Symbol>]>);

impl Owners {
    pub fn new(mut all: Vec<Vec<Symbol>>) -> Owners {
        all.sort_unstable();
        all.dedup();
        Owners(all.into())
    }

    pub fn iter(&self) -> impl Iterator<Item = &[Symbol]> {
        self.0.iter().map(Vec::as_slice)
    }

    pub fn contains(&self, symbols: &[Symbol]) -> bool {
        self.0.binary_search_by(|own| own.as_slice().cmp(symbols)).is_ok()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them may have rows in a segment of `part`.
    pub fn meet(&self, part: &Part, segment: &Segment) -> bool {
        match (part, segment.symbols.as_deref()) {
            (Part::Of(own), _) => self.contains(own),
            (Part::Packed, None) => !self.is_empty(),
            (Part::Packed, Some(span)) => {
                let first = self.0.partition_point(|own| *own < span.first);
                self.0.get(first).is_some_and(|own| *own <= span.last)
            }
        }
    }

    pub(crate) fn encode(&self, e: &mut Encoder) {
        e.list(&self.0, |e, symbols| put_symbols(e, symbols));
    }

    pub(crate) fn decode(d: &mut Decoder<'_>) -> Decoded<Owners> {
        let all = d.list(get_symbols)?;
        match all.is_sorted_by(|a, b| a < b) {
            true => Ok(Owners(all.into())),
            false => d.broken("partitions out of order"),
        }
    }
}

/// Rows hidden in one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    /// Whose rows, in a segment of many symbols; None: everybody's.
    pub owners: Option<Owners>,
    pub stretch: Stretch,
}

/// What a stretch means to a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// None of its rows.
    Nothing,
    Some,
    All,
}

/// Values of two types have no order: a column was widened in between.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    let alike = match (a, b) {
        (Value::Decimal { scale: a, .. }, Value::Decimal { scale: b, .. }) => a == b,
        _ => discriminant(a) == discriminant(b),
    };
    alike.then(|| a.cmp(b))
}

impl Stretch {
    /// All there is.
    pub fn whole() -> Stretch {
        Stretch::default()
    }

    pub fn is_whole(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    /// What it hides of a segment.
    pub fn effect_on(&self, segment: &Segment) -> Effect {
        self.effect_on_range(segment.range.as_ref())
    }

    /// What it hides of rows with keys in a range. Where that cannot be told it is some.
    pub fn effect_on_range(&self, range: Option<&Range>) -> Effect {
        if self.is_whole() {
            return Effect::All;
        }
        let ends = range.and_then(|r| Some((r.min().first()?, r.max().first()?)));
        let Some((min, max)) = ends else { return Effect::Some };
        let before = |a: Option<&Value>, b: &Value| match a {
            Some(a) => compare(a, b).map(Ordering::is_le),
            None => Some(true),
        };
        let after = |a: Option<&Value>, b: &Value| match a {
            Some(a) => compare(a, b).map(Ordering::is_ge),
            None => Some(true),
        };
        let (from, to) = (self.from.as_ref(), self.to.as_ref());
        match (before(from, min), after(to, max), before(from, max), after(to, min)) {
            (Some(true), Some(true), ..) => Effect::All,
            (_, _, Some(false), _) | (_, _, _, Some(false)) => Effect::Nothing,
            _ => Effect::Some,
        }
    }

    /// The two as one stretch, if they have a value in common. Two halves are not the
    /// whole: that hides rows without a value, too.
    fn join(&self, other: &Stretch) -> Option<Stretch> {
        let reaches = |to: &Option<Value>, from: &Option<Value>| match (to, from) {
            (Some(to), Some(from)) => compare(to, from).map(Ordering::is_ge),
            _ => Some(true),
        };
        if !(reaches(&self.to, &other.from)? && reaches(&other.to, &self.from)?) {
            return None;
        }
        let outer = |a: &Option<Value>, b: &Option<Value>, wanted| match (a, b) {
            (Some(a), Some(b)) => {
                compare(a, b).map(|o| Some(if o == wanted { a.clone() } else { b.clone() }))
            }
            _ => Some(None),
        };
        let joined = Stretch {
            from: outer(&self.from, &other.from, Ordering::Less)?,
            to: outer(&self.to, &other.to, Ordering::Greater)?,
        };
        (!joined.is_whole() || self.is_whole() || other.is_whole()).then_some(joined)
    }

    pub(crate) fn encode(&self, e: &mut Encoder) {
        e.option(self.from.as_ref(), |e, v| v.encode(e));
        e.option(self.to.as_ref(), |e, v| v.encode(e));
    }

    pub(crate) fn decode(d: &mut Decoder<'_>) -> Decoded<Stretch> {
        Ok(Stretch { from: d.option(Value::decode)?, to: d.option(Value::decode)? })
    }
}

/// Adds a mask to those of a segment; stretches that meet become one.
pub fn add(masks: &mut Vec<Mask>, mut new: Mask) {
    while let Some((i, joined)) = masks.iter().enumerate().find_map(|(i, m)| {
        let joined = (m.owners == new.owners).then(|| m.stretch.join(&new.stretch)).flatten();
        joined.map(|j| (i, j))
    }) {
        masks.swap_remove(i);
        new.stretch = joined;
    }
    masks.push(new);
}

impl Mask {
    pub(crate) fn encode(&self, e: &mut Encoder) {
        e.option(self.owners.as_ref(), |e, owners| owners.encode(e));
        self.stretch.encode(e);
    }

    pub(crate) fn decode(d: &mut Decoder<'_>) -> Decoded<Mask> {
        Ok(Mask { owners: d.option(Owners::decode)?, stretch: Stretch::decode(d)? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stretch(from: Option<i64>, to: Option<i64>) -> Stretch {
        Stretch { from: from.map(Value::Int), to: to.map(Value::Int) }
    }

    fn holds(s: &Stretch, n: i64) -> bool {
        let v = Value::Int(n);
        s.from.as_ref().is_none_or(|f| *f <= v) && s.to.as_ref().is_none_or(|t| v <= *t)
    }

    fn ends() -> impl Strategy<Value = (Option<i64>, Option<i64>)> {
        (proptest::option::of(0..12i64), proptest::option::of(0..12i64))
            .prop_filter("in order", |(a, b)| a.is_none() || b.is_none() || a <= b)
    }

    proptest! {
        /// Masks hide what each of them hides, however they are put together.
        #[test]
        fn joined_masks_hide_the_same(all in prop::collection::vec(ends(), 1..8)) {
            let mut masks = Vec::new();
            for (from, to) in &all {
                add(&mut masks, Mask { owners: None, stretch: stretch(*from, *to) });
            }
            let whole = all.iter().any(|(from, to)| stretch(*from, *to).is_whole());
            prop_assert_eq!(masks.iter().any(|m| m.stretch.is_whole()), whole, "no value");
            for n in -1..14 {
                let want = all.iter().any(|(f, t)| holds(&stretch(*f, *t), n));
                prop_assert_eq!(masks.iter().any(|m| holds(&m.stretch, n)), want, "{}", n);
            }
            for (i, m) in masks.iter().enumerate() {
                prop_assert!(masks[..i].iter().all(|o| o.stretch.join(&m.stretch).is_none()));
            }
        }
    }

    #[test]
    fn other_symbols_and_other_types_stay_apart() {
        let own = |s: &str| Some(Owners::new(vec![vec![Symbol::new(s).unwrap()]]));
        let mut masks = Vec::new();
        add(&mut masks, Mask { owners: own("A"), stretch: stretch(Some(1), Some(5)) });
        add(&mut masks, Mask { owners: own("B"), stretch: stretch(Some(1), Some(5)) });
        let days = Stretch { from: Some(Value::Date(1)), to: Some(Value::Date(9)) };
        add(&mut masks, Mask { owners: own("A"), stretch: days });
        assert_eq!(masks.len(), 3);
    }
}
