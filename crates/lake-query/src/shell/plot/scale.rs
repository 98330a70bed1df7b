//! Values along an axis, and how they are spelled.

use lake_core::value::timestamp_text;

/// What an axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Number,
    /// Microseconds since 1970, UTC.
    Time,
    /// Microseconds since midnight.
    Clock,
}

/// From the least value to the greatest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Span {
    /// None where there is no value.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Option<Span> {
        values.filter(|v| v.is_finite()).fold(None, |span, v| match span {
            None => Some(Span { low: v, high: v }),
            Some(Span { low, high }) => Some(Span { low: low.min(v), high: high.max(v) }),
        })
    }

    pub(super) fn join(self, other: Span) -> Span {
        Span { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// Halved first: the difference of two values may be beyond all numbers.
    pub(super) fn length(self) -> f64 {
        (self.high / 2.0 - self.low / 2.0) * 2.0
    }

    /// A single value in the middle of some room.
    pub(super) fn with_room(self) -> Span {
        if self.length() > 0.0 {
            return self;
        }
        let room = if self.low == 0.0 { 1.0 } else { self.low.abs() * 0.05 };
        Span { low: self.low - room, high: self.high + room }
    }

    /// Where a value lies, from 0 to 1.
    pub(super) fn share(self, value: f64) -> f64 {
        let share = (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0);
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.5 }
    }

    pub(super) fn at(self, share: f64) -> f64 {
        self.low * (1.0 - share) + self.high * share
    }

    /// Round values within, at most so many and mostly half of them at least.
    pub(super) fn ticks(self, most: usize) -> (Vec<f64>, f64) {
        let step = round(self.length() / most.max(1) as f64);
        // A value that is round but for its last bit counts.
        let first = (self.low / step - 1e-9).ceil();
        let ticks = (0..=most)
            .map(|n| (first + n as f64) * step)
            .take_while(|v| *v <= self.high + step * 1e-9);
        match step.is_normal() && first.is_finite() {
            true => (ticks.collect(), step),
            false => (vec![self.low, self.high], self.length()),
        }
    }
}

/// The next of 1, 2, 5, 10, 20, ... above.
fn round(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let rounds = [1.0, 2.0, 5.0].into_iter().map(|n| n * power);
    rounds.into_iter().find(|round| *round >= step * 0.999_999).unwrap_or(power * 10.0)
}

/// A number among others that lie `step` apart.
pub(super) fn number(value: f64, step: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e12, " T"), (1e9, " G"), (1e6, " M"), (1.0, "")];
    let value = if value.abs() < step / 2.0 { 0.0 } else { value };
    if value.abs() >= 1e15 || (value != 0.0 && step < 1e-9) {
        return format!("{value:.3e}");
    }
    // Half a million is no reason to count 400,000 as 0.4 M.
    let (unit, name) = match value.abs().max(step) {
        size if size >= 1e6 => {
            UNITS.into_iter().find(|(unit, _)| size >= *unit).unwrap_or((1.0, ""))
        }
        _ => (1.0, ""),
    };
    let decimals = -(step / unit).log10().floor();
    format!("{:.*}{name}", decimals.clamp(0.0, 9.0) as usize, value / unit)
}

/// A value of an axis as long as that.
pub(super) fn spell(value: f64, kind: Kind, span: Span) -> String {
    const SECOND: f64 = 1e6;
    const DAY: f64 = 86_400.0 * SECOND;
    if kind == Kind::Number {
        return number(value, round(span.length() / 100.0).max(f64::MIN_POSITIVE));
    }
    let text = timestamp_text(value as i64);
    // Of "2026-11-20T15:00:00.123456".
    let part = |from: usize, to: usize| text.get(from..to.min(text.len())).unwrap_or(&text);
    let within = span.length();
    if kind == Kind::Clock || within < DAY {
        let end = match within {
            w if w >= 600.0 * SECOND => 16,
            w if w >= 10.0 * SECOND => 19,
            _ => 26,
        };
        let start = if kind == Kind::Clock || within < 600.0 * SECOND { 11 } else { 0 };
        return part(start, end).replace('T', " ");
    }
    match within < 7.0 * DAY && value as i64 % (DAY as i64) != 0 {
        true => part(0, 16).replace('T', " "),
        false => part(0, 10).to_owned(),
    }
}
