//! Tells the hooks what has changed, and remembers what they were told.

use std::time::Duration;

use lake_cli::Failure;
use lake_core::kind::Kind;
use lake_core::layout;
use lake_core::value::timestamp_text;
use lake_maintain::health::{Finding, Notice, Told, notices};
use lake_maintain::runs;
use lake_store::{Root, StoreError, clock, process};
use serde_json::{Map, Value, json};

use super::settings::Alerts;
use super::{command, webhook};
use crate::failure::of_store;

const MEMORY: &str = "alerts.json";

/// One way of telling, and its name in the memory.
type Hook<'a> = (&'static str, Box<dyn Fn(&str, Duration) -> Result<(), String> + 'a>);

fn hooks(alerts: &Alerts) -> Vec<Hook<'_>> {
    let mut hooks: Vec<Hook<'_>> = Vec::new();
    if let Some(words) = &alerts.command {
        hooks.push(("command", Box::new(|body, timeout| command::run(words, body, timeout))));
    }
    if let Some(url) = &alerts.webhook {
        hooks.push(("webhook", Box::new(|body, timeout| webhook::post(url, body, timeout))));
    }
    hooks
}

/// What of it failed. A hook that did is told the same the next time.
pub(super) fn tell(root: &Root, alerts: &Alerts, findings: &[Finding]) -> Vec<Failure> {
    let now = clock::now_us();
    let repeat = i64::try_from(alerts.repeat.as_micros()).unwrap_or(i64::MAX);
    let (before, mut failures) = match recall(root) {
        Ok(memory) => (memory, Vec::new()),
        Err(error) => (Value::Null, vec![of_store(error)]),
    };
    let mut after = Map::new();
    for (name, hook) in hooks(alerts) {
        let told = Told::from_json(&before[name]);
        let (news, mut memory) = notices(&told, findings, now, repeat);
        if !news.is_empty()
            && let Err(why) = hook(&body(root, &news, now), alerts.timeout)
        {
            failures.push(
                Failure::new(Kind::Denied, format!("cannot tell alerts.{name}: {why}"))
                    .hint("it is told the same at the next check"),
            );
            memory = told;
        }
        after.insert(name.to_owned(), memory.to_json());
    }
    let after = Value::Object(after);
    if after != before && !(before.is_null() && is_empty(&after)) {
        failures.extend(remember(root, &after).err().map(of_store));
    }
    failures
}

fn is_empty(memory: &Value) -> bool {
    let hooks = memory.as_object().into_iter().flat_map(Map::values);
    hooks.into_iter().all(|hook| hook.as_object().is_none_or(Map::is_empty))
}

/// What cannot be read was not told.
fn recall(root: &Root) -> Result<Value, StoreError> {
    let bytes = root.read_opt(&format!("{}/{MEMORY}", layout::TASKS))?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
}

fn remember(root: &Root, memory: &Value) -> Result<(), StoreError> {
    let dir = root.make_dir(layout::TASKS)?;
    runs::replace(&dir, MEMORY, format!("{memory}\n").as_bytes())
}

/// One document for all that is new.
fn body(root: &Root, news: &[Notice<'_>], now: i64) -> String {
    let alerts: Vec<Value> = news.iter().map(one).collect();
    let lake = root.path().display().to_string();
    let at = timestamp_text(now);
    let document = json!({"lake": lake, "host": process::host(), "at": at, "alerts": alerts});
    format!("{document}\n")
}

fn one(notice: &Notice<'_>) -> Value {
    let Finding { rule, state, measure, limit } = notice.finding;
    json!({
        "event": notice.event.word(),
        "rule": rule.name,
        "state": state.word(),
        "value": measure.as_ref().map(|m| m.value),
        "limit": limit,
        "unit": rule.unit.word(),
        "of": measure.as_ref().and_then(|m| m.of.as_deref()),
        "since": timestamp_text(notice.since_us),
        "about": rule.about,
        "remedy": rule.remedy,
    })
}
