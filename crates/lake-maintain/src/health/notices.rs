//! What somebody is to be told of alerts, and what he was told already.
//!
//! Each way of telling has its own memory, which is changed once the way has succeeded:
//! so everything is told at least once by each, and one that fails repeats nothing on
//! another.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Finding, State};

/// The alerts that somebody was told of: by rule, since when each stands and when it was
/// told last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told(BTreeMap<String, (i64, i64)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Fired,
    /// It still stands.
    Repeated,
    Cleared,
}

impl Event {
    pub fn word(self) -> &'static str {
        match self {
            Event::Fired => "fired",
            Event::Repeated => "repeated",
            Event::Cleared => "cleared",
        }
    }
}

/// Something to tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice<'f> {
    pub event: Event,
    pub finding: &'f Finding,
    /// When it fired.
    pub since_us: i64,
}

/// What is to be told now, and the memory once it was. An alert is told again after
/// `repeat_us`. What is not known changes nothing, and what was switched off is
/// forgotten.
pub fn notices<'f>(
    told: &Told,
    findings: &'f [Finding],
    now: i64,
    repeat_us: i64,
) -> (Vec<Notice<'f>>, Told) {
    let (mut all, mut after) = (Vec::new(), Told::default());
    for finding in findings {
        let name = finding.rule.name;
        let known = told.0.get(name).copied();
        let (event, known) = match (finding.state, known) {
            (State::Alert, None) => (Some(Event::Fired), Some((now, now))),
            // A clock that was ahead does not silence it for longer.
            (State::Alert, Some((since, last))) if last > now || now - last >= repeat_us => {
                (Some(Event::Repeated), Some((since, now)))
            }
            (State::Alert | State::Unknown, known) => (None, known),
            (State::Ok, Some(known)) => (Some(Event::Cleared), Some(known)),
            (State::Ok, None) | (State::Off, _) => (None, None),
        };
        let since_us = known.map_or(now, |(since, _)| since);
        all.extend(event.map(|event| Notice { event, finding, since_us }));
        if let Some(known) = known.filter(|_| event != Some(Event::Cleared)) {
            after.0.insert(name.to_owned(), known);
        }
    }
    (all, after)
}

impl Told {
    pub fn to_json(&self) -> Value {
        let one = |(name, (since, last)): (&String, &(i64, i64))| {
            (name.clone(), json!({"since_us": since, "told_us": last}))
        };
        Value::Object(self.0.iter().map(one).collect())
    }

    /// What cannot be read was not told.
    pub fn from_json(value: &Value) -> Told {
        let one = |(name, value): (&String, &Value)| {
            Some((name.clone(), (value["since_us"].as_i64()?, value["told_us"].as_i64()?)))
        };
        let none = Map::new();
        Told(value.as_object().unwrap_or(&none).iter().filter_map(one).collect())
    }
}
