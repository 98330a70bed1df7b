//! Which live segments a cut meets, and how many rows that is, where metadata tells.

use std::collections::BTreeMap;
use std::mem::discriminant;

use lake_core::mask::{Effect, Stretch};
use lake_core::schema::TableDef;
use lake_core::segment::{Part, Segment};
use lake_core::state::Table;
use lake_core::value::{Range, Value};

use super::cut::{self, Cut};
use crate::error::Result;

/// A cut as segments understand it.
#[derive(Clone, Debug)]
pub(crate) struct Doom {
    /// Rows of this stretch of the first range column.
    pub(crate) stretch: Stretch,
    /// Of segments alone whose newest row was committed before.
    pub(crate) before_us: Option<i64>,
}

/// A segment with rows that may go.
#[derive(Clone, Copy)]
pub(crate) struct Met<'t> {
    pub(crate) part: &'t Part,
    pub(crate) segment: &'t Segment,
    /// All of them go.
    pub(crate) whole: bool,
}

impl Doom {
    /// None: nothing can lie before the cut.
    pub(crate) fn of(def: &TableDef, cut: &Cut) -> Result<Option<Doom>> {
        match cut {
            Cut::Order(value) => {
                cut::order_column(def)?;
                let stretch = cut::below(def, value)?;
                Ok(stretch.map(|stretch| Doom { stretch, before_us: None }))
            }
            Cut::Commit(us) => Ok(Some(Doom { stretch: Stretch::whole(), before_us: Some(*us) })),
        }
    }

    pub(crate) fn met<'t>(&self, table: &'t Table) -> Vec<Met<'t>> {
        let met = |(part, segment): (&'t Part, &'t Segment)| match self.effect_on(segment) {
            Effect::Nothing => None,
            effect => Some(Met { part, segment, whole: effect == Effect::All }),
        };
        table.segments().filter_map(met).collect()
    }

    fn effect_on(&self, segment: &Segment) -> Effect {
        match self.before_us {
            Some(before) if segment.at_us >= before => Effect::Nothing,
            _ if is_hidden(segment, &self.stretch) => Effect::Nothing,
            _ => self.stretch.effect_on(segment),
        }
    }
}

/// Whether an earlier cut has hidden these rows of it: until compaction rewrites it, a run
/// each minute would find them again.
fn is_hidden(segment: &Segment, stretch: &Stretch) -> bool {
    let reaches = |to: &Value| {
        let same = |due: &Value| discriminant(due) == discriminant(to);
        stretch.to.as_ref().is_some_and(|due| same(due) && due <= to)
    };
    segment.masks.iter().filter(|mask| mask.owners.is_none()).any(|mask| {
        let below = mask.stretch.from.is_none() && mask.stretch.to.as_ref().is_some_and(reaches);
        mask.stretch.is_whole() || below
    })
}

/// How many visible rows go, if that can be told without reading: all of the segments go,
/// nothing of them is hidden, and no two live ones can share a key.
pub(crate) fn known_rows(table: &Table, met: &[Met<'_>]) -> Option<u64> {
    let plain = met.iter().all(|m| m.whole && m.segment.masks.is_empty());
    let apart = plain && (table.def.key.is_empty() || are_apart(table));
    apart.then(|| met.iter().map(|m| m.segment.rows).sum())
}

fn are_apart(table: &Table) -> bool {
    let mut own: BTreeMap<&Part, Vec<&Segment>> = BTreeMap::new();
    for (part, segment) in table.segments() {
        own.entry(part).or_default().push(segment);
    }
    let packs = own.remove(&Part::Packed).unwrap_or_default();
    own.values_mut().all(|segments| in_a_row(segments)) && packs_apart(&packs, &own)
}

fn in_a_row(segments: &mut [&Segment]) -> bool {
    segments
        .sort_by(|a, b| a.range.as_ref().map(Range::min).cmp(&b.range.as_ref().map(Range::min)));
    segments.windows(2).all(|two| !two[0].overlaps(two[1]))
}

fn packs_apart(packs: &[&Segment], own: &BTreeMap<&Part, Vec<&Segment>>) -> bool {
    packs.iter().enumerate().all(|(i, pack)| {
        let Some(span) = pack.symbols.as_deref() else { return false };
        let others = packs[..i].iter().all(|other| {
            let apart =
                |o: &lake_core::segment::SymbolSpan| o.last < span.first || span.last < o.first;
            other.symbols.as_deref().is_some_and(apart) || !other.overlaps(pack)
        });
        let ends = Part::Of(span.first.clone())..=Part::Of(span.last.clone());
        let mut below = own.range::<Part, _>(ends).flat_map(|(_, segments)| segments);
        others && below.all(|segment| !segment.overlaps(pack))
    })
}
