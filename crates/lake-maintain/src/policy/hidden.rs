//! How much of a segment its masks hide, about.

use lake_core::mask::{Effect, Mask};
use lake_core::segment::{Part, Segment};
use lake_core::value::Value;

/// Between 0 and 1. Masks may hide the same rows, so that this is rather too much.
pub(super) fn hidden_share(part: &Part, segment: &Segment) -> f64 {
    let all: f64 = segment.masks.iter().map(|mask| share(part, segment, mask)).sum();
    all.min(1.0)
}

fn share(part: &Part, segment: &Segment, mask: &Mask) -> f64 {
    let owners = match (&mask.owners, part) {
        (Some(owners), Part::Packed) => {
            let span = segment.symbols.as_deref();
            let own = owners.iter().filter(|own| {
                span.is_none_or(|span| {
                    span.first.as_slice() <= *own && *own <= span.last.as_slice()
                })
            });
            let count = span.map_or(u32::MAX, |span| span.count.max(1));
            (own.count() as f64 / f64::from(count)).min(1.0)
        }
        _ => 1.0,
    };
    owners * stretch_share(segment, mask)
}

fn stretch_share(segment: &Segment, mask: &Mask) -> f64 {
    match mask.stretch.effect_on(segment) {
        Effect::Nothing => return 0.0,
        Effect::All => return 1.0,
        Effect::Some => {}
    }
    let ends = segment.range.as_ref().and_then(|r| Some((r.min().first()?, r.max().first()?)));
    let Some((Some(min), Some(max))) = ends.map(|(min, max)| (number(min), number(max))) else {
        return 0.5;
    };
    let end = |value: &Option<Value>, open: f64| match value {
        Some(value) => number(value),
        None => Some(open),
    };
    match (end(&mask.stretch.from, min), end(&mask.stretch.to, max)) {
        (Some(from), Some(to)) if max > min => {
            ((to.min(max) - from.max(min)) / (max - min)).clamp(0.0, 1.0)
        }
        _ => 0.5,
    }
}

/// None: of these it is not known how they lie between two others.
fn number(value: &Value) -> Option<f64> {
    Some(match value {
        Value::Int(n) => *n as f64,
        Value::UInt(n) => *n as f64,
        Value::Date(n) => f64::from(*n),
        Value::Timestamp(n) | Value::Time(n) => *n as f64,
        _ => return None,
    })
}
